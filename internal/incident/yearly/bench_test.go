package yearly

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// BenchmarkStand is what the page of a year costs when 2,000 operators returned 20 counts each.
func BenchmarkStand(b *testing.B) {
	ctx, now := context.Background(), clock.NewManual(time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC))
	d := dbtest.Open(b, filepath.Join(b.TempDir(), "tocsin.db"), "bench", audit.Recorder(now))
	people, states := constituency.NewStore(d, now), nation.NewStore(d)
	var rows []string
	for i := range 2000 {
		rows = append(rows, fmt.Sprintf(`{"ref":"o%d","name":"Operator %d","kind":"operator","sector":"energy","designation":"special-importance"}`, i, i))
	}
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(`{"constituents":[`+strings.Join(rows, ",")+`]}`))
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(err)
	_, err = people.Import(ctx, act.Machine, doc, constituency.ImportOptions{})
	must(err)
	desk, err := New(Config{DB: d, Clock: now, Constituency: people, Nation: states})
	must(err)
	dir, err := people.Directory(ctx)
	must(err)
	must(d.Act(ctx, act.Act{Actor: act.Machine, Verb: "test.fill", Object: "test:1"}, func(tx *db.Tx) error {
		for _, l := range dir.All() {
			r := Return{Year: 2025, Constituent: l.ID, State: Submitted, Submitted: 1, Version: 1}
			for i := range 20 {
				r.Counts = append(r.Counts, Count{Classes()[i%10], i / 10, int64(i + 1)})
			}
			if err := saveReturn(tx, &r); err != nil {
				return err
			}
		}
		return nil
	}))
	for b.Loop() {
		s, err := desk.Stand(ctx, 2025)
		if err != nil || s.Summary.Returned != 2000 || *s.Summary.Incidents != 2000*210 {
			b.Fatal(s, err)
		}
	}
}
