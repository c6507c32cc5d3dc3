package digest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/nation"
)

// Message is one digest to one constituent, as it was decided.
type Message struct {
	ID          int64     `json:"id"`
	Constituent int64     `json:"constituent"`
	Name        string    `json:"name"`
	At          int64     `json:"at"`
	Frequency   Frequency `json:"frequency"`
	Period      string    `json:"period"` // the recipient's day, as 2026-11-25
	From        event.Day `json:"from"`   // report days of the rows attached
	Until       event.Day `json:"until"`
	Fresh       int64     `json:"fresh"` // new, or back again
	Still       int64     `json:"still"`
	Gone        int64     `json:"gone"`
	Letters     int64     `json:"letters"` // to how many addresses
	Ticket      string    `json:"ticket"`
	Expires     int64     `json:"expires"` // of the answer link
	RevokedAt   int64     `json:"revoked_at,omitempty"`
	RevokedBy   string    `json:"revoked_by,omitempty"`
	Answers     int64     `json:"answers"`

	secret string
}

// urgent tells whether the message is about what cannot wait, and nothing else.
func (m *Message) urgent() bool { return m.Frequency == Immediate }

// Digest is a message as its recipient reads it.
type Digest struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
	Files   []File `json:"files" nullable:"false"`
	Left    int    `json:"left"` // rows that did not fit
}

// entry is a finding in a message.
type entry struct {
	event.Finding
	what  string
	since event.Day
	copy  bool
}

// section is what a message says of one report type.
type section struct {
	typ     string
	title   string
	class   event.Severity
	id      int64
	entries []entry // what is new before what is still open, the gravest first
}

const (
	maxShown = 20 // findings of a type in the text; the rest is in the file
	maxGone  = 20
)

func sections(all []entry) (out []*section, gone []entry) {
	at := map[string]*section{}
	for _, e := range all {
		if e.what == TellGone {
			gone = append(gone, e)
			continue
		}
		key := e.Feed + "\n" + e.Type
		s := at[key]
		if s == nil {
			s = &section{typ: e.Type, title: cmp.Or(e.Title, e.Type), id: e.TypeID}
			at[key] = s
			out = append(out, s)
		}
		s.class = max(s.class, e.Severity)
		s.entries = append(s.entries, e)
	}
	order := func(e entry) int {
		if e.what == TellStill {
			return 1
		}
		return 0
	}
	for _, s := range out {
		slices.SortFunc(s.entries, func(a, b entry) int {
			return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.Severity, a.Severity), strings.Compare(string(a.ID), string(b.ID)))
		})
	}
	slices.SortFunc(out, func(a, b *section) int {
		return cmp.Or(cmp.Compare(b.class, a.class), cmp.Compare(a.title, b.title), cmp.Compare(a.id, b.id))
	})
	slices.SortFunc(gone, func(a, b entry) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, gone
}

// sender is what a message needs to know of who sends it.
type sender struct {
	profile *nation.Profile
	url     string // of the answer page without its secret; "": answers come by mail
	marking string // "AMBER"
	types   map[int64]event.TypeMark
}

// writing is a message in the making.
type writing struct {
	*Message
	sender
	p     speaker
	all   []entry
	types []*section
	gone  []entry
	wanted
	found, left int // rows to attach, and those beyond the bounds
}

// begin finds out what a message in a language says, and which rows go with it.
func (d *Desk) begin(ctx context.Context, m *Message, all []entry, s sender, language string) (*writing, error) {
	w := &writing{Message: m, sender: s, p: d.speaker(language, s.profile.Location()), all: all}
	w.types, w.gone = sections(all)
	w.wanted = files(m, w.types, s.types)
	var err error
	w.found, w.left, err = d.find(ctx, &w.wanted)
	return w, err
}

// end writes the message, once its rows are read.
func (w *writing) end() (*Digest, error) {
	out := &Digest{Subject: subjectLine(w.p, w.Message, w.sender)}
	var err error
	if out.Files, out.Left, err = w.files(); err != nil {
		return nil, err
	}
	out.Left += w.left
	var doc document
	opening(&doc, w.p, w.Message, w.all, w.sender)
	for _, t := range w.types {
		t.write(&doc, w.p, w.Until)
	}
	if len(w.gone) > 0 {
		goodbye(&doc, w.p, w.gone)
	}
	out.enclose(&doc, w.p, len(w.types) > 0)
	closing(&doc, w.p, w.Message, w.sender)
	out.Text, out.HTML = doc.plain(), doc.html(w.p.Lang())
	return out, nil
}

func files(m *Message, types []*section, marks map[int64]event.TypeMark) wanted {
	w := wanted{from: m.From, until: m.Until}
	for _, s := range types {
		t := wantedType{TypeMark: marks[s.id], findings: map[event.ID]bool{}}
		for _, e := range s.entries {
			t.findings[e.ID] = true
			if !slices.Contains(t.owners, e.Owner.ID) {
				t.owners = append(t.owners, e.Owner.ID)
			}
		}
		w.types = append(w.types, t)
	}
	return w
}

func subjectLine(p speaker, m *Message, s sender) string {
	var parts []string
	key := "subject.new"
	if m.urgent() {
		key = "subject.urgent"
	}
	for _, c := range []struct {
		key string
		n   int64
	}{{key, m.Fresh}, {"subject.gone", m.Gone}, {"subject.still", m.Still}} {
		if c.n > 0 {
			parts = append(parts, p.T(c.key, c.n))
		}
	}
	return clip(fmt.Sprintf("[%s] %s: %s", m.Ticket, s.profile.Team.Name, strings.Join(parts, ", ")), 150)
}

func opening(doc *document, p speaker, m *Message, all []entry, s sender) {
	day := p.Day(int64(m.Until))
	if t, err := time.Parse(time.DateOnly, m.Period); err == nil {
		day = p.Day(int64(event.DayOf(t.UnixMicro())))
	}
	if m.urgent() {
		doc.title(p.T("title.alert", day))
	} else {
		doc.title(p.T("title.digest", day))
	}
	doc.say(p.T("dear", clip(m.Name, 200)))
	doc.say(p.T("intro", s.profile.Team.Name))
	if slices.ContainsFunc(all, func(e entry) bool { return e.copy }) {
		doc.say(p.T("intro.copy"))
	}
	n := map[string]int64{}
	oldest := m.Until
	for _, e := range all {
		n[e.what]++
		if e.what == TellStill {
			oldest = min(oldest, e.since)
		}
	}
	var lines []string
	for _, what := range []string{TellNew, TellAgain, TellStill, TellGone} {
		if n[what] == 0 {
			continue
		}
		line := p.T("summary."+what, n[what])
		if what == TellStill {
			line += "; " + p.T("summary.oldest", int64(m.Until-oldest)+1)
		}
		lines = append(lines, line)
	}
	doc.say(p.T("summary") + ":")
	doc.list(lines...)
}

func (s *section) write(doc *document, p speaker, today event.Day) {
	doc.head(p.T("type.head", clip(s.title, 120), p.T(fmt.Sprintf("severity.%d", s.class))))
	advise(doc, p, familyOf(&s.entries[0].Finding))
	others := slices.ContainsFunc(s.entries, func(e entry) bool { return e.copy })
	head := []string{p.T("column.where"), p.T("column.what"), p.T("column.since"), p.T("column.days")}
	if others {
		head = append(head, p.T("column.owner"))
	}
	rows := [][]string{head}
	for _, e := range s.entries[:min(maxShown, len(s.entries))] {
		row := []string{Endpoint(&e.Finding), p.T("what." + e.what), p.Day(int64(e.since)), p.Number(int64(today-e.since) + 1)}
		if others {
			row = append(row, clip(e.Owner.Name, 60))
		}
		rows = append(rows, row)
	}
	doc.table(rows...)
	if more := len(s.entries) - maxShown; more > 0 {
		doc.say(p.T("more", int64(more)))
	}
}

// advise says what to do; where a language has no advice of its own the fallback's is marked as such.
func advise(doc *document, p speaker, family string) {
	advice := p.T("todo", p.T("guide."+family))
	if !p.own("guide." + family) {
		advice += " " + p.T("todo.english")
	}
	doc.say(advice)
}

func goodbye(doc *document, p speaker, gone []entry) {
	doc.head(p.T("gone.head"))
	doc.say(p.T("gone.lead"))
	var lines []string
	for _, e := range gone[:min(maxGone, len(gone))] {
		lines = append(lines, Endpoint(&e.Finding)+", "+clip(cmp.Or(e.Title, e.Type), 120))
	}
	doc.list(lines...)
	if more := len(gone) - maxGone; more > 0 {
		doc.say(p.T("gone.more", int64(more)))
	}
}

func (out *Digest) enclose(doc *document, p speaker, rows bool) {
	if len(out.Files)+out.Left == 0 {
		if rows {
			doc.say(p.T("files.none"))
		}
		return
	}
	doc.head(p.T("files.head"))
	if len(out.Files) > 0 {
		doc.say(p.T("files.lead"))
		var lines []string
		for _, f := range out.Files {
			lines = append(lines, p.T("files.one", int64(f.Rows), f.Name))
		}
		doc.list(lines...)
	}
	if out.Left > 0 {
		doc.say(p.T("files.left", int64(out.Left)))
	}
}

func closing(doc *document, p speaker, m *Message, s sender) {
	doc.head(p.T("answer.head"))
	if s.url != "" && m.secret != "" {
		doc.link(p.T("answer.lead", p.Day(int64(event.DayOf(m.Expires)))), s.url+m.secret)
	} else {
		doc.say(p.T("answer.mail", m.Ticket))
	}
	doc.rule()
	if s.marking != "" {
		doc.say(p.T("marking." + s.marking))
	}
	doc.say(p.T("from", s.profile.Team.Name))
	if len(s.profile.Team.Mails) > 0 {
		doc.say(p.T("contact", strings.Join(s.profile.Team.Mails, ", ")))
	}
}

// Endpoint is what a finding is about, in one line: an address with its port, or a name.
func Endpoint(f *event.Finding) string {
	if f.Name != "" && (!f.Address.IsValid() || f.Port < 0) {
		return clip(f.Name, 80)
	}
	if f.Port < 0 {
		return f.Address.String()
	}
	b := append(f.Address.AppendTo(make([]byte, 0, 32)), ' ')
	b = append(strconv.AppendInt(b, int64(f.Port), 10), '/')
	return string(append(b, cmp.Or(f.Transport, "ip")...))
}
