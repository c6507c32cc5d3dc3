package db_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

func TestDumpLoadsIntoAnEmptyWorldOnly(t *testing.T) {
	ctx := context.Background()
	recorder := audit.Recorder(clock.NewManual(time.Unix(1000, 0)))
	url, world := dbtest.Postgres(t)
	from := dbtest.Open(t, url, world, recorder)
	const awkward = "tab\t newline\n backslash\\ quote\" ünïcode"
	if err := from.Act(ctx, act.Act{Actor: somebody, Verb: "test.fill", Object: "a:1"}, func(tx *db.Tx) error {
		for _, n := range []string{"a", "b"} {
			if _, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2)`, n, awkward); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO presence (type, part, ids) SELECT id, 0, $1 FROM report_type WHERE id = -1`, []byte{0, 255})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	if err := from.View(ctx, func(tx *db.Tx) error { return tx.Dump(&dump) }); err != nil {
		t.Fatal(err)
	}
	if err := from.Load(ctx, bytes.NewReader(dump.Bytes())); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("loaded over records: %v", err)
	}

	url, world = dbtest.Postgres(t)
	to := dbtest.Open(t, url, world, recorder)
	cut := dump.Bytes()[:dump.Len()-20]
	if err := to.Load(ctx, bytes.NewReader(cut)); err == nil {
		t.Fatal("a cut dump was loaded")
	}
	if err := to.Load(ctx, bytes.NewReader(dump.Bytes())); err != nil {
		t.Fatal(err)
	}
	err := to.Act(ctx, act.Act{Actor: somebody, Verb: "test.more", Object: "a:1"}, func(tx *db.Tx) error {
		var got string
		if err := tx.Row(`SELECT value FROM setting WHERE name = 'b'`).Scan(&got); err != nil {
			return err
		}
		if got != awkward {
			t.Errorf("value: %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := to.View(ctx, func(tx *db.Tx) error {
		es, err := audit.Of(tx, "a:1", 10)
		if len(es) != 2 || es[0].ID <= es[1].ID {
			t.Errorf("ids do not go on after the loaded ones: %+v", es)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
