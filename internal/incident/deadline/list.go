package deadline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Filter says which clocks are meant. The zero value is all that are live.
type Filter struct {
	State        State // "": what is live
	Regime       string
	Sector       string
	Owed         string  // entity, cert
	Constituents []int64 // nil: of all

	AfterDue, AfterID int64 // where the page before ended
	Limit             int   // 0: 100; at most 1,000
}

// Listed is a clock with what people call what it is about.
type Listed struct {
	Clock
	Entity       string `json:"entity"`
	Sector       string `json:"sector,omitempty"`
	ReportNumber string `json:"report_number,omitempty"`
	CaseNumber   string `json:"case_number,omitempty"`
}

// MostCounted is up to where clocks are counted.
const MostCounted = 1_000

// Tally is how many clocks are live; MostCounted+1 says that there are more than MostCounted.
type Tally struct {
	Live int64 `json:"live"`
	Late int64 `json:"late"`
	Soon int64 `json:"soon"` // due within a day
}

func (f *Filter) check() error {
	if f.State != "" && !slices.Contains(States(), f.State) {
		return fault.Invalidf("%q is no state of a clock: use running, late, submitted, waived or ended", f.State)
	}
	if f.Owed != "" && f.Owed != nation.ByEntity && f.Owed != nation.ByCERT {
		return fault.Invalidf("%q owes nothing: use entity or cert", f.Owed)
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	f.Limit = min(f.Limit, 1000)
	return nil
}

// List lists clocks, the one that is due first first; more tells that the list goes on.
func (d *Desk) List(ctx context.Context, f Filter) (out []Listed, more bool, err error) {
	if err := f.check(); err != nil {
		return nil, false, err
	}
	var cs []Clock
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if cs, err = listClocks(tx, f, f.Limit+1); err != nil {
			return err
		}
		if more = len(cs) > f.Limit; more {
			cs = cs[:f.Limit]
		}
		out, err = d.dress(ctx, tx, cs)
		return err
	})
	return out, more, err
}

// Next is what the duty officer must see to first: the most urgent clocks, and how many there are.
func (d *Desk) Next(ctx context.Context, limit int) (out []Listed, t Tally, err error) {
	if out, _, err = d.List(ctx, Filter{Limit: limit}); err != nil {
		return nil, t, err
	}
	t, err = d.Tally(ctx)
	return out, t, err
}

// Tally counts the clocks that are live.
func (d *Desk) Tally(ctx context.Context) (t Tally, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		t, err = countLive(tx, d.Clock.Now().Add(24*time.Hour).UnixMicro())
		return err
	})
	return t, err
}

// Regimes lists the regimes under which something is owed.
func (d *Desk) Regimes(ctx context.Context) (out []string, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = liveRegimes(tx)
		return err
	})
	return out, err
}

// Sectors lists the nation's sectors.
func (d *Desk) Sectors(ctx context.Context) (out []string, err error) {
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range profile.Sectors {
		out = append(out, s.ID)
	}
	return out, nil
}

// dress names what clocks are about.
func (d *Desk) dress(ctx context.Context, tx *db.Tx, cs []Clock) ([]Listed, error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	var ofReports, ofCases []int64
	for i := range cs {
		ofReports, ofCases = append(ofReports, cs[i].Report), append(ofCases, cs[i].Case)
	}
	reports, cases, err := incident.Numbers(tx, ofReports, ofCases)
	if err != nil {
		return nil, err
	}
	out := make([]Listed, 0, len(cs))
	for i := range cs {
		l, _ := dir.ByID(cs[i].Constituent)
		out = append(out, Listed{cs[i], l.Name, l.Sector, reports[cs[i].Report], cases[cs[i].Case]})
	}
	return out, nil
}

// One is a clock with what happened to it.
type One struct {
	Listed
	Fired []Fired `json:"fired"`
}

// One finds a clock for the staff.
func (d *Desk) One(ctx context.Context, id int64) (o One, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		c, err := clockByID(tx, id)
		if err != nil {
			return err
		}
		ls, err := d.dress(ctx, tx, []Clock{c})
		if err != nil {
			return err
		}
		o.Listed = ls[0]
		o.Fired, err = alarmsWhere(tx, `clock = $1 ORDER BY n LIMIT 100`, id)
		return err
	})
	return o, err
}

// Considered is a law that was looked at, and whether it asks for something.
type Considered struct {
	Law         *Law   `json:"law"`
	Constituent int64  `json:"constituent"`
	Entity      string `json:"entity"`
	Designation string `json:"designation"`
	Aware       int64  `json:"aware"`
	Applies     bool   `json:"applies"`
	Why         string `json:"why"`
}

// Sheet is all about the clocks of a case, or of a report.
type Sheet struct {
	Report *incident.Report `json:"-"` // of a report
	Case   *incident.Case   `json:"-"` // of a case
	Clocks []Listed         `json:"clocks"`
	Laws   []Considered     `json:"laws"`
	Ruling *Ruling          `json:"ruling,omitempty"`
}

// OfCase is all about the clocks of a case, for the staff.
func (d *Desk) OfCase(ctx context.Context, id int64) (Sheet, error) { return d.sheet(ctx, id, 0) }

// OfReport is all about the clocks of a report, for the staff.
func (d *Desk) OfReport(ctx context.Context, id int64) (Sheet, error) { return d.sheet(ctx, 0, id) }

func (d *Desk) sheet(ctx context.Context, caseID, report int64) (out Sheet, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return out, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		column, id := "report", report
		if caseID != 0 {
			column, id = "case_id", caseID
			c, err := incident.ReadCase(tx, caseID)
			if err != nil {
				return err
			}
			out.Case = &c
		} else {
			r, err := incident.ReadReport(tx, report)
			if err == nil && r.State == incident.Draft {
				err = fault.NotFoundf("there is no report %d", report)
			}
			if err != nil {
				return err
			}
			out.Report = &r
		}
		cs, err := clocksOf(tx, column, id)
		if err != nil {
			return err
		}
		slices.SortStableFunc(cs, func(a, b Clock) int { return slices.Index(States(), a.State) - slices.Index(States(), b.State) })
		if out.Clocks, err = d.dress(ctx, tx, cs); err != nil {
			return err
		}
		us, err := dutiesOf(tx, column, id)
		if err != nil {
			return err
		}
		out.Laws = nil
		for _, u := range us {
			l, _ := dir.ByID(u.constituent)
			out.Laws = append(out.Laws, Considered{u.rules, u.constituent, l.Name, u.designation, u.aware, u.applies, u.why})
		}
		r, said, err := rulingOf(tx, report, caseID)
		if said {
			out.Ruling = &r
		}
		return err
	})
	return out, err
}

// Mine lists what somebody from outside owes, or is owed by the CERT, about their own reports: of all their constituents or one of them, and of
// one report when it is given. Whose is not theirs is not there.
func (d *Desk) Mine(ctx context.Context, by act.Actor, via disclosure.Channel, f Filter, report int64) (none egress.Cleared[[]Own], err error) {
	if err := f.check(); err != nil {
		return none, err
	}
	if f.Constituents = scopeOf(by, f.Constituents); len(f.Constituents) == 0 {
		return none, fault.NotFoundf("there are no clocks of that constituent")
	}
	var out egress.Cleared[[]Own]
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		var cs []Clock
		if report != 0 {
			r, err := incident.ReadReport(tx, report)
			if fault.KindOf(err) != fault.NotFound && err != nil {
				return err
			}
			if err != nil || r.Constituent == 0 || !slices.Contains(f.Constituents, r.Constituent) {
				return fault.NotFoundf("there is no report %d", report)
			}
			if cs, err = clocksOf(tx, "report", report); err != nil {
				return err
			}
		} else if cs, err = listClocks(tx, f, f.Limit); err != nil {
			return err
		}
		ls, err := d.dress(ctx, tx, cs)
		if err != nil {
			return err
		}
		items := make([]owned, len(ls))
		for i := range ls {
			items[i] = owned{&ls[i]}
		}
		out, _, err = disclosure.Clear(ctx, tx, d.Gate, disclosure.RecipientOf(by), via, items, owned.view)
		return err
	})
	return out, err
}

// scopeOf are those of the constituents that the actor acts for; nil: all of them.
func scopeOf(by act.Actor, asked []int64) (out []int64) {
	for _, id := range by.Constituents() {
		if id != 0 && (asked == nil || slices.Contains(asked, id)) {
			out = append(out, id)
		}
	}
	return out
}

// owned is a clock as it goes to the gate. It is the constituent's own.
type owned struct{ *Listed }

// Ref implements disclosure.Item.
func (o owned) Ref() disclosure.Ref { return disclosure.Ref(fmt.Sprintf("clock:%d", o.ID)) }

// Marking implements disclosure.Item.
func (o owned) Marking() disclosure.Marking {
	return disclosure.Marking{Label: tlp.Amber, Owners: []int64{o.Constituent}}
}

// References implements disclosure.Item.
func (o owned) References() []disclosure.Item { return nil }

// Own is a clock as the constituent sees it: its terms and how it stands, not what the staff wrote about the case.
type Own struct {
	ID           int64  `json:"id"`
	Report       int64  `json:"report,omitempty"`
	ReportNumber string `json:"report_number,omitempty"`
	Constituent  int64  `json:"constituent"`
	Entity       string `json:"entity"`
	Regime       string `json:"regime"`
	Edition      string `json:"edition"`
	Step         string `json:"step"`
	Owed         string `json:"owed_by"`
	To           string `json:"to"`
	Elsewhere    bool   `json:"elsewhere"` // it goes to somebody else than the CERT
	Triggered    int64  `json:"triggered"`
	Due          int64  `json:"due"`
	State        State  `json:"state"`
	Submitted    int64  `json:"submitted,omitempty"`
	InTime       bool   `json:"in_time"`
	Reason       string `json:"reason,omitempty"` // why it was waived

	Law *Law `json:"-"`
}

func (o owned) view() Own {
	c := o.Listed
	st, _ := c.Law.Step(c.Step)
	v := Own{c.ID, c.Report, c.ReportNumber, c.Constituent, c.Entity, c.Regime, c.Edition, c.Step, c.Owed, st.To, st.Elsewhere, c.Triggered, c.Due, c.State,
		c.Submitted, c.InTime(), "", c.Law}
	if c.State == Waived {
		v.Reason = c.Reason
	}
	return v
}
