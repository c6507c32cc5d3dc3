package deadline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// KindClock is the kind of entry that clocks write on a case's timeline.
const KindClock = "clock"

// consider looks at the laws that hold at the nation's day of awareness, and keeps them for the report or the case.
func (d *Desk) consider(ctx context.Context, tx *db.Tx, base duty) error {
	if base.constituent == 0 { // nobody whom the law could ask
		return nil
	}
	profile, _, err := d.Nation.LoadIn(tx)
	if err != nil {
		return err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return err
	}
	l, ok := dir.ByID(base.constituent)
	if !ok {
		return fault.NotFoundf("there is no constituent %d", base.constituent)
	}
	for _, r := range profile.RegimesAt(time.UnixMicro(base.aware)) {
		u, law := base, freeze(profile, &r)
		u.designation = string(l.Designation)
		var sum string
		var fresh bool
		if u.law, sum, fresh, err = saveLaw(tx, law, d.now()); err != nil {
			return err
		}
		if fresh {
			body, _ := law.body()
			if err := tx.Also("clock.law", "law:"+sum, body); err != nil {
				return err
			}
		}
		if err := insertDuty(tx, &u); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) received(ctx context.Context, tx *db.Tx, r *incident.Report) error {
	if err := d.consider(ctx, tx, duty{report: r.ID, caseID: r.Case, constituent: r.Constituent, aware: r.Aware}); err != nil {
		return err
	}
	return d.sync(ctx, tx, r.Case, r.ID)
}

func (d *Desk) added(ctx context.Context, tx *db.Tx, r *incident.Report, _ *incident.Addition) error {
	return d.sync(ctx, tx, r.Case, r.ID)
}

func (d *Desk) decided(ctx context.Context, tx *db.Tx, r *incident.Report) error {
	n, err := attachTo(tx, r.ID, r.Case)
	if err != nil {
		return err
	}
	if n > 0 {
		if err := tx.Also("clock.attach", string(r.Ref()), detail(map[string]any{"report": r.ID, "case": r.Case})); err != nil {
			return err
		}
	}
	if r.State == incident.Duplicate && r.Case == 0 {
		if err := d.repeated(ctx, tx, r); err != nil {
			return err
		}
	}
	return d.sync(ctx, tx, r.Case, r.ID)
}

// repeated lets a report that says again what another one said, both without a case, take that one's step.
func (d *Desk) repeated(ctx context.Context, tx *db.Tx, r *incident.Report) error {
	first, err := incident.ReadReport(tx, r.SameAs)
	if err != nil || r.Step == "" || first.Constituent != r.Constituent {
		return err
	}
	all, err := clocksOf(tx, "report", first.ID)
	if err != nil {
		return err
	}
	for i := range all {
		if c := &all[i]; c.Step == r.Step && c.State.Live() && c.Law.takes(r.Step) {
			if err := d.submit(tx, tx.Also, c, take{r.Received, string(r.Ref())}, ""); err != nil {
				return err
			}
		}
	}
	return d.sync(ctx, tx, first.Case, first.ID)
}

func (d *Desk) changed(ctx context.Context, tx *db.Tx, c *incident.Case) error {
	if c.State == incident.Joined {
		return nil
	}
	return d.sync(ctx, tx, c.ID, 0)
}

// closes refuses to close a case as long as a deadline of it is open.
func (d *Desk) closes(_ context.Context, tx *db.Tx, c *incident.Case) error {
	all, err := clocksOf(tx, "case_id", c.ID)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c Clock) bool { return !c.State.Live() })
	if len(all) == 0 {
		return nil
	}
	return fault.Conflictf("the case %s has open deadlines (%d), the first is %s, due %s: note what was handed in, or waive them and say why", c.Number, len(all),
		all[0].Step, stamp(all[0].Due))
}

// joined gives the clocks of a case to the one that it became part of. When it was said to be significant, so is that one.
func (d *Desk) joined(_ context.Context, tx *db.Tx, from, into *incident.Case) error {
	if err := joinCases(tx, from.ID, into.ID); err != nil {
		return err
	}
	if err := tx.Also("clock.attach", string(from.Ref()), detail(map[string]any{"from": from.ID, "case": into.ID})); err != nil {
		return err
	}
	r, said, err := rulingOf(tx, 0, from.ID)
	if err != nil || !said || !r.Significant {
		return err
	}
	if now, said, err := rulingOf(tx, 0, into.ID); err != nil || said && now.Significant {
		return err
	}
	return d.inherit(tx, from, into, r)
}

// inherit lets what was said of one case hold for another one that has to do with it.
func (d *Desk) inherit(tx *db.Tx, from, into *incident.Case, r Ruling) error {
	if err := saveRuling(tx, 0, into.ID, r.Significant, r.Reason, r.At, r.Name); err != nil {
		return err
	}
	return tx.Also("clock.rule", string(into.Ref()), detail(map[string]any{"significant": r.Significant, "reason": r.Reason, "of": from.Number, "by": r.Name}))
}

// split lets what was said of a case hold for the one of the report that leaves it, whose clocks go along.
func (d *Desk) split(_ context.Context, tx *db.Tx, from, into *incident.Case) error {
	r, said, err := rulingOf(tx, 0, from.ID)
	if err != nil || !said {
		return err
	}
	return d.inherit(tx, from, into, r)
}

// telling writes down what happened to a clock: as what follows from another act, or as the act itself.
type telling func(verb, object, detail string) error

// itself makes what happened to a clock the act.
func itself(tx *db.Tx) telling {
	return func(_, object, detail string) error {
		tx.Note(object, detail)
		return nil
	}
}

// tell writes what happened to a clock into the audit log, and on the timeline of its case.
func (d *Desk) tell(tx *db.Tx, say telling, c *Clock, event string, at int64, facts map[string]any) error {
	facts["report"], facts["case"], facts["constituent"] = c.Report, c.Case, c.Constituent
	facts["regime"], facts["edition"], facts["step"], facts["due"] = c.Regime, c.Edition, c.Step, stamp(c.Due)
	if err := say("clock."+event, fmt.Sprintf("clock:%d", c.ID), detail(facts)); err != nil || c.Case == 0 {
		return err
	}
	e := incident.Entry{Case: c.Case, At: at, Kind: KindClock, Detail: detail(map[string]any{"event": event, "clock": c.ID, "regime": c.Regime, "step": c.Step, "due": c.Due,
		"names": c.Law.Names, "step_names": stepNames(c)})}
	return d.Incidents.Enter(tx, tx.Actor(), e)
}

func stepNames(c *Clock) map[string]string {
	s, _ := c.Law.Step(c.Step)
	return s.Names
}

func (d *Desk) start(ctx context.Context, tx *db.Tx, s *scope, x candidate) (*Clock, error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	entity, _ := dir.ByID(x.constituent)
	c := &Clock{Report: x.report, Case: x.caseID, Constituent: x.constituent, Regime: x.rules.Regime, Edition: x.rules.Edition, Step: x.step.ID, Owed: x.step.By,
		Cause: x.step.Trigger, Triggered: x.triggered, Started: d.now(), Due: x.due, Alarms: x.alarms, State: Running, Law: x.rules, duty: x.id, law: x.law}
	c.next = c.Alarms[0].At
	if err := insertClock(tx, c); err != nil {
		return nil, fmt.Errorf("start the clock of %s, %s: %w", c.Regime, c.Step, err)
	}
	s.clocks = append(s.clocks, c)
	_, sum := x.rules.body()
	return c, d.tell(tx, tx.Also, c, "start", c.Started, map[string]any{"law": sum, "entity": entity.Name, "designation": x.designation, "owed_by": c.Owed, "to": x.step.To,
		"cause": c.Cause, "triggered": stamp(c.Triggered), "term": x.step.Term, "months": x.step.Months, "zone": x.rules.Zone, "alarms": stamped(c.Alarms), "why": x.why})
}

// stamped are alarms as the audit log has them.
func stamped(all []Alarm) (out []map[string]string) {
	for _, a := range all {
		out = append(out, map[string]string{"kind": a.Kind, "at": stamp(a.At)})
	}
	return out
}

// close ends the life of a clock in a state. Who settles it need not be told of its alarms any more.
func (d *Desk) close(tx *db.Tx, c *Clock, to State, reason string) error {
	c.State, c.next, c.Reason, c.Decided, c.DecidedBy = to, 0, reason, d.now(), tx.Actor().Name
	if err := updateClock(tx, c); err != nil {
		return err
	}
	return seeAll(tx, c.ID, c.Decided, c.DecidedBy)
}

func (d *Desk) end(tx *db.Tx, c *Clock, why string) error {
	if err := d.close(tx, c, Ended, why); err != nil {
		return err
	}
	return d.tell(tx, tx.Also, c, "end", c.Decided, map[string]any{"why": why})
}

// revive lets a clock go on as if nothing had been decided.
func revive(tx *db.Tx, c *Clock) error {
	c.State, c.Reason, c.Decided, c.DecidedBy, c.Submitted, c.SubmittedBy, c.Proof, c.next = Running, "", 0, "", 0, "", "", 0
	if c.LateAt != 0 {
		c.State = Late
	}
	if c.Stage < len(c.Alarms) {
		c.next = c.Alarms[c.Stage].At
	}
	return updateClock(tx, c)
}

func (d *Desk) resume(tx *db.Tx, c *Clock, why string) error {
	if err := revive(tx, c); err != nil {
		return err
	}
	return d.tell(tx, tx.Also, c, "resume", d.now(), map[string]any{"why": why})
}

func (d *Desk) submit(tx *db.Tx, say telling, c *Clock, t take, proof string) error {
	c.Submitted, c.SubmittedBy, c.Proof = t.at, t.by, proof
	if err := d.close(tx, c, Submitted, ""); err != nil {
		return err
	}
	return d.tell(tx, say, c, "submit", t.at, map[string]any{"at": stamp(t.at), "by": t.by, "proof": proof, "in_time": c.InTime()})
}

// words checks what somebody writes.
func words(field string, s *string) error {
	*s = strings.TrimSpace(*s)
	switch {
	case *s == "":
		return fault.Problems{{Field: field, Message: "is needed"}}
	case len(*s) > 2000 || !utf8.ValidString(*s) || strings.ContainsRune(*s, 0):
		return fault.Problems{{Field: field, Message: "is at most 2000 bytes of text"}}
	}
	return nil
}

// staff refuses everybody who is not of the CERT: the rooms ask for permissions, and this is the second lock.
func staff(by act.Actor) error {
	if by.Kind == act.Local || by.Kind == act.System || by.Rights != nil && by.Rights.Staff {
		return nil
	}
	return fault.New(fault.Forbidden, "only the staff of the CERT may do this")
}

// change changes a clock by hand, in one act.
func (d *Desk) change(ctx context.Context, by act.Actor, verb string, id int64, fn func(tx *db.Tx, c *Clock) error) (c Clock, err error) {
	if err := staff(by); err != nil {
		return c, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("clock:%d", id)}, func(tx *db.Tx) error {
		if c, err = lockClock(tx, id); err != nil {
			return err
		}
		if err := fn(tx, &c); err != nil {
			return err
		}
		return d.sync(ctx, tx, c.Case, c.Report)
	})
	return c, err
}

// Submit notes by hand that the report of a clock was submitted at a time, with what proves it.
func (d *Desk) Submit(ctx context.Context, by act.Actor, id, at int64, proof string) (Clock, error) {
	if err := words("proof", &proof); err != nil {
		return Clock{}, err
	}
	return d.change(ctx, by, "clock.submit", id, func(tx *db.Tx, c *Clock) error {
		switch {
		case !c.State.Live():
			return fault.Conflictf("nothing is owed of the clock %d any more: it is %s", id, c.State)
		case at > d.now():
			return fault.Problems{{Field: "at", Message: "lies in the future"}}
		case at < c.Triggered:
			return fault.Problems{{Field: "at", Message: "lies before the clock began: " + stamp(c.Triggered)}}
		}
		return d.submit(tx, itself(tx), c, take{at, ByHand}, proof)
	})
}

// Waive decides that the report of a clock need not be submitted.
func (d *Desk) Waive(ctx context.Context, by act.Actor, id int64, reason string) (Clock, error) {
	if err := words("reason", &reason); err != nil {
		return Clock{}, err
	}
	return d.change(ctx, by, "clock.waive", id, func(tx *db.Tx, c *Clock) error {
		if !c.State.Live() {
			return fault.Conflictf("nothing is owed of the clock %d any more: it is %s", id, c.State)
		}
		was := c.State
		if err := d.close(tx, c, Waived, reason); err != nil {
			return err
		}
		return d.tell(tx, itself(tx), c, "waive", c.Decided, map[string]any{"reason": reason, "was": was})
	})
}

// Reopen takes back a waiver, or what was submitted by hand.
func (d *Desk) Reopen(ctx context.Context, by act.Actor, id int64, reason string) (Clock, error) {
	if err := words("reason", &reason); err != nil {
		return Clock{}, err
	}
	return d.change(ctx, by, "clock.reopen", id, func(tx *db.Tx, c *Clock) error {
		if c.State != Waived && (c.State != Submitted || c.SubmittedBy != ByHand) {
			return fault.Conflictf("the clock %d is %s: only a waiver, or what was submitted by hand, can be taken back", id, c.State)
		}
		was := c.State
		if err := revive(tx, c); err != nil {
			return err
		}
		return d.tell(tx, itself(tx), c, "reopen", d.now(), map[string]any{"reason": reason, "was": was})
	})
}

// Ruling is what somebody of the staff said about an incident.
type Ruling struct {
	Significant bool   `json:"significant"`
	Reason      string `json:"reason"`
	At          int64  `json:"at"`
	Name        string `json:"name"`
}

// Rule says whether an incident is significant in the law's sense: a case, or with caseID 0 a report without one.
func (d *Desk) Rule(ctx context.Context, by act.Actor, report, caseID int64, significant bool, reason string) error {
	if err := staff(by); err != nil {
		return err
	}
	if err := words("reason", &reason); err != nil {
		return err
	}
	object := fmt.Sprintf("report:%d", report)
	if caseID != 0 {
		object, report = fmt.Sprintf("case:%d", caseID), 0
	}
	a := act.Act{Actor: by, Verb: "clock.rule", Object: object, Detail: detail(map[string]any{"significant": significant, "reason": reason})}
	return d.DB.Act(ctx, a, func(tx *db.Tx) error {
		if caseID != 0 {
			c, err := incident.LockCase(tx, caseID)
			if err != nil {
				return err
			}
			if c.State == incident.Joined {
				return fault.Conflictf("the case %s is part of another one now: say it there", c.Number)
			}
		} else {
			r, err := incident.LockReport(tx, report)
			switch {
			case err != nil:
				return err
			case r.State == incident.Draft:
				return fault.NotFoundf("there is no report %d", report)
			case r.Case != 0:
				return fault.Conflictf("the report %s is part of a case: say it of the case", r.Number)
			}
		}
		if err := saveRuling(tx, report, caseID, significant, reason, d.now(), by.Name); err != nil {
			return err
		}
		return d.sync(ctx, tx, caseID, report)
	})
}

// Begin starts the clocks of a constituent of a case that became aware otherwise than by a report of its own: the CERT told it.
func (d *Desk) Begin(ctx context.Context, by act.Actor, caseID, constituent, aware int64, reason string) error {
	if err := staff(by); err != nil {
		return err
	}
	if err := words("reason", &reason); err != nil {
		return err
	}
	if now := d.now(); aware <= 0 || aware > now || aware < now-(20*365*24*time.Hour).Microseconds() {
		return fault.Problems{{Field: "aware", Message: "is no time in the last twenty years"}}
	}
	a := act.Act{Actor: by, Verb: "clock.begin", Object: fmt.Sprintf("case:%d", caseID), Detail: detail(map[string]any{"constituent": constituent, "aware": stamp(aware), "reason": reason})}
	return d.DB.Act(ctx, a, func(tx *db.Tx) error {
		c, err := incident.LockCase(tx, caseID)
		if err != nil {
			return err
		}
		switch c.State {
		case incident.Joined:
			return fault.Conflictf("the case %s is part of another one now: begin them there", c.Number)
		case incident.Closed:
			return fault.Conflictf("the case %s is closed: open it again first, and say why", c.Number)
		}
		if !slices.ContainsFunc(c.Parties, func(p incident.Party) bool { return p.Constituent == constituent }) {
			return fault.Problems{{Field: "constituent", Message: "is no party of the case: involve it first"}}
		}
		if err := d.consider(ctx, tx, duty{origin: caseID, caseID: caseID, constituent: constituent, aware: aware}); err != nil {
			return err
		}
		return d.sync(ctx, tx, caseID, 0)
	})
}

// ours tells whether a clock is the CERT's own.
func (c *Clock) ours() bool { return c.Owed == nation.ByCERT }
