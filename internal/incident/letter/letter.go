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

// stands tells whether the matter is as it was when the letters were written, and keeps it so for the act that sends them: a case that
// became part of another one or may travel less far, a report that somebody decided about, and one that left the case although the letters
// are for its reporter or carry its files, are looked at again. A closed case stands: people write back after it was closed, and are answered.
func (m *Matter) stands(tx *db.Tx, ps []Prepared) error {
	for _, id := range m.needs(ps) { // in the order of their ids, so that two letters do not wait for each other
		r, err := incident.LockReport(tx, id)
		if err != nil {
			return err
		}
		if err := m.holds(&r); err != nil {
			return err
		}
	}
	if m.Case == 0 {
		return nil
	}
	c, err := incident.LockCase(tx, m.Case)
	switch mark := c.Marking(); {
	case err != nil:
		return err
	case c.State == incident.Joined:
		return m.joined()
	case mark.Effective() > m.Label || mark.PAP > m.mark.PAP:
		return m.stricter(mark)
	case slices.ContainsFunc(m.mark.Owners, func(id int64) bool { return !slices.Contains(mark.Owners, id) }):
		return fault.Conflictf("somebody whose case %s was is no party of it any more: look again", m.Number)
	}
	return nil
}

// needs are the reports that letters are about: the matter itself, those whose reporters or conversations they go to, and those whose files
// they carry.
func (m *Matter) needs(ps []Prepared) (out []int64) {
	if m.Case == 0 {
		return []int64{m.Report}
	}
	for i := range m.reports {
		r := &m.reports[i]
		if slices.ContainsFunc(ps, func(p Prepared) bool {
			return p.letter.Ticket == r.Ticket() || slices.ContainsFunc(p.Files, func(f incident.File) bool { return f.Report == r.ID })
		}) {
			out = append(out, r.ID)
		}
	}
	slices.Sort(out)
	return out
}

// holds tells whether a report is what it was when the letters were written. That its reporter confirmed their address decides nothing.
func (m *Matter) holds(r *incident.Report) error {
	i := slices.IndexFunc(m.reports, func(o incident.Report) bool { return o.ID == r.ID })
	was := &m.reports[i]
	switch mark, before := r.Marking(), was.Marking(); {
	case m.Case != 0 && r.Case != m.Case:
		return fault.Conflictf("the report %s is no part of %s any more: write to its reporter from where it is now", r.Number, m.Number)
	case m.Case == 0 && r.Case != m.inCase:
		return fault.Conflictf("the report %s came into a case or out of one while this was written: look again", r.Number)
	case m.Case == 0 && r.State != was.State && (was.State != incident.Unconfirmed || r.State != incident.Received):
		return fault.Conflictf("the report %s became %s while this was written: look again", r.Number, r.State)
	case mark.Effective() > before.Effective():
		return m.stricter(mark)
	}
	return nil
}

func (m *Matter) stricter(mark disclosure.Marking) error {
	how := mark.Effective().String()
	if mark.PAP > m.mark.PAP {
		how += ", " + mark.PAP.String()
	}
	return fault.Conflictf("%s was marked %s while this was written: look again", m.Number, how)
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
