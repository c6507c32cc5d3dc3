package incident

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func TestReportStaysWhatTheReporterSaid(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		r := w.filed("hospital")
		c, err := w.Accept(ctx, officer, r.ID, r.Version, Opening{Title: "Ransomware at the hospital"})
		w.ok(err)
		_, err = w.Edit(ctx, officer, c.ID, c.Version, Change{Summary: new("Ours.")})
		w.ok(err)
		_, err = w.Add(ctx, officer, r.ID, Addition{Via: "portal", Text: "It was a phishing mail."})
		w.ok(err)
		got, err := w.Report(ctx, r.ID)
		w.ok(err)
		if got.Filing != r.Filing || got.SHA256 != r.SHA256 {
			t.Errorf("the report changed: %+v", got.Filing)
		}
		record, err := got.Record()
		w.ok(err)
		if sum := sha256.Sum256(record); hex.EncodeToString(sum[:]) != r.SHA256 {
			t.Error("the hash on the receipt is not that of the record")
		}
	})
}

func TestReceiptIsSignedAndShowsEveryChange(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		r := w.filed("hospital")
		f := w.kept(File{Report: r.ID, Name: "note.txt"}, "pay us")
		a, err := w.Add(ctx, officer, r.ID, Addition{Via: "portal", Step: "early-warning", Text: "More."})
		w.ok(err)
		receipt, err := w.Receipt(ctx, r.ID)
		w.ok(err)
		w.ok(receipt.Verify(w.ReceiptKey()))
		if receipt.SHA256 != r.SHA256 || len(receipt.Files) != 1 || receipt.Files[0].SHA256 != f.SHA256 || len(receipt.Added) != 1 || receipt.Added[0].SHA256 != a.SHA256 {
			t.Errorf("the receipt does not have it all: %+v", receipt)
		}
		b, err := json.Marshal(receipt)
		w.ok(err)
		for i := range b { // every byte counts: a changed receipt is none, or is another one's
			changed := []byte(string(b))
			changed[i] ^= 1
			var got Receipt
			if json.Unmarshal(changed, &got) != nil {
				continue
			}
			if same, _ := json.Marshal(got); string(same) == string(b) {
				continue // a letter of a field's name in another case
			}
			if got.Verify(w.ReceiptKey()) == nil {
				t.Fatalf("a changed receipt verifies: %s", changed)
			}
		}
	})
}

func TestReportIsCheckedFieldByField(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		for name, spoil := range map[string]func(*Filing){
			"title":              func(f *Filing) { f.Title = " " },
			"text":               func(f *Filing) { f.Text = strings.Repeat("x", 10<<20) },
			"aware":              func(f *Filing) { f.Aware = w.clock.Now().Add(time.Hour).UnixMicro() },
			"happened":           func(f *Filing) { f.Happened = f.Aware + 1 },
			"type":               func(f *Filing) { f.Guess = "weather" },
			"mail":               func(f *Filing) { f.Mail = "a@b.example\r\nBcc: c@d.example" },
			"name":               func(f *Filing) { f.Name = "A\nB" },
			"ongoing":            func(f *Filing) { f.Details.Ongoing = "maybe" },
			"users":              func(f *Filing) { f.Details.Users = -1 },
			"tlp":                func(f *Filing) { f.Label = tlp.Red },
			"impact":             func(f *Filing) { f.Details.Impact = "a\x00b" },
			"step":               func(f *Filing) { f.Step = "<step>" },
			"suspected_unlawful": func(f *Filing) { f.Details.Suspected = "1" },
		} {
			f := w.filing()
			spoil(&f)
			_, _, err := w.File(context.Background(), officer, Reporter{Origin: FromPublic}, f)
			w.refused(err, fault.Invalid, name+": ")
		}
		if n := count(t, w.DB, `SELECT COUNT(*) FROM incident_report`); n != 0 {
			t.Errorf("%d reports were kept", n)
		}
	})
}

func count(t *testing.T, d *db.DB, query string) (n int64) {
	t.Helper()
	if err := d.View(context.Background(), func(tx *db.Tx) error { return tx.Row(query).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDraftIsItsWritersAloneUntilHandedIn(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		r, secret, err := w.File(ctx, act.Anybody, Reporter{Origin: FromPublic, Link: true, Draft: true}, Filing{Title: "Half"})
		w.ok(err)
		w.kept(File{Report: r.ID, Name: "a.txt"}, "A")
		_, err = w.Report(ctx, r.ID)
		w.refused(err, fault.NotFound, "no report")
		_, err = w.ReportByNumber(ctx, r.Number)
		w.refused(err, fault.NotFound, "no report")
		_, err = w.Receipt(ctx, r.ID)
		w.refused(err, fault.Conflict, "not handed in")
		_, err = w.Save(ctx, act.Anybody, r.ID, Filing{Title: "Half", Text: "More"})
		w.ok(err)
		_, err = w.Submit(ctx, act.Anybody, r.ID, Filing{Title: "Half"}, true)
		w.refused(err, fault.Invalid, "text: is needed")
		r, err = w.Submit(ctx, act.Anybody, r.ID, w.filing(), true)
		w.ok(err)
		if r.State != Unconfirmed || r.SHA256 == "" {
			t.Errorf("got %+v", r)
		}
		_, err = w.Save(ctx, act.Anybody, r.ID, w.filing())
		w.refused(err, fault.Conflict, "handed in already")
		same, err := w.Linked(ctx, secret)
		w.ok(err)
		if same.ID != r.ID {
			t.Error("the link leads elsewhere")
		}
		_, err = w.Linked(ctx, "wrong")
		w.refused(err, fault.NotFound, "not valid")
		r, err = w.Confirm(ctx, act.Anybody, r.ID)
		w.ok(err)
		if r.State != Received {
			t.Errorf("it is %s after confirmation", r.State)
		}
	})
}

func TestDraftThatNobodyFinishesIsRemovedWithItsFiles(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		r, secret, err := w.File(ctx, act.Anybody, Reporter{Origin: FromPublic, Link: true, Draft: true}, Filing{Title: "Half"})
		w.ok(err)
		f := w.kept(File{Report: r.ID, Name: "a.txt"}, "A")
		whole := w.filed("bank")
		w.clock.Move(29 * 24 * time.Hour)
		w.ok(w.Sweep(ctx))
		_, err = w.Linked(ctx, secret)
		w.ok(err)
		w.clock.Move(2 * 24 * time.Hour)
		w.ok(w.Sweep(ctx))
		_, err = w.Linked(ctx, secret)
		w.refused(err, fault.NotFound, "not valid")
		if _, err := w.Files.Open(f.path); err == nil {
			t.Error("the draft's file is still there")
		}
		_, err = w.Report(ctx, whole.ID)
		w.ok(err)
	})
}

func TestMineIsNobodyElses(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		r := w.filed("hospital")
		of := func(ids ...int64) act.Actor {
			return act.Actor{Kind: act.Person, ID: "7", Rights: &act.Rights{Constituents: ids}}
		}
		_, err := w.Mine(context.Background(), of(w.ids["hospital"]), r.ID)
		w.ok(err)
		for _, by := range []act.Actor{of(w.ids["bank"]), of(), of(0), act.Anybody} {
			_, err = w.Mine(context.Background(), by, r.ID)
			w.refused(err, fault.NotFound, "no report")
		}
		_, err = w.Accept(context.Background(), of(w.ids["hospital"]), r.ID, 0, Opening{})
		w.refused(err, fault.Forbidden, "staff")
	})
}

func TestDraftOfACompanyIsOnlyItsWriters(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		somebody := func(account int64, ids ...int64) act.Actor {
			return act.Actor{Kind: act.Person, ID: "7", Rights: &act.Rights{Constituents: ids, Account: account}}
		}
		whole := w.filed("hospital")
		draft, _, err := w.File(ctx, somebody(7, w.ids["hospital"]), Reporter{Origin: FromPortal, Constituent: w.ids["hospital"], Account: 7, Draft: true}, Filing{Title: "Half"})
		w.ok(err)
		for _, c := range []struct {
			who  act.Actor
			want []int64
		}{
			{somebody(7, w.ids["hospital"]), []int64{draft.ID, whole.ID}},
			{somebody(8, w.ids["hospital"], w.ids["bank"]), []int64{whole.ID}},
			{somebody(7, w.ids["bank"]), nil},
			{somebody(7), nil},
			{act.Anybody, nil},
		} {
			var got []int64
			rs, more, err := w.MineAll(ctx, c.who, MineFilter{Limit: 10})
			w.ok(err)
			for _, r := range rs {
				got = append(got, r.ID)
			}
			if !slices.Equal(got, c.want) || more {
				t.Errorf("%+v sees %v, want %v", c.who.Rights, got, c.want)
			}
			_, err = w.Mine(ctx, c.who, draft.ID)
			if (err == nil) != slices.Contains(c.want, draft.ID) {
				t.Errorf("%+v: the draft: %v", c.who.Rights, err)
			}
		}
		rs, more, err := w.MineAll(ctx, somebody(7, w.ids["hospital"]), MineFilter{Limit: 1})
		w.ok(err)
		if len(rs) != 1 || !more {
			t.Errorf("%d reports, more %t", len(rs), more)
		}
	})
}

func TestPartsHearOfEveryReportThatIsHandedIn(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		var heard []string
		hear := func(what string) func(context.Context, *db.Tx, *Report) error {
			return func(_ context.Context, _ *db.Tx, r *Report) error {
				heard = append(heard, what+" "+r.Number)
				return nil
			}
		}
		w.Extend(Extension{Unconfirmed: hear("unconfirmed"), Received: hear("received")})
		r, _, err := w.File(ctx, act.Anybody, Reporter{Origin: FromPublic, Draft: true}, w.filing())
		w.ok(err)
		_, err = w.Submit(ctx, act.Anybody, r.ID, w.filing(), true)
		w.ok(err)
		_, err = w.Confirm(ctx, act.Anybody, r.ID)
		w.ok(err)
		if want := []string{"unconfirmed " + r.Number, "received " + r.Number}; !slices.Equal(heard, want) {
			t.Errorf("heard %q, want %q", heard, want)
		}
	})
}
