package filing

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

func TestNoConstituentSeesAnothersReport(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hospital, bank := of(identity.Manager, 1, w.ids["hospital"]), of(identity.Manager, 2, w.ids["bank"])
		f := w.filing()
		f.Title, f.Text = "CANARY", "CANARY"
		r, err := w.FileFor(ctx, hospital, Filed{Constituent: w.ids["hospital"], Filing: f})
		w.ok(err)
		kept, err := w.KeepFor(ctx, hospital, r.ID, "CANARY.txt", "", strings.NewReader("CANARY"))
		w.ok(err)
		portal := func(a act.Actor) Asker { return Asker{a, disclosure.Portal} }
		for _, a := range []act.Actor{bank, of(identity.Member, 3), of(identity.Partner, 4), of(identity.Authority, 5), of(identity.GuestPartner, 6), act.Anybody} {
			_, err := w.One(ctx, portal(a), r.ID)
			w.refused(err, fault.NotFound, "no report")
			_, err = w.PapersOf(ctx, portal(a), r.ID)
			w.refused(err, fault.NotFound, "no report")
			_, err = w.TakeFor(ctx, portal(a), r.ID, kept.ID)
			w.refused(err, fault.NotFound, "no report")
			_, err = w.AddFor(ctx, a, r.ID, incident.Addition{Text: "x"})
			w.refused(err, fault.NotFound, "no report")
			_, err = w.KeepFor(ctx, a, r.ID, "x", "", strings.NewReader("x"))
			w.refused(err, fault.NotFound, "no report")
			w.refused(w.SaveFor(ctx, a, r.ID, w.filing(), false), fault.NotFound, "no report")
			w.refused(w.DiscardFor(ctx, a, r.ID), fault.NotFound, "no report")
			_, err = w.FileFor(ctx, a, Filed{Constituent: w.ids["hospital"], Filing: w.filing()})
			w.refused(err, fault.NotFound, "no constituent")
			c, err := w.Mine(ctx, portal(a), incident.MineFilter{Limit: 10})
			w.ok(err)
			l, _, err := c.Open()
			w.ok(err)
			if len(l.Items) != 0 {
				t.Errorf("%s sees %+v", a.ID, l.Items)
			}
		}
		mine, err := w.FileFor(ctx, bank, Filed{Constituent: w.ids["bank"], Filing: w.filing()})
		w.ok(err)
		_, err = w.TakeFor(ctx, portal(bank), mine.ID, kept.ID)
		w.refused(err, fault.NotFound, "has no file")
		c, err := w.Mine(ctx, portal(bank), incident.MineFilter{Limit: 10})
		w.ok(err)
		l, _, err := c.Open()
		w.ok(err)
		if b, _ := json.Marshal(l); strings.Contains(string(b), "CANARY") || len(l.Items) != 1 {
			t.Errorf("the bank sees %s", b)
		}
	})
}

func TestStrictReportIsHiddenFromWhoLooksAfterItsOrganisation(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		own, above := of(identity.Manager, 1, w.ids["hospital"]), of(identity.SectorCERT, 2, w.ids["hospital"])
		f := w.filing()
		usual, err := w.FileFor(ctx, own, Filed{Constituent: w.ids["hospital"], Filing: f})
		w.ok(err)
		f.Label = tlp.AmberStrict
		strict, err := w.FileFor(ctx, own, Filed{Constituent: w.ids["hospital"], Filing: f})
		w.ok(err)
		see := func(a act.Actor) (ids []int64) {
			c, err := w.Mine(ctx, Asker{a, disclosure.Portal}, incident.MineFilter{Limit: 10})
			w.ok(err)
			l, _, err := c.Open()
			w.ok(err)
			for _, r := range l.Items {
				ids = append(ids, r.ID)
			}
			return ids
		}
		if got := see(own); !slices.Equal(got, []int64{strict.ID, usual.ID}) {
			t.Errorf("the hospital sees %v", got)
		}
		if got := see(above); !slices.Equal(got, []int64{usual.ID}) {
			t.Errorf("the sector CERT sees %v", got)
		}
		_, err = w.One(ctx, Asker{above, disclosure.Portal}, strict.ID)
		w.refused(err, fault.NotFound, "no report")
	})
}

func TestSameKeyIsTheSameReport(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		a := of(identity.Manager, 1, w.ids["hospital"])
		ask := Filed{Constituent: w.ids["hospital"], Origin: incident.FromREST, Key: "one", Filing: w.filing()}
		first, err := w.FileFor(ctx, a, ask)
		w.ok(err)
		again, err := w.FileFor(ctx, a, ask)
		w.ok(err)
		if again.ID != first.ID || again.Number != first.Number {
			t.Errorf("%s and %s", first.Number, again.Number)
		}
		ask.Filing.Text = "Something else."
		_, err = w.FileFor(ctx, a, ask)
		w.refused(err, fault.Conflict, "another report")
		other := a
		other.ID = "other"
		second, err := w.FileFor(ctx, other, ask) // another actor's keys are their own
		w.ok(err)
		if second.ID == first.ID {
			t.Error("the key of another actor counted")
		}
		rs, _, err := w.MineAll(ctx, a, incident.MineFilter{Limit: 10})
		w.ok(err)
		if len(rs) != 2 {
			t.Errorf("%d reports", len(rs))
		}
	})
}

func TestStepsAreThoseThatTheLawAsksOfTheDesignation(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		hospital, err := w.Steps(ctx, w.ids["hospital"], "en")
		w.ok(err)
		nobody, err := w.Steps(ctx, 0, "en")
		w.ok(err)
		if len(hospital) == 0 || len(nobody) >= len(hospital) {
			t.Errorf("the hospital owes %+v, anybody %+v", hospital, nobody)
		}
		for _, s := range hospital {
			if s.ID == "" || s.Name == "" {
				t.Errorf("step %+v", s)
			}
		}
	})
}

func TestCallersReportHasThreeTimesAndTheReceiptThatWasAskedFor(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		f := w.filing()
		f.Reported = f.Aware + 60_000_000
		r, err := w.Write(ctx, officer, Call{Constituent: w.ids["hospital"], Filing: f})
		w.ok(err)
		if r.Origin != incident.FromStaff || r.Aware != f.Aware || r.Reported != f.Reported || r.Received != w.clock.Now().UnixMicro() || r.Receipted != 0 {
			t.Errorf("got %+v", r)
		}
		r, err = w.Write(ctx, officer, Call{Origin: incident.FromPartner, Receipt: true, Filing: f})
		w.ok(err)
		if c := w.composed(KindReceipt, r.ID); r.Receipted == 0 || !strings.Contains(c.Text, "https://cert.example/report/") {
			t.Errorf("receipted %d, letter:\n%s", r.Receipted, c.Text)
		}
		_, err = w.Write(ctx, officer, Call{Origin: incident.FromPublic, Filing: f})
		w.refused(err, fault.Invalid, "origin")
		_, err = w.Write(ctx, officer, Call{Constituent: 999, Filing: f})
		w.refused(err, fault.Invalid, "constituent")
		f.Mail = ""
		_, err = w.Write(ctx, officer, Call{Receipt: true, Filing: f})
		w.refused(err, fault.Invalid, "mail")
		_, err = w.Write(ctx, of(identity.Manager, 1, w.ids["hospital"]), Call{Filing: w.filing()})
		w.refused(err, fault.Forbidden, "staff")
	})
}
