package job_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/job"
)

func each(t *testing.T, fn func(t *testing.T, d *db.DB, q *job.Queue, now *clock.Manual)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		now := clock.NewManual(time.Unix(1_000_000, 0))
		fn(t, d, job.New(d, now, now, slog.New(slog.DiscardHandler)), now)
	})
}

func enqueue(t *testing.T, d *db.DB, now *clock.Manual) {
	t.Helper()
	if err := d.Upkeep(context.Background(), func(tx *db.Tx) error {
		return job.Enqueue(tx, "work", "one", "x", now.Now())
	}); err != nil {
		t.Fatal(err)
	}
}

func counts(t *testing.T, d *db.DB) (c map[string]int64) {
	t.Helper()
	if err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		c, err = job.Counts(tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOneJobAKeyWaitsAndAFailedOneComesBackLater(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, q *job.Queue, now *clock.Manual) {
		runs := 0
		q.Handle("work", func(context.Context, job.Job) error {
			if runs++; runs == 1 {
				return errors.New("not yet")
			}
			return nil
		})
		enqueue(t, d, now)
		enqueue(t, d, now)
		for range 2 { // the second look finds nothing due
			if err := q.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if runs != 1 || counts(t, d)["ready"] != 1 {
			t.Fatalf("%d runs, %v", runs, counts(t, d))
		}
		now.Move(time.Minute)
		if err := q.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if runs != 2 || counts(t, d)["done"] != 1 {
			t.Errorf("%d runs, %v", runs, counts(t, d))
		}
	})
}

func TestAStopRecordsHowTheAttemptEnded(t *testing.T) {
	for name, result := range map[string]error{"done": nil, "ready": context.Canceled} {
		each(t, func(t *testing.T, d *db.DB, q *job.Queue, now *clock.Manual) {
			ctx, stop := context.WithCancel(t.Context())
			q.Handle("work", func(context.Context, job.Job) error {
				stop()
				return result
			})
			enqueue(t, d, now)
			if _, err := q.Step(ctx); err != nil {
				t.Fatal(err)
			}
			if c := counts(t, d); c[name] != 1 || c["running"] != 0 {
				t.Errorf("want one %s: %v", name, c)
			}
		})
	}
}
