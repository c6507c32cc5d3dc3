package event

import (
	"context"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// Recount makes all daily counts anew from the findings. Intake keeps them right by itself; this is the definition it is
// held to, and the way back should a count ever be doubted.
func Recount(ctx context.Context, d *db.DB) error {
	return d.Act(ctx, act.Act{Actor: act.Machine, Verb: "event.recount", Object: "world"}, func(tx *db.Tx) error {
		types, err := allTypes(tx)
		if err != nil {
			return err
		}
		for _, st := range types {
			days, err := storedDays(tx, st.feed)
			if err != nil {
				return err
			}
			t, err := loadTimeline(tx, st, days)
			if err != nil {
				return err
			}
			if err := recount(tx, st, t); err != nil {
				return err
			}
		}
		return nil
	})
}
