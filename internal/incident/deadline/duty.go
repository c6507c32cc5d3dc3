package deadline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Why a law asks for reports of an incident, or does not.
const (
	whyAlways      = "always"
	whyPersonal    = "personal-data"
	whyRuled       = "ruled"    // somebody said that it is significant
	whySeverity    = "severity" // its severity is high enough
	whyDeclared    = "declared" // the reporter took a step of the law
	notBound       = "designation"
	notPersonal    = "no-personal-data"
	notSignificant = "not-significant"
	notAccepted    = "rejected"
	notFirst       = "duplicate"
	notTriggered   = "trigger" // the report that started it is taken back
	sameClock      = "same"    // another one of the case runs for the same report of the same entity
)

// scope is what is looked at together: a case with its reports, or a report that is part of none.
type scope struct {
	c       *incident.Case
	reports map[int64]*incident.Report
	added   map[int64][]incident.Addition
	rulings map[int64]Ruling // by report; 0 is of the case
	duties  []*duty
	clocks  []*Clock
	takes   map[taken]take
}

type taken struct {
	constituent int64
	step        string
}

// take is a report by which a step was taken.
type take struct {
	at int64
	by string
}

// read reads a case, or the report without one.
func read(tx *db.Tx, caseID, report int64) (*scope, error) {
	s := &scope{reports: map[int64]*incident.Report{}, added: map[int64][]incident.Addition{}, rulings: map[int64]Ruling{}, takes: map[taken]take{}}
	column, id := "report", report
	if caseID != 0 {
		column, id = "case_id", caseID
	}
	if tx.Writes() {
		if err := lockDuties(tx, column, id); err != nil {
			return nil, err
		}
	}
	var err error
	if s.duties, err = dutiesOf(tx, column, id); err != nil || len(s.duties) == 0 {
		return s, err
	}
	all, err := clocksOf(tx, column, id)
	if err != nil {
		return nil, err
	}
	for i := range all {
		s.clocks = append(s.clocks, &all[i])
	}
	var rs []incident.Report
	if caseID != 0 {
		c, err := incident.ReadCase(tx, caseID)
		if err != nil {
			return nil, err
		}
		s.c = &c
		if rs, err = incident.ReadReports(tx, caseID); err != nil {
			return nil, err
		}
	} else {
		r, err := incident.ReadReport(tx, report)
		if err != nil {
			return nil, err
		}
		rs = []incident.Report{r}
	}
	return s, s.fill(tx, caseID, rs)
}

// fill reads what was said about the reports and by them.
func (s *scope) fill(tx *db.Tx, caseID int64, rs []incident.Report) (err error) {
	if caseID != 0 {
		if err := s.ruling(tx, 0, caseID); err != nil {
			return err
		}
	}
	for i := range rs {
		r := &rs[i]
		s.reports[r.ID] = r
		if err := s.ruling(tx, r.ID, 0); err != nil {
			return err
		}
		if s.added[r.ID], err = incident.ReadAdditions(tx, r.ID); err != nil {
			return err
		}
		if r.State == incident.Rejected {
			continue
		}
		at := r.Filing.Reported
		if r.Origin != incident.FromStaff || at > r.Received { // the CERT's own word counts for when something was said to it
			at = r.Received
		}
		s.took(r.Constituent, r.Step, take{at, string(r.Ref())})
		for _, a := range s.added[r.ID] {
			s.took(r.Constituent, a.Step, take{a.At, fmt.Sprintf("addition:%d", a.ID)})
		}
	}
	return nil
}

func (s *scope) ruling(tx *db.Tx, report, caseID int64) error {
	r, said, err := rulingOf(tx, report, caseID)
	if said {
		s.rulings[report] = r
	}
	return err
}

// took notes the first report that takes a step.
func (s *scope) took(constituent int64, step string, t take) {
	k := taken{constituent, step}
	if before, ok := s.takes[k]; constituent != 0 && step != "" && (!ok || t.at < before.at) {
		s.takes[k] = t
	}
}

// judge tells whether a law asks for reports of the incident, and the circumstance that decides.
func (s *scope) judge(u *duty) (applies bool, why string) {
	if r := s.reports[u.report]; r != nil {
		switch r.State {
		case incident.Rejected:
			return false, notAccepted
		case incident.Duplicate:
			return false, notFirst
		}
	}
	if !(nation.Regime{Designations: u.rules.Designations}).Asks(u.designation, nation.Circumstances{}) {
		return false, notBound
	}
	switch u.rules.When {
	case nation.WhenPersonalData:
		if s.personal(u) {
			return true, whyPersonal
		}
		return false, notPersonal
	case nation.WhenSignificant:
		return s.significant(u)
	}
	return true, whyAlways
}

// personal tells whether personal data were breached: what the case says, or before there is one the reporter.
func (s *scope) personal(u *duty) bool {
	if s.c != nil {
		return s.c.Personal
	}
	r := s.reports[u.report]
	yes := r != nil && r.Details.PersonalData == "yes"
	for _, a := range s.added[u.report] {
		if a.Details != nil && a.Details.PersonalData != "" {
			yes = a.Details.PersonalData == "yes"
		}
	}
	return yes
}

// significant tells whether the incident is, in the law's sense: as somebody of the staff said, else by the severity of the case, else as
// the reporter declares who takes a step of the law.
func (s *scope) significant(u *duty) (bool, string) {
	for _, of := range []int64{0, u.report} {
		if r, said := s.rulings[of]; said {
			if r.Significant {
				return true, whyRuled
			}
			return false, notSignificant
		}
	}
	if s.c != nil && s.c.Severity > 0 && u.rules.Significant > 0 {
		if s.c.Severity >= u.rules.Significant {
			return true, whySeverity
		}
		return false, notSignificant
	}
	for _, st := range u.rules.Steps {
		if _, ok := s.takes[taken{u.constituent, st.ID}]; ok && u.rules.takes(st.ID) {
			return true, whyDeclared
		}
	}
	return false, notSignificant
}

func (s *scope) find(duty int64, step string) *Clock {
	for _, c := range s.clocks {
		if c.duty == duty && c.Step == step {
			return c
		}
	}
	return nil
}

// trigger is when the step of a duty was triggered; false: it was not.
func (s *scope) trigger(u *duty, st LawStep) (int64, bool) {
	if st.Trigger == nation.Aware {
		return u.aware, true
	}
	c := s.find(u.id, st.Trigger)
	if c == nil || c.State != Submitted {
		return 0, false
	}
	return c.Submitted, true
}

// rounds bounds how often one thing leads to the next: a law has few steps.
const rounds = 50

// sync brings the clocks of a case, or of a report without one, in line with its circumstances: what is asked for is started, what no
// longer is ends with the reason, and what was reported is submitted. What is settled stays as it is.
func (d *Desk) sync(ctx context.Context, tx *db.Tx, caseID, report int64) error {
	s, err := read(tx, caseID, report)
	if err != nil {
		return err
	}
	for _, u := range s.duties {
		if applies, why := s.judge(u); applies != u.applies || why != u.why {
			u.applies, u.why = applies, why
			if err := updateDuty(tx, u); err != nil {
				return err
			}
		}
	}
	for range rounds {
		moved, err := d.round(ctx, tx, s)
		if err != nil || !moved {
			return err
		}
	}
	return fault.Conflictf("the clocks of case %d, report %d do not settle", caseID, report)
}

// candidate is a report that a law asks for, with its clock when there is one.
type candidate struct {
	*duty
	step      LawStep
	clock     *Clock
	triggered int64
	due       int64
	alarms    []Alarm
}

// rank puts what runs before what does not yet.
func (x *candidate) rank() int {
	if x.clock != nil && x.clock.State.Live() {
		return 0
	}
	return 1
}

// sameness is what makes two candidates of a case one report.
type sameness struct {
	constituent  int64
	regime, step string
}

func (d *Desk) round(ctx context.Context, tx *db.Tx, s *scope) (moved bool, err error) {
	groups := map[sameness][]candidate{}
	var order []sameness
	for _, u := range s.duties {
		for _, st := range u.rules.Steps {
			x := candidate{duty: u, step: st, clock: s.find(u.id, st.ID)}
			var ok bool
			if x.triggered, ok = s.trigger(u, st); !u.applies || !ok {
				if x.clock != nil && x.clock.State.Live() {
					why := u.why
					if u.applies {
						why = notTriggered
					}
					moved = true
					if err := d.end(tx, x.clock, why); err != nil {
						return moved, err
					}
				}
				continue
			}
			if x.clock != nil {
				x.due = x.clock.Due
			} else if x.due, x.alarms, err = u.rules.plan(st, x.triggered); err != nil {
				return moved, err
			}
			k := sameness{u.constituent, u.rules.Regime, st.ID}
			if groups[k] == nil {
				order = append(order, k)
			}
			groups[k] = append(groups[k], x)
		}
	}
	for _, k := range order {
		did, err := d.settle(ctx, tx, s, groups[k])
		moved = moved || did
		if err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// settle lets one of the candidates for the same report run: the one that is due first. What was submitted or waived of one counts for all.
func (d *Desk) settle(ctx context.Context, tx *db.Tx, s *scope, all []candidate) (moved bool, err error) {
	if done := settled(all); done != nil {
		for _, x := range all {
			if x.clock == nil || !x.clock.State.Live() {
				continue
			}
			moved = true
			if done.State == Submitted {
				err = d.submit(tx, tx.Also, x.clock, take{done.Submitted, done.SubmittedBy}, done.Proof)
			} else {
				err = d.end(tx, x.clock, fmt.Sprintf("%s:%d", sameClock, done.ID))
			}
			if err != nil {
				return moved, err
			}
		}
		return moved, nil
	}
	first := slices.MinFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.id, b.id))
	})
	if first.clock == nil || first.clock.State == Ended {
		moved = true
		if first.clock == nil {
			first.clock, err = d.start(ctx, tx, s, first)
		} else {
			err = d.resume(tx, first.clock, first.why)
		}
		if err != nil {
			return moved, err
		}
	}
	for _, x := range all {
		if x.duty != first.duty && x.clock != nil && x.clock.State.Live() {
			moved = true
			if err := d.end(tx, x.clock, fmt.Sprintf("%s:%d", sameClock, first.clock.ID)); err != nil {
				return moved, err
			}
		}
	}
	if t, ok := s.takes[taken{first.constituent, first.step.ID}]; ok && first.rules.takes(first.step.ID) {
		return true, d.submit(tx, tx.Also, first.clock, t, "")
	}
	return moved, nil
}

// settled is the candidate of which nothing is owed any more, one that was submitted first.
func settled(all []candidate) (out *Clock) {
	for _, x := range all {
		c := x.clock
		if c == nil || c.State != Submitted && c.State != Waived {
			continue
		}
		if out == nil || out.State == Waived && c.State == Submitted || out.State == c.State && c.Submitted < out.Submitted {
			out = c
		}
	}
	return out
}
