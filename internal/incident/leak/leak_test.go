package leak

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

type town struct {
	*incidenttest.Town
	desk *Desk
	k    incident.Case
	db   *db.DB
}

var (
	boss    = act.Actor{Kind: act.Local, ID: "test", Name: "Boss"}
	analyst = act.Actor{Kind: act.Person, ID: "8", Name: "Boris", Rights: &act.Rights{Staff: true, Account: 8, Roles: []string{"analyst"}, Permissions: map[act.Permission]bool{"incident.read": true, "incident.write": true}}}
	home    = netip.MustParseAddr("192.0.2.7")
)

func open(t *testing.T, d *db.DB) *town {
	t.Helper()
	w := &town{Town: incidenttest.Open(t, d), db: d}
	ctx := context.Background()
	_, err := w.Constituency.AddAsset(ctx, boss, constituency.Asset{Constituent: w.IDs["hospital"], Kind: constituency.DomainAsset, Value: "hospital.example"})
	w.OK(err)
	w.desk, err = New(w.Town.Desk)
	w.OK(err)
	w.k, err = w.Town.Open(ctx, boss, incident.Opening{Title: "Leak"})
	w.OK(err)
	return w
}

func eachTown(t *testing.T, fn func(t *testing.T, w *town)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, open(t, d)) })
}

func (w *town) refused(err error, kind fault.Kind, says string) {
	w.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.Errorf("got %v, want a fault of kind %s that says %q", err, kind, says)
	}
}

func (w *town) load(permit, list string) Leak {
	w.Helper()
	l, err := w.desk.Load(context.Background(), boss, Leak{Case: w.k.ID, Title: "Shop of 2025", Told: "Change the password.", Permit: permit}, strings.NewReader(list))
	w.OK(err)
	return l
}

// member is somebody of a constituent.
func (w *town) member(ref string, account int64) act.Actor {
	return act.Actor{Kind: act.Person, ID: fmt.Sprint(account), Name: "Somebody", Rights: &act.Rights{Roles: []string{"member"}, Constituents: []int64{w.IDs[ref]}, Account: account}}
}

func (w *town) mine(by act.Actor) []Own {
	w.Helper()
	c, err := w.desk.Mine(context.Background(), by, disclosure.Portal)
	w.OK(err)
	os, _, err := c.Open()
	w.OK(err)
	return os
}

func (w *town) suffixes(prefix string) []string {
	w.Helper()
	c, err := w.desk.Range(context.Background(), w.member("bank", 40), prefix)
	w.OK(err)
	s, _, err := c.Open()
	w.OK(err)
	return s
}

// everything is all records as a backup has them.
func (w *town) everything() string {
	w.Helper()
	if w.db.Engine() == db.SQLite {
		file := w.TempDir() + "/copy.db"
		w.OK(w.db.Snapshot(context.Background(), file))
		raw, err := os.ReadFile(file)
		w.OK(err)
		return string(raw)
	}
	var b bytes.Buffer
	w.OK(w.db.View(context.Background(), func(tx *db.Tx) error { return tx.Dump(&b) }))
	return b.String()
}

// answer is what the letter to an address says, and how many letters there are to it.
func (w *town) answer(address string) (text string, n int) {
	w.Helper()
	ls, _, err := w.Outbox.List(context.Background(), notify.Filter{Address: address})
	w.OK(err)
	for _, l := range ls {
		_, c, err := w.Outbox.Preview(context.Background(), l.ID)
		w.OK(err)
		text = c.Text
	}
	return text, len(ls)
}

const canaries = "canary-ana@private.example\nCANARY-Boris@Hospital.example\n\"3\",\"canary-ceca@mail.hospital.example\",\"secret\"\ncanary-dule@private.example:hunter2\nno address here\ncanary-ana@private.example\n"

func TestNothingOfAListIsKeptInClear(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		l := w.load("", canaries)
		if l.Addresses != 4 || l.Skipped != 1 {
			t.Errorf("%+v", l)
		}
		all := strings.ToLower(w.everything())
		for _, secret := range []string{"canary", "hunter2", "private.example"} {
			if strings.Contains(all, secret) {
				t.Errorf("%q stands in the records", secret)
			}
		}
		for _, a := range []string{"canary-ana@private.example", "canary-boris@hospital.example"} {
			if h := Hash(a); strings.Contains(all, hex.EncodeToString(h[:])) || strings.Contains(all, string(h[:])) {
				t.Errorf("the hash of %s is open to whoever has the records", a)
			}
		}
		_, err := w.desk.Load(context.Background(), boss, Leak{Case: w.k.ID, Title: "x", Told: "x"}, strings.NewReader("canary\n"+strings.Repeat("canary@private.example", 60_000)))
		if w.refused(err, fault.Invalid, "line 2"); strings.Contains(err.Error(), "canary") {
			t.Errorf("an error tells of the list: %v", err)
		}
		_, err = w.desk.Load(context.Background(), boss, Leak{Case: w.k.ID, Title: "x", Told: "x"}, strings.NewReader("nobody\n"))
		w.refused(err, fault.Invalid, "no mail address")
		_, err = w.desk.Load(context.Background(), analyst, Leak{Case: w.k.ID, Title: "x", Told: "x", Permit: "me"}, strings.NewReader(canaries))
		w.refused(err, fault.Forbidden, "incident.rule")
	})
}

func TestRangeTellsOnlyWhoHasTheAddress(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		h := Hash("canary-ana@private.example")
		whole := hex.EncodeToString(h[:])
		prefix, suffix := whole[:PrefixDigits], whole[PrefixDigits:]
		before := w.suffixes(prefix)
		l := w.load("", canaries)
		got := w.suffixes(strings.ToUpper(prefix))
		if len(before) != Fewest || len(got) != Fewest || !slices.IsSorted(got) || slices.Contains(before, suffix) || !slices.Contains(got, suffix) {
			t.Errorf("before %q\nafter %q", before, got)
		}
		if !slices.Equal(got, w.suffixes(prefix)) {
			t.Error("asking twice tells what is real apart")
		}
		if len(got[0]) != 64-PrefixDigits {
			t.Errorf("a suffix has %d digits", len(got[0]))
		}
		ctx := context.Background()
		for _, wrong := range []string{"", "abcd", "abcdef", "xyz12", "+1234", "-1234", "0x123", whole} {
			_, err := w.desk.Range(ctx, w.member("bank", 40), wrong)
			w.refused(err, fault.Invalid, "the first 5 hexadecimal digits")
		}
		_, err := w.desk.Range(ctx, act.Anybody, prefix)
		w.refused(err, fault.Forbidden, "whom the CERT serves")
		greedy := w.member("bank", 41)
		for range rangesPerHour {
			_, err = w.desk.Range(ctx, greedy, prefix)
			w.OK(err)
		}
		_, err = w.desk.Range(ctx, greedy, prefix)
		w.refused(err, fault.Conflict, "within an hour")
		w.OK(w.desk.Withdraw(ctx, analyst, w.k.ID, l.ID))
		if slices.Contains(w.suffixes(prefix), suffix) {
			t.Error("a list that was withdrawn still answers")
		}
	})
}

func TestFullBucketsArePaddedToTheNextStep(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		hs := make([][32]byte, 33)
		for i := range hs {
			hs[i] = [32]byte{0xab, 0xcd, 0xe0, byte(i)}
		}
		w.OK(w.db.Act(context.Background(), act.Act{Actor: boss, Verb: "leak.load", Object: "leak:9"}, func(tx *db.Tx) error {
			return insertBuckets(tx, 9, w.desk.buckets(9, hs))
		}))
		if n := len(w.suffixes("abcde")); n != 2*Fewest {
			t.Errorf("33 hashes are answered with %d", n)
		}
		if n := len(w.suffixes("abcdf")); n != Fewest {
			t.Errorf("none is answered with %d", n)
		}
	})
}

func TestWhoAsksIsAnsweredByMailAlone(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.load("", canaries)
		for _, a := range []string{"Canary-Ana@private.example", "other@private.example"} {
			w.OK(w.desk.Ask(ctx, home, a, "en"))
			w.OK(w.desk.Ask(ctx, home, a, "en"))
		}
		in, n := w.answer("Canary-Ana@private.example")
		if n != 1 || !strings.Contains(in, "It is in leaked data") || !strings.Contains(in, "Shop of 2025\nChange the password.") {
			t.Errorf("%d letters: %s", n, in)
		}
		if out, n := w.answer("other@private.example"); n != 1 || !strings.Contains(out, "not in any list") || strings.Contains(out, "Shop") {
			t.Errorf("%d letters: %s", n, out)
		}
		w.OK(w.desk.Ask(ctx, home, "canary-boris@hospital.example", "sr-Latn"))
		if in, _ := w.answer("canary-boris@hospital.example"); !strings.Contains(in, "Adresa je u procurelim podacima") {
			t.Error(in)
		}
		w.refused(w.desk.Ask(ctx, home, "nobody", "en"), fault.Invalid, "no mail address")
		var err error
		for range asksPerHour {
			err = w.desk.Ask(ctx, home, "a@b.example", "en")
		}
		w.refused(err, fault.Conflict, "from your network")
		w.OK(w.desk.Ask(ctx, netip.MustParseAddr("198.51.100.7"), "a@b.example", "en"))
	})
}

func TestManyNetworksQueueNoMoreLettersThanAnHourAllows(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, networks := context.Background(), 0
		ask := func(address string) error {
			networks++
			return w.desk.Ask(ctx, netip.AddrFrom4([4]byte{198, 18, byte(networks >> 8), byte(networks)}), address, "en")
		}
		for i := range domainPerHour {
			w.OK(ask(fmt.Sprintf("person%d@one.example", i)))
		}
		w.refused(ask("late@ONE.example"), fault.Conflict, "about addresses of this domain")
		w.OK(ask("late@another.example"))
		for i := range allPerHour - domainPerHour - 1 {
			w.OK(ask(fmt.Sprintf("person@domain%d.example", i)))
		}
		w.refused(ask("late@last.example"), fault.Conflict, "600 questions came")
		if _, n := w.answer("late@last.example"); n != 0 {
			t.Errorf("%d letters are beyond the limit", n)
		}
	})
}

func TestTagMakesNoOtherMailboxOfAnAddress(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.load("", "ana+shop@private.example\n")
		for _, a := range []string{"ana+shop@private.example", "ana+1@private.example", "ana@private.example"} {
			w.OK(w.desk.Ask(ctx, home, a, "en"))
		}
		in, n := w.answer("ana+shop@private.example")
		if _, first := w.answer("ana+1@private.example"); n != 1 || first != 0 || !strings.Contains(in, "It is in leaked data") {
			t.Errorf("%d and %d letters: %s", n, first, in)
		}
		for _, a := range []string{"+ana@private.example", "+@private.example"} {
			if untagged(a) != a {
				t.Errorf("%s became %s", a, untagged(a))
			}
		}
	})
}

func TestOwnerOfADomainLearnsTheNumberAndAddressesOnlyWhenAllowed(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hospital, bank := w.member("hospital", 50), w.member("bank", 51)
		first := w.load("", canaries)
		if os := w.mine(hospital); len(os) != 1 || os[0].Domain != "hospital.example" || os[0].Addresses != 2 || os[0].Plain {
			t.Errorf("%+v", os)
		}
		_, err := w.desk.Addresses(ctx, hospital, first.ID)
		w.refused(err, fault.NotFound, "no addresses that you may have")
		second := w.load("The court of Strelsau, order 7/2026", canaries)
		if all := strings.ToLower(w.everything()); strings.Contains(all, "canary") {
			t.Error("an address stands in clear in the records")
		}
		c, err := w.desk.Addresses(ctx, hospital, second.ID)
		w.OK(err)
		plain, _, err := c.Open()
		w.OK(err)
		var got strings.Builder
		if w.OK(plain.WriteCSV(ctx, &got)); got.String() != "address\ncanary-boris@hospital.example\ncanary-ceca@mail.hospital.example\n" {
			t.Errorf("%q", got.String())
		}
		_, err = w.desk.Addresses(ctx, bank, second.ID)
		w.refused(err, fault.NotFound, "no addresses that you may have")
		cert := act.Actor{Kind: act.Person, ID: "52", Rights: &act.Rights{Roles: []string{"sector-cert"}, Constituents: []int64{w.IDs["hospital"]}, Account: 52}}
		if os := w.mine(cert); len(os) != 2 {
			t.Errorf("who looks after the hospital sees %+v", os)
		}
		_, err = w.desk.Addresses(ctx, cert, second.ID)
		w.refused(err, fault.NotFound, "no addresses that you may have")
		if os := w.mine(bank); len(os) != 0 {
			t.Errorf("the bank sees %+v", os)
		}
		if os := w.mine(hospital); len(os) != 2 || os[0].Leak != second.ID || !os[0].Plain {
			t.Errorf("%+v", os)
		}
		if es, err := w.Timeline(ctx, w.k.ID, 0, 10); err != nil || es[0].Kind != KindLeak || !strings.Contains(es[0].Detail, "court of Strelsau") {
			t.Errorf("%+v, %v", es, err)
		}
		w.OK(w.desk.Withdraw(ctx, analyst, w.k.ID, second.ID))
		_, err = w.desk.Addresses(ctx, hospital, second.ID)
		w.refused(err, fault.NotFound, "no addresses that you may have")
		if err := plain.WriteCSV(ctx, io.Discard); err == nil {
			t.Error("a list that was withdrawn still gives its addresses")
		}
		w.refused(w.desk.Withdraw(ctx, analyst, w.k.ID+1, first.ID), fault.NotFound, "no list")
	})
}

func TestListOfTheEvidenceIsLoadedFromThere(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		f, err := w.Keep(ctx, boss, incident.File{Case: w.k.ID, Name: "dump.csv"}, strings.NewReader(canaries))
		w.OK(err)
		l, err := w.desk.LoadEvidence(ctx, analyst, Leak{Case: w.k.ID, Title: "x", Told: "x"}, f.ID)
		if w.OK(err); l.Addresses != 4 {
			t.Errorf("%+v", l)
		}
		_, err = w.desk.LoadEvidence(ctx, analyst, Leak{Case: w.k.ID, Title: "x", Told: "x"}, 99)
		w.refused(err, fault.Invalid, "no file 99")
	})
}

func TestOutOfAStricterCaseADutyOfficerLetsAListTellWithAReason(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for _, label := range []tlp.Label{tlp.AmberStrict, tlp.Red} {
			k, err := w.Town.Open(ctx, boss, incident.Opening{Title: "Quiet", Label: label})
			w.OK(err)
			l := Leak{Case: k.ID, Title: "x", Told: "x", Lowered: " "}
			_, err = w.desk.Load(ctx, boss, l, strings.NewReader(canaries))
			w.refused(err, fault.Invalid, "lowered: the case is "+label.String())
			l.Lowered = "the court publishes it"
			_, err = w.desk.Load(ctx, analyst, l, strings.NewReader(canaries))
			w.refused(err, fault.Forbidden, "incident.rule")
			_, err = w.desk.Load(ctx, boss, l, strings.NewReader(canaries))
			w.OK(err)
			if es, err := w.Timeline(ctx, k.ID, 0, 10); err != nil || !strings.Contains(es[0].Detail, "the court publishes it") {
				t.Errorf("%+v, %v", es, err)
			}
		}
		open, err := w.Town.Open(ctx, boss, incident.Opening{Title: "Open", Label: tlp.Green})
		w.OK(err)
		_, err = w.desk.Load(ctx, analyst, Leak{Case: open.ID, Title: "x", Told: "x"}, strings.NewReader(canaries))
		w.OK(err)
	})
}

func TestNamesOfWhoAsksAreNoHashOfTheirAddress(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.load("", canaries)
		w.OK(w.desk.Ask(context.Background(), home, "canary-ana@private.example", "en"))
		h := Hash("canary-ana@private.example")
		if all := w.everything(); strings.Contains(all, hex.EncodeToString(h[:8])) {
			t.Error("whoever guesses the address finds who asked")
		}
	})
}

func TestAddressesComeInOrderAcrossParts(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		var list, want strings.Builder
		want.WriteString("address\n")
		for i := range 2*perPart + 1 {
			fmt.Fprintf(&list, "person%05d@hospital.example:%s\n", 2*perPart-i, strings.Repeat("x", 100))
			fmt.Fprintf(&want, "person%05d@hospital.example\n", i)
		}
		l := w.load("The court", list.String())
		ctx := context.Background()
		c, err := w.desk.Addresses(ctx, w.member("hospital", 50), l.ID)
		w.OK(err)
		plain, _, err := c.Open()
		w.OK(err)
		var got strings.Builder
		if w.OK(plain.WriteCSV(ctx, &got)); got.String() != want.String() {
			t.Errorf("%.200q", got.String())
		}
	})
}

// meanwhile does something when it is read.
type meanwhile func()

func (fn meanwhile) Read([]byte) (int, error) {
	fn()
	return 0, io.EOF
}

func TestCaseThatWasJoinedWhileAListCameTakesItNot(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		other, err := w.Town.Open(ctx, boss, incident.Opening{Title: "Other"})
		w.OK(err)
		slow := io.MultiReader(strings.NewReader(canaries), meanwhile(func() {
			k, err := w.Case(ctx, w.k.ID)
			w.OK(err)
			_, err = w.Join(ctx, boss, k.ID, k.Version, other.ID, "the same")
			w.OK(err)
		}))
		_, err = w.desk.Load(ctx, boss, Leak{Case: w.k.ID, Title: "x", Told: "x"}, slow)
		w.refused(err, fault.Conflict, "is part of another one now")
		if ls, err := w.desk.Leaks(ctx, w.k.ID); err != nil || len(ls) != 0 {
			t.Errorf("%+v, %v", ls, err)
		}
	})
}

// many is a list of so many addresses, made while it is read.
type many struct {
	left int
	buf  []byte
}

func (m *many) Read(p []byte) (int, error) {
	for len(m.buf) == 0 {
		if m.left == 0 {
			return 0, io.EOF
		}
		m.buf = fmt.Appendf(m.buf, "person.%d@mail%d.example\n", m.left, m.left%5000)
		m.left--
	}
	n := copy(p, m.buf)
	m.buf = m.buf[n:]
	return n, nil
}

func TestAMillionAddressesAreLoadedInBoundedTimeAndMemory(t *testing.T) {
	w := open(t, dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(clock.Real())))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	l, err := w.desk.Load(context.Background(), boss, Leak{Case: w.k.ID, Title: "x", Told: "x"}, &many{left: 1_000_000})
	w.OK(err)
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	t.Logf("1,000,000 addresses in %s, the heap grew to %d MB", took.Round(10*time.Millisecond), (after.HeapSys-before.HeapSys)>>20)
	if l.Addresses != 1_000_000 || after.HeapSys-before.HeapSys > 400<<20 {
		t.Errorf("%d addresses, %d bytes", l.Addresses, after.HeapSys-before.HeapSys)
	}
	h := Hash("person.77@mail77.example")
	if s := hex.EncodeToString(h[:]); !slices.Contains(w.suffixes(s[:PrefixDigits]), s[PrefixDigits:]) {
		t.Error("an address of the list is not found")
	}
}

func FuzzAddresses(f *testing.F) {
	f.Add(canaries)
	f.Add("\uFEFFa@b.example;b@c.example\x00@\xff@@,<mailto:X@Y.Example.>")
	f.Fuzz(func(t *testing.T, list string) {
		_, err := addresses(strings.NewReader(list), func(a string) error {
			again, ok := Normal(a)
			if !ok || again != a || strings.ContainsAny(a, " ,\n\x00") || strings.Count(a, "@") != 1 {
				t.Errorf("%q is no normal address", a)
			}
			return nil
		})
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Error(err)
		}
	})
}
