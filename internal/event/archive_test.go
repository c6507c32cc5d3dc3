package event_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/file"
)

// lone is a station on SQLite, where the engine does not matter.
func lone(t testing.TB) *station {
	dir := t.TempDir()
	return newStation(t, dbtest.Open(t, filepath.Join(dir, "db"), "live", audit.Recorder(clock.Real())), file.OS{}, dir, nil)
}

// column reads one column of a query.
func column[T any](s *station, query string, args ...any) (out []T) {
	s.t.Helper()
	err := s.db.View(context.Background(), func(tx *db.Tx) error {
		return tx.Each(query, args, func(scan func(...any) error) error {
			var v T
			err := scan(&v)
			out = append(out, v)
			return err
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *station) original(id int64) string {
	s.t.Helper()
	r, err := s.Original(context.Background(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

const archiveHeader = "timestamp,ip,port,protocol,banner"

// awkward draws rows as people's scanners write them: quoted newlines, stray quotes, wrong ones.
func awkward(t *rapid.T, n int) []string {
	kinds := []string{
		"2026-01-01 00:00:00,192.0.2.%d,21,tcp,plain",
		"2026-01-01 00:00:00,192.0.2.%d,21,tcp,\"two\nlines\"",
		"2026-01-01 00:00:00,192.0.2.%d,21,tcp,\"carriage\r\n\r\nreturn, \"\"said\"\" it\"",
		"2026-01-01 00:00:00,192.0.2.%d,21,tcp,a 5\" disk",
		"2026-01-01 00:00:00,999.1.1.%d,21,tcp,no address",
		"2026-01-01 00:00:00,192.0.2.%d,too few",
		"2026-01-01 00:00:00,192.0.2.%d,21,tcp,{\"json\":1}",
		"2026-01-01 00:00:00,192.0.2.%d,21,tcp,\xff\xfe\x00",
	}
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(rapid.SampledFrom(kinds).Draw(t, "row"), i%250+1)
	}
	return rows
}

func TestRowsAreReadBackAsTheyCame(t *testing.T) {
	s := lone(t)
	day := 0
	rapid.Check(t, func(rt *rapid.T) {
		day++
		rows := awkward(rt, rapid.SampledFrom([]int{1, 2, 255, 256, 257, 600}).Draw(rt, "rows"))
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(rt, "end")
		mark := rapid.SampledFrom([]string{"", "\uFEFF"}).Draw(rt, "mark")
		content := mark + archiveHeader + end + strings.Join(rows, end)
		if rapid.Bool().Draw(rt, "ended") {
			content += end
		}
		o := s.take(text((event.Day(20000+day)).String()+"-scan_ftp-x.csv", content)).Outcomes[0]
		if o.State != event.Live || o.Rows != int64(len(rows)) || o.Rows != o.Events+o.Rejected {
			rt.Fatalf("%+v", o)
		}
		for i, want := range rows {
			header, raw, err := s.Row(context.Background(), o.FileID, int64(i+1))
			if err != nil || header != archiveHeader || raw != want {
				rt.Fatalf("row %d is %q below %q (%v), want %q", i+1, raw, header, err, want)
			}
		}
		if _, _, err := s.Row(context.Background(), o.FileID, int64(len(rows)+1)); err == nil {
			rt.Fatal("a row behind the end is no error")
		}
		if s.original(o.FileID) != content {
			rt.Fatal("the archive has another content")
		}
	})
}

func TestRowsBehindBrokenOnesAreFound(t *testing.T) {
	s := lone(t)
	var rows []string
	for i := range 600 {
		rows = append(rows, fmt.Sprintf("2026-01-01 00:00:00,192.0.2.%d,21,tcp,row %d", i%250+1, i))
	}
	rows[255] = "2026-01-01 00:00:00,192.0.2.1,21,tcp," + strings.Repeat("x", 3<<20) // longer than a row may be, over many blocks
	rows[256] = "2026-01-01 00:00:00,192.0.2.1,21,tcp,\"no end"
	rows[512] = "wrong"
	o := s.take(text("2026-01-01-scan_ftp-x.csv", archiveHeader+"\n\n"+strings.Join(rows, "\n\n"))).Outcomes[0]
	if o.Rows != 600 || o.Rejected != 3 {
		t.Fatalf("%+v", o)
	}
	for i, want := range rows {
		_, raw, err := s.Row(context.Background(), o.FileID, int64(i+1))
		if len(want) > 1<<20 {
			want = want[:1<<20]
		}
		if err != nil || raw != want {
			t.Fatalf("row %d is %.80q (%v), want %.80q", i+1, raw, err, want)
		}
	}
}

func TestAnArchivedFileIsPlainZstandard(t *testing.T) {
	s := lone(t)
	var b strings.Builder
	b.WriteString(archiveHeader + "\n")
	for i := range 20_000 { // several blocks
		fmt.Fprintf(&b, "2026-01-01 00:00:00,192.0.2.%d,%d,tcp,row %d\n", i%250+1, i%1000+1, i)
	}
	for name, content := range map[string]string{"2026-01-01-scan_ftp-x.csv": b.String(), "2026-01-02-scan_ftp-x.csv": archiveHeader + "\n"} {
		o := s.take(text(name, content)).Outcomes[0]
		path := column[string](s, `SELECT a.path FROM archive a JOIN source_file f ON f.archive = a.id WHERE f.id = $1`, o.FileID)[0]
		r, err := s.Archive.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		dec, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		got, err := io.ReadAll(dec)
		if err != nil || !bytes.Equal(got, []byte(content)) {
			t.Errorf("%s: %d bytes (%v), want %d", name, len(got), err, len(content))
		}
		if header, _, err := s.Row(context.Background(), o.FileID, 1); o.Rows > 0 && (err != nil || header != archiveHeader) {
			t.Errorf("%s: %q, %v", name, header, err)
		}
	}
}

// TestAnOlderFileKeepsItsRows: it is archived without counting, and its content may count under another name.
func TestAnOlderFileKeepsItsRows(t *testing.T) {
	s := lone(t)
	name, newer := report("2026-01-01", "scan_ftp", "x", "192.0.2.1 21 high")
	_, older := report("2026-01-01", "scan_ftp", "x", "192.0.2.1 21 high", "192.0.2.2 21 high")
	s.take(issued(name, newer, 2))
	for _, o := range []event.FileOutcome{s.take(issued(name, older, 1)).Outcomes[0],
		s.take(issued("2026-01-01-scan_ftp-y.csv", older, 1)).Outcomes[0]} {
		_, raw, err := s.Row(context.Background(), o.FileID, 2)
		if err != nil || !strings.Contains(raw, "192.0.2.2,21") {
			t.Errorf("%s: %q, %v", o.State, raw, err)
		}
	}
}
