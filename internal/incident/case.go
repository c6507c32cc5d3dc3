package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/rsit"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// CaseState is how far a case is.
type CaseState string

// The states of a case. Open to Recovery are the phases of work (NIST SP 800-61); a resolved case waits for what is still due of it.
const (
	Open        CaseState = "open"
	Containment CaseState = "containment"
	Eradication CaseState = "eradication"
	Recovery    CaseState = "recovery"
	Resolved    CaseState = "resolved"
	Closed      CaseState = "closed"
	Joined      CaseState = "merged" // it is part of another case
)

// CaseStates lists the states in the order of a case's life.
func CaseStates() []CaseState {
	return []CaseState{Open, Containment, Eradication, Recovery, Resolved, Closed, Joined}
}

// Working tells whether somebody still works on a case of this state.
func (s CaseState) Working() bool { return s != Resolved && s != Closed && s != Joined }

// Next lists the states that a case of this state may go to. A closed case is opened again, not taken up in the middle.
func (s CaseState) Next() []CaseState {
	switch s {
	case Closed:
		return []CaseState{Open}
	case Joined:
		return nil
	case Resolved:
		return []CaseState{Closed, Open}
	}
	return slices.DeleteFunc([]CaseState{Open, Containment, Eradication, Recovery, Resolved}, func(o CaseState) bool { return o == s })
}

// Case is an incident as the CERT deals with it.
type Case struct {
	ID          int64          `json:"id"`
	Number      string         `json:"number"` // "2026-0042"
	Title       string         `json:"title"`
	Summary     string         `json:"summary"`
	State       CaseState      `json:"state"`
	Class       string         `json:"class"` // RSIT; "" not classified yet
	Type        string         `json:"type"`
	Edition     string         `json:"edition"` // of the taxonomy
	Impact      string         `json:"impact"`  // of the nation's severity matrix; "" not rated yet
	Reach       string         `json:"reach"`
	Severity    int            `json:"severity"` // 0 unrated, 1 info … 5 critical
	Label       tlp.Label      `json:"tlp"`
	PAP         disclosure.PAP `json:"pap"`
	CrossBorder bool           `json:"cross_border"`
	Personal    bool           `json:"personal_data"`
	Lead        int64          `json:"lead,omitempty"` // account
	LeadName    string         `json:"lead_name,omitempty"`
	Aware       int64          `json:"aware"`  // UTC microseconds: the earliest of its reports
	Opened      int64          `json:"opened"` // UTC microseconds, as below
	Changed     int64          `json:"changed"`
	Resolved    int64          `json:"resolved,omitempty"` // 0: it is not
	Closed      int64          `json:"closed,omitempty"`
	Reopened    int64          `json:"reopened"` // how often
	MergedInto  int64          `json:"merged_into,omitempty"`
	Version     int64          `json:"version"`
	Parties     []Party        `json:"parties,omitempty"`
}

// The parts a constituent can have in a case.
const (
	AsReporter = "reporter"
	AsVictim   = "victim"
	AsSource   = "source" // of the trouble
	AsHelper   = "helper"
)

// Parts lists them.
func Parts() []string { return []string{AsReporter, AsVictim, AsSource, AsHelper} }

// Party is a constituent that a case is about.
type Party struct {
	Constituent int64  `json:"constituent"`
	Part        string `json:"part"`
	At          int64  `json:"at"`
	By          string `json:"by"`
}

// Ref implements disclosure.Item.
func (c *Case) Ref() disclosure.Ref { return disclosure.Ref(fmt.Sprintf("case:%d", c.ID)) }

// Marking is how far a case may travel. Its parties own it but the one it comes from.
func (c *Case) Marking() disclosure.Marking {
	m := disclosure.Marking{Label: c.Label, Default: tlp.Amber, PAP: c.PAP}
	for _, p := range c.Parties {
		if p.Part != AsSource && !slices.Contains(m.Owners, p.Constituent) {
			m.Owners = append(m.Owners, p.Constituent)
		}
	}
	return m
}

// References implements disclosure.Item.
func (c *Case) References() []disclosure.Item { return nil }

// Ticket is what the mail of a case's conversations bears.
func (c *Case) Ticket() string { return "T-I" + c.Number }

// Opening is what a case begins with.
type Opening struct {
	Title    string
	Summary  string
	Type     string // RSIT; "" not classified yet
	Impact   string
	Reach    string
	Label    tlp.Label // None: AMBER
	Lead     int64     // account; 0: nobody
	LeadName string    // with Lead
}

// Change is what is changed of a case: what is nil stays.
type Change struct {
	Title       *string
	Summary     *string
	Type        *string // RSIT; its class follows
	Impact      *string
	Reach       *string
	Severity    *int // where the nation has no matrix, or with a reason against it
	Label       *tlp.Label
	PAP         *disclosure.PAP
	CrossBorder *bool
	Personal    *bool
	Lead        *int64
	LeadName    string // with Lead
	Reason      string // needed to let a case travel further
}

const maxSummary = 20_000

// Open begins a case without a report: the CERT saw it itself.
func (d *Desk) Open(ctx context.Context, by act.Actor, o Opening, parties ...Party) (c Case, err error) {
	if err := staff(by); err != nil {
		return c, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "case.open"}, func(tx *db.Tx) error {
		c, err = d.open(ctx, tx, by, o, d.now(), parties)
		return err
	})
	return c, err
}

// open writes a new case down in the caller's act.
func (d *Desk) open(ctx context.Context, tx *db.Tx, by act.Actor, o Opening, aware int64, parties []Party) (Case, error) {
	profile, _, err := d.Nation.LoadIn(tx)
	if err != nil {
		return Case{}, err
	}
	now := d.Clock.Now()
	c := Case{State: Open, Edition: profile.Taxonomy.Edition, Label: tlp.Amber, Aware: aware, Opened: now.UnixMicro(), Changed: now.UnixMicro(), Lead: o.Lead, LeadName: o.LeadName, Version: 1}
	label := o.Label
	if label == tlp.None {
		label = tlp.Amber
	}
	ch := Change{Title: &o.Title, Summary: &o.Summary, Type: &o.Type, Impact: &o.Impact, Reach: &o.Reach, Label: &label}
	if _, err := d.apply(tx, &c, &ch); err != nil {
		return Case{}, err
	}
	if c.Number, err = nextNumber(tx, now.In(profile.Location()).Year()); err != nil {
		return Case{}, err
	}
	if err := insertCase(tx, &c); err != nil {
		return Case{}, err
	}
	for _, p := range parties {
		if err := d.party(tx, by, &c, p); err != nil {
			return Case{}, err
		}
	}
	tx.Note(string(c.Ref()), detail(map[string]any{"number": c.Number, "title": c.Title, "type": c.Type, "severity": c.Severity, "tlp": c.Label}))
	e := Entry{Case: c.ID, At: c.Opened, Kind: KindState, Detail: detail(map[string]any{"to": Open})}
	if err := d.enter(tx, by, &e); err != nil {
		return Case{}, err
	}
	return c, d.changed(ctx, tx, &c)
}

func (d *Desk) party(tx *db.Tx, by act.Actor, c *Case, p Party) error {
	if p.Constituent == 0 {
		return nil
	}
	if !slices.Contains(Parts(), p.Part) {
		return fault.Problems{{Field: "part", Message: fmt.Sprintf("%q is no part in a case: use reporter, victim, source or helper", p.Part)}}
	}
	p.At, p.By = d.now(), by.Name
	fresh, err := insertParty(tx, c.ID, &p)
	if err == nil && fresh {
		c.Parties = append(c.Parties, p)
	}
	return err
}

// Involve adds a constituent to those a case is about.
func (d *Desk) Involve(ctx context.Context, by act.Actor, id, version int64, constituent int64, part string) (Case, error) {
	return d.edit(ctx, by, "case.involve", id, version, func(tx *db.Tx, c *Case) error {
		dir, err := d.Constituency.Directory(ctx)
		if err != nil {
			return err
		}
		l, ok := dir.ByID(constituent)
		if !ok {
			return fault.Problems{{Field: "constituent", Message: fmt.Sprintf("there is no constituent %d", constituent)}}
		}
		if err := d.party(tx, by, c, Party{Constituent: constituent, Part: part}); err != nil {
			return err
		}
		said := detail(map[string]any{"constituent": l.Name, "id": constituent, "part": part})
		tx.Note("", said)
		return d.enter(tx, by, &Entry{Case: id, Kind: KindParty, Detail: said})
	})
}

// Dismiss takes a constituent out of those a case is about.
func (d *Desk) Dismiss(ctx context.Context, by act.Actor, id, version int64, constituent int64, part string) (Case, error) {
	return d.edit(ctx, by, "case.dismiss", id, version, func(tx *db.Tx, c *Case) error {
		n, err := deleteParty(tx, id, constituent, part)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.NotFoundf("the constituent %d has no part %q in this case", constituent, part)
		}
		c.Parties = slices.DeleteFunc(c.Parties, func(p Party) bool { return p.Constituent == constituent && p.Part == part })
		said := detail(map[string]any{"id": constituent, "part": part, "out": true})
		tx.Note("", said)
		return d.enter(tx, by, &Entry{Case: id, Kind: KindParty, Detail: said})
	})
}

// Edit changes a case. version is that of the case as the caller saw it: when somebody else changed it meanwhile, nothing is done.
func (d *Desk) Edit(ctx context.Context, by act.Actor, id, version int64, ch Change) (Case, error) {
	return d.edit(ctx, by, "case.change", id, version, func(tx *db.Tx, c *Case) error {
		diff, err := d.apply(tx, c, &ch)
		if err != nil || len(diff) == 0 {
			return err
		}
		said := detail(map[string]any{"changed": diff, "reason": ch.Reason})
		tx.Note("", said)
		return d.enter(tx, by, &Entry{Case: id, Kind: KindChange, Text: ch.Reason, Detail: said})
	})
}

// Move brings a case to another state.
func (d *Desk) Move(ctx context.Context, by act.Actor, id, version int64, to CaseState, reason string) (Case, error) {
	var m mistakes
	m.text("reason", &reason, maxSummary, false)
	if err := m.err(); err != nil {
		return Case{}, err
	}
	return d.edit(ctx, by, "case.move", id, version, func(tx *db.Tx, c *Case) error {
		if !slices.Contains(c.State.Next(), to) {
			return fault.Conflictf("the case %s is %s: it cannot become %s from there", c.Number, c.State, to)
		}
		from, now := c.State, d.now()
		if (from == Closed || from == Resolved) && to == Open && reason == "" {
			return fault.Problems{{Field: "reason", Message: "say why the case is opened again"}}
		}
		switch {
		case to == Resolved:
			c.Resolved = now
		case to == Closed:
			if err := d.closing(ctx, tx, c); err != nil {
				return err
			}
			c.Closed = now
		case from == Closed || from == Resolved:
			c.Resolved, c.Closed, c.Reopened = 0, 0, c.Reopened+1
		}
		c.State = to
		said := detail(map[string]any{"from": from, "to": to})
		tx.Note("", said)
		return d.enter(tx, by, &Entry{Case: id, Kind: KindState, Text: reason, Detail: said, Shared: true})
	})
}

// edit changes a case in one act, as long as nobody else changed it meanwhile.
func (d *Desk) edit(ctx context.Context, by act.Actor, verb string, id, version int64, fn func(tx *db.Tx, c *Case) error) (c Case, err error) {
	if err := staff(by); err != nil {
		return c, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("case:%d", id)}, func(tx *db.Tx) error {
		if c, err = lockCase(tx, id); err != nil {
			return err
		}
		if c.State == Joined {
			return fault.Conflictf("the case %s is part of another one now: change that one", c.Number)
		}
		if version != 0 && version != c.Version {
			e, err := lastEntry(tx, id)
			if err != nil {
				return err
			}
			return fault.Conflictf("%s changed the case %s at %s UTC, after you opened it: look again, and repeat what you wanted", e.Name, c.Number,
				time.UnixMicro(e.Written).UTC().Format("2006-01-02 15:04"))
		}
		if err := fn(tx, &c); err != nil {
			return err
		}
		c.Changed = d.now()
		if err := updateCase(tx, &c); err != nil {
			return err
		}
		return d.changed(ctx, tx, &c)
	})
	return c, err
}

// apply makes a change and tells what it changed: field → [before, after].
func (d *Desk) apply(tx *db.Tx, c *Case, ch *Change) (map[string][2]any, error) {
	profile, _, err := d.Nation.LoadIn(tx)
	if err != nil {
		return nil, err
	}
	var m mistakes
	diff := map[string][2]any{}
	m.text("reason", &ch.Reason, maxSummary, false)
	if ch.Title != nil {
		m.line("title", ch.Title, maxTitle, true)
		set(diff, "title", &c.Title, *ch.Title)
	}
	if ch.Summary != nil {
		m.text("summary", ch.Summary, maxSummary, false)
		set(diff, "summary", &c.Summary, *ch.Summary)
	}
	if ch.Type != nil {
		t, ok := rsit.ByName(*ch.Type)
		if *ch.Type != "" && !ok {
			m.add("type", "%q is no type of the Reference Security Incident Taxonomy", *ch.Type)
		}
		set(diff, "type", &c.Type, t.Name)
		c.Class = t.Class
	}
	if ch.Impact != nil {
		set(diff, "impact", &c.Impact, *ch.Impact)
	}
	if ch.Reach != nil {
		set(diff, "reach", &c.Reach, *ch.Reach)
	}
	d.rate(&m, diff, c, ch, profile)
	if ch.Label != nil {
		if *ch.Label < tlp.Clear || *ch.Label > tlp.Red {
			m.add("tlp", "a case needs a TLP label")
		}
		if c.Version > 1 && *ch.Label < c.Label && ch.Reason == "" {
			m.add("reason", "say why the case may travel further than %s", c.Label)
		}
		set(diff, "tlp", &c.Label, *ch.Label)
	}
	if ch.PAP != nil {
		if *ch.PAP != disclosure.NoPAP && ch.PAP.String() == "" {
			m.add("pap", "is no label of the Permissible Actions Protocol")
		}
		set(diff, "pap", &c.PAP, *ch.PAP)
	}
	if ch.CrossBorder != nil {
		set(diff, "cross_border", &c.CrossBorder, *ch.CrossBorder)
	}
	if ch.Personal != nil {
		set(diff, "personal_data", &c.Personal, *ch.Personal)
	}
	if ch.Lead != nil {
		set(diff, "lead", &c.Lead, *ch.Lead)
		c.LeadName = ch.LeadName
	}
	return diff, m.err()
}

// rate sets the severity: by the nation's matrix, or by hand.
func (d *Desk) rate(m *mistakes, diff map[string][2]any, c *Case, ch *Change, profile *nation.Profile) {
	matrix := len(profile.Matrix.Levels) > 0
	_, impact := diff["impact"]
	_, reach := diff["reach"]
	if matrix && (impact || reach) {
		level, ok := profile.SeverityOf(c.Impact, c.Reach)
		if !ok && c.Impact != "" && c.Reach != "" {
			m.add("impact", "the nation's severity matrix has no impact %q with reach %q", c.Impact, c.Reach)
		}
		set(diff, "severity", &c.Severity, level)
	}
	if ch.Severity == nil || *ch.Severity == c.Severity {
		return
	}
	switch {
	case *ch.Severity < 0 || *ch.Severity > 5:
		m.add("severity", "%d is no severity: use 0 unrated to 5 critical", *ch.Severity)
	case matrix && ch.Reason == "":
		m.add("reason", "say why the severity is not the one of the nation's matrix")
	}
	set(diff, "severity", &c.Severity, *ch.Severity)
}

func set[T comparable](diff map[string][2]any, field string, to *T, v T) {
	if *to != v {
		diff[field] = [2]any{*to, v}
		*to = v
	}
}

// Case finds a case for the staff.
func (d *Desk) Case(ctx context.Context, id int64) (c Case, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		c, err = caseByID(tx, id)
		return err
	})
	return c, err
}

// CaseByNumber finds a case for the staff.
func (d *Desk) CaseByNumber(ctx context.Context, number string) (c Case, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		c, err = caseByNumber(tx, number)
		return err
	})
	return c, err
}

// ReportsOf lists the reports of a case, the first one first, at most 1,000.
func (d *Desk) ReportsOf(ctx context.Context, id int64) (out []Report, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = reportsOfCase(tx, id)
		return err
	})
	return out, err
}

// PartsOf are the tickets of the cases that became part of a case, also by way of others, the oldest first, at most limit.
func (d *Desk) PartsOf(ctx context.Context, id int64, limit int) (tickets []string, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		numbers, err := joinedTo(tx, id, limit)
		tickets = nil
		for _, n := range numbers {
			tickets = append(tickets, (&Case{Number: n}).Ticket())
		}
		return err
	})
	return tickets, err
}

func noCase(id int64) error { return fault.NotFoundf("there is no case %d", id) }
