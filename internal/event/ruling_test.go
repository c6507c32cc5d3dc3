package event

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

func one(id string) Choice { return Choice{IDs: []string{id}} }

func closeOne(l *Lister, id, why string) error {
	_, err := l.Rule(context.Background(), tester, one(id), Decision{Verb: CloseFindings, Reason: why})
	return err
}

func reopenOne(l *Lister, id, why string) error {
	_, err := l.Rule(context.Background(), tester, one(id), Decision{Verb: Reopen, Reason: why})
	return err
}

// rulings is a nation of a hundred findings by a clock of its own, without rulings.
type rulings struct {
	*testing.T
	*Lister
	now *clock.Manual
	w   *listWorld
}

func eachRulings(t *testing.T, findings int, fn func(r *rulings)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		w := newListWorld(t, d, 2, findings)
		w.write(t, func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM finding_ruling`)
			return err
		})
		fn(&rulings{t, NewLister(d).WithClock(now), now, w})
	})
}

func (r *rulings) day() Day { return DayOf(r.now.Now().UnixMicro()) }

func (r *rulings) open(n int) (out []string) {
	r.Helper()
	p, err := r.List(context.Background(), Filter{}, Sort{}, PageRequest{Limit: n})
	if err != nil || len(p.Items) < n {
		r.Fatalf("fewer than %d open findings: %v", n, err)
	}
	for _, f := range p.Items {
		out = append(out, f.ID.String())
	}
	return out
}

func (r *rulings) count(f Filter) int64 {
	r.Helper()
	n, err := r.Count(context.Background(), f)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func (r *rulings) rule(c Choice, d Decision) *Deed {
	r.Helper()
	deed, err := r.Rule(context.Background(), tester, c, d)
	if err != nil {
		r.Fatal(err)
	}
	return deed
}

func (r *rulings) undo(d *Deed) *Deed {
	r.Helper()
	out, err := r.Undo(context.Background(), tester, d.ID)
	if err != nil {
		r.Fatal(err)
	}
	return out
}

func (r *rulings) see(id string) *Detail {
	r.Helper()
	d, err := r.ByID(context.Background(), id)
	if err != nil {
		r.Fatal(err)
	}
	return d
}

func TestAFalsePositiveIsNotOpenUntilItIsReset(t *testing.T) {
	eachRulings(t, 100, func(r *rulings) {
		before, id := r.count(Filter{}), r.open(1)[0]
		r.rule(one(id), Decision{Verb: MarkFalse, Reason: "a honeypot of ours"})
		if n := r.count(Filter{}); n != before-1 {
			r.Errorf("%d open, want %d", n, before-1)
		}
		if n := r.count(Filter{States: []State{FalsePositive}}); n != 1 {
			r.Errorf("%d by state", n)
		}
		if n := r.count(Filter{Dispositions: []Disposition{RuledFalse}}); n != 1 {
			r.Errorf("%d by disposition", n)
		}
		f := r.see(id)
		if f.State != FalsePositive || f.Ruling.Reason != "a honeypot of ours" || len(f.Acts) != 1 {
			r.Errorf("%+v", f)
		}
		r.w.write(r.T, func(tx *db.Tx) error { // a later report has it again
			_, err := tx.Exec(`UPDATE report_type SET last_day = last_day + 30, cutoff = cutoff + 30, version = version + 1 WHERE id = $1`, f.TypeID)
			if err == nil {
				_, err = tx.Exec(`UPDATE finding SET run_to = 9999999 WHERE id = $1`, []byte(f.ID))
			}
			return err
		})
		if s := r.see(id).State; s != FalsePositive {
			r.Errorf("seen again it is %s", s)
		}
		r.rule(one(id), Decision{Verb: Reset})
		if s := r.see(id).State; s != Open {
			r.Errorf("after the reset it is %s", s)
		}
		if _, err := r.Rule(context.Background(), tester, one(id), Decision{Verb: Reset}); fault.KindOf(err) != fault.Conflict {
			r.Errorf("reset twice: %v", err)
		}
	})
}

func TestAnAcceptedRiskIsOpenAgainAfterItsDay(t *testing.T) {
	eachRulings(t, 100, func(r *rulings) {
		ctx := context.Background()
		before, id := r.count(Filter{}), r.open(1)[0]
		tallier := NewTallier(r.Lister)
		tally := func() (n int64) {
			r.Helper()
			all, err := tallier.Tally(ctx)
			if err != nil {
				r.Fatal(err)
			}
			for _, t := range all {
				for _, o := range t.Owners {
					for _, k := range o.Open {
						n += k
					}
				}
			}
			return n
		}
		for _, until := range []Day{r.day() - 1, r.day() + maxRisk + 1, 0} {
			if _, err := r.Rule(ctx, tester, one(id), Decision{Verb: AcceptRisk, Reason: "x", Until: until}); fault.KindOf(err) != fault.Invalid {
				r.Errorf("accepted until %s: %v", until, err)
			}
		}
		r.rule(one(id), Decision{Verb: AcceptRisk, Reason: "replaced in spring", Until: r.day() + 2})
		for i, want := range []int64{before - 1, before - 1, before - 1, before} {
			if n := r.count(Filter{}); n != want {
				r.Errorf("day %d: %d open, want %d", i, n, want)
			}
			if n := tally(); n != want {
				r.Errorf("day %d: %d counted, want %d", i, n, want)
			}
			r.now.Move(24 * time.Hour)
		}
		if f := r.see(id); f.State != Open || f.Ruling.Until != r.day()-2 {
			r.Errorf("%s, %+v", f.State, f.Ruling)
		}
	})
}

func TestUndoRestoresAllButWhatWasChangedSince(t *testing.T) {
	eachRulings(t, 200, func(r *rulings) {
		ids := r.open(10)
		before := r.count(Filter{})
		first := r.rule(Choice{IDs: ids[:5]}, Decision{Verb: AcceptRisk, Reason: "known", Until: r.day() + 9})
		second := r.rule(Choice{IDs: ids}, Decision{Verb: MarkFalse, Reason: "scanner of ours"})
		if second.Findings != 10 || r.count(Filter{}) != before-10 {
			r.Fatalf("%+v", second)
		}
		r.rule(one(ids[2]), Decision{Verb: Assign, Assignee: Assignee{7, "Ana"}})
		u := r.undo(second)
		if u.Left != 1 || u.UndoneAt == 0 || u.UndoneBy != "Tester" {
			r.Errorf("%+v", u)
		}
		for i, id := range ids {
			want := map[bool]State{true: AcceptedRisk, false: Open}[i < 5]
			if i == 2 {
				want = FalsePositive // Ana has it since
			}
			if f := r.see(id); f.State != want || i == 3 && (f.Ruling.Reason != "known" || f.Ruling.Until != r.day()+9) {
				r.Errorf("%d is %s, want %s: %+v", i, f.State, want, f.Ruling)
			}
		}
		if _, err := r.Undo(context.Background(), tester, second.ID); fault.KindOf(err) != fault.Conflict {
			r.Errorf("undone twice: %v", err)
		}
		if u := r.undo(first); u.Left != 1 { // an undone act gives the way to what was before it
			r.Errorf("%+v", u)
		}
		if n := r.count(Filter{}); n != before-1 {
			r.Errorf("%d open at the end, want %d", n, before-1)
		}
	})
}

func TestUndoOpensWhatWasClosed(t *testing.T) {
	eachRulings(t, 200, func(r *rulings) {
		ids := r.open(10)
		before := r.count(Filter{})
		d := r.rule(Choice{IDs: ids}, Decision{Verb: CloseFindings, Reason: "cleaned up"})
		again := r.rule(Choice{IDs: append(r.open(1), ids...)}, Decision{Verb: CloseFindings, Reason: "more"})
		if again.Findings != 1 || again.Skipped != 10 {
			r.Errorf("%+v", again)
		}
		r.rule(one(ids[0]), Decision{Verb: Reopen, Reason: "not this one"})
		if u := r.undo(d); u.Left != 1 || r.count(Filter{}) != before-1 {
			r.Errorf("%+v, %d open", u, r.count(Filter{}))
		}
	})
}

func TestAFilterThatMeansOtherFindingsThanWereSeenIsAConflict(t *testing.T) {
	eachRulings(t, 200, func(r *rulings) {
		ctx := context.Background()
		f := Filter{MinSeverity: High}
		n := r.count(f)
		d := Decision{Verb: MarkFalse, Reason: "why"}
		for _, wrong := range []int64{n - 1, n + 1, 0} {
			if _, err := r.Rule(ctx, tester, Choice{Filter: &f, Expected: wrong}, d); fault.KindOf(err) != fault.Conflict {
				r.Errorf("expected %d of %d: %v", wrong, n, err)
			}
		}
		if r.count(f) != n {
			r.Fatal("something was ruled all the same")
		}
		deed := r.rule(Choice{Filter: &f, Expected: n, Query: "min-severity=high"}, d)
		if deed.Findings != n || r.count(f) != 0 {
			r.Errorf("%+v, %d left", deed, r.count(f))
		}
		if got, list, err := r.DeedByID(ctx, deed.ID, 3); err != nil || len(list) != 3 || got.Query != "min-severity=high" || got.Findings != n {
			r.Errorf("%+v, %d, %v", got, len(list), err)
		}
	})
}

func TestAssignedFindingsAreFoundByWhoHasThem(t *testing.T) {
	eachRulings(t, 100, func(r *rulings) {
		ids, open := r.open(4), r.count(Filter{})
		r.rule(Choice{IDs: ids}, Decision{Verb: Assign, Assignee: Assignee{7, "Ana"}})
		r.rule(one(ids[0]), Decision{Verb: Assign, Assignee: Assignee{8, "Boris"}})
		r.rule(one(ids[1]), Decision{Verb: Assign})
		ana := act.Actor{Kind: act.Person, ID: "7", Name: "Ana", Rights: &act.Rights{Account: 7}}
		for who, want := range map[string]int64{"me": 2, "8": 1, "nobody": open - 3} {
			f, err := FilterText{Assignee: who}.Filter(ana)
			if err != nil || r.count(f) != want {
				r.Errorf("%s: %d, want %d, %v", who, r.count(f), want, err)
			}
		}
		for _, wrong := range []string{"me", "0", "x", "-1"} {
			if _, err := (FilterText{Assignee: wrong}).Filter(tester); fault.KindOf(err) != fault.Invalid {
				r.Errorf("%s for who has no account: %v", wrong, err)
			}
		}
		if all, err := r.Assignees(context.Background()); err != nil || fmt.Sprint(all) != "[{7 Ana} {8 Boris}]" {
			r.Errorf("%v %v", all, err)
		}
	})
}

func TestANoteIsRetractedAndNeverEdited(t *testing.T) {
	eachRulings(t, 100, func(r *rulings) {
		ctx := context.Background()
		ids := r.open(3)
		d := r.rule(Choice{IDs: ids}, Decision{Verb: AddNote, Reason: "told them by phone"})
		n := r.see(ids[0]).Notes
		if len(n) != 1 || n[0].Body != "told them by phone" || n[0].Author != "Tester" || n[0].At != r.now.Now().UnixMicro() {
			r.Fatalf("%+v", n)
		}
		if f, err := r.RetractNote(ctx, tester, n[0].ID); err != nil || f.String() != ids[0] {
			r.Fatal(err)
		}
		if _, err := r.RetractNote(ctx, tester, n[0].ID); fault.KindOf(err) != fault.Conflict {
			r.Errorf("retracted twice: %v", err)
		}
		if n = r.see(ids[0]).Notes; len(n) != 1 || n[0].Body != "" || n[0].RetractedBy != "Tester" {
			r.Errorf("%+v", n)
		}
		if u := r.undo(d); u.Left != 1 {
			r.Errorf("%+v", u)
		}
		if n = r.see(ids[1]).Notes; n[0].RetractedAt == 0 {
			r.Errorf("%+v", n)
		}
	})
}

func TestARulingOutlivesTheFindingThatACorrectionRemoves(t *testing.T) {
	eachRulings(t, 100, func(r *rulings) {
		id := r.open(1)[0]
		r.rule(one(id), Decision{Verb: MarkFalse, Reason: "why"})
		f := r.see(id).Finding
		change := func(fn func(tx *db.Tx) error) {
			r.w.write(r.T, func(tx *db.Tx) error {
				if err := fn(tx); err != nil {
					return err
				}
				return touchType(tx, f.TypeID)
			})
		}
		change(func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM finding WHERE id = $1`, []byte(f.ID))
			return err
		})
		if n := r.count(Filter{States: []State{FalsePositive}}); n != 0 {
			r.Errorf("%d without the finding", n)
		}
		for i := range r.w.findings {
			if r.w.findings[i].ID == f.ID {
				back := r.w.findings[i]
				back.Ruling, back.Assignee = Ruling{}, Assignee{}
				change(func(tx *db.Tx) error { return plantFinding(tx, &back) })
			}
		}
		if n := r.count(Filter{States: []State{FalsePositive}}); n != 1 {
			r.Errorf("%d when it is back", n)
		}
	})
}

func TestNothingIsDoneWithWhatIsNotThere(t *testing.T) {
	eachRulings(t, 50, func(r *rulings) {
		ctx := context.Background()
		for name, tt := range map[string]struct {
			c    Choice
			d    Decision
			want fault.Kind
		}{
			"no id":      {Choice{}, Decision{Verb: AddNote, Reason: "x"}, fault.Invalid},
			"unknown id": {one("00112233445566778899"), Decision{Verb: AddNote, Reason: "x"}, fault.NotFound},
			"no reason":  {one(r.open(1)[0]), Decision{Verb: MarkFalse}, fault.Invalid},
			"no verb":    {one(r.open(1)[0]), Decision{Reason: "x"}, fault.Invalid},
			"half name":  {one(r.open(1)[0]), Decision{Verb: Assign, Assignee: Assignee{ID: 3}}, fault.Invalid},
		} {
			if _, err := r.Rule(ctx, tester, tt.c, tt.d); fault.KindOf(err) != tt.want {
				r.Errorf("%s: %v", name, err)
			}
		}
		if all, err := r.Deeds(ctx, 0, 10); err != nil || len(all) != 0 {
			r.Errorf("%+v %v", all, err)
		}
	})
}

func TestTenThousandFindingsInOneAct(t *testing.T) {
	if testing.Short() {
		t.Skip("plants 25,000 findings")
	}
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		l := NewLister(d).WithClock(now)
		w := &listWorld{d: d}
		typ := &listType{feed: "local", ReportType: ReportType{Name: "many"}}
		typ.id = TypeID(typ.feed, typ.Name)
		w.write(t, func(tx *db.Tx) error {
			if _, err := tx.Exec(`INSERT INTO feed (id, name, format, title, marking, audience, collector, settings, enabled)
				VALUES (1, 'local', 'generic', '', 'amber', 'owner', '{}', '{}', 1)`); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO report_type (id, feed, name, title, class, kind, identifier, severity, subject, closing, known,
				first_day, last_day, cutoff, closed_on, version) VALUES ($1, 1, 'many', '', '', '', '', 2, 'service', 'snapshot', 1, 50, 100, 90, -1, 1)`,
				typ.id); err != nil {
				return err
			}
			for i := range MaxChoice {
				s := subject{addr: netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), port: 80, transport: "tcp"}
				f := Finding{ID: ID(s.appendID(nil, typ.id)), TypeID: typ.id, Address: s.addr, Port: 80, Transport: "tcp", FirstDay: 60,
					run: run{from: 60, to: stillThere}, ClosedDay: -1}
				if err := plantFinding(tx, &f); err != nil {
					return err
				}
			}
			return nil
		})
		ctx := context.Background()
		if err := l.Warm(ctx); err != nil {
			t.Fatal(err)
		}
		watch := clock.Start()
		deed, err := l.Rule(ctx, tester, Choice{Filter: &Filter{}, Expected: MaxChoice}, Decision{Verb: MarkFalse, Reason: "all of them"})
		if err != nil || deed.Findings != MaxChoice {
			t.Fatalf("%+v %v", deed, err)
		}
		ruled := watch.Elapsed()
		watch = clock.Start()
		if deed, err = l.Undo(ctx, tester, deed.ID); err != nil || deed.Left != 0 {
			t.Fatalf("%+v %v", deed, err)
		}
		t.Logf("%d findings: ruled in %s, undone in %s", MaxChoice, ruled, watch.Elapsed())
		if n, err := l.Count(ctx, Filter{}); err != nil || n != MaxChoice {
			t.Errorf("%d open after all, %v", n, err)
		}
		if ruled > 20*time.Second {
			t.Errorf("ten thousand findings took %s", ruled)
		}
	})
}
