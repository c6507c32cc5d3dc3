package disclosure

import (
	"context"
	"fmt"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// ClearMessage is Clear for what leaves whole or not at all: a message that tells of the items. When one of them may not leave,
// nothing does, the value is not cleared, and the ledger stays as it is. Otherwise the ledger has it with tx, which must be one that
// writes. earlier is the ledger's row of an earlier try with the same message, 0 for none: while recipient, exit and items are those of
// that row it stands for this try too, because a message that is tried ten times leaves once.
func ClearMessage[I Item, V any](ctx context.Context, tx *db.Tx, gate *Gate, to Recipient, via Channel, items []I, v V, earlier int64) (
	egress.Cleared[V], []Withheld, error) {
	var none egress.Cleared[V]
	if !tx.Writes() || !via.Push() {
		return none, nil, fmt.Errorf("a message leaves by a push and in a transaction that writes, not by %s", via)
	}
	p, err := gate.begin(ctx, tx, to, via)
	if err != nil {
		return none, nil, fmt.Errorf("clear for %s: %w", to.Subject, err)
	}
	for _, it := range items {
		if _, err := p.admit(it); err != nil {
			return none, nil, fmt.Errorf("clear for %s: %w", to.Subject, err)
		}
	}
	if len(p.withheld) > 0 {
		return none, p.withheld, nil
	}
	grant := p.grant()
	if earlier != 0 {
		e, err := entryByID(tx, earlier)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return none, nil, err
		}
		if err == nil && e.Recipient == p.to.Subject && e.Channel == via && e.Digest == p.digest() {
			grant.Ledger = earlier
			return egress.MakeCleared(v, grant), nil, nil
		}
	}
	if err := gate.write(p, grant); err != nil {
		return none, nil, err
	}
	return egress.MakeCleared(v, grant), nil, nil
}
