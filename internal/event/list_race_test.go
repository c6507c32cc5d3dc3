package event

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// TestListsStayWholeWhileFindingsChange asks from many sides while findings change: every answer is of one moment, so its
// total never differs from what the state's counts add up to.
func TestListsStayWholeWhileFindingsChange(t *testing.T) {
	d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(clock.Real()))
	w := newListWorld(t, d, 9, 200)
	l := NewLister(d)
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 30 {
				p, err := l.List(ctx, Filter{AnyState: true}, Sort{By: ByOwner}, PageRequest{Limit: 1000})
				if err != nil || p.Total != 200 || len(p.Items) != 200 {
					t.Errorf("%v, %+v", err, p)
					return
				}
			}
		})
	}
	for i := range 60 {
		f := &w.findings[i]
		w.write(t, func(tx *db.Tx) error {
			if err := touchType(tx, f.TypeID); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE finding SET severity = 5, owner = 1 WHERE id = $1`, []byte(f.ID))
			return err
		})
	}
	wg.Wait()
	n, err := l.Count(ctx, Filter{AnyState: true, Severities: []Severity{Critical}, Owner: "org1"})
	if err != nil || n < 60 {
		t.Errorf("%d, %v: the last change is not seen", n, err)
	}
}
