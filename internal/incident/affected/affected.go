// Package affected has the entities and persons that an incident affects: who they are and why, what was decided about each, and what
// each was told, by whom, by which way and with what proof. Of the three acts of a national CERT it is the first and the third: the
// affected are told, and the competent authority gets the list of them. The reporter is advised in filing.
package affected

import (
	"context"
	"encoding/json"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

// Config is what a desk stands on: that of the incidents, and the findings.
type Config struct {
	Incidents *incident.Desk
	Findings  *event.Lister
}

// Desk is where it is decided who is told of a case. It is safe for concurrent use.
type Desk struct {
	*incident.Desk
	findings *event.Lister
	words    *text.Catalogue
}

// New returns the desk. A case whose affected are not all told or decided about cannot be closed from now on.
func New(c Config) (*Desk, error) {
	words, err := text.Load(locales)
	if err != nil {
		return nil, fmt.Errorf("read the texts of notices: %w", err)
	}
	d := &Desk{c.Incidents, c.Findings, words}
	c.Incidents.Extend(incident.Extension{
		Closing: d.closes,
		Joined: func(_ context.Context, tx *db.Tx, from, into *incident.Case) error {
			return move(tx, from.ID, into.ID)
		},
	})
	return d, nil
}

// Kind is what sort of affected it is.
type Kind string

// The kinds.
const (
	Entity  Kind = "entity"  // an organisation, of the registry or not
	Persons Kind = "persons" // people, as a group: customers, employees, patients
)

// State is what became of one.
type State string

// The states.
const (
	Undecided State = "open"
	Told      State = "told"     // somebody has it: a letter was handed over, or a person told them
	Underway  State = "underway" // a letter waits to leave
	Failed    State = "failed"   // no letter arrived: tell them again, or another way
	NotTold   State = "not-told" // with the reason
)

// Where it comes from that somebody is affected.
const (
	ByHand      = "hand"
	ByParty     = "party"     // a victim of the case
	ByIndicator = "indicator" // something of theirs is an indicator of the case
	ByFinding   = "finding"   // a report tells it of something of theirs
)

// Affected is one whom a case affects.
type Affected struct {
	ID          int64     `json:"id"`
	Case        int64     `json:"case"`
	Kind        Kind      `json:"kind"`
	Constituent int64     `json:"constituent,omitempty"` // 0: not of the registry
	Name        string    `json:"name"`
	Mail        string    `json:"mail,omitempty"` // of an entity outside the registry
	Language    string    `json:"language,omitempty"`
	Source      string    `json:"source"`
	Why         string    `json:"why"`
	Persons     int64     `json:"persons,omitempty"` // how many; 0: unknown
	State       State     `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	At          int64     `json:"at"` // UTC microseconds, as below
	By          string    `json:"by"`
	Decided     int64     `json:"decided,omitempty"`
	DecidedBy   string    `json:"decided_by,omitempty"`
	Tellings    []Telling `json:"tellings"`
}

// Telling is one message to one receiver, or one call.
type Telling struct {
	ID       int64  `json:"id"`
	Case     int64  `json:"case"`
	Affected int64  `json:"affected,omitempty"` // 0: an authority got the list
	Receiver int64  `json:"receiver,omitempty"` // constituent
	Name     string `json:"name"`
	At       int64  `json:"at"` // UTC microseconds
	By       string `json:"by"`
	Channel  string `json:"channel"`
	Address  string `json:"address,omitempty"`
	Contact  string `json:"contact,omitempty"` // why that contact: its role
	Letter   int64  `json:"letter,omitempty"`
	State    string `json:"state,omitempty"` // of the letter
	HandedAt int64  `json:"handed_over,omitempty"`
	Language string `json:"language,omitempty"`
	Label    int    `json:"-"`
	TLP      string `json:"tlp,omitempty"`
	Lowered  string `json:"lowered,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Text     string `json:"text"`
}

// Ways are the channels by which a person tells somebody, beside the mail of the outbox.
func Ways() []string { return []string{"phone", "visit", "letter", "press"} }

const (
	maxAffected = 5000 // of a case
	maxLine     = 200
	maxWords    = 20_000
)

type mistakes struct{ fault.Problems }

func (m *mistakes) add(field, format string, args ...any) {
	m.Problems = append(m.Problems, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (m *mistakes) line(field string, s *string, need bool) {
	if *s = strings.TrimSpace(*s); need && *s == "" {
		m.add(field, "is needed")
	}
	if len(*s) > maxLine || !utf8.ValidString(*s) || strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		m.add(field, "must be one line of at most %d bytes", maxLine)
	}
}

func (m *mistakes) words(field string, s *string, need bool) {
	if *s = strings.TrimSpace(strings.ReplaceAll(*s, "\r\n", "\n")); need && *s == "" {
		m.add(field, "is needed")
	}
	if len(*s) > maxWords || !utf8.ValidString(*s) || strings.ContainsRune(*s, 0) {
		m.add(field, "must be text of at most %d bytes", maxWords)
	}
}

func (m *mistakes) err() error {
	if len(m.Problems) == 0 {
		return nil
	}
	return m.Problems
}

func (a *Affected) check(dir *constituency.Directory) error {
	var m mistakes
	switch a.Kind {
	case Entity, Persons:
	default:
		m.add("kind", "%q is neither entity nor persons", a.Kind)
	}
	if a.Constituent != 0 {
		if l, ok := dir.ByID(a.Constituent); !ok {
			m.add("constituent", "there is no constituent %d", a.Constituent)
		} else if a.Kind == Entity {
			a.Name, a.Mail = l.Name, ""
		}
	}
	m.line("name", &a.Name, true)
	m.line("language", &a.Language, false)
	m.words("why", &a.Why, true)
	if a.Mail = strings.TrimSpace(a.Mail); a.Mail != "" {
		if p, err := netmail.ParseAddress(a.Mail); err != nil || p.Address != a.Mail || len(a.Mail) > 254 {
			m.add("mail", "%.60q is no mail address", a.Mail)
		}
	}
	if a.Persons < 0 {
		m.add("persons", "%d is no number of persons", a.Persons)
	}
	if !slices.Contains([]string{ByHand, ByParty, ByIndicator, ByFinding}, a.Source) {
		m.add("source", "%q is none of hand, party, indicator, finding", a.Source)
	}
	return m.err()
}

func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

func (d *Desk) now() int64 { return d.Clock.Now().UnixMicro() }

// act writes about a case that is not part of another one.
func (d *Desk) act(ctx context.Context, by act.Actor, verb string, id int64, fn func(tx *db.Tx, c *incident.Case) error) error {
	if !identity.Allowed(by, "incident.write") {
		return fault.New(fault.Forbidden, "this asks for the permission incident.write, which you do not have")
	}
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("case:%d", id)}, func(tx *db.Tx) error {
		c, err := incident.LockCase(tx, id)
		if err != nil {
			return err
		}
		if c.State == incident.Joined {
			return fault.Conflictf("the case %s is part of another one now: go there", c.Number)
		}
		return fn(tx, &c)
	})
}

// Add adds some to those whom a case affects; who is there already stays as it is. It tells how many are new.
func (d *Desk) Add(ctx context.Context, by act.Actor, id int64, as ...Affected) (n int, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	for i := range as {
		if err := as[i].check(dir); err != nil {
			return 0, err
		}
	}
	err = d.act(ctx, by, "affected.add", id, func(tx *db.Tx, c *incident.Case) error {
		n = 0
		there, err := count(tx, id)
		if err != nil {
			return err
		}
		if there+int64(len(as)) > maxAffected {
			return fault.Conflictf("the case %s has %d affected; it can have %d: group them", c.Number, there, maxAffected)
		}
		var names []string
		for _, a := range as {
			a.Case, a.State, a.At, a.By = id, Undecided, d.now(), by.Name
			fresh, err := insert(tx, &a)
			if err != nil {
				return err
			}
			if fresh {
				n++
				names = append(names, a.Name)
			}
		}
		if n == 0 {
			return nil
		}
		tx.Note("", detail(map[string]any{"affected": names}))
		return d.Enter(tx, by, incident.Entry{Case: id, Kind: KindAffected, Detail: detail(map[string]any{"added": names[:min(len(names), 20)], "count": n})})
	})
	return n, err
}

// KindAffected and KindTold are the kinds of entry that this package writes on a case's timeline.
const (
	KindAffected = "affected"
	KindTold     = "told"
)

// Decide notes that somebody is not told, with the reason; an empty reason opens the question again.
func (d *Desk) Decide(ctx context.Context, by act.Actor, id, affected int64, reason string) error {
	var m mistakes
	m.words("reason", &reason, false)
	if err := m.err(); err != nil {
		return err
	}
	return d.act(ctx, by, "affected.decide", id, func(tx *db.Tx, _ *incident.Case) error {
		a, err := lock(tx, id, affected)
		if err != nil {
			return err
		}
		if a.State == Told {
			has, err := written(tx, a.ID)
			if err != nil {
				return err
			}
			if has {
				return fault.Conflictf("%s was told already, or a letter is on its way", a.Name)
			}
		}
		a.State, a.Reason = NotTold, reason
		if reason == "" {
			a.State = Undecided
		}
		a.Decided, a.DecidedBy = d.now(), by.Name
		if err := decide(tx, &a); err != nil {
			return err
		}
		said := detail(map[string]any{"affected": a.ID, "name": a.Name, "state": a.State, "reason": reason})
		tx.Note("", said)
		return d.Enter(tx, by, incident.Entry{Case: id, Kind: KindAffected, Text: reason, Detail: said})
	})
}

// Record notes that a person told somebody by another way than Tocsin's mail: what was said is the proof.
func (d *Desk) Record(ctx context.Context, by act.Actor, id, affected int64, t Telling) error {
	var m mistakes
	if !slices.Contains(Ways(), t.Channel) {
		m.add("channel", "%q is none of %s", t.Channel, strings.Join(Ways(), ", "))
	}
	m.line("address", &t.Address, false)
	m.words("text", &t.Text, true)
	if t.At > d.Clock.Now().UnixMicro() {
		m.add("at", "lies in the future")
	}
	if err := m.err(); err != nil {
		return err
	}
	return d.act(ctx, by, "affected.record", id, func(tx *db.Tx, c *incident.Case) error {
		a, err := lock(tx, id, affected)
		if err != nil {
			return err
		}
		if t.At == 0 {
			t.At = d.now()
		}
		t.Case, t.Affected, t.Receiver, t.Name, t.By = id, a.ID, a.Constituent, a.Name, by.Name
		return d.told(tx, by, c, &a, &t)
	})
}

// told writes one telling down, and that its affected is told.
func (d *Desk) told(tx *db.Tx, by act.Actor, c *incident.Case, a *Affected, t *Telling) error {
	if err := insertTelling(tx, t); err != nil {
		return err
	}
	if a != nil {
		a.State, a.Reason, a.Decided, a.DecidedBy = Told, "", d.now(), by.Name
		if err := decide(tx, a); err != nil {
			return err
		}
	}
	said := detail(map[string]any{"telling": t.ID, "name": t.Name, "channel": t.Channel, "address": t.Address, "letter": t.Letter, "lowered": t.Lowered})
	tx.Note("", said)
	return d.Enter(tx, by, incident.Entry{Case: c.ID, At: t.At, Kind: KindTold, Text: t.Subject, Detail: said})
}

// List is who is affected by a case, those who wait for a decision first, at most 5,000, each with what they were told.
func (d *Desk) List(ctx context.Context, id int64) (out []Affected, err error) {
	if _, err := d.Case(ctx, id); err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if out, err = list(tx, id); err != nil {
			return err
		}
		ts, err := tellings(tx, id)
		if err != nil {
			return err
		}
		at := map[int64]int{}
		for i := range out {
			at[out[i].ID] = i
		}
		for _, t := range ts {
			if i, ok := at[t.Affected]; ok {
				out[i].Tellings = append(out[i].Tellings, t)
			}
		}
		for i := range out {
			out[i].stand()
		}
		return nil
	})
	return out, err
}

// stand makes one that was written to what became of the letters: what was sent is not told until somebody has it.
func (a *Affected) stand() {
	if a.State != Told {
		return
	}
	a.State = Failed
	for _, t := range a.Tellings {
		switch notify.State(t.State) {
		case notify.Handed, notify.Answered:
			a.State = Told
			return
		case notify.Queued, notify.Rendered, notify.Held:
			a.State = Underway
		case "":
			if t.Letter == 0 { // a person did it
				a.State = Told
				return
			}
		}
	}
}

// Given lists when authorities got the list of a case's affected.
func (d *Desk) Given(ctx context.Context, id int64) (out []Telling, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		ts, err := tellings(tx, id)
		for _, t := range ts {
			if t.Affected == 0 {
				out = append(out, t)
			}
		}
		return err
	})
	return out, err
}

// closes refuses to close a case as long as somebody is neither told nor decided about.
func (d *Desk) closes(_ context.Context, tx *db.Tx, c *incident.Case) error {
	n, err := undecided(tx, c.ID)
	if err != nil || n == 0 {
		return err
	}
	return fault.Conflictf("%d of those affected by the case %s have not been told, and it is not said why: tell them, see that the letters leave, or say why not", n, c.Number)
}
