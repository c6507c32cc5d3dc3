package disclosure

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Entry is a row of the ledger: what left, to whom, when, by which exit, under which rules. Views of pages are summed up: one
// row for a session's views of the same kinds of objects under the same rules on a day.
type Entry struct {
	ID        int64         `json:"id"`
	At        int64         `json:"at"`   // UTC microseconds; of views the first
	Last      int64         `json:"last"` // of views the last, else At
	Recipient string        `json:"recipient"`
	Name      string        `json:"name"`
	Kind      RecipientKind `json:"kind"`
	Channel   Channel       `json:"channel"`
	Session   int64         `json:"session,omitempty"`
	Actor     string        `json:"actor"` // who made it leave; of what was asked for the recipient
	Rules     []string      `json:"rules" nullable:"false"`
	Objects   string        `json:"objects"` // the kinds of the items, "contact finding"
	Views     int64         `json:"views"`   // 1 unless summed up
	Items     int64         `json:"items"`
	Withheld  int64         `json:"withheld"`
	// Why counts what was withheld by rule.
	Why     map[string]int64 `json:"why,omitempty"`
	Highest tlp.Label        `json:"highest"`
	Refs    []Ref            `json:"refs,omitempty"`   // the first maxRefs items; of views none
	Digest  string           `json:"digest,omitempty"` // hex SHA-256 over all items' names, a line each; of views none
}

const (
	maxRefs  = 200
	maxViews = 10000 // sums kept in memory before they are written down at once
)

// entry is the ledger's row of a pass.
func (p *pass) entry(now time.Time) Entry {
	e := Entry{At: now.UnixMicro(), Last: now.UnixMicro(), Recipient: p.to.Subject, Name: p.to.Name, Kind: p.to.Kind, Channel: p.via,
		Session: p.to.Session, Actor: p.to.Subject, Rules: slices.Sorted(maps.Keys(p.rules)), Views: 1, Items: int64(len(p.passed)),
		Withheld: int64(len(p.withheld)), Why: map[string]int64{}, Highest: p.highest}
	if a := p.tx.Actor(); p.tx.Writes() && a != act.Machine {
		e.Actor = a.Subject()
	} else if p.via.Push() {
		e.Actor = act.Machine.Subject()
	}
	kinds := map[string]bool{}
	for _, r := range p.passed {
		kind, _, _ := strings.Cut(string(r), ":")
		kinds[kind] = true
	}
	for _, w := range p.withheld {
		e.Why[w.Rule]++
	}
	e.Objects = strings.Join(slices.Sorted(maps.Keys(kinds)), " ")
	return e
}

// digest is the hex SHA-256 over the names of what passed.
func (p *pass) digest() string {
	h := sha256.New()
	for _, r := range p.passed {
		h.Write([]byte(r))
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write sees to it that the ledger has the pass: in the caller's transaction when it may write, so that neither stands without
// the other; else right after the caller's View, before it returns. Views are added to their sum and written down by Flush.
func (g *Gate) write(p *pass, grant *egress.Grant) error {
	e := p.entry(g.Clock.Now())
	if p.via.Viewed() {
		if e.Items+e.Withheld == 0 {
			return nil
		}
		p.tx.After(func(ctx context.Context) error { return g.view(ctx, e) })
		return nil
	}
	e.Refs = p.passed[:min(len(p.passed), maxRefs)]
	e.Digest = p.digest()
	if p.tx.Writes() {
		id, err := insertEntry(p.tx, e)
		grant.Ledger = id
		return err
	}
	p.tx.After(func(ctx context.Context) error {
		return g.DB.Upkeep(ctx, func(tx *db.Tx) (err error) {
			grant.Ledger, err = insertEntry(tx, e)
			return err
		})
	})
	return nil
}

func (e Entry) sumKey() string {
	day := time.UnixMicro(e.At).UTC().Format(time.DateOnly)
	return fmt.Sprintf("%s|%d|%s|%s|%s|%s", day, e.Session, e.Recipient, e.Channel, e.Objects, strings.Join(e.Rules, " "))
}

func (e *Entry) add(o Entry) {
	e.At, e.Last = min(e.At, o.At), max(e.Last, o.Last)
	e.Views, e.Items, e.Withheld = e.Views+o.Views, e.Items+o.Items, e.Withheld+o.Withheld
	e.Highest = max(e.Highest, o.Highest)
	for r, n := range o.Why {
		e.Why[r] += n
	}
}

// view adds a view to its sum.
func (g *Gate) view(ctx context.Context, e Entry) error {
	g.mu.Lock()
	g.addView(e)
	full := len(g.views) >= maxViews
	g.mu.Unlock()
	if full {
		return g.Flush(ctx)
	}
	return nil
}

func (g *Gate) addView(e Entry) {
	if g.views == nil {
		g.views = map[string]Entry{}
	}
	key := e.sumKey()
	if sum, ok := g.views[key]; ok {
		sum.add(e)
		e = sum
	}
	g.views[key] = e
}

// Flush writes down the views that were summed up since the last time. What cannot be written stays for the next time; a crash
// loses the views of the seconds since the last one, never a push, a poll, a download or an export.
func (g *Gate) Flush(ctx context.Context) error {
	g.mu.Lock()
	views := g.views
	g.views = nil
	g.mu.Unlock()
	if len(views) == 0 {
		return nil
	}
	err := g.DB.Upkeep(ctx, func(tx *db.Tx) error {
		for _, key := range slices.Sorted(maps.Keys(views)) {
			if err := addEntry(tx, key, views[key]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, e := range views {
			g.addView(e)
		}
		return fmt.Errorf("write down what was viewed: %w", err)
	}
	return nil
}

// LedgerFilter selects rows of the ledger; a zero field selects all.
type LedgerFilter struct {
	Recipient string    // exactly, "constituent:7", or a part of the name in any case
	Channel   Channel   // an exit
	Object    Ref       // only rows whose named items have it
	From, To  time.Time // at or after, before
	Before    int64     // only rows with a lower id: the last of the page before
	Limit     int       // 0 is 50, at most 1000
}

func (f *LedgerFilter) check() error {
	if f.Channel != "" && !slices.Contains(Channels(), f.Channel) {
		return fault.Problems{{Field: "channel", Message: fmt.Sprintf("%q is no exit", f.Channel)}}
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return fault.Problems{{Field: "to", Message: "the end comes before the beginning"}}
	}
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 1000)
	return nil
}

// Ledger gives a page of the ledger, the last row first. next is the Before of the page that follows, 0 at the end. Views that
// are not written down yet are, first.
func (g *Gate) Ledger(ctx context.Context, f LedgerFilter) (es []Entry, next int64, err error) {
	if err := f.check(); err != nil {
		return nil, 0, err
	}
	if err := g.Flush(ctx); err != nil {
		return nil, 0, err
	}
	err = g.DB.View(ctx, func(tx *db.Tx) error {
		es, err = listEntries(tx, f)
		return err
	})
	if len(es) > f.Limit {
		es = es[:f.Limit]
		next = es[f.Limit-1].ID
	}
	return es, next, err
}

// EntryByID finds a row of the ledger.
func (g *Gate) EntryByID(ctx context.Context, id int64) (e Entry, err error) {
	err = g.DB.View(ctx, func(tx *db.Tx) error {
		e, err = entryByID(tx, id)
		return err
	})
	return e, err
}
