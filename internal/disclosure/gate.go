// Package disclosure is the one gate for every exit: what may leave, to whom, by which way, and under which rule. It owns the
// rules of TLP 2.0, PAP, circles and sources' agreements, the overrides, the ledger of what left, and the suppression of small
// cells. It sends nothing itself.
package disclosure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
)

// Config is what a gate stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's
	Constituency *constituency.Store
	Nation       *nation.Store
}

// Gate is a world's gate. It is safe for concurrent use.
type Gate struct {
	Config
	mu    sync.Mutex
	views map[string]Entry // summed up since the last Flush, by Entry.sumKey
}

// NewGate returns the gate of a world.
func NewGate(c Config) *Gate { return &Gate{Config: c} }

// Clear lets through what may leave to the recipient by the exit, in the order of the items, and tells of the rest why not.
// An item leaves only if everything that can be reached through its references may leave too. The ledger has it with tx: what
// leaves by a push or an act in the same transaction, what is only read right after it, before View returns. view makes what the recipient
// gets: it copies what it shows, so that nothing reaches the exit by a pointer into the item.
func Clear[I Item, V any](ctx context.Context, tx *db.Tx, gate *Gate, to Recipient, via Channel, items []I, view func(I) V) (
	egress.Cleared[[]V], []Withheld, error) {
	var none egress.Cleared[[]V]
	p, err := gate.begin(ctx, tx, to, via)
	if err != nil {
		return none, nil, fmt.Errorf("clear for %s: %w", to.Subject, err)
	}
	out := make([]V, 0, len(items))
	for _, it := range items {
		ok, err := p.admit(it)
		if err != nil {
			return none, nil, fmt.Errorf("clear for %s: %w", to.Subject, err)
		}
		if ok {
			out = append(out, view(it))
		}
	}
	grant := p.grant()
	if err := gate.write(p, grant); err != nil {
		return none, nil, err
	}
	return egress.MakeCleared(out, grant), p.withheld, nil
}

// Whole makes one value, such as a page with several lists, of parts that Clear let through: open each part, build the value
// of nothing else, and name the parts' grants. All of them must be for one recipient and one exit.
func Whole[V any](v V, parts ...*egress.Grant) (egress.Cleared[V], error) {
	var none egress.Cleared[V]
	if len(parts) == 0 || slices.Contains(parts, nil) {
		return none, egress.ErrNotCleared
	}
	sum := *parts[0]
	sum.Rules = slices.Clone(sum.Rules)
	for _, g := range parts[1:] {
		if g.Recipient != sum.Recipient || g.Channel != sum.Channel {
			return none, errors.New("the parts were cleared for different recipients or exits")
		}
		for _, r := range g.Rules {
			if !slices.Contains(sum.Rules, r) {
				sum.Rules = append(sum.Rules, r)
			}
		}
		sum.Highest = stricter(sum.Highest, g.Highest)
		sum.Items, sum.Withheld = sum.Items+g.Items, sum.Withheld+g.Withheld
	}
	slices.Sort(sum.Rules)
	return egress.MakeCleared(v, &sum), nil
}

func stricter(a, b string) string {
	x, _ := tlp.Parse(a) // both were written by a grant
	y, _ := tlp.Parse(b)
	return max(x, y).String()
}
