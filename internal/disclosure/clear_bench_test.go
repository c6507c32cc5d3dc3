package disclosure

import (
	"context"
	"fmt"
	"testing"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// BenchmarkClear clears 10,000 findings for a portal page, each with two references.
func BenchmarkClear(b *testing.B) {
	d := dbtest.Open(b, b.TempDir()+"/tocsin.db", "live", func(*db.Tx, act.Act) error { return nil })
	g := NewGate(Config{DB: d, Clock: clock.NewManual(begin)})
	to := Recipient{Kind: Constituent, Subject: "person:1", Organisations: []int64{7}, Session: 1}
	items := make([]*thing, 10000)
	for i := range items {
		items[i] = &thing{Ref(fmt.Sprintf("finding:%d", i)), Marking{Default: tlp.Amber, Audience: OwnerAndCopies, Owners: []int64{7}},
			[]Item{clearThing(2 * i), clearThing(2*i + 1)}}
	}
	for b.Loop() {
		err := d.View(context.Background(), func(tx *db.Tx) error {
			_, _, err := Clear(context.Background(), tx, g, to, Portal, items, func(o *thing) Ref { return o.ref })
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(items)), "ns/item")
}
