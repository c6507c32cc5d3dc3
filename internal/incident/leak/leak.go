// Package leak tells people whether they are in leaked data without showing anybody the list. The staff loads a list of mail addresses for a
// case; what is kept of an address is its hash, under the world's seal. Whoever asks about an address is answered by a letter to that
// address and nowhere else; programs of constituents ask for all hashes that begin alike, and compare themselves; and the owner of a domain
// is told how many of its addresses are in the list, and which only when somebody allowed that.
package leak

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/rate"
	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// Kind is the kind of letter that this package writes, and KindLeak that of entry on a case's timeline.
const (
	Kind     = "leak-answer"
	KindLeak = "leak"
)

// Desk is where lists are loaded and questions are answered. It is safe for concurrent use.
type Desk struct {
	*incident.Desk
	words  *text.Catalogue
	pad    []byte // key of the suffixes that nobody has
	who    []byte // key of the names of those who ask
	asked  asked
	ranges *rate.Limiter // by account
}

// asked limits questions.
type asked struct{ network, domain, all *rate.Limiter }

const (
	asksPerHour   = 10  // from one network
	domainPerHour = 60  // about addresses of one domain: half a minute of what the outbox sends there, so that no other letter waits for long
	allPerHour    = 600 // from everybody: networks are cheap, and every question is a letter
	rangesPerHour = 600 // by one account: all 1,048,576 take it ten weeks
)

// New returns the desk.
func New(d *incident.Desk) (*Desk, error) {
	hourly := func(n int) *rate.Limiter { return rate.New(rate.Limit{Burst: n, Per: time.Hour}, d.Real) }
	out := &Desk{Desk: d, asked: asked{hourly(asksPerHour), hourly(domainPerHour), hourly(allPerHour)}, ranges: hourly(rangesPerHour)}
	var err error
	if out.words, err = text.Load(locales); err != nil {
		return nil, fmt.Errorf("read the texts about leaks: %w", err)
	}
	if out.pad, err = d.Seal.Derive("leak-padding"); err != nil {
		return nil, err
	}
	d.Extend(incident.Extension{Joined: func(_ context.Context, tx *db.Tx, from, into *incident.Case) error { return move(tx, from.ID, into.ID) }})
	if out.who, err = d.Seal.Derive("leak-asker"); err != nil {
		return nil, err
	}
	d.Outbox.Compose(Kind, notify.Single(out.compose))
	d.Outbox.Forget(Kind)
	return out, nil
}

// Leak is a list of addresses in leaked data.
type Leak struct {
	ID          int64  `json:"id"`
	Case        int64  `json:"case"`
	Title       string `json:"title"`
	Told        string `json:"told"`             // what those in it are told
	Permit      string `json:"permit,omitempty"` // who allowed that owners of domains get the addresses in clear, and on what ground; "" nobody
	Lowered     string `json:"-"`                // why title and told may leave although the case is stricter than AMBER; it stands on the timeline
	Addresses   int64  `json:"addresses"`
	Skipped     int64  `json:"skipped"` // lines without an address
	At          int64  `json:"at"`      // UTC microseconds
	By          string `json:"by"`
	Withdrawn   int64  `json:"withdrawn,omitempty"` // 0: not; nothing is left of its addresses then
	WithdrawnBy string `json:"withdrawn_by,omitempty"`
}

// Ref names a list for the gate.
func (l *Leak) Ref() disclosure.Ref { return disclosure.Ref(fmt.Sprintf("leak:%d", l.ID)) }

func (l *Leak) check() error {
	var ps fault.Problems
	words := func(field string, s *string, most int, need bool) {
		*s = strings.TrimSpace(strings.ReplaceAll(*s, "\r\n", "\n"))
		switch {
		case need && *s == "":
			ps.Add(field, "is needed")
		case len(*s) > most || !utf8.ValidString(*s) || strings.ContainsRune(*s, 0):
			ps.Add(field, "must be text of at most %d bytes", most)
		}
	}
	words("title", &l.Title, 200, true)
	words("told", &l.Told, 20_000, true)
	words("permit", &l.Permit, 2000, false)
	words("lowered", &l.Lowered, 2000, false)
	if strings.ContainsAny(l.Title, "\n\r\t") {
		ps.Add("title", "must be one line")
	}
	return ps.Err()
}

// Leaks lists the lists of a case, the latest first, at most 200.
func (d *Desk) Leaks(ctx context.Context, caseID int64) (out []Leak, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = ofCase(tx, caseID)
		return err
	})
	return out, err
}

// Withdraw removes all that is kept of a list's addresses; that there was one stays.
func (d *Desk) Withdraw(ctx context.Context, by act.Actor, caseID, id int64) error {
	if !identity.Allowed(by, "incident.write") {
		return fault.New(fault.Forbidden, "this asks for the permission incident.write, which you do not have")
	}
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "leak.withdraw", Object: fmt.Sprintf("leak:%d", id)}, func(tx *db.Tx) error {
		if _, err := incident.LockCase(tx, caseID); fault.KindOf(err) == fault.NotFound {
			return noLeak(id)
		} else if err != nil {
			return err
		}
		l, err := byID(tx, id)
		if err != nil {
			return err
		}
		if l.Case != caseID {
			return noLeak(id)
		}
		if l.Withdrawn != 0 {
			return nil
		}
		said := detail(map[string]any{"leak": id, "title": l.Title, "out": true})
		tx.Note("", said)
		if err := withdraw(tx, id, d.Clock.Now().UnixMicro(), by.Name); err != nil {
			return err
		}
		return d.Enter(tx, by, incident.Entry{Case: caseID, Kind: KindLeak, Text: l.Title, Detail: said})
	})
}

func noLeak(id int64) error { return fault.NotFoundf("there is no list %d of leaked addresses", id) }

func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// item is a thing of a list on its way through the gate.
type item[V any] struct {
	ref  disclosure.Ref
	mark disclosure.Marking
	v    V
}

// Ref implements disclosure.Item.
func (i item[V]) Ref() disclosure.Ref { return i.ref }

// Marking implements disclosure.Item.
func (i item[V]) Marking() disclosure.Marking { return i.mark }

// References implements disclosure.Item.
func (i item[V]) References() []disclosure.Item { return nil }

// mac is a keyed hash of parts.
func mac(key []byte, parts ...string) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write([]byte(p + "\x00"))
	}
	return m.Sum(nil)
}

// forOwner is how far what a list says of a domain may travel: how many addresses are in it to whose domain it is and who looks after them,
// the addresses to whose domain it is alone.
func forOwner(label tlp.Label, constituent int64) disclosure.Marking {
	return disclosure.Marking{Label: label, Owners: []int64{constituent}}
}
