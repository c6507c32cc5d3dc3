package db_test

import (
	"context"
	"errors"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

func TestAfterRunsWhenTheTransactionEndedWellAndMayWrite(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		ctx, broken := context.Background(), errors.New("broken")
		ran := 0
		later := func(ctx context.Context) error {
			ran++
			return d.Upkeep(ctx, func(tx *db.Tx) error {
				if !tx.Writes() {
					t.Error("upkeep writes")
				}
				_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ('after', '1') ON CONFLICT (name) DO NOTHING`)
				return err
			})
		}
		view := func(end error, after func(context.Context) error) error {
			return d.View(ctx, func(tx *db.Tx) error {
				if tx.Writes() {
					t.Error("a view writes nothing")
				}
				tx.After(after)
				return end
			})
		}
		if err := view(broken, later); !errors.Is(err, broken) || ran != 0 {
			t.Errorf("after a failure: %v, ran %d times", err, ran)
		}
		if err := view(nil, later); err != nil || ran != 1 {
			t.Errorf("after a view: %v, ran %d times", err, ran)
		}
		if err := view(nil, func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("its error is lost: %v", err)
		}
		err := d.Act(ctx, act.Act{Actor: act.Machine, Verb: "x.y", Object: "x:1"}, func(tx *db.Tx) error {
			tx.After(later)
			return nil
		})
		if err != nil || ran != 2 {
			t.Errorf("after an act: %v, ran %d times", err, ran)
		}
	})
}
