package affected

import (
	"context"
	"encoding/csv"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
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

// town is a nation with a hospital, a bank that nobody can write to, and a ministry.
type town struct {
	*Desk
	t      testing.TB
	ids    map[string]int64
	server *mailtest.Server
}

var officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}

const registry = `{"constituents":[
 {"ref":"hospital","name":"Hospital","kind":"operator","sector":"health","language":"sr-Latn","contacts":[{"role":"security","mail":"soc@hospital.example"},{"role":"abuse","mail":"SOC@hospital.example"},{"role":"press","mail":"press@hospital.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/24"},{"kind":"domain","value":"hospital.example"}]},
 {"ref":"bank","name":"Bank","kind":"operator","sector":"finance","assets":[{"kind":"prefix","value":"198.51.100.0/24"}]},
 {"ref":"ministry","name":"Ministry","kind":"authority","sector":"government","contacts":[{"role":"security","mail":"desk@ministry.example"}]}]}`

func eachTown(t *testing.T, fn func(t *testing.T, w *town)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		w := &town{t: t, server: mailtest.New(t)}
		now := clock.NewManual(time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC))
		w.ids = incidenttest.Settle(t, d, now, registry, "")
		server := w.server.Config()
		desk, err := incidenttest.Ground{DB: d, Clock: now, Real: clock.Real(), Dir: t.TempDir(), Mail: &server}.Desk()
		w.ok(err)
		w.Desk, err = New(Config{Incidents: desk, Findings: event.NewLister(d).WithClock(now).WithRegistry(desk.Constituency)})
		w.ok(err)
		fn(t, w)
	})
}

func (w *town) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) refused(err error, kind fault.Kind, says string) {
	w.t.Helper()
	incidenttest.Refused(w.t, err, kind, says)
}

// opened is a case of which the hospital, a foreign shop and some patients are affected.
func (w *town) opened() (c incident.Case, hospital, shop, patients int64) {
	w.t.Helper()
	ctx := context.Background()
	c, err := w.Open(ctx, officer, incident.Opening{Title: "Leak"}, incident.Party{Constituent: w.ids["hospital"], Part: incident.AsVictim})
	w.ok(err)
	n, err := w.Add(ctx, officer, c.ID, Affected{Kind: Entity, Constituent: w.ids["hospital"], Source: ByParty, Why: "victim"},
		Affected{Kind: Entity, Name: "Shop", Mail: "info@shop.example", Source: ByHand, Why: "in the dump"},
		Affected{Kind: Persons, Constituent: w.ids["hospital"], Name: "Patients", Persons: 1200, Source: ByHand, Why: "in the dump"})
	w.ok(err)
	all, err := w.List(ctx, c.ID)
	w.ok(err)
	if n != 3 || len(all) != 3 {
		w.t.Fatalf("%d are new, %d there", n, len(all))
	}
	at := map[string]int64{}
	for _, a := range all {
		at[a.Name] = a.ID
	}
	return c, at["Hospital"], at["Shop"], at["Patients"]
}

func (w *town) notice(l tlp.Label) Notice {
	return Notice{Subject: "Your data", What: "A copy of your list is on sale.", Advice: "Change the passwords.", Label: l}
}

// delivered works the outbox until so many letters arrived.
func (w *town) delivered(n int) {
	w.t.Helper()
	work, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Outbox.Work(work); close(done) }()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for len(w.server.Got()) < n {
		select {
		case <-tick.C:
		case <-end:
			w.t.Fatalf("%d of %d letters arrived", len(w.server.Got()), n)
		}
	}
	stop()
	<-done
}

func TestTheAffectedAreToldInTheirLanguageOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, shop, patients := w.opened()
		ls, err := w.Preview(ctx, c.ID, []int64{hospital, patients}, w.notice(tlp.Amber))
		w.ok(err)
		if len(ls) != 2 || ls[0].To != "soc@hospital.example" || ls[0].Language != "sr-Latn" || !strings.Contains(ls[0].Text, "Šta se dogodilo") || ls[0].Withheld != "" {
			t.Fatalf("the preview is %+v", ls)
		}
		// The shop is not of the registry: it is the public, and AMBER is not for it. Nothing of it all leaves.
		_, err = w.Tell(ctx, officer, c.ID, []int64{hospital, shop}, w.notice(tlp.Amber))
		w.refused(err, fault.Invalid, "Shop: info@shop.example may not be given TLP:AMBER")
		_, err = w.Tell(ctx, officer, c.ID, []int64{shop}, w.notice(tlp.Clear))
		w.refused(err, fault.Invalid, "lowered: the case is TLP:AMBER")
		all, err := w.List(ctx, c.ID)
		w.ok(err)
		if slices.ContainsFunc(all, func(a Affected) bool { return a.State != Undecided || len(a.Tellings) > 0 }) {
			t.Errorf("somebody was told: %+v", all)
		}
		n, err := w.Tell(ctx, officer, c.ID, []int64{hospital, hospital, patients}, w.notice(tlp.Amber))
		w.ok(err)
		open := w.notice(tlp.Clear)
		open.Lowered = "it is in the press"
		m, err := w.Tell(ctx, officer, c.ID, []int64{shop}, open)
		w.ok(err)
		if n != 2 || m != 1 {
			t.Errorf("%d and %d letters", n, m)
		}
		// Nothing leaves yet: nobody is told, and the case cannot be closed.
		all, err = w.List(ctx, c.ID)
		w.ok(err)
		if slices.ContainsFunc(all, func(a Affected) bool { return a.State != Underway }) {
			t.Errorf("while the letters wait: %+v", all)
		}
		_, err = w.Move(ctx, officer, c.ID, 0, incident.Resolved, "")
		w.ok(err)
		_, err = w.Move(ctx, officer, c.ID, 0, incident.Closed, "")
		w.refused(err, fault.Conflict, "3 of those affected")
		w.ok(w.Outbox.Start(ctx, officer, "go"))
		w.delivered(3)
		all, err = w.List(ctx, c.ID)
		w.ok(err)
		for _, a := range all {
			if a.State != Told || len(a.Tellings) != 1 || a.Tellings[0].State != string(notify.Handed) || a.Tellings[0].By != "Officer" {
				t.Errorf("%s: %+v", a.Name, a)
			}
		}
	})
}

func TestWhoseLetterDidNotArriveIsNotTold(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, _, _ := w.opened()
		_, err := w.Tell(ctx, officer, c.ID, []int64{hospital}, w.notice(tlp.Amber))
		w.ok(err)
		all, err := w.List(ctx, c.ID)
		w.ok(err)
		i := slices.IndexFunc(all, func(a Affected) bool { return a.ID == hospital })
		w.ok(w.DB.Act(ctx, act.Act{Actor: officer, Verb: "test.cancel", Object: "test:1"}, func(tx *db.Tx) error {
			_, err := w.Outbox.Cancel(tx, "wrong address", all[i].Tellings[0].Letter)
			return err
		}))
		all, err = w.List(ctx, c.ID)
		w.ok(err)
		if all[i].State != Failed {
			t.Errorf("it is %s", all[i].State)
		}
		w.ok(w.Decide(ctx, officer, c.ID, hospital, "it closed its doors"))
	})
}

func TestCaseClosesWhenEverybodyIsToldOrDecidedAbout(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, shop, patients := w.opened()
		c, err := w.Move(ctx, officer, c.ID, 0, incident.Resolved, "")
		w.ok(err)
		_, err = w.Move(ctx, officer, c.ID, 0, incident.Closed, "")
		w.refused(err, fault.Conflict, "3 of those affected")
		w.ok(w.Record(ctx, officer, c.ID, hospital, Telling{Channel: "phone", Address: "+381 11 000", Text: "Spoke with the night shift."}))
		w.refused(w.Record(ctx, officer, c.ID, shop, Telling{Channel: "mail", Text: "x"}), fault.Invalid, "channel")
		w.ok(w.Decide(ctx, officer, c.ID, shop, "it is closed for good"))
		w.ok(w.Decide(ctx, officer, c.ID, patients, "the hospital does"))
		w.refused(w.Decide(ctx, officer, c.ID, hospital, "no"), fault.Conflict, "told already")
		_, err = w.Move(ctx, officer, c.ID, 0, incident.Closed, "")
		w.ok(err)
	})
}

func TestWhoIsAffectedIsFoundByWhatTheyOwn(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, _, _, _ := w.opened()
		got, err := w.Suggest(ctx, c.ID, Search{Values: "203.0.113[.]7, hxxps://mail.hospital[.]example/x 198.51.100.0/25\n192.0.2.1"})
		w.ok(err)
		if all := got.Items; len(all) != 2 || all[0].Ref != "bank" || all[0].There || all[1].Ref != "hospital" || !all[1].There ||
			all[1].Why != "victim; 203.0.113.7 (203.0.113.0/24); https://mail.hospital.example/x (hospital.example)" || got.Left != nil {
			t.Errorf("suggested: %+v", got)
		}
		_, err = w.Suggest(ctx, c.ID, Search{Values: "not/a/network 999.1.1.1"})
		w.refused(err, fault.Invalid, "999.1.1.1")
	})
}

// What is pasted from a report has hashes in it and mistakes: the rest is looked for, and who looks is told what was not.
func TestWhatNobodyOwnsIsLeftAndTheRestIsLookedFor(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, _, _, _ := w.opened()
		hash := strings.Repeat("ab", 32)
		got, err := w.Suggest(ctx, c.ID, Search{Values: "198.51.100.9 " + hash + " 999.1.1.1 nurse@hospital.example"})
		w.ok(err)
		if len(got.Items) != 2 || got.Items[0].Ref != "bank" || !strings.Contains(got.Items[1].Why, "nurse@hospital.example (hospital.example)") ||
			!slices.Equal(got.Left, []string{hash, "999.1.1.1"}) {
			t.Errorf("suggested: %+v", got)
		}
	})
}

func TestOwnersOfConfirmedIndicatorsAreFoundWhenAskedFor(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, _, _, _ := w.opened()
		_, err := w.Judge(ctx, officer, c.ID, incident.Confirmed, nil, "198.51.100.9 "+strings.Repeat("ab", 32))
		w.ok(err)
		_, err = w.Judge(ctx, officer, c.ID, incident.Refused, nil, "203.0.113.200")
		w.ok(err)
		got, err := w.Suggest(ctx, c.ID, Search{Indicators: true})
		w.ok(err)
		if len(got.Items) != 2 || got.Items[0].Ref != "bank" || got.Items[0].Source != ByIndicator || got.Items[1].Why != "victim" || got.Left != nil { // 203.0.113.200 is the victim's
			t.Errorf("suggested: %+v", got)
		}
		if got, err = w.Suggest(ctx, c.ID, Search{}); err != nil || len(got.Items) != 1 {
			t.Errorf("without the indicators: %+v %v", got, err)
		}
	})
}

func TestTheAuthorityGetsTheListAndNobodyElse(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, _, _ := w.opened()
		_, err := w.Add(ctx, officer, c.ID, Affected{Kind: Entity, Name: "=HYPERLINK(1)", Source: ByHand, Why: "x"})
		w.ok(err)
		w.ok(w.Record(ctx, officer, c.ID, hospital, Telling{Channel: "phone", Text: "Told."}))
		_, err = w.Give(ctx, officer, c.ID, w.ids["bank"], tlp.Amber, "the law")
		w.refused(err, fault.Invalid, "no competent authority")
		_, err = w.Give(ctx, officer, c.ID, w.ids["ministry"], tlp.Amber, "")
		w.refused(err, fault.Invalid, "reason")
		n, err := w.Give(ctx, officer, c.ID, w.ids["ministry"], tlp.Amber, "the law")
		w.ok(err)
		given, err := w.Given(ctx, c.ID)
		w.ok(err)
		if n != 1 || len(given) != 1 || given[0].Address != "desk@ministry.example" || given[0].Receiver != w.ids["ministry"] {
			t.Errorf("given: %+v", given)
		}
		l, err := w.Listing(ctx, c.ID)
		w.ok(err)
		b, err := l.CSV()
		w.ok(err)
		rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
		w.ok(err)
		if len(rows) != 5 || !slices.ContainsFunc(rows, func(r []string) bool { return r[2] == "'=HYPERLINK(1)" }) ||
			!slices.ContainsFunc(rows, func(r []string) bool { return r[1] == "hospital" && r[0] == "entity" && r[9] == "phone" && r[8] != "" }) {
			t.Errorf("the file is %s", b)
		}
		outsider := act.Actor{Kind: act.Person, ID: "9", Rights: &act.Rights{Constituents: []int64{w.ids["hospital"]}, Permissions: map[act.Permission]bool{"portal.read": true}}}
		_, err = w.Give(ctx, outsider, c.ID, w.ids["ministry"], tlp.Amber, "me")
		w.refused(err, fault.Forbidden, "incident.rule")
		_, err = w.Add(ctx, outsider, c.ID, Affected{Kind: Entity, Name: "x", Source: ByHand, Why: "x"})
		w.refused(err, fault.Forbidden, "incident.write")
	})
}

func TestOfACaseThatIsReadInsideOnlyNobodyIsTold(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, _, _ := w.opened()
		w.ok(w.Exportable(ctx, &c))
		red := disclosure.PAPRed
		c, err := w.Edit(ctx, officer, c.ID, 0, incident.Change{PAP: &red})
		w.ok(err)
		_, err = w.Tell(ctx, officer, c.ID, []int64{hospital}, w.notice(tlp.Amber))
		w.refused(err, fault.Invalid, "may not be given TLP:AMBER, PAP:RED by mail")
		_, err = w.Give(ctx, officer, c.ID, w.ids["ministry"], tlp.Amber, "the law")
		w.refused(err, fault.Conflict, "may not be given TLP:AMBER, PAP:RED by mail")
		w.refused(w.Exportable(ctx, &c), fault.Forbidden, "leaves in no file")
	})
}

func TestTheSameNoticeIsSentOnceUnlessItWasTakenBack(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, _, _ := w.opened()
		tell := func(subject string) (int, error) {
			n := w.notice(tlp.Amber)
			n.Subject = subject
			return w.Tell(ctx, officer, c.ID, []int64{hospital}, n)
		}
		_, err := tell("Your data")
		w.ok(err)
		n, err := tell("Your data")
		w.refused(err, fault.Conflict, "this very letter to soc@hospital.example was written before")
		if n != 0 {
			t.Errorf("%d were sent", n)
		}
		_, err = tell("Your data, again")
		w.ok(err)
		all, err := w.List(ctx, c.ID)
		w.ok(err)
		i := slices.IndexFunc(all, func(a Affected) bool { return a.ID == hospital })
		if len(all[i].Tellings) != 2 || all[i].Tellings[0].Letter == all[i].Tellings[1].Letter {
			t.Fatalf("told: %+v", all[i].Tellings)
		}
		for _, x := range all[i].Tellings {
			w.ok(w.DB.Act(ctx, act.Act{Actor: officer, Verb: "test.cancel"}, func(tx *db.Tx) error {
				_, err := w.Outbox.Cancel(tx, "a mistake", x.Letter)
				return err
			}))
		}
		_, err = tell("Your data")
		w.ok(err)
		if all, err = w.List(ctx, c.ID); err != nil || len(all[i].Tellings) != 3 {
			t.Errorf("after they were taken back: %+v %v", all[i].Tellings, err)
		}
	})
}

func TestJoinedCasesKeepWhoWasTold(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		one, hospital, _, _ := w.opened()
		two, other, _, _ := w.opened()
		w.ok(w.Record(ctx, officer, one.ID, hospital, Telling{Channel: "phone", Text: "One."}))
		_, err := w.Add(ctx, officer, one.ID, Affected{Kind: Entity, Constituent: w.ids["bank"], Source: ByHand, Why: "only there"})
		w.ok(err)
		_, err = w.Join(ctx, officer, one.ID, 0, two.ID, "same")
		w.ok(err)
		all, err := w.List(ctx, two.ID)
		w.ok(err)
		if len(all) != 4 {
			t.Errorf("%d are affected, want 4: %+v", len(all), all)
		}
		for _, a := range all {
			if a.ID == other && (a.State != Told || len(a.Tellings) != 1 || a.Tellings[0].Text != "One.") {
				t.Errorf("the hospital is %+v", a)
			}
		}
	})
}

func TestNoticeIsCheckedFieldByField(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		c, hospital, _, _ := w.opened()
		for field, spoil := range map[string]func(*Notice){
			"subject": func(n *Notice) { n.Subject = "a\r\nBcc: x@y.example" },
			"what":    func(n *Notice) { n.What = strings.Repeat("x", 10<<20) },
			"advice":  func(n *Notice) { n.Advice = "\x00" },
			"tlp":     func(n *Notice) { n.Label = tlp.Red },
		} {
			n := w.notice(tlp.Amber)
			spoil(&n)
			_, err := w.Tell(context.Background(), officer, c.ID, []int64{hospital}, n)
			w.refused(err, fault.Invalid, field+": ")
		}
		for field, a := range map[string]Affected{
			"mail":        {Kind: Entity, Name: "X", Mail: "a@b.example\nBcc: c@d.example", Source: ByHand, Why: "x"},
			"name":        {Kind: Entity, Source: ByHand, Why: "x"},
			"why":         {Kind: Entity, Name: "X", Source: ByHand},
			"constituent": {Kind: Entity, Constituent: 4711, Source: ByHand, Why: "x"},
			"kind":        {Kind: "cat", Name: "X", Source: ByHand, Why: "x"},
			"persons":     {Kind: Persons, Name: "X", Persons: -1, Source: ByHand, Why: "x"},
		} {
			_, err := w.Add(context.Background(), officer, c.ID, a)
			w.refused(err, fault.Invalid, field+": ")
		}
	})
}

func TestNobodyIsToldOfACaseThatWasMarkedStricterMeanwhile(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, hospital, _, _ := w.opened()
		n := w.notice(tlp.Amber)
		ls, err := w.letters(ctx, &c, []int64{hospital}, &n)
		w.ok(err)
		_, err = w.Edit(ctx, officer, c.ID, 0, incident.Change{Label: new(tlp.AmberStrict)})
		w.ok(err)
		_, err = w.deliver(ctx, officer, &c, ls, &n)
		w.refused(err, fault.Conflict, "was marked TLP:AMBER+STRICT while this was written")
		into, err := w.Open(ctx, officer, incident.Opening{Title: "The campaign"})
		w.ok(err)
		c, err = w.Case(ctx, c.ID)
		w.ok(err)
		_, err = w.Join(ctx, officer, c.ID, 0, into.ID, "one campaign")
		w.ok(err)
		_, err = w.deliver(ctx, officer, &c, ls, &n)
		w.refused(err, fault.Conflict, "is part of another one now")
		all, err := w.List(ctx, into.ID)
		w.ok(err)
		if slices.ContainsFunc(all, func(a Affected) bool { return len(a.Tellings) > 0 }) {
			t.Errorf("somebody was told: %+v", all)
		}
	})
}

// Who is found to be affected while the case becomes part of another one is affected by that one, or whoever found them is told.
func TestNobodyStaysBehindInACaseThatIsJoinedMeanwhile(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for round := range 5 {
			one, err := w.Open(ctx, officer, incident.Opening{Title: "x"})
			w.ok(err)
			two, err := w.Open(ctx, officer, incident.Opening{Title: "The campaign"})
			w.ok(err)
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() {
					if i == 3 {
						_, err := w.Join(ctx, officer, one.ID, 0, two.ID, "one campaign")
						if err != nil {
							t.Error(err)
						}
						return
					}
					_, errs[i] = w.Add(ctx, officer, one.ID, Affected{Kind: Entity, Name: strings.Repeat("x", i+1), Source: ByHand, Why: "x"})
				})
			}
			wg.Wait()
			added := -1 // the one that joins
			for _, err := range errs {
				if err == nil {
					added++
				} else {
					w.refused(err, fault.Conflict, "part of another one now")
				}
			}
			left, err := w.List(ctx, one.ID)
			w.ok(err)
			all, err := w.List(ctx, two.ID)
			w.ok(err)
			if len(left) != 0 || len(all) != added {
				t.Errorf("round %d: %d stayed behind, %d are affected by the other one, %d were added", round, len(left), len(all), added)
			}
		}
	})
}
