package sitrep

import (
	"strings"
	"testing"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// TestConstituentsReadTheReportsThatTheyMayHave has reports of every marking and state, each with a word that nobody else may read.
func TestConstituentsReadTheReportsThatTheyMayHave(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		outsider := func(ref string) act.Actor {
			return act.Actor{Kind: act.Person, ID: ref, Name: ref, Rights: &act.Rights{Account: 90 + w.IDs[ref], Constituents: []int64{w.IDs[ref]}, Roles: []string{string(identity.Member)}, Permissions: map[act.Permission]bool{"portal.read": true}}}
		}
		hospital, bank := outsider("hospital"), outsider("bank")
		shelf := func(by act.Actor) map[int64]Shelved {
			t.Helper()
			c, _, err := w.desk.Shelf(w.ctx, by, disclosure.Portal, "en", 0)
			w.OK(err)
			all, _, err := c.Open()
			w.OK(err)
			out := map[int64]Shelved{}
			for _, s := range all {
				if len(s.Doc.Parts) > 0 {
					t.Errorf("the list has the texts of %s", s.Number)
				}
				out[s.ID] = s
			}
			return out
		}
		read := func(by act.Actor, id int64) (Shelved, error) {
			c, err := w.desk.Read(w.ctx, by, disclosure.Portal, id, "en")
			if err != nil {
				return Shelved{}, err
			}
			s, _, err := OneShelved(c)
			return s, err
		}
		next := func(label tlp.Label, says string) Sitrep {
			w.later(time.Hour)
			return w.approved(label, says)
		}
		green, clear := w.approved(tlp.Green, "Patch the gateways."), next(tlp.Clear, "All is well.")
		amber, red := next(tlp.Amber, "CANARY amber"), next(tlp.Red, "CANARY red")
		known := w.grave("Known to all", tlp.Green)
		named := next(tlp.Green, "See "+known.Number+".")
		strict := tlp.AmberStrict
		_, err := w.Town.Edit(w.ctx, incidenttest.Officer, known.ID, 0, incident.Change{Label: &strict, Reason: "names of patients"})
		w.OK(err)
		back := next(tlp.Green, "CANARY withdrawn")
		_, err = w.desk.Withdraw(w.ctx, w.ana, back.ID, "It was a false alarm.")
		w.OK(err)
		old := next(tlp.Green, "CANARY replaced")
		c, err := w.desk.Correct(w.ctx, w.vera, old.ID, "A number was wrong.")
		w.OK(err)
		better := "The right number."
		c, err = w.desk.Edit(w.ctx, w.vera, c.ID, Edit{Version: c.Version, Language: "en", Judgement: &better})
		w.OK(err)
		c, err = w.desk.Approve(w.ctx, w.ana, c.ID, c.Version)
		w.OK(err)
		w.later(time.Hour)
		draft := w.drafted()

		for who, by := range map[string]act.Actor{"hospital": hospital, "bank": bank} {
			list := shelf(by)
			want := map[int64]bool{green.ID: true, clear.ID: true, back.ID: true, c.ID: true, named.ID: who == "hospital"} // whose case it is
			for id, is := range want {
				if _, there := list[id]; there != is {
					t.Errorf("%s has %d in the list: %v, want %v", who, id, there, is)
				}
			}
			if len(list) != 4 && who == "bank" || len(list) != 5 && who == "hospital" {
				t.Errorf("%s has %d in the list", who, len(list))
			}
			for _, id := range []int64{amber.ID, red.ID, draft.ID, 999} {
				_, err := read(by, id)
				w.refused(err, fault.NotFound, "there is no situation report")
			}
			s, err := read(by, green.ID)
			w.OK(err)
			if text := s.Doc.Text(); !strings.Contains(text, "Patch the gateways.") || strings.Contains(text, w.desk.words.In("en", time.UTC).T("part.letters")) {
				t.Errorf("%s reads %s", who, text)
			}
			if s, err = read(by, back.ID); err != nil || s.State != Withdrawn || s.Withdrawal != "It was a false alarm." || strings.Contains(s.Doc.Text(), "CANARY") {
				t.Errorf("%s reads of what was withdrawn %+v, %v", who, s, err)
			}
			if s, err = read(by, old.ID); err != nil || s.State != Replaced || s.Replaced != c.ID || strings.Contains(s.Doc.Text(), "CANARY") {
				t.Errorf("%s reads of what was replaced %+v, %v", who, s, err)
			}
			if s, err = read(by, c.ID); err != nil || !strings.Contains(s.Doc.Text(), better) || s.Reason != "A number was wrong." {
				t.Errorf("%s reads of the correction %+v, %v", who, s, err)
			}
		}
		_, err = read(bank, named.ID)
		w.refused(err, fault.NotFound, "there is no situation report")
		s, err := read(hospital, named.ID)
		if err != nil || !strings.Contains(s.Doc.Text(), known.Number) {
			t.Errorf("the hospital reads of its own case %+v, %v", s, err)
		}
		w.OK(w.Gate.Flush(w.ctx))
		if es, _, err := w.Gate.Ledger(w.ctx, disclosure.LedgerFilter{Channel: disclosure.Portal}); err != nil || len(es) == 0 {
			t.Errorf("the ledger has nothing of what was read: %v", err)
		}
	})
}
