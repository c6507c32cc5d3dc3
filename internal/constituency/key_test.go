package constituency

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/protect/protecttest"
)

func certify(until time.Time, addresses ...string) string {
	c, _ := protecttest.Certificate(until, addresses...)
	return c
}

// deskCertificate is for the contacts of documents.
var deskCertificate = sync.OnceValue(func() string {
	return certify(today.AddDate(1, 0, 0), "m0@a.example", "m1@a.example", "m2@a.example", "m3@a.example")
})

// desk makes a constituent with one contact.
func desk(t *testing.T, s *Store, ref, mail string) Contact {
	t.Helper()
	c, err := s.Create(context.Background(), act.Machine, Constituent{Ref: ref, Name: strings.ToUpper(ref), Kind: ISP, Designation: OtherDesignation})
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.AddContact(context.Background(), act.Machine, Contact{Constituent: c.ID, Role: "abuse", Mail: mail})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAKeyIsEnteredOnlyWhenItCanBeUsed(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		k := desk(t, s, "a", "Abuse@a.example")
		good := certify(today.AddDate(1, 0, 0), "abuse@a.example")
		for name, tt := range map[string]struct {
			key  Key
			want string
		}{
			"garbage":             {Key{Key: "hello"}, "no key"},
			"expired":             {Key{Key: certify(today.Add(-time.Minute), "abuse@a.example")}, "expired on"},
			"somebody else's":     {Key{Key: certify(today.AddDate(1, 0, 0), "eve@a.example")}, "not for Abuse@a.example but for eve@a.example"},
			"nobody's":            {Key{Key: certify(today.AddDate(1, 0, 0))}, "no mail address"},
			"another type":        {Key{Type: "openpgp", Key: good}, "smime, not openpgp"},
			"another fingerprint": {Key{Fingerprint: "AB CD", Key: good}, "not ABCD"},
			"huge":                {Key{Key: good + strings.Repeat("\n#", 100_000)}, "longer than"},
			"of an odd type":      {Key{Type: "pigeon", Fingerprint: "AB"}, "pigeon"},
			"nothing":             {Key{Type: "smime"}, "fingerprint or the key"},
		} {
			err := s.SetKeys(ctx, act.Machine, k.ID, []Key{tt.key}, false)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: want %q, got %v", name, tt.want, err)
			}
			c := Contact{Constituent: k.Constituent, Role: "other", Mail: "Abuse@a.example", Keys: []Key{tt.key}}
			if _, err := s.AddContact(ctx, act.Machine, c); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s, with a new contact: %v", name, err)
			}
			_, err = s.Propose(ctx, outsider("1", k.Constituent), k.Constituent, []ChangeStep{{Op: ContactChange, ID: k.ID, Want: Record{Role: "abuse", Mail: k.Mail, Keys: []Key{tt.key}}}}, "")
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s, by a change request: %v", name, err)
			}
		}
		if err := s.SetKeys(ctx, act.Machine, k.ID, slices.Repeat([]Key{{Key: good}}, maxKeys+1), false); fault.KindOf(err) != fault.Invalid {
			t.Errorf("many keys: %v", err)
		}
		if err := s.SetKeys(ctx, act.Machine, k.ID, []Key{{Key: good}}, true); err != nil {
			t.Fatal(err)
		}
		c, err := s.Contact(ctx, k.ID)
		if err != nil || len(c.Keys) != 1 || c.Keys[0].Type != "smime" || len(c.Keys[0].Fingerprint) != 64 || !c.Encrypt {
			t.Errorf("%+v, %v", c, err)
		}
		if err := s.SetKeys(ctx, act.Machine, 999, nil, false); fault.KindOf(err) != fault.NotFound {
			t.Errorf("nobody's: %v", err)
		}
	})
}

func TestAConstituentAsksForItsKeys(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		k := desk(t, s, "a", "abuse@a.example")
		q, err := s.Propose(ctx, outsider("1", k.Constituent), k.Constituent, []ChangeStep{{Op: ContactChange, ID: k.ID,
			Want: Record{Role: "abuse", Mail: k.Mail, Keys: []Key{{Key: certify(today.AddDate(1, 0, 0), k.Mail)}}, Encrypt: true}}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if f := q.Steps[0].Fields(); len(f) != 2 || f[0].Field != "keys" || f[0].After != "smime "+q.Steps[0].Want.Keys[0].Fingerprint || f[1] != (FieldChange{"encrypt", "", "true"}) {
			t.Errorf("%+v", f)
		}
		r, err := s.Review(ctx, q.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Approve(ctx, analyst, q.ID, r.Seen, ""); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Contact(ctx, k.ID); err != nil || len(c.Keys) != 1 || !c.Encrypt {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestAKeyFromARegistryIsLeftToTheContactBesideIt(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		k := desk(t, s, "a", "abuse@a.example")
		var automatic int64
		err := s.db.Act(ctx, act.Act{Actor: act.Machine, Verb: "test", Object: "contact:0"}, func(tx *db.Tx) (err error) {
			automatic, err = insertContact(tx, &Contact{Constituent: k.Constituent, Role: "abuse", Mail: k.Mail, Source: Automatic, Origin: "ripe", ValidUntil: Open})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		key := []Key{{Key: certify(today.AddDate(1, 0, 0), k.Mail)}}
		if err := s.SetKeys(ctx, act.Machine, automatic, key, true); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "ripe") {
			t.Errorf("%v", err)
		}
		if err := s.SetKeys(ctx, act.Machine, k.ID, key, true); err != nil {
			t.Fatal(err)
		}
		if e := encryption(t, s, 0, "ABUSE@a.example", today); len(e.Keys) != 1 || !e.Required {
			t.Errorf("%+v", e)
		}
	})
}

func encryption(t *testing.T, s *Store, constituent int64, address string, now time.Time) (e Encryption) {
	t.Helper()
	err := s.db.View(context.Background(), func(tx *db.Tx) (err error) {
		e, err = EncryptionFor(tx, constituent, address, now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheKeyThatLastsLongestIsUsedAndAnExpiredOneNever(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		k := desk(t, s, "a", "abuse@a.example")
		other := desk(t, s, "b", "abuse@a.example")
		soon, late := certify(today.AddDate(0, 0, 10), k.Mail), certify(today.AddDate(0, 0, 20), k.Mail)
		if err := s.SetKeys(ctx, act.Machine, k.ID, []Key{{Key: soon}, {Key: late}, {Type: "openpgp", Fingerprint: "AB"}}, false); err != nil {
			t.Fatal(err)
		}
		if err := s.SetKeys(ctx, act.Machine, other.ID, nil, true); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			at             time.Time
			keys, expired  int
			from           int64
			required, late bool
		}{
			{today, 2, 0, k.Constituent, false, true},
			{today.AddDate(0, 0, 10), 1, 1, k.Constituent, false, true},
			{today.AddDate(0, 0, 20), 0, 2, k.Constituent, false, false},
			{today, 0, 0, other.Constituent, true, false},
			{today, 2, 0, 0, true, true}, // who writes to an address for nobody in particular heeds everybody
		} {
			e := encryption(t, s, tt.from, "Abuse@A.example", tt.at)
			if len(e.Keys) != tt.keys || e.Expired != tt.expired || e.Required != tt.required || tt.late && !e.Keys[0].Expires.Equal(today.AddDate(0, 0, 20)) {
				t.Errorf("%s of %d: %+v", tt.at, tt.from, e)
			}
		}
		if err := s.EndContact(ctx, act.Machine, other.ID, DayOf(today)); err != nil {
			t.Fatal(err)
		}
		if e := encryption(t, s, 0, k.Mail, today); e.Required {
			t.Errorf("a contact that ended counts: %+v", e)
		}
		if e := encryption(t, s, 0, "eve@a.example", today); e.Required || len(e.Keys) > 0 {
			t.Errorf("nobody: %+v", e)
		}
	})
}

func TestKeysAreListedTheWorstFirst(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, b, c := desk(t, s, "a", "a@a.example"), desk(t, s, "b", "b@b.example"), desk(t, s, "c", "c@c.example")
		set := func(id int64, encrypt bool, keys ...Key) {
			t.Helper()
			if err := s.SetKeys(ctx, act.Machine, id, keys, encrypt); err != nil {
				t.Fatal(err)
			}
		}
		set(a.ID, false, Key{Key: certify(today.AddDate(1, 0, 0), a.Mail)}, Key{Key: certify(today.AddDate(0, 0, 30), a.Mail)})
		set(b.ID, true, Key{Type: "openpgp", Fingerprint: "AB"})
		set(c.ID, true, Key{Key: certify(today.AddDate(0, 0, 29), c.Mail)})
		list := func(f KeyFilter) string {
			t.Helper()
			var out []string
			for {
				hs, more, err := s.Keys(ctx, f)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range hs {
					out = append(out, h.Ref+" "+string(h.State))
					f.After = h.Place()
				}
				if !more {
					return strings.Join(out, ", ")
				}
			}
		}
		want := "b none, b absent, c expiring, a expiring, a good"
		for _, limit := range []int{0, 1, 2} {
			if got := list(KeyFilter{Limit: limit}); got != want {
				t.Errorf("by %d: %s", limit, got)
			}
		}
		if got := list(KeyFilter{Trouble: true}); got != strings.TrimSuffix(want, ", a good") {
			t.Errorf("trouble: %s", got)
		}
		if got := list(KeyFilter{State: KeyNone}); got != "b none" {
			t.Errorf("none: %s", got)
		}
		hs, _, err := s.Keys(ctx, KeyFilter{State: KeyExpiring, Limit: 1})
		if err != nil || hs[0].Holder != "Desk" || hs[0].Days(today) != 29 || hs[0].Contact.ID != c.ID {
			t.Errorf("%+v, %v", hs, err)
		}
		later := s.keys.infos(Contact{Encrypt: true, Keys: []Key{{Type: "smime", Key: certify(today.AddDate(0, 0, 1), "x@x.example")}, {Key: "kept from before"}}}, today.AddDate(0, 0, 2))
		if states := fmt.Sprint(later[0].State, later[1].State, later[2].State); states != "noneexpiredunusable" && states != "none expired unusable" {
			t.Errorf("later: %s", states)
		}
	})
}

// An export may be imported when its keys have expired; a broken one is refused with its place.
func TestARegistryFileMayHoldExpiredKeysButNoBrokenOnes(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		expired := strings.ReplaceAll(certify(today.Add(-time.Minute), "abuse@a.example"), "\n", `\n`)
		file := `{"constituents":[{"ref":"a","name":"A","contacts":[{"role":"abuse","mail":"abuse@a.example","encrypt":true,"keys":[{"key":"` + "%s" + `"}]}]}]}`
		importText(t, s, fmt.Sprintf(file, expired), ImportOptions{})
		d, err := s.Directory(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		l, _ := d.ByRef("a")
		cs, err := s.Contacts(context.Background(), l.ID)
		if err != nil || len(cs) != 1 || !cs[0].Encrypt || s.KeyInfos(cs[0])[1].State != KeyExpired {
			t.Errorf("%+v, %v", cs, err)
		}
		_, err = Read("r.json", JSON, strings.NewReader(fmt.Sprintf(file, "x")))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "keys") {
			t.Errorf("broken: %v", err)
		}
	})
}
