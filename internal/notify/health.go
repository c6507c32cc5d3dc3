package notify

import (
	"context"
	"strings"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Health is what is known of an address from what was sent to it: a mail address in lower case, or "webhook:7".
type Health struct {
	Address     string `json:"address"`
	Failures    int    `json:"failures"`     // refusals and bounces for good, one after the other
	LastFailure int64  `json:"last_failure"` // UTC microseconds; 0: never
	Reason      string `json:"reason,omitempty"`
	LastSuccess int64  `json:"last_success"`
	Sent        int64  `json:"sent"` // handed over, of all time
}

// HealthKey is what the health of the letter's address is kept by.
func (l *Letter) HealthKey() string {
	if l.Channel == disclosure.Webhook {
		return l.line
	}
	return strings.ToLower(l.To)
}

// Health lists addresses in order from after on, with failing only those that refuse; next is the after of the next page.
func (o *Outbox) Health(ctx context.Context, failing bool, after string, limit int) (hs []Health, next string, err error) {
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		hs, err = listHealth(tx, failing, after, limit+1)
		return err
	})
	if len(hs) > limit {
		hs = hs[:limit]
		next = hs[limit-1].Address
	}
	return hs, next, err
}

// HealthOf is the health of a mail address; one that nothing was ever sent to is well.
func (o *Outbox) HealthOf(ctx context.Context, address string) (h Health, err error) {
	address = strings.ToLower(address)
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		h, err = healthOf(tx, address)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return Health{Address: address}, nil
	}
	return h, err
}
