package letter

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

// merged is a report that became part of the town's case.
func (w *town) merged(from incident.Reporter, f incident.Filing) incident.Report {
	w.Helper()
	ctx := context.Background()
	f.Text, f.Aware = "It attacks.", w.Clock.Now().Add(-time.Hour).UnixMicro()
	r, _, err := w.File(ctx, incidenttest.Officer, from, f)
	w.OK(err)
	_, err = w.Merge(ctx, boss, r.ID, 0, w.k.ID)
	w.OK(err)
	return r
}

func TestFileTravelsAsItsReportHoweverManyTheCaseHas(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		for i := range maxReports - 1 {
			w.merged(incident.Reporter{Origin: incident.FromStaff}, incident.Filing{Title: fmt.Sprint("Another ", i)})
		}
		last := w.merged(incident.Reporter{Origin: incident.FromPortal, Constituent: w.IDs["bank"]}, incident.Filing{Title: "In confidence", Label: tlp.AmberStrict})
		amber := tlp.Amber
		_, err := w.Desk.Edit(ctx, boss, w.k.ID, 0, incident.Change{Label: &amber, Reason: "the others must know"}) // the report is marked as it was
		w.OK(err)
		secret, err := w.Keep(ctx, boss, incident.File{Report: last.ID, Name: "names.csv"}, strings.NewReader("who it was"))
		w.OK(err)
		dr := Draft{To: w.key(Contact), Subject: "x", Text: "x", Files: []int64{secret.ID}}
		_, err = w.desk.Preview(ctx, about, dr)
		w.refused(err, fault.Invalid, "names.csv is TLP:AMBER+STRICT")
		m, err := w.desk.Matter(ctx, about)
		w.OK(err)
		if len(m.tickets()) != 1+maxReports {
			t.Errorf("%d conversations are shown", len(m.tickets()))
		}
		m.reports, dr.Label = m.shown(), tlp.AmberStrict
		_, err = w.desk.chosen(ctx, m, &dr)
		w.refused(err, fault.Invalid, "does not know how far it may travel")
	})
}

func TestAddressInTwoRolesGetsOneLetterByItsLowestClearance(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		for _, c := range []constituency.Contact{{Role: "abuse", Mail: "SOC@hospital.example", Encrypt: true}, {Role: "press", Mail: "soc@hospital.example", Clearance: "GREEN"}} {
			c.Constituent = w.IDs["hospital"]
			_, err := w.Constituency.AddContact(ctx, boss, c)
			w.OK(err)
		}
		dr := Draft{To: "constituent", Constituent: "hospital", Subject: "x", Text: "x"}
		for _, dr.Role = range []string{"", "security", "abuse"} {
			ps, err := w.desk.Preview(ctx, about, dr)
			w.OK(err)
			if len(ps) != 1 || ps[0].Withheld == "" || !ps[0].letter.EncryptionRequired {
				t.Errorf("of the role %q: %+v", dr.Role, ps)
			}
		}
		dr.Role, dr.Label, dr.Lowered = "", tlp.Green, "It says nothing of the case."
		if l, _ := w.send(boss, dr); !strings.EqualFold(l.To, "soc@hospital.example") {
			t.Errorf("%+v", l)
		}
	})
}

func TestLetterThatWasCancelledIsSentAgain(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		dr := Draft{To: w.key(Contact), Subject: "Question", Text: "Which gateway is it?"}
		for range 3 {
			l, _ := w.send(analyst, dr)
			_, err := w.desk.Send(context.Background(), analyst, About{Case: w.k.ID}, dr)
			w.refused(err, fault.Conflict, fmt.Sprintf("number %d of the outbox, queued", l.ID))
			w.OK(w.DB.Act(context.Background(), act.Act{Actor: boss, Verb: "test.cancel", Object: "test:1"}, func(tx *db.Tx) error {
				n, err := w.post.Outbox.Cancel(tx, "not yet", l.ID)
				if n != 1 {
					t.Errorf("%d letters were cancelled", n)
				}
				return err
			}))
		}
	})
}

func TestContactWhoReportedIsAnsweredByTheirClearance(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		_, err := w.Constituency.AddContact(ctx, boss, constituency.Contact{Constituent: w.IDs["hospital"], Role: "press", Mail: "Press@hospital.example", Clearance: "GREEN", Encrypt: true})
		w.OK(err)
		r := w.merged(incident.Reporter{Origin: incident.FromPortal, Constituent: w.IDs["hospital"]}, incident.Filing{Title: "More", Mail: "press@hospital.example"})
		dr := Draft{To: fmt.Sprintf("reporter:%d", r.ID), Subject: "x", Text: "x"}
		ps, err := w.desk.Preview(ctx, about, dr)
		w.OK(err)
		if len(ps) != 1 || !strings.Contains(ps[0].Withheld, "TLP:AMBER") || !ps[0].letter.EncryptionRequired {
			t.Errorf("cleared to GREEN only: %+v", ps)
		}
		_, err = w.desk.Send(ctx, boss, about, dr)
		w.refused(err, fault.Invalid, "may not be given TLP:AMBER")
		dr.Label, dr.Lowered = tlp.Green, "It says nothing of the case."
		w.send(boss, dr)
		w.send(boss, Draft{To: w.key(Reporter), Subject: "x", Text: "x"}) // of another address, for which nobody set a bound
	})
}

func TestStrangerIsWrittenToOnlyAtTheAddressTheyConfirmed(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		r := w.merged(incident.Reporter{Origin: incident.FromPublic, Link: true, Confirm: true}, incident.Filing{Title: "Mine", Mail: "victim@x.example"})
		dr := Draft{To: fmt.Sprintf("reporter:%d", r.ID), Subject: "x", Text: "x"}
		_, err := w.desk.Preview(ctx, About{Case: w.k.ID}, dr)
		w.refused(err, fault.Invalid, "nobody of")
		for range 2 {
			r, err = w.Confirm(ctx, act.Anybody, r.ID)
			w.OK(err)
			if r.State != incident.Merged || r.Confirmed != w.Clock.Now().UnixMicro() {
				t.Errorf("it is %s, confirmed at %d", r.State, r.Confirmed)
			}
		}
		if l, _ := w.send(boss, dr); l.To != "victim@x.example" {
			t.Errorf("%+v", l)
		}
	})
}

func TestMailedFileGoesBackToItsSenderOnly(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		_, err := w.Involve(ctx, boss, w.k.ID, 0, w.IDs["bank"], incident.AsVictim)
		w.OK(err)
		hospital, bank := Draft{To: "constituent", Constituent: "hospital", Subject: "x", Text: "x"}, Draft{To: "constituent", Constituent: "bank", Subject: "x", Text: "x"}
		l, _ := w.send(analyst, hospital)
		w.post.Receive("From: soc@hospital.example\nSubject: Re: "+l.Subject+"\nIn-Reply-To: "+l.MessageID+"\nMessage-ID: <1@hospital.example>\n\nOurs.\n",
			"From: eve@x.example\nSubject: ["+w.k.Ticket()+"] mine\nMessage-ID: <2@x.example>\n\nMine.\n")
		q := job.New(w.DB, w.Clock, clock.Real(), slog.New(slog.DiscardHandler))
		w.counter.Register(q)
		w.OK(q.Drain(ctx))
		fs, err := w.desk.Files(ctx, about)
		w.OK(err)
		if len(fs) != 2 || fs[0].Owner != w.IDs["hospital"] || fs[1].Owner != incident.Stranger {
			t.Fatalf("%+v", fs)
		}
		for i, tt := range []struct{ hospital, bank bool }{{true, false}, {false, false}} {
			hospital.Files, bank.Files = []int64{fs[i].ID}, []int64{fs[i].ID}
			for may, dr := range map[*bool]Draft{&tt.hospital: hospital, &tt.bank: bank} {
				ps, err := w.desk.Preview(ctx, about, dr)
				w.OK(err)
				if (ps[0].Withheld == "") != *may {
					t.Errorf("%s for %s: %q", fs[i].Name, dr.Constituent, ps[0].Withheld)
				}
			}
		}
	})
}
