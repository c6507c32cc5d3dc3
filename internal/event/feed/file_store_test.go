package feed

import (
	"context"
	"fmt"
	"testing"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// put stores a file as event would.
func put(t *testing.T, s *Store, feed int64, name, state string, day, rejected int64) {
	t.Helper()
	err := s.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO report_type (id, feed, name, title, class, kind, identifier, severity, subject, closing,
			known, first_day, last_day, cutoff, closed_on, version)
			VALUES (7, $1, 'scan_a', '', '', '', '', 0, 'service', 'snapshot', 1, 0, 0, 0, 0, 0) ON CONFLICT (id) DO NOTHING`, feed)
		if err != nil {
			return err
		}
		var id int64
		err = tx.Row(`INSERT INTO source_file (feed, name, type, day, subscription, delayed, delta, issued, archive, sha256, state,
			outcome, bytes, rows, events, repeated, rejected, unattributed, received, actor)
			VALUES ($1, $2, 7, $3, 'rt', 0, 1, 5, NULL, $4, $5, 'taken in', 10, 3, 2, 0, $6, 1, 6, 'local:local') RETURNING id`,
			feed, name, day, []byte(name), state, rejected).Scan(&id)
		if err != nil {
			return err
		}
		for i := range rejected {
			if _, err := tx.Exec(`INSERT INTO file_error (file, seq, line, col, field, reason) VALUES ($1, $2, $3, 1, 'ip', 'no address')`,
				id, i, i+2); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreFilteredAndPaged(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		f, _ := s.ByName(ctx, "shadowserver")
		for i := range int64(5) {
			put(t, s, f.ID, fmt.Sprintf("2024-10-%02d-scan_a-rt.csv", i+1), "live", 19997+i, 0)
		}
		put(t, s, f.ID, "Bad_%.csv", "failed", 0, 3)
		count := func(q FileFilter) int {
			t.Helper()
			fs, _, err := s.Files(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			return len(fs)
		}
		for _, c := range []struct {
			q    FileFilter
			want int
		}{
			{FileFilter{}, 6}, {FileFilter{Feed: "shadowserver"}, 6}, {FileFilter{Feed: "none"}, 0}, {FileFilter{Type: "scan_a"}, 6},
			{FileFilter{State: "failed"}, 1}, {FileFilter{Name: "SCAN_A"}, 5}, {FileFilter{Name: "d_%"}, 1},
			{FileFilter{From: 19998, To: 19999}, 2}, {FileFilter{Rejected: true}, 1},
		} {
			if got := count(c.q); got != c.want {
				t.Errorf("%+v: got %d files, want %d", c.q, got, c.want)
			}
		}
		seen := map[int64]bool{}
		for q := (FileFilter{Limit: 4}); ; {
			fs, next, err := s.Files(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range fs {
				seen[f.ID] = true
			}
			if q.Before = next; next == 0 {
				break
			}
		}
		if len(seen) != 6 {
			t.Errorf("pages gave %d files, want 6", len(seen))
		}
		bad, _, _ := s.Files(ctx, FileFilter{State: "failed"})
		got, err := s.FileByID(ctx, bad[0].ID)
		if err != nil || got.Type != "scan_a" || !got.Delta || got.Delayed || got.Feed != "shadowserver" || got.SHA256 != "4261645f252e637376" {
			t.Errorf("got %+v, %v", got, err)
		}
		es, err := s.FileErrors(ctx, got.ID, 0, 10)
		if err != nil || len(es) != 2 || es[0].Line != 3 {
			t.Errorf("got %v, %v", es, err)
		}
		if _, err := s.FileByID(ctx, 999); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown file: %v", err)
		}
	})
}

func TestLatestAndKnownFiles(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		f, _ := s.ByName(ctx, "shadowserver")
		put(t, s, f.ID, "new.csv", "live", 20001, 0)
		put(t, s, f.ID, "old.csv", "failed", 20000, 0)
		latest, err := s.Latest(ctx)
		if err != nil || len(latest) != 1 || latest[f.ID].Name != "new.csv" {
			t.Errorf("got %v, %v", latest, err)
		}
		known, err := s.KnownFiles(ctx, f.ID, 20000, 20000)
		if err != nil || len(known) != 1 || len(known["old.csv"]) != 1 || known["old.csv"][0] != (Known{Issued: 5, Received: 6, Failed: true}) {
			t.Errorf("got %v, %v", known, err)
		}
		f.Format = "idf"
		if _, err := s.Save(ctx, analyst, f); fault.KindOf(err) != fault.Conflict {
			t.Errorf("another format after the first file: %v", err)
		}
		if err := s.Delete(ctx, analyst, f.Name); fault.KindOf(err) != fault.Conflict {
			t.Errorf("removal after the first file: %v", err)
		}
	})
}
