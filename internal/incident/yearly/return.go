package yearly

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Entry is what somebody hands in.
type Entry struct {
	Year        int
	Constituent int64
	Version     int64 // of the return that was changed; 0 of one that nobody began
	Content
	Submit bool   // it is final; else a draft is kept
	Reason string // why a submitted return is corrected
}

// The bounds of a return.
const (
	maxIncidents = 1_000_000_000
	maxDowntime  = 60 * 24 * 366 * 1000 // a thousand systems the whole year
	maxCost      = 1_000_000_000_000_000
	maxNote      = 10_000
	maxReason    = 1000
)

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

// check says what is wrong with a content, and puts it in order.
func (c *Content) check(p *nation.Profile, final bool) error {
	var ps fault.Problems
	bad := func(field, format string, args ...any) {
		ps = append(ps, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	classes, levels := Classes(), Levels(p)
	seen := map[Count]bool{}
	var counts []Count
	for _, n := range c.Counts {
		key := Count{Class: n.Class, Severity: n.Severity}
		switch {
		case !slices.Contains(classes, n.Class):
			bad("counts", "%q is no class of RSIT that is counted", n.Class)
		case !slices.Contains(levels, n.Severity):
			bad("counts", "%d is no level of the nation's scale", n.Severity)
		case seen[key]:
			bad("counts", "class %s at level %d is there twice", n.Class, n.Severity)
		case n.Incidents < 0 || n.Incidents > maxIncidents:
			bad("counts", "%d is no number of incidents", n.Incidents)
		case n.Incidents > 0:
			counts = append(counts, n)
		}
		seen[key] = true
	}
	c.Counts = inOrder(counts)
	if c.Downtime < 0 || c.Downtime > maxDowntime {
		bad("downtime", "%d is no number of minutes within a year", c.Downtime)
	}
	c.Currency = strings.ToUpper(strings.TrimSpace(c.Currency))
	switch {
	case c.Cost == nil:
		c.Currency = ""
	case *c.Cost < 0 || *c.Cost > maxCost:
		bad("cost", "%d is no cost", *c.Cost)
	case !currency.MatchString(c.Currency):
		bad("currency", "a cost needs its currency as three letters (ISO 4217)")
	}
	if c.Note = strings.TrimSpace(strings.ReplaceAll(c.Note, "\r\n", "\n")); len(c.Note) > maxNote || !utf8.ValidString(c.Note) || strings.ContainsRune(c.Note, 0) {
		bad("note", "is no text, or is longer than %d bytes", maxNote)
	}
	switch n := c.Incidents(); {
	case c.Nothing && n > 0:
		bad("nothing", "%d incidents are counted: there was not nothing", n)
	case final && !c.Nothing && n == 0:
		bad("nothing", "no incident is counted: say that there were none")
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

// inOrder sorts counts by class, the gravest first.
func inOrder(counts []Count) []Count {
	classes := Classes()
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(slices.Index(classes, a.Class)-slices.Index(classes, b.Class), b.Severity-a.Severity)
	})
	return counts
}

// Hand keeps a draft, submits a return, or corrects one that was submitted: then a reason is needed, and what it said before is kept.
// Who acts for the constituent may, and staff.
func (d *Desk) Hand(ctx context.Context, by act.Actor, e Entry) (Return, error) {
	p, dir, l, err := d.place(ctx, by, e.Constituent)
	if err != nil {
		return Return{}, err
	}
	r := Return{Content: e.Content, Year: e.Year, Constituent: e.Constituent}
	if err := counted(p, e.Year, d.Clock.Now()); err != nil {
		return r, err
	}
	var before Return
	if err := d.DB.View(ctx, func(tx *db.Tx) (err error) {
		before, err = returnOf(tx, e.Year, e.Constituent)
		return err
	}); err != nil {
		return r, err
	}
	e.Reason = strings.TrimSpace(e.Reason)
	verb := "yearly.draft"
	switch {
	case before.State == Submitted:
		verb = "yearly.correct"
	case e.Submit:
		verb = "yearly.submit"
	}
	final := verb != "yearly.draft"
	if err := r.check(p, final); err != nil {
		return r, err
	}
	if verb == "yearly.correct" && (e.Reason == "" || len(e.Reason) > maxReason) {
		return r, fault.Problems{{Field: "reason", Message: fmt.Sprintf("a return that was submitted is corrected with a reason of at most %d bytes", maxReason)}}
	}
	detail, err := json.Marshal(map[string]any{"year": e.Year, "incidents": r.Incidents(), "reason": e.Reason})
	if err != nil {
		return r, err
	}
	a := act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("constituent:%d", e.Constituent), Detail: string(detail)}
	err = d.DB.Act(ctx, a, func(tx *db.Tx) error {
		now, err := lockReturn(tx, e.Year, e.Constituent)
		if err != nil {
			return err
		}
		if now.Version != e.Version || now.State != before.State {
			return fault.Conflictf("the return of %s for %d was changed by %s meanwhile: look at it again", l.Name, e.Year, now.ChangedBy)
		}
		r.ID, r.Version, r.State, r.Submitted, r.SubmittedBy = now.ID, now.Version+1, now.State, now.Submitted, now.SubmittedBy
		r.Changed, r.ChangedBy = d.Clock.Now().UnixMicro(), by.Name
		switch verb {
		case "yearly.correct":
			if err := insertCorrection(tx, now.ID, Correction{r.Changed, by.Name, e.Reason, now.Content}); err != nil {
				return err
			}
		case "yearly.submit":
			r.State, r.Submitted, r.SubmittedBy = Submitted, r.Changed, by.Name
		default:
			r.State = Draft
		}
		return saveReturn(tx, &r)
	})
	if err != nil {
		return r, err
	}
	r.name(dir)
	r.late(p)
	return r, nil
}

// place finds out for whom an actor asks.
func (d *Desk) place(ctx context.Context, by act.Actor, constituent int64) (*nation.Profile, *constituency.Directory, constituency.Listed, error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, nil, constituency.Listed{}, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, nil, constituency.Listed{}, err
	}
	l, err := whose(dir, by, constituent)
	return p, dir, l, err
}

func (r *Return) name(dir *constituency.Directory) {
	l, _ := dir.ByID(r.Constituent)
	r.Ref, r.Name = l.Ref, l.Name
}

func (r *Return) late(p *nation.Profile) {
	if p.Yearly.Asked(r.Year) && r.State == Submitted {
		_, until := p.Yearly.Window(r.Year, p.Location())
		r.Late = !time.UnixMicro(r.Submitted).Before(until)
	}
}

// One is the return of a constituent for a year, with its corrections; one that nobody began is empty and of the state None.
func (d *Desk) One(ctx context.Context, by act.Actor, year int, constituent int64) (Return, error) {
	p, dir, _, err := d.place(ctx, by, constituent)
	if err != nil {
		return Return{}, err
	}
	if err := counted(p, year, d.Clock.Now()); err != nil {
		return Return{}, err
	}
	var r Return
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if r, err = returnOf(tx, year, constituent); err != nil {
			return err
		}
		r.Corrections, err = correctionsOf(tx, r.ID)
		return err
	})
	r.name(dir)
	r.late(p)
	return r, err
}

// same tells whether two contents say the same.
func same(a, b Content) bool { return reflect.DeepEqual(a, b) }
