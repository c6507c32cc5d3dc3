package identity

import (
	"context"
	"testing"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

// Guesses that are made at once all see an account that is not locked yet: what counts is how it is when the session begins.
func TestOfManyGuessesAtOnceNoMoreCountThanOneAfterTheOther(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(*db.Tx, act.Act) error { return nil }, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		s := NewStore(Config{DB: d, Real: clock.NewManual(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))})
		id, err := s.Create(ctx, LocalActor, NewAccount{Login: "ana@cert.example", Name: "Ana", Password: "violet tractor hums quietly",
			Roles: []Held{{Role: Analyst}}})
		if err != nil {
			t.Fatal(err)
		}
		seen, err := s.ByID(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for range freeFailures {
			s.failed(ctx, seen, Device{})
		}
		if _, err := s.begin(ctx, seen, "password", false, Device{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a guess begun before the account was locked signs in: %v", err)
		}
		if _, err := s.begin(ctx, seen, "passkey", false, Device{}); err != nil {
			t.Errorf("others lock the owner of a passkey out: %v", err)
		}
		if err := s.Disable(ctx, LocalActor, id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.begin(ctx, seen, "passkey", false, Device{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a disabled account signs in: %v", err)
		}
	})
}
