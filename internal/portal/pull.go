package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/platform/egress"
)

// Pull is what came in about the asker's constituents since the last pull.
type Pull struct {
	Events []map[string]any // by IDF field names; extra.finding is the id of the finding
	Next   string           // asks for what comes after these
	More   bool             // there is something now
}

// Since says where a pull begins.
type Since struct {
	After string    // Next of the last pull; "" begins
	From  event.Day // only reports of this day and later
	Limit int
}

// Pull gives the events that came in since the last pull, in the order in which they came in: those that were the constituents' then, and
// whose finding still is.
func (p *Portal) Pull(ctx context.Context, a Asker, s Since) (none egress.Cleared[*Pull], err error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return none, err
	}
	got, err := p.Intake.Pull(ctx, p.Lister, event.PullQuery{Scope: m.scope, After: s.After, From: s.From, Limit: s.Limit})
	if err != nil {
		return none, err
	}
	items := make([]item[map[string]any], len(got.Events))
	for i, e := range got.Events {
		items[i] = item[map[string]any]{disclosure.Ref("finding:" + e.Finding.ID.String()), m.marking(&e.Finding), e.IDF()}
	}
	passed, g, err := clear(ctx, p, m, items)
	if err != nil {
		return none, err
	}
	return disclosure.Whole(&Pull{passed, got.Next, got.More}, g)
}

// PullTag stands for what Pull would answer: as long as it stays, so does the answer. It changes with every intake, with the registry,
// and with what the asker may see.
func (p *Portal) PullTag(ctx context.Context, a Asker, s Since) (string, error) {
	m, err := p.mine(ctx, a)
	if err != nil {
		return "", err
	}
	n, err := p.Intake.Published(ctx)
	if err != nil {
		return "", err
	}
	version, err := p.Constituency.Version(ctx)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %s %d %d", n, version, s.After, s.From, s.Limit)
	for _, feed := range slices.Sorted(maps.Keys(m.scope)) {
		fmt.Fprintf(h, "\n%s %s %d", feed, m.feeds[feed].Marking, m.scope[feed])
	}
	return `"` + hex.EncodeToString(h.Sum(nil)[:12]) + `"`, nil
}
