package db_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

var somebody = act.Actor{Kind: act.Local, ID: "local", Name: "Somebody"}

func TestActAndItsAuditRowAreOneTransaction(t *testing.T) {
	now := clock.NewManual(time.Unix(1000, 0))
	dbtest.Each(t, audit.Recorder(now), func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		set := func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2)`, "a", "b")
			tx.Note("setting:a", "")
			return err
		}
		boom := errors.New("boom")
		err := d.Act(ctx, act.Act{Actor: somebody, Verb: "setting.set"}, func(tx *db.Tx) error {
			return errors.Join(set(tx), boom)
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if err := d.Act(ctx, act.Act{Actor: somebody, Verb: "setting.set"}, set); err != nil {
			t.Fatal(err)
		}
		if err := d.View(ctx, func(tx *db.Tx) error {
			es, err := audit.Of(tx, "setting:a", 10)
			if len(es) != 1 || es[0].Verb != "setting.set" || es[0].At != 1e9 {
				t.Errorf("audit rows: %+v", es)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatFollowsFromAnActIsRecordedAfterItOrNotAtAll(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		boom := errors.New("boom")
		for _, end := range []error{boom, nil} {
			err := d.Act(ctx, act.Act{Actor: somebody, Verb: "report.file", Object: "report:1"}, func(tx *db.Tx) error {
				return errors.Join(tx.Also("clock.start", "clock:1", `{}`), tx.Also("clock.start", "clock:2", `{}`), end)
			})
			if !errors.Is(err, end) {
				t.Fatal(err)
			}
		}
		var all []string
		if err := d.View(ctx, func(tx *db.Tx) error {
			return tx.Each(`SELECT verb || ' ' || object || ' ' || actor FROM audit ORDER BY id`, nil, func(scan func(...any) error) error {
				var s string
				err := scan(&s)
				all = append(all, s)
				return err
			})
		}); err != nil {
			t.Fatal(err)
		}
		want := []string{"report.file report:1 local:local", "clock.start clock:1 local:local", "clock.start clock:2 local:local"}
		if !slices.Equal(all, want) {
			t.Errorf("recorded %q", all)
		}
		if err := d.Upkeep(ctx, func(tx *db.Tx) error { return tx.Also("clock.start", "clock:1", "") }); err == nil {
			t.Error("something followed from no act")
		}
	})
}

func TestViewCannotWrite(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		err := d.View(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ('a', 'b')`)
			return err
		})
		if err == nil {
			t.Error("a view wrote")
		}
	})
}
