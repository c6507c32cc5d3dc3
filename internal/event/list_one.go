package event

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Detail is all that is known of one finding.
type Detail struct {
	Finding
	Subject Subject
	Closing Closing
	Verdict *constituency.Verdict // why this owner; nil when nobody kept it
	Runs    []Presence            // when it was seen, oldest first
	Steps   []Step                // what happened to it, oldest first
	Acts    []Deed                // what people did with it but for notes, latest first
	Notes   []Note                // oldest first
}

// Presence is a row of consecutive reports that all had the finding, with the same owner and severity.
type Presence struct {
	From, To Day
	Still    bool // the latest report still has it
	Owner    Owner
	Severity Severity
}

// Step is a change in a finding's life.
type Step struct {
	Day      Day
	What     string // first-seen, seen-again, reopened, transferred, severity, no-longer-seen, lapsed
	From, To Owner  // of a transfer
	Severity Severity
}

// ByID returns one finding by its id in hexadecimal. None is a fault of kind NotFound.
func (l *Lister) ByID(ctx context.Context, id string) (*Detail, error) {
	fid, err := ParseID(id)
	if err != nil {
		return nil, err
	}
	var out *Detail
	err = l.db.View(ctx, func(tx *db.Tx) error {
		out, err = l.detail(tx, fid)
		return err
	})
	return out, err
}

// small is an index without blocks: what one finding needs.
func (l *Lister) small(tx *db.Tx) (*index, error) {
	types, err := listTypes(tx)
	if err != nil {
		return nil, err
	}
	registry, err := registryVersion(tx)
	if err != nil {
		return nil, err
	}
	ix := &index{types: types, owners: l.index.Load().owners, today: l.today()}
	if ix.owners.version < registry {
		ix.owners, err = readOwners(tx, registry)
	}
	return ix, err
}

func (l *Lister) detail(tx *db.Tx, id ID) (*Detail, error) {
	ix, err := l.small(tx)
	if err != nil {
		return nil, err
	}
	f, ok, err := ix.readFinding(tx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.NotFoundf("no finding has the id %q", id)
	}
	st, err := typeByID(tx, f.TypeID)
	if err != nil {
		return nil, err
	}
	d := &Detail{Finding: f, Subject: st.Subject, Closing: st.Closing}
	if d.Verdict, err = readVerdict(tx, f.explanation); err != nil {
		return nil, err
	}
	runs, err := earlierRuns(tx, id)
	if err != nil {
		return nil, err
	}
	days, err := storedDays(tx, st.feed)
	if err != nil {
		return nil, err
	}
	t, err := loadTimeline(tx, st, days)
	if err != nil {
		return nil, err
	}
	d.tell(ix, t, append(runs, f.run))
	if d.Acts, err = deedsOf(tx, id, 50); err != nil {
		return nil, err
	}
	d.Notes, err = notesOf(tx, id, 500)
	return d, err
}

func readVerdict(tx *db.Tx, id int64) (*constituency.Verdict, error) {
	body, err := explanationOf(tx, id)
	if err != nil || body == "" {
		return nil, err
	}
	v := new(constituency.Verdict)
	if err := json.Unmarshal([]byte(body), v); err != nil {
		return nil, fmt.Errorf("explanation %d: %w", id, err)
	}
	return v, nil
}

// tell derives the steps of a finding's life from its runs; it says the same as timeline.count counts.
func (d *Detail) tell(ix *index, t *timeline, runs []run) {
	over := "lapsed"
	if t.closing == Snapshot {
		over = string(NoLongerSeen)
	}
	var last run
	for i, r := range runs {
		owner := ix.owners.byID(r.owner)
		d.Runs = append(d.Runs, Presence{From: r.from, To: t.end(r), Still: r.to == stillThere, Owner: owner, Severity: r.severity})
		s := Step{Day: r.from, What: "first-seen", To: owner, Severity: r.severity}
		if i > 0 {
			s.From = ix.owners.byID(last.owner)
			closed, ended := t.closes(t.end(last))
			switch {
			case ended && closed < r.from:
				d.Steps = append(d.Steps, Step{Day: closed, What: over, To: s.From, Severity: last.severity})
				s.What = "reopened"
			case last.owner != r.owner:
				s.What = "transferred"
			case last.severity != r.severity:
				s.What = "severity"
			default:
				s.What = "seen-again"
			}
		}
		d.Steps = append(d.Steps, s)
		last = r
	}
	if closed, ended := t.closes(t.end(last)); ended {
		d.Steps = append(d.Steps, Step{Day: closed, What: over, To: ix.owners.byID(last.owner), Severity: last.severity})
	}
	slices.SortStableFunc(d.Steps, func(a, b Step) int { return int(a.Day - b.Day) })
}
