package event_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tocsin/internal/event"
)

func zipped(t *testing.T, files ...[2]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f[0], Method: zip.Deflate, Modified: time.Unix(1000, 0)})
		if err == nil {
			_, err = io.WriteString(w, f[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

const goodHeader = "timestamp,ip,port,protocol,severity\n"

// TestWrongFileIsToldAndNothingOfItTakenIn: beside it a good file is taken in; the rest is as if the wrong one never came.
func TestWrongFileIsToldAndNothingOfItTakenIn(t *testing.T) {
	name, content := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high", "192.0.2.2 21 low")
	whole := gzipped(strings.Repeat(content, 200))
	cases := map[string]struct {
		name, content, says string
	}{
		"truncated gzip":        {"2026-01-02-scan_smb-nation.csv.gz", whole[:len(whole)-30], "truncated"},
		"damaged gzip":          {"2026-01-02-scan_smb-nation.csv.gz", whole[:len(whole)-6] + "xxxxxx", "checksum"},
		"empty file":            {"2026-01-02-scan_smb-nation.csv", "", "empty"},
		"byte order mark only":  {"2026-01-02-scan_smb-nation.csv", "\uFEFF", "empty"},
		"no header of ours":     {"2026-01-02-scan_smb-nation.csv", "<html>\n<body>\n", "header"},
		"wrong date":            {"2026-02-30-scan_smb-nation.csv", content, "date"},
		"no date":               {"scan_smb-nation.csv", content, "date"},
		"no type":               {"2026-01-02.csv", content, "YYYY-MM-DD"},
		"no csv":                {"2026-01-02-scan_smb-nation.pdf", content, ".csv"},
		"empty zip":             {"reports.zip", zipped(t), "no file"},
		"truncated zip":         {"reports.zip", zipped(t, [2]string{name, content})[:60], "truncated"},
		"archive in an archive": {"reports.zip", zipped(t, [2]string{"2026-01-02-scan_smb-nation.csv.gz", gzipped(content)}), "unpack it first"},
		"header without an end": {"2026-01-02-scan_smb-nation.csv", "timestamp,\"ip\nfoo,bar", "header"},
	}
	eachStation(t, func(t *testing.T, s *station) {
		s.take(text(name, content))
		before := s.state()
		for what, c := range cases {
			sum := s.take(text(c.name, c.content))
			if sum.Files != 1 || len(sum.Failures()) != 1 || sum.Events != 0 {
				t.Errorf("%s: %+v", what, sum)
				continue
			}
			o := sum.Outcomes[0]
			if o.Err == nil || o.Outcome == "" || !strings.Contains(o.Outcome, c.says) || o.FileID == 0 {
				t.Errorf("%s: says %q (file %d), want %q", what, o.Outcome, o.FileID, c.says)
			}
			if after := s.state(); after != before {
				t.Errorf("%s: something was taken in:\n%s", what, diffLines(before, after))
			}
			if n := column[int64](s, `SELECT count(*) FROM source_file WHERE state = 'pending'`); n[0] != 0 {
				t.Errorf("%s: %d files are left pending", what, n[0])
			}
		}
		all := column[int64](s, `SELECT count(*) FROM source_file WHERE state = 'failed'`)
		if all[0] != int64(len(cases)) {
			t.Errorf("%d failures are recorded, want %d", all[0], len(cases))
		}
	})
}

func TestAWrongFileDoesNotHinderThoseBesideIt(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		n1, c1 := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high")
		n2, c2 := report("2026-01-02", "scan_rdp", "nation", "192.0.2.1 3389 high")
		bad := [2]string{"2026-01-02-scan_smb-nation.csv", "nothing\n"}
		sum := s.take(text("all.zip", zipped(t, [2]string{n1, c1}, bad, [2]string{"2026-13-01-scan_smb-x.csv", c1}, [2]string{n2, c2})),
			text("2026-01-02-scan_ftp-other.csv.gz", gzipped(c1)[:40]))
		if sum.Files != 5 || len(sum.Failures()) != 3 || sum.Events != 2 {
			t.Fatalf("%+v", sum)
		}
		if n := column[int64](s, `SELECT count(*) FROM finding`); n[0] != 2 {
			t.Errorf("%d findings", n[0])
		}
		if n := column[int64](s, `SELECT count(*) FROM source_file`); n[0] != 5 {
			t.Errorf("%d files are recorded", n[0])
		}
	})
}

// TestAWrongCorrectionKeepsWhatWasThere: the good file of the day counts until a good one supersedes it.
func TestAWrongCorrectionKeepsWhatWasThere(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		name, content := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high")
		s.take(issued(name, content, 1))
		before := s.state()
		if sum := s.take(issued(name+".gz", gzipped(content + "2026-01-02 00:00:00,192.0.2.3,21,tcp,high\n")[:60], 2)); len(sum.Failures()) != 1 {
			t.Fatalf("%+v", sum)
		}
		if after := s.state(); after != before {
			t.Error(diffLines(before, after))
		}
	})
}

func TestWrongRowsAreListedByLineAndCounted(t *testing.T) {
	rows := []struct{ row, reason string }{
		{"2026-01-02 00:00:00,999.1.1.1,21,tcp,high", "address"},
		{"2026-01-02 00:00:00,192.0.2.1,70000,tcp,high", "port"},
		{"2026-01-02 00:00:00,192.0.2.1,21,tcp", "columns"},
		{"2026-01-02 00:00:00,192.0.2.1,21,tcp,high,more", "columns"},
		{"2026-01-02 00:00:00,0.0.0.0,21,tcp,high", "address"},
		{"2026-01-02 00:00:00,,21,tcp,high", "address"},
		{"yesterday,192.0.2.1,21,tcp,high", "time"},
		{"2026-01-02 00:00:00,192.0.2.1,-1,tcp,high", "port"},
	}
	eachStation(t, func(t *testing.T, s *station) {
		for i, end := range []string{"\n", "\r\n"} {
			content := strings.ReplaceAll(goodHeader, "\n", end)
			for _, r := range rows {
				content += "2026-01-02 00:00:00,192.0.2.9,21,tcp,high" + end + r.row + end
			}
			o := s.take(text(fmt.Sprintf("2026-01-0%d-scan_ftp-nation.csv", i+2), content)).Outcomes[0]
			n := int64(len(rows))
			if o.State != event.Live || o.Rows != 2*n || o.Rejected != n || o.Events != n || len(o.Problems) != len(rows) {
				t.Fatalf("%+v", o)
			}
			lines := column[int64](s, `SELECT line FROM file_error WHERE file = $1 ORDER BY seq`, o.FileID)
			reasons := column[string](s, `SELECT reason FROM file_error WHERE file = $1 ORDER BY seq`, o.FileID)
			for i, r := range rows {
				if want := int64(2*i + 3); lines[i] != want || o.Problems[i].Line != want {
					t.Errorf("%s: on line %d, want %d", r.row, lines[i], want)
				}
				if !strings.Contains(reasons[i], r.reason) {
					t.Errorf("%s: says %q, want %q", r.row, reasons[i], r.reason)
				}
			}
		}
		s.check()
	})
}

func TestHeaderOnlyIsAReportWithNothingInIt(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		o := s.take(text("2026-01-02-scan_ftp-nation.csv", goodHeader)).Outcomes[0]
		if o.State != event.Live || o.Rows != 0 || o.Events != 0 {
			t.Fatalf("%+v", o)
		}
	})
}

// TestInvalidTextIsReplacedAndTheOriginalKept holds on PostgreSQL too, which refuses both.
func TestInvalidTextIsReplacedAndTheOriginalKept(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		content := "\uFEFFtimestamp,ip,hostname,url,tag,new\x00col\r\n" +
			"2026-01-02 00:00:00,192.0.2.1,h\xff.example,http://\x00x.example/\xfe,t\x00ag,\xc3\x28\r\n"
		for i, name := range []string{"2026-01-02-compromised_website-na\xfftion.csv", "2026-01-02-malware_url-nation\x00.csv", "2026-01-02-new\xff_type-nation.csv"} {
			o := s.take(text(name, content)).Outcomes[0]
			if o.State != event.Live || o.Events != 1 {
				t.Fatalf("%q: %+v", name, o)
			}
			if got := s.original(o.FileID); got != content {
				t.Errorf("the archive has %q", got)
			}
			if i > 0 {
				continue
			}
			es, err := s.Events(context.Background(), event.EventQuery{})
			if err != nil || len(es) != 1 || !strings.Contains(es[0].URL, "\uFFFD") || strings.Contains(es[0].URL+es[0].Extra+es[0].FQDN, "\x00") ||
				!utf8.ValidString(es[0].URL+es[0].Extra+es[0].FQDN+es[0].ReverseDNS) {
				t.Errorf("%+v, %v", es, err)
			}
		}
		s.check()
	})
}

// endless is a stream that repeats a byte.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func stream(name string, parts ...io.Reader) event.Source {
	return event.Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(io.MultiReader(parts...)), nil }}
}

// heapGrowth runs fn and tells by how much the heap grew meanwhile, at the most.
func heapGrowth(fn func()) int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, m.HeapInuse
	done := make(chan struct{})
	go func() { fn(); close(done) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return int64(most - before)
		case <-tick.C:
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}
}

func TestALineOf2GBCostsOneRowAndNoMemory(t *testing.T) {
	size := int64(2) << 30
	if testing.Short() {
		size = 64 << 20
	}
	s := lone(t)
	var o event.FileOutcome
	src := stream("2026-01-02-scan_ftp-nation.csv",
		strings.NewReader(goodHeader+"2026-01-02 00:00:00,192.0.2.1,21,tcp,high\n"),
		io.LimitReader(endless('x'), size),
		strings.NewReader("\n2026-01-02 00:00:00,192.0.2.2,21,tcp,high\n"))
	opened := 0
	inner := src.Open
	src.Open = func() (io.ReadCloser, error) { // the first look is at the head only
		if opened++; opened == 1 {
			return io.NopCloser(strings.NewReader("time")), nil
		}
		return inner()
	}
	grown := heapGrowth(func() { o = s.take(src).Outcomes[0] })
	if o.State != event.Live || o.Rows != 3 || o.Events != 2 || o.Rejected != 1 || o.Problems[0].Line != 3 || !strings.Contains(o.Problems[0].Message, "longer") {
		t.Fatalf("%+v", o)
	}
	if grown > 200<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	if _, raw, err := s.Row(context.Background(), o.FileID, 3); err != nil || !strings.HasSuffix(raw, "192.0.2.2,21,tcp,high") {
		t.Errorf("the row behind it reads %.80q, %v", raw, err)
	}
}

func TestAHeaderOf2GBFails(t *testing.T) {
	s := lone(t)
	size := int64(256) << 20
	src := stream("2026-01-02-scan_ftp-nation.csv", io.LimitReader(endless('x'), size))
	inner := src.Open
	opened := 0
	src.Open = func() (io.ReadCloser, error) {
		if opened++; opened == 1 {
			return io.NopCloser(strings.NewReader("xxxx")), nil
		}
		return inner()
	}
	var sum event.Summary
	if grown := heapGrowth(func() { sum = s.take(src) }); grown > 200<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	if len(sum.Failures()) != 1 || !strings.Contains(sum.Outcomes[0].Outcome, "longer") {
		t.Fatalf("%+v", sum)
	}
}

func TestAZipBombFails(t *testing.T) {
	s := lone(t)
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, goodHeader)
	if _, err := io.CopyN(w, endless('\n'), 200<<20); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var sum event.Summary
	if grown := heapGrowth(func() { sum = s.take(text("2026-01-02-scan_ftp-nation.csv.gz", b.String())) }); grown > 300<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	if len(sum.Failures()) != 1 || !strings.Contains(sum.Outcomes[0].Outcome, "bomb") {
		t.Fatalf("%+v", sum)
	}
	if n := column[int64](s, `SELECT count(*) FROM report WHERE live = 1`); n[0] != 0 {
		t.Error("something of it was taken in")
	}
}

func TestASourceThatCannotBeReadFails(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		n1, c1 := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high")
		sum := s.take(text(n1, c1),
			event.Source{Name: "2026-01-02-scan_smb-nation.csv", Open: func() (io.ReadCloser, error) { return nil, errors.New("permission denied") }},
			event.Source{Name: "2026-01-02-scan_rdp-nation.csv", Open: func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader(c1), brokenReader{})), nil
			}})
		if sum.Files != 3 || len(sum.Failures()) != 2 || sum.Events != 1 {
			t.Fatalf("%+v", sum)
		}
		for _, o := range sum.Failures() {
			if !strings.Contains(o.Outcome, "permission denied") && !strings.Contains(o.Outcome, "connection reset") {
				t.Errorf("%s: says %q", o.Name, o.Outcome)
			}
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestAnUnknownTypeIsTakenInAndFlagged(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		o := s.take(text("2026-01-02-scan_brand_new-nation.csv", "timestamp,ip,port,novel\n2026-01-02 00:00:00,192.0.2.1,4711,something\n")).Outcomes[0]
		if o.State != event.Live || o.Events != 1 || !strings.Contains(o.Outcome, "unknown report type") {
			t.Fatalf("%+v", o)
		}
		if known := column[int64](s, `SELECT known FROM report_type WHERE name = 'scan_brand_new'`); len(known) != 1 || known[0] != 0 {
			t.Errorf("flags: %v", known)
		}
		es, err := s.Events(context.Background(), event.EventQuery{})
		if err != nil || len(es) != 1 || !strings.Contains(es[0].Extra, "something") || es[0].Port != 4711 {
			t.Errorf("%+v, %v", es, err)
		}
	})
}
