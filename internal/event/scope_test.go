package event

import (
	"context"
	"strings"
	"testing"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

func TestAScopeHidesWhatIsOutsideAsIfItWereNotThere(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newListWorld(t, d, 4, 400)
		l := NewLister(d)
		for _, s := range []Scope{{"shadowserver": {1, 2}, "local": {3}}, {"local": {1, 4, 5}}, {"local": {}}, {"none": {1}}, {}} {
			want := map[ID]bool{}
			for _, f := range w.findings {
				for _, id := range s[f.Feed] {
					if id == f.Owner.ID {
						want[f.ID] = true
					}
				}
			}
			list, page, err := l.ListOwned(ctx, Filter{AnyState: true, Scope: s}, Sort{}, PageRequest{Limit: 1000})
			if err != nil || int64(len(want)) != page.Total || len(list) != len(want) {
				t.Fatalf("%v: %d findings, want %d: %v", s, len(list), len(want), err)
			}
			for _, f := range list {
				if !want[f.ID] {
					t.Errorf("%v: %s of %d is outside", s, f.Feed, f.Owner.ID)
				}
			}
			for _, f := range w.findings {
				_, err := l.OneOwned(ctx, f.ID.String(), s)
				if (err == nil) != want[f.ID] {
					t.Errorf("%v: one of %s of %d: %v", s, f.Feed, f.Owner.ID, err)
				}
				if err != nil && (fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), f.ID.String())) {
					t.Errorf("an id outside is told apart: %v", err)
				}
			}
			if n, err := l.Count(ctx, Filter{AnyState: true, Scope: s}); err != nil || n != int64(len(want)) {
				t.Errorf("%v: counted %d, %v", s, n, err)
			}
		}
		if _, _, err := l.ListOwned(ctx, Filter{}, Sort{}, PageRequest{}); err == nil {
			t.Error("a list without a scope was given out")
		}
		if _, err := l.OneOwned(ctx, w.findings[0].ID.String(), nil); fault.KindOf(err) != fault.NotFound {
			t.Errorf("one without a scope: %v", err)
		}
	})
}

func TestWhatWasBeforeATransferIsNotItsOwners(t *testing.T) {
	f := Finding{FirstDay: 10, FirstSeen: 99, LastDay: 40, run: run{from: 30, to: 40, owner: 2}}
	for name, tt := range map[string]struct {
		earlier []run
		since   Day
		seen    int64
	}{
		"always theirs":      {[]run{{from: 10, to: 12, owner: 2}}, 10, 99},
		"another's before":   {[]run{{from: 10, to: 12, owner: 1}, {from: 20, to: 22, owner: 2}}, 20, 0},
		"there and back":     {[]run{{from: 10, to: 12, owner: 2}, {from: 20, to: 22, owner: 1}}, 30, 0},
		"nobody's, at first": {[]run{{from: 10, to: 12, owner: 0}}, 30, 0},
	} {
		if o := own(f, tt.earlier); o.Since != tt.since || o.FirstDay != tt.since || o.FirstSeen != tt.seen {
			t.Errorf("%s: since %d, first %d at %d", name, o.Since, o.FirstDay, o.FirstSeen)
		}
	}
}

func TestFlowCountsOnlyWhatIsWithinTheScope(t *testing.T) {
	dbtest.Each(t, nil, func(t *testing.T, d *db.DB) {
		w := newListWorld(t, d, 5, 1)
		w.write(t, func(tx *db.Tx) error {
			for _, typ := range w.types[:2] {
				for owner := range int64(4) {
					if _, err := tx.Exec(`INSERT INTO daily_count (day, type, owner, events, fresh, ongoing, gone, reopened, transferred,
						handed_over) VALUES (100, $1, $2, 1, 1, 0, 0, 0, 0, 0)`, typ.id, owner); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for name, tt := range map[string]struct {
			s    Scope
			want int64
		}{"two of one feed": {Scope{"shadowserver": {1, 2}}, 2}, "each feed its own": {Scope{"shadowserver": {1, 2}, "local": {3}}, 3},
			"nothing": {Scope{}, 0}, "nobody is in no scope": {Scope{"local": {0}}, 0}} {
			flow, err := NewLister(d).Flow(context.Background(), tt.s, 90, 110)
			sum := int64(0)
			for _, days := range flow {
				sum += days[100].New
			}
			if err != nil || sum != tt.want {
				t.Errorf("%s: %+v, %v", name, flow, err)
			}
		}
	})
}
