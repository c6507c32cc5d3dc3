package event

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/format/idf"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

// TestExportsHaveEveryFindingOfTheFilterOnce compares all formats with the findings written, whatever share of a type is meant.
func TestExportsHaveEveryFindingOfTheFilterOnce(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		w := newListWorld(t, d, 5, 1500)
		l := NewLister(d)
		for _, f := range []Filter{{}, {AnyState: true}, {AnyState: true, Severities: []Severity{Critical}, Owner: "org3"}, {Owner: "org1", New: true}} {
			var want []string
			for _, x := range w.findings {
				if w.wants(&f, &x) {
					want = append(want, x.ID.String())
				}
			}
			slices.Sort(want)
			if got := exported(t, l, f, "csv"); !slices.Equal(got, want) {
				t.Errorf("csv: %d findings, want %d", len(got), len(want))
			}
			if got := exported(t, l, f, "json"); !slices.Equal(got, want) {
				t.Errorf("json: %d findings, want %d", len(got), len(want))
			}
			if got := exported(t, l, f, "idf"); !slices.Equal(got, want) {
				t.Errorf("idf: %d findings, want %d", len(got), len(want))
			}
		}
	})
}

// exported are the ids in an export, as a reader of the format finds them.
func exported(t *testing.T, l *Lister, f Filter, format string) (ids []string) {
	t.Helper()
	var b bytes.Buffer
	if err := l.Export(context.Background(), &b, f, format); err != nil {
		t.Fatal(err)
	}
	switch format {
	case "csv":
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[1:] {
			ids = append(ids, r[0])
		}
	case "json":
		var list []struct{ ID string }
		if err := json.Unmarshal(b.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			ids = append(ids, x.ID)
		}
	case "idf":
		for line := range strings.Lines(b.String()) {
			if err := idf.Decode(line, func(key, value string) error {
				if key == "extra.finding" {
					ids = append(ids, value)
				} else if !strings.HasPrefix(key, "extra.") && !idf.Known(key) {
					t.Errorf("%q is no field of IDF", key)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ids
}

// TestCountsAddUpWhateverTheyAreSummedBy compares sums by SQL with sums by hand, for few owners and for many.
func TestCountsAddUpWhateverTheyAreSummedBy(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		w := newListWorld(t, d, 6, 1)
		l := NewLister(d)
		want := map[string]int64{}
		w.write(t, func(tx *db.Tx) error {
			for id := 13; id <= 13+maxOwners; id++ { // one sector with more owners than a statement names
				if _, err := tx.Exec(`INSERT INTO constituent (id, ref, name, kind, sector, designation, language, note, source, origin,
					valid_from, valid_until) VALUES ($1, $2, '', 'isp', 'digital', 'other', '', '', 'automatic', '', 0, 9999999)`,
					id, fmt.Sprint("isp", id)); err != nil {
					return err
				}
			}
			for i, typ := range w.types {
				for owner := int64(0); owner <= 20; owner++ {
					if _, err := tx.Exec(`INSERT INTO daily_count (type, day, owner, events, fresh, ongoing, gone, reopened, transferred,
						handed_over) VALUES ($1, $2, $3, $4, 1, 0, 0, 0, 0, 0)`, typ.id, 100+i%3, owner, owner); err != nil {
						return err
					}
					sector := "digital"
					if owner == 0 {
						sector = ""
					} else if owner <= 12 {
						sector = w.owners[owner-1].Sector
					}
					want[sector] += owner
					want["day"+fmt.Sprint(100+i%3)] += owner
				}
			}
			_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ('constituency.version', '7')`)
			return err
		})
		rows, err := l.Counts(context.Background(), CountQuery{From: 100, Until: 110, BySector: true})
		if err != nil || len(rows) != 4 {
			t.Fatalf("%+v %v", rows, err)
		}
		for _, r := range rows {
			if r.Events != want[r.Sector] || r.Day != -1 {
				t.Errorf("%+v, want %d", r, want[r.Sector])
			}
		}
		rows, err = l.Counts(context.Background(), CountQuery{From: 101, Until: 102, ByDay: true})
		if err != nil || len(rows) != 2 || rows[0].Events != want["day101"] || rows[1].Events != want["day102"] {
			t.Errorf("%+v %v, want %v", rows, err, want)
		}
		rows, err = l.Counts(context.Background(), CountQuery{From: 100, Until: 110, Sectors: []string{"digital"}})
		if err != nil || len(rows) != 1 || rows[0].Events != want["digital"] || rows[0].Owner.ID != 0 {
			t.Errorf("%+v %v, want %d", rows, err, want["digital"])
		}
		if rows, err = l.Counts(context.Background(), CountQuery{From: 500, Until: 510}); err != nil || len(rows) != 0 {
			t.Errorf("%+v %v", rows, err)
		}
	})
}
