package sitrep

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/nation"
	"tocsin/internal/platform/db"
	"tocsin/internal/situation"
)

// Figures are what a report is drafted from.
type Figures struct {
	At       int64           `json:"at"` // when they were counted, UTC microseconds
	Findings FindingFigures  `json:"findings"`
	Reports  ReportFigures   `json:"reports"`
	Cases    CaseFigures     `json:"cases"`
	Clocks   ClockFigures    `json:"clocks"`
	Letters  LetterFigures   `json:"letters"`
	Affected AffectedFigures `json:"affected"`
}

// FindingFigures are of the days with reports that no earlier situation report told of.
type FindingFigures struct {
	From    event.Day `json:"from"`
	Until   event.Day `json:"until"` // before From: no report came since
	Open    int64     `json:"open"`
	New     int64     `json:"new"` // or seen again
	Gone    int64     `json:"gone"`
	Closed  int64     `json:"closed"`  // by people
	Types   []Move    `json:"types"`   // the most changed first
	Sectors []Move    `json:"sectors"` // the most changed first
	// Late are days that an earlier report told of and that count otherwise now.
	Late []LateDay `json:"late,omitempty"`
	// Told are the days that this report and those before it told of, as they counted when it was drafted: what the next one compares with.
	Told []situation.DayMoves `json:"told,omitempty"`
}

// LateDay is a day that counts otherwise than it was told.
type LateDay struct {
	situation.DayMoves
	Was situation.DayMoves `json:"was"`
}

// Move is by how much the findings of a report type or a sector changed.
type Move struct {
	ID    string `json:"id"`
	Title string `json:"title,omitempty"` // of a type
	New   int64  `json:"new"`
	Gone  int64  `json:"gone"`
	Open  int64  `json:"open"`
	// Inside: it comes from a feed that only the staff may know of, or the number could name somebody.
	Inside bool `json:"inside,omitempty"`
}

// ReportFigures are of reports of incidents.
type ReportFigures struct {
	Received    situation.Compared `json:"received"`
	Waiting     int64              `json:"waiting"`
	Oldest      int64              `json:"oldest,omitempty"`
	Unconfirmed int64              `json:"unconfirmed"`
}

// CaseFigures are of cases.
type CaseFigures struct {
	Opened      situation.Compared   `json:"opened"`
	Closed      situation.Compared   `json:"closed"`
	Open        situation.Severities `json:"open"`
	CrossBorder int64                `json:"cross_border"`
	Nobody      int64                `json:"nobody"`
	Grave       []GraveCase          `json:"grave"` // open and critical or high, the gravest first
}

// GraveCase is an open case that must be known.
type GraveCase struct {
	Number   string    `json:"number"`
	Title    string    `json:"title"`
	Severity int       `json:"severity"`
	Opened   int64     `json:"opened"`
	Lead     string    `json:"lead,omitempty"`
	Label    tlp.Label `json:"tlp"`
}

// ClockFigures are of statutory deadlines.
type ClockFigures struct {
	Met     int64      `json:"met"`
	MetLate int64      `json:"met_late"`
	Missed  int64      `json:"missed"`
	Late    int64      `json:"late"` // still owed
	Soon    int64      `json:"soon"` // due in the next 24 hours
	Due     []DueClock `json:"due"`  // of them the first ones
}

// DueClock is a deadline that comes.
type DueClock struct {
	Entity string            `json:"entity"`
	Regime string            `json:"regime"`
	Steps  map[string]string `json:"steps"` // its name by language
	Due    int64             `json:"due"`
}

// LetterFigures are of the outbox.
type LetterFigures struct {
	Sending bool   `json:"sending"`
	Reason  string `json:"reason,omitempty"` // why it is off
	Waiting int64  `json:"waiting"`
	Held    int64  `json:"held"`
	Dead    int64  `json:"dead"`    // given up in the period
	Bounced int64  `json:"bounced"` // in the period
}

// AffectedFigures are of those whom open cases affect.
type AffectedFigures struct {
	Untold int64 `json:"untold"`
}

// How much of each list a report names.
const (
	topMoves = 5
	topGrave = 20
	topDue   = 10
	longest  = 7  // days that a report tells of at most
	recalled = 14 // days that were told of and are compared again
	soon     = 24 * time.Hour
)

// Grave is from which severity on a report names an open case.
const Grave = int(event.High)

// count counts the figures of a period; told is what the report before told of findings, nil without one.
func (d *Desk) count(ctx context.Context, p *nation.Profile, since, until time.Time, told *FindingFigures) (f Figures, err error) {
	f.At = until.UnixMicro()
	if f.Findings, err = d.findings(ctx, p, told); err != nil {
		return f, err
	}
	i, err := d.Situation.IncidentsSince(ctx, since, until)
	if err != nil {
		return f, err
	}
	f.Reports = ReportFigures{i.Reported, i.Waiting, i.Oldest, i.Unconfirmed}
	f.Cases = CaseFigures{Opened: i.Opened, Closed: i.Closed, Open: i.Open, CrossBorder: i.CrossBorder, Nobody: i.Nobody}
	f.Clocks.Late, f.Affected.Untold = i.Late, i.Untold
	s, err := d.Outbox.Status(ctx)
	if err != nil {
		return f, err
	}
	f.Letters = LetterFigures{Sending: s.Switch.Sending && !s.Switch.Sealed, Reason: s.Switch.Reason, Waiting: s.States["queued"] + s.States["rendered"], Held: s.States["held"]}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if f.Cases.Grave, err = graveCases(tx, Grave, topGrave); err != nil {
			return err
		}
		if err := f.Clocks.read(tx, since.UnixMicro(), until.UnixMicro(), until.Add(soon).UnixMicro()); err != nil {
			return err
		}
		return f.Letters.read(tx, since.UnixMicro(), until.UnixMicro())
	})
	if err != nil {
		return f, err
	}
	f.Clocks.Due, err = d.due(ctx, until.Add(soon))
	return f, err
}

func (d *Desk) findings(ctx context.Context, p *nation.Profile, told *FindingFigures) (f FindingFigures, err error) {
	last := event.Day(-1)
	if told != nil {
		last = told.Until
	}
	m, err := d.Situation.Moves(ctx, last, longest, recalled)
	if err != nil {
		return f, err
	}
	all, err := d.Feeds.List(ctx)
	if err != nil {
		return f, err
	}
	inside := map[string]bool{}
	for _, x := range all {
		label, err := tlp.Parse(x.Marking)
		inside[x.Name] = err != nil || label == tlp.None || label == tlp.Red || x.Audience == feed.StaffOnly
	}
	f = FindingFigures{From: m.From, Until: m.Until, Open: m.Open.Total(), New: m.Flow.Fresh + m.Flow.Reopened, Gone: m.Flow.Gone, Closed: m.Closed}
	for _, t := range m.Types {
		f.Types = append(f.Types, Move{t.Name, t.Title, t.Flow.Fresh + t.Flow.Reopened, t.Flow.Gone, t.Open.Total(), inside[t.Feed]})
	}
	var fresh, gone []int64
	for _, s := range m.Sectors {
		f.Sectors = append(f.Sectors, Move{ID: s.ID, New: s.Flow.Fresh + s.Flow.Reopened, Gone: s.Flow.Gone, Open: s.Open.Total()})
		fresh, gone = append(fresh, s.Flow.Fresh+s.Flow.Reopened), append(gone, s.Flow.Gone)
	}
	hideFresh, _ := disclosure.SuppressList(fresh, p.Disclosure.SmallCell)
	hideGone, _ := disclosure.SuppressList(gone, p.Disclosure.SmallCell)
	for i := range f.Sectors {
		few := int64(m.Sectors[i].Constituents) < p.Disclosure.SmallCell
		f.Sectors[i].Inside = hideFresh[i] || hideGone[i] || few
	}
	f.Types, f.Sectors = moved(f.Types), moved(f.Sectors)
	f.recall(m.Days, told)
	return f, nil
}

// recall compares the days that were told of before with how they count now, and notes what this report tells of.
func (f *FindingFigures) recall(days []situation.DayMoves, told *FindingFigures) {
	was := map[event.Day]situation.DayMoves{}
	if told != nil {
		for _, t := range told.Told {
			was[t.Day] = t
		}
	}
	for _, now := range days {
		then, known := was[now.Day]
		switch {
		case known && now != then:
			f.Late = append(f.Late, LateDay{now, then})
		case !known && now.Day < f.From: // nobody was told of that day
			continue
		}
		f.Told = append(f.Told, now)
	}
}

// moved are those that changed, the most changed first.
func moved(ms []Move) []Move {
	ms = slices.DeleteFunc(ms, func(m Move) bool { return m.New+m.Gone == 0 })
	slices.SortStableFunc(ms, func(a, b Move) int {
		return cmp.Or(cmp.Compare(b.New+b.Gone, a.New+a.Gone), cmp.Compare(a.ID, b.ID))
	})
	return ms
}

// due are the deadlines that run and end before a time, the first ones.
func (d *Desk) due(ctx context.Context, before time.Time) (out []DueClock, err error) {
	ls, _, err := d.Deadlines.List(ctx, deadline.Filter{State: deadline.Running, Limit: topDue})
	if err != nil {
		return nil, err
	}
	for _, l := range ls {
		if l.Due > before.UnixMicro() {
			break
		}
		c := DueClock{Entity: l.Entity, Regime: l.Regime, Due: l.Due, Steps: map[string]string{}}
		for _, lang := range d.words.Languages() {
			c.Steps[lang] = l.Law.StepName(l.Step, lang)
		}
		out = append(out, c)
	}
	return out, nil
}
