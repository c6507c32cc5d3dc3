// Package letter is the conversation by mail about a report or a case: who of it can be written to, what is written to them in their
// language, and what came back. A letter leaves by the gate and the outbox as everything does; how far it may travel the case says.
package letter

import (
	"context"
	"embed"
	"fmt"
	"slices"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// Kind is the kind of letter that this package writes.
const Kind = "case-letter"

// Config is what a desk stands on.
type Config struct {
	Incidents *incident.Desk
	Box       *mailbox.Box
	// Reach tells the mail address and the language of an account; "" when it has no address.
	Reach func(ctx context.Context, account int64) (mail, language string, err error)
}

// Desk is where letters are written. It is safe for concurrent use.
type Desk struct {
	*incident.Desk
	box   *mailbox.Box
	reach func(ctx context.Context, account int64) (mail, language string, err error)
	words *text.Catalogue
}

// New returns the desk.
func New(c Config) (*Desk, error) {
	words, err := text.Load(locales)
	if err != nil {
		return nil, fmt.Errorf("read the texts of letters: %w", err)
	}
	return &Desk{c.Incidents, c.Box, c.Reach, words}, nil
}

// About is what a conversation is about: a case, or a report; one of them is 0.
type About struct{ Case, Report int64 }

// Matter is the case or report that a conversation is about.
type Matter struct {
	About
	Ref    disclosure.Ref
	Number string
	Title  string
	Ticket string
	Label  tlp.Label // how far it may travel
	Over   bool      // it is part of another case: nothing is written any more

	mark    disclosure.Marking
	reports []incident.Report // of the case, or the one
	parts   []string          // tickets of the cases that became part of the case
	parties []incident.Party
	inCase  int64 // whose timeline has its letters; 0: none
}

const maxReports = 50 // of a case, whose reporters and conversations are shown

// Matter finds what a conversation is about.
func (d *Desk) Matter(ctx context.Context, a About) (*Matter, error) {
	if a.Case == 0 {
		r, err := d.Report(ctx, a.Report)
		if err != nil {
			return nil, err
		}
		mark := r.Marking()
		return &Matter{About: a, Ref: r.Ref(), Number: r.Number, Title: r.Title, Ticket: r.Ticket(), Label: mark.Effective(), mark: mark, reports: []incident.Report{r}, inCase: r.Case}, nil
	}
	c, err := d.Case(ctx, a.Case)
	if err != nil {
		return nil, err
	}
	reports, err := d.ReportsOf(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	parts, err := d.PartsOf(ctx, c.ID, maxReports)
	mark := c.Marking()
	return &Matter{About: a, Ref: c.Ref(), Number: c.Number, Title: c.Title, Ticket: c.Ticket(), Label: mark.Effective(), Over: c.State == incident.Joined, mark: mark,
		reports: reports, parts: parts, parties: c.Parties, inCase: c.ID}, err
}

func (m *Matter) joined() error {
	return fault.Conflictf("the case %s is part of another one now: write from there", m.Number)
}

// stands tells whether the matter is as it was when the letters were written, and keeps it so for the act that sends them.
func (m *Matter) stands(tx *db.Tx) error {
	mark, joined := m.mark, false
	if m.Case != 0 {
		c, err := incident.LockCase(tx, m.Case)
		if err != nil {
			return err
		}
		mark, joined = c.Marking(), c.State == incident.Joined
	} else {
		r, err := incident.ReadReport(tx, m.Report)
		if err != nil {
			return err
		}
		if mark = r.Marking(); r.Case != m.inCase {
			return fault.Conflictf("the report %s came into a case or out of one while this was written: look again", m.Number)
		}
	}
	switch {
	case joined:
		return m.joined()
	case mark.Effective() > m.Label:
		return fault.Conflictf("%s was marked %s while this was written: look again", m.Number, mark.Effective())
	}
	return nil
}

// shown are the reports whose reporters and conversations are.
func (m *Matter) shown() []incident.Report { return m.reports[:min(len(m.reports), maxReports)] }

// tickets are those of the matter's conversations: its own, and those of a case's reports and of the cases that became part of it.
func (m *Matter) tickets() []string {
	out := append([]string{m.Ticket}, m.parts...)
	for _, r := range m.shown() {
		if t := r.Ticket(); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// constituents are those of whose contacts somebody can be written to: the parties, and the reporters.
func (m *Matter) constituents() (out []int64) {
	add := func(id int64) {
		if id != 0 && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, p := range m.parties {
		add(p.Constituent)
	}
	for _, r := range m.shown() {
		add(r.Constituent)
	}
	return out
}

// of is how far a file of the matter may travel: as its report, and never further than the case; one that came by mail only to whose it
// is. Of a file whose report is not known nobody can tell.
func (m *Matter) of(f *incident.File) (mark disclosure.Marking, known bool) {
	mark, known = m.mark, f.Report == 0
	for i := range m.reports {
		if r := &m.reports[i]; f.Report == r.ID {
			mark, known = r.Marking(), true
			mark.Label, mark.PAP = max(mark.Effective(), m.Label), max(mark.PAP, m.mark.PAP)
		}
	}
	switch {
	case f.Owner == incident.Stranger:
		mark.Owners, mark.Named = nil, nil
	case f.Owner != 0:
		mark.Owners, mark.Named = []int64{f.Owner}, nil
	}
	return mark, known
}

// Files lists what can be attached to a letter: the files of the case and its reports, or of the report.
func (d *Desk) Files(ctx context.Context, a About) ([]incident.File, error) {
	return d.FilesOf(ctx, a.Case, a.Report)
}

// Line is a letter of ours or a message of theirs.
type Line struct {
	mailbox.Entry
	Ticket     string
	Stranger   bool // the message comes from nobody that the conversation was with
	Answerable bool // a person wrote the message
}

const maxLines = 200

// Conversation is all that went to and fro about a case and its reports, or a report: the first first, of a long one the last 200.
func (d *Desk) Conversation(ctx context.Context, a About) (out []Line, err error) {
	m, err := d.Matter(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, ticket := range m.tickets() {
		c, err := d.box.Conversation(ctx, ticket)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range c.Entries {
			l := Line{Entry: e, Ticket: ticket}
			if e.Message != nil {
				l.Answerable = e.Message.Answerable()
				l.Stranger = l.Answerable && !e.Message.Verified
			}
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(x, y Line) int { return int(min(1, max(-1, x.At-y.At))) })
	return out[max(0, len(out)-maxLines):], nil
}

// Languages are those that letters are framed in, English first.
func (d *Desk) Languages() []string { return d.words.Languages() }
