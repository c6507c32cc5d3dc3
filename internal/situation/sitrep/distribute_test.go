package sitrep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/mailtest"
)

func TestACorrectionGoesToThoseOfThemWhoAreReachedToday(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "Wrong.")
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true, Staff: true})
		w.OK(err)
		w.OK(w.desk.Identity.Disable(w.ctx, act.Machine, w.vera.Rights.Account))
		dir, err := w.Constituency.Directory(w.ctx)
		w.OK(err)
		today := constituency.DayOf(w.Clock.Now())
		for _, l := range dir.All() {
			contacts, err := w.Constituency.Contacts(w.ctx, l.ID)
			w.OK(err)
			for _, c := range contacts {
				switch c.Mail {
				case "soc@hospital.example", "it@bank.example": // the one is closed, the other one asks for encryption from now on
					w.OK(w.Constituency.EndContact(w.ctx, act.Machine, c.ID, today))
					if c.Mail == "it@bank.example" {
						_, err = w.Constituency.AddContact(w.ctx, act.Machine, constituency.Contact{Constituent: l.ID, Role: c.Role, Mail: c.Mail, Encrypt: true, ValidFrom: today})
						w.OK(err)
					}
				}
			}
		}
		c, err := w.desk.Correct(w.ctx, w.boris, s.ID, "the number was wrong")
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, c.ID, 0)
		w.OK(err)
		reached, err := w.desk.Reach(w.ctx, c.ID, Audience{Same: true})
		w.OK(err)
		all := reached.First
		for _, r := range all {
			if r.Address == "it@bank.example" && !r.encrypt {
				t.Error("the bank's wish of today is not heeded")
			}
			if gone := r.Address == "vera@cert.example" || r.Address == "soc@hospital.example"; gone != strings.Contains(r.Withheld, "any more") {
				t.Errorf("%s: withheld %q", r.Address, r.Withheld)
			}
		}
		sent, err := w.desk.Distribute(w.ctx, w.ana, c.ID, Audience{Same: true})
		w.OK(err)
		if sent.Withheld != 2 || sent.Letters != 3 {
			t.Errorf("%+v of %d", sent, len(all))
		}
		if _, there := w.letters(KindReport)["vera@cert.example"]; there {
			t.Error("who left is still written to")
		}
	})
}

func TestNobodyGetsWhatTLPForbids(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		everybody := Audience{Staff: true, Everybody: true, Authorities: true}
		for label, want := range map[tlp.Label]int{tlp.Clear: 6, tlp.Green: 6, tlp.Amber: 3, tlp.AmberStrict: 3, tlp.Red: 0} {
			s := w.approved(label, "For "+label.String())
			sent, err := w.desk.Distribute(w.ctx, w.ana, s.ID, everybody)
			w.OK(err)
			if sent.Letters != want || sent.Letters+sent.Withheld != 6 {
				t.Errorf("%s: %+v, want %d letters", label, sent, want)
			}
			rs, _, err := w.desk.Recipients(w.ctx, s.ID, 0, 100)
			w.OK(err)
			for _, r := range rs {
				if label >= tlp.Amber && r.Constituent != 0 {
					t.Errorf("%s went to %s", label, r.Name)
				}
			}
			w.later(time.Hour)
		}
	})
}

func TestACaseThatIsMarkedStricterAfterTheApprovalKeepsTheReportBack(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		c := w.grave("Was green", tlp.Green)
		s := w.approved(tlp.Green, "Read on.")
		if !strings.Contains(s.Texts["en"][Cases].Text, c.Number) {
			t.Fatalf("the case is not named: %s", s.Texts["en"][Cases].Text)
		}
		amber := tlp.Amber
		_, err := w.Town.Edit(w.ctx, incidenttest.Officer, c.ID, 0, incident.Change{Label: &amber})
		w.OK(err)
		reached, err := w.desk.Reach(w.ctx, s.ID, Audience{Everybody: true, Staff: true})
		w.OK(err)
		all := reached.First
		for _, r := range all {
			// The hospital is a party of the case.
			if held := r.Withheld != ""; held != (r.Address == "it@bank.example") {
				t.Errorf("%s: withheld %q", r.Address, r.Withheld)
			}
		}
	})
}

func TestARecipientGetsItOnceEvenAfterACrashInBetween(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "Act.")
		reached, err := w.desk.Reach(w.ctx, s.ID, Audience{Everybody: true, Authorities: true, Staff: true})
		w.OK(err)
		all := reached.First
		// the process ends within the transaction, after the letters were written
		crash := errors.New("crash")
		err = w.desk.DB.Act(w.ctx, act.Act{Actor: w.ana, Verb: "sitrep.distribute"}, func(tx *db.Tx) error {
			for i := range all {
				if _, err := w.desk.enqueue(tx, w.ana, &s, &all[i]); err != nil {
					return err
				}
			}
			return crash
		})
		if !errors.Is(err, crash) || len(w.letters(KindReport)) != 0 {
			t.Fatalf("%v: something was left behind", err)
		}
		// and once more after a part was committed
		w.OK(w.desk.DB.Act(w.ctx, act.Act{Actor: w.ana, Verb: "sitrep.distribute"}, func(tx *db.Tx) error {
			for i := range all[:2] {
				if _, err := w.desk.enqueue(tx, w.ana, &s, &all[i]); err != nil {
					return err
				}
			}
			return nil
		}))
		for n, want := range []Sent{{Letters: 4, Already: 2}, {Already: 6}} {
			sent, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true, Authorities: true, Staff: true, Designations: []string{"special-importance"}, Sectors: []string{"finance"}})
			w.OK(err)
			if sent != want {
				t.Errorf("time %d: %+v, want %+v", n+1, sent, want)
			}
		}
		got := w.letters(KindReport)
		if len(got) != 6 || !strings.Contains(got["desk@ministry.example"].Text, "For Ministry") || !strings.Contains(got["ana@cert.example"].Text, "Za: ana") {
			t.Errorf("letters: %d", len(got))
		}
		for to, c := range got {
			if c.Marking.Label != tlp.Green || !strings.Contains(c.Subject, "[SR-2026-001]") {
				t.Errorf("%s: %s %+v", to, c.Subject, c.Marking)
			}
		}
	})
}

func TestOnlyWhatIsApprovedIsDistributedAndByWhoMayRule(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Staff: true})
		w.refused(err, fault.Conflict, "only what is approved")
		s, err = w.desk.Approve(w.ctx, w.ana, s.ID, 0)
		w.OK(err)
		_, err = w.desk.Distribute(w.ctx, w.vera, s.ID, Audience{Staff: true})
		w.refused(err, fault.Forbidden, "incident.rule")
		_, err = w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Sectors: []string{"space"}})
		w.refused(err, fault.Invalid, "nobody is in it")
		_, err = w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Same: true})
		w.refused(err, fault.Invalid, "replaces none")
		outsider := act.Actor{Kind: act.Person, ID: "9", Rights: &act.Rights{}}
		_, err = w.desk.Draft(w.ctx, outsider)
		w.refused(err, fault.Forbidden, "incident.write")
	})
}

func TestAWithdrawalStopsWhatWaitsAndTellsWhoHasIt(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "Act.")
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true})
		w.OK(err)
		begun(w, "soc@hospital.example")
		s, err = w.desk.Withdraw(w.ctx, w.ana, s.ID, "It was a false alarm.")
		w.OK(err)
		told := w.letters(KindWithdrawn)
		if len(told) != 1 || !strings.Contains(told["soc@hospital.example"].Text, "It was a false alarm.") {
			t.Errorf("told: %v", told)
		}
		if o := w.one(s.ID); o.State != Withdrawn || !o.Whole {
			t.Errorf("it is %s, whole %v", o.State, o.Whole)
		}
		if left := w.letters(KindReport); len(left) > 0 {
			t.Errorf("still sent: %d", len(left))
		}
	})
}

func TestWhoHoldsAnEarlierEditionIsToldOfALaterOne(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "Wrong.")
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true})
		w.OK(err)
		begun(w, "soc@hospital.example") // the bank's is taken back by the correction
		correct := func(id int64, why string) Sitrep {
			c, err := w.desk.Correct(w.ctx, w.vera, id, why)
			w.OK(err)
			c, err = w.desk.Approve(w.ctx, w.ana, c.ID, 0)
			w.OK(err)
			return c
		}
		second := correct(s.ID, "one number was wrong")
		_, err = w.desk.Distribute(w.ctx, w.ana, second.ID, Audience{Staff: true})
		w.OK(err)
		begun(w, "ana@cert.example")
		third := correct(second.ID, "another number was wrong")
		reached, err := w.desk.Reach(w.ctx, third.ID, Audience{Same: true})
		w.OK(err)
		all := reached.First
		if len(all) != 5 {
			t.Errorf("the third one would go to %+v", all)
		}
		given, err := w.desk.Correct(w.ctx, w.vera, third.ID, "not needed")
		w.OK(err)
		_, err = w.desk.Withdraw(w.ctx, w.ana, given.ID, "not needed")
		w.OK(err)
		if told := w.letters(KindWithdrawn); len(told) != 0 {
			t.Errorf("a draft that is given up is told to %d", len(told))
		}
		_, err = w.desk.Withdraw(w.ctx, w.ana, third.ID, "It was a false alarm.")
		w.OK(err)
		told := w.letters(KindWithdrawn)
		if len(told) != 2 || !strings.Contains(told["soc@hospital.example"].Text, "SR-2026-001/3 i njegova ranija izdanja") || told["ana@cert.example"].Text == "" {
			t.Errorf("told: %v", told)
		}
	})
}

func TestAReasonNamesNoCaseThatIsMarkedStricter(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		secret, open := w.grave("Secret of the hospital", tlp.Amber), w.grave("Known to all", tlp.Green)
		s := w.approved(tlp.Green, "Act.")
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true})
		w.OK(err)
		c, err := w.desk.Correct(w.ctx, w.vera, s.ID, "the number was that of "+secret.Number)
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, c.ID, 0)
		w.refused(err, fault.Conflict, "names the case "+secret.Number)
		begun(w, "soc@hospital.example")
		_, err = w.desk.Withdraw(w.ctx, w.ana, s.ID, "it was about "+secret.Number)
		w.refused(err, fault.Conflict, "names the case "+secret.Number)
		if got := w.one(s.ID).State; got != Approved {
			t.Errorf("it is %s", got)
		}
		_, err = w.desk.Withdraw(w.ctx, w.ana, s.ID, "it was about "+open.Number)
		w.OK(err)
		told := w.letters(KindWithdrawn)["soc@hospital.example"]
		if len(told.About) != 1 || told.About[0].Object != open.Ref() {
			t.Errorf("the gate is asked about %+v", told.About)
		}
	})
}

func TestALetterThatWaitsDoesNotLeaveOnceACaseThatItNamesIsMarkedStricter(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		server := mailtest.New(t)
		config := server.Config()
		server.Stop()
		w := newLand(t, d, func(g *incidenttest.Ground) { g.Mail, g.Real = &config, clock.Real() })
		c := w.grave("Known to all", tlp.Green)
		s := w.approved(tlp.Green, "Act.")
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true})
		w.OK(err)
		w.OK(w.box.Start(w.ctx, w.ana, "go"))
		// works until the letters to the hospital, whose case it is, and to the bank are in these states
		works := func(hospital, bank notify.State) (ls []notify.Letter) {
			t.Helper()
			ctx, stop := context.WithCancel(w.ctx)
			done := make(chan struct{})
			go func() { w.box.Work(ctx); close(done) }()
			defer func() { stop(); <-done }()
			tick, end := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-end:
					t.Fatalf("the letters are not %s and %s: %+v", hospital, bank, ls)
				}
				ls, _, err = w.box.List(w.ctx, notify.Filter{Kind: KindReport, Limit: 1000})
				w.OK(err)
				want := map[string]notify.State{"soc@hospital.example": hospital, "it@bank.example": bank}
				if !slices.ContainsFunc(ls, func(l notify.Letter) bool { return l.State != want[l.To] }) {
					return ls
				}
			}
		}
		works(notify.Rendered, notify.Rendered)
		amber := tlp.AmberStrict
		_, err = w.Town.Edit(w.ctx, incidenttest.Officer, c.ID, 0, incident.Change{Label: &amber, Reason: "names of patients"})
		w.OK(err)
		server.Start()
		w.later(time.Hour)
		for _, l := range works(notify.Handed, notify.Held) {
			if l.State == notify.Held && (l.Hold != notify.HoldGate || !strings.Contains(l.Reason, string(c.Ref()))) {
				t.Errorf("%s: %s %s", l.To, l.Hold, l.Reason)
			}
		}
		if got := server.Got(); len(got) != 1 {
			t.Errorf("%d left", len(got))
		}
	})
}

func TestTheLastOfManyCasesThatAreNamedIsJudgedToo(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		secret := w.grave("Secret of the hospital", tlp.Amber)
		s := w.drafted()
		text, green := strings.Repeat("2001-0001 ", 1500)+secret.Number, tlp.Green
		s, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Label: &green, Judgement: &text})
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
		w.refused(err, fault.Conflict, "names the case "+secret.Number)
	})
}

func TestAnAudienceIsCountedWholeAndNamedInPart(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		var b strings.Builder
		for i := range 600 {
			fmt.Fprintf(&b, `,{"ref":"c%d","name":"C %d","kind":"operator","sector":"energy","contacts":[{"role":"security","mail":"soc@c%d.example"}]}`, i, i, i)
		}
		doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(`{"constituents":[`+b.String()[1:]+`]}`))
		w.OK(err)
		_, err = w.Constituency.Import(w.ctx, act.Machine, doc, constituency.ImportOptions{})
		w.OK(err)
		s := w.approved(tlp.Green, "Act.")
		got, err := w.desk.Reach(w.ctx, s.ID, Audience{Sectors: []string{"energy"}})
		w.OK(err)
		if got.Letters != 600 || len(got.First) != 500 || got.More != 100 {
			t.Errorf("%d letters, %d named, %d more", got.Letters, len(got.First), got.More)
		}
		none, err := w.desk.Reach(w.ctx, s.ID, Audience{Sectors: []string{"space"}})
		w.OK(err)
		if none.First == nil || none.Letters+none.Already+none.Withheld+none.More != 0 {
			t.Errorf("nobody is %+v", none)
		}
	})
}

func TestAListHasTheBodyOfDraftsOnly(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		w.approved(tlp.Green, "Act.")
		w.later(time.Hour)
		s := w.drafted()
		_, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Texts: map[Section]string{Reports: "One."}})
		w.OK(err)
		w.Filed("bank", "New")
		w.later(time.Minute)
		_, err = w.desk.Refresh(w.ctx, w.ana, s.ID, 0)
		w.OK(err)
		list, _, err := w.desk.List(w.ctx, Filter{})
		w.OK(err)
		if len(list) != 2 || !list[0].Changed() || list[1].Texts != nil || list[1].Judgement != nil || list[1].SHA256 == "" {
			t.Errorf("listed: %+v", list)
		}
	})
}

// begun has the hand-over of a letter to an address begin and end, as the outbox notes it.
func begun(w *land, address string) {
	w.Helper()
	w.OK(w.desk.DB.Act(context.Background(), act.Act{Actor: act.Machine, Verb: "test.hand"}, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE outbox_letter SET state = $1, attempts = 1, handed = 1 WHERE address = $2`, string(notify.Handed), address)
		return err
	}))
}
