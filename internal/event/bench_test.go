package event_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/event/generate"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/file"
)

// TestIntakeSpeed is a tool, not a test: TOCSIN_SPEED="rows days types dir".
func TestIntakeSpeed(t *testing.T) {
	var rows, days, types int
	var dir string
	if n, _ := fmt.Sscan(os.Getenv("TOCSIN_SPEED"), &rows, &days, &types, &dir); n != 4 {
		t.Skip("a measurement by hand: set TOCSIN_SPEED")
	}
	spec := generate.Spec{Days: days, Rows: rows, Types: types, Prefixes: 20000, Constituents: 500, Seed: 1}
	if _, err := os.Stat(dir); err != nil {
		if err := generate.Write(context.Background(), spec, dir, nil); err != nil {
			t.Fatal(err)
		}
	}
	work := t.TempDir()
	url, world := filepath.Join(work, "db"), "live"
	if os.Getenv("TOCSIN_SPEED_PG") != "" {
		url, world = dbtest.Postgres(t)
	}
	s := newStation(t, dbtest.Open(t, url, world, audit.Recorder(clock.Real())), file.OS{}, work, nil)
	b, err := os.ReadFile(filepath.Join(dir, "constituency.json"))
	if err != nil {
		t.Fatal(err)
	}
	importJSON(s, b)
	names, _ := filepath.Glob(filepath.Join(dir, "reports", "*.csv"))
	byDay := map[string][]event.Source{}
	var order []string
	for _, n := range names {
		st, _ := os.Stat(n)
		day := filepath.Base(n)[:10]
		if byDay[day] == nil {
			order = append(order, day)
		}
		byDay[day] = append(byDay[day], event.Source{Name: filepath.Base(n), Issued: st.ModTime(), Size: st.Size(),
			Open: func() (io.ReadCloser, error) { return os.Open(n) }})
	}
	for i, day := range order {
		var prof bytes.Buffer
		if i < 3 {
			pprof.StartCPUProfile(&prof)
		}
		w, c := clock.Start(), cpu()
		sum, err := s.Take(context.Background(), identity.LocalActor, "shadowserver", byDay[day], nil)
		if err != nil {
			t.Fatal(err)
		}
		e := w.Elapsed()
		if i < 3 {
			pprof.StopCPUProfile()
			os.WriteFile(fmt.Sprintf("/tmp/intake-%d.prof", i+1), prof.Bytes(), 0o600)
		}
		t.Logf("%s %d rows %d rejected %d unattributed %v %.0f rows/s cpu %.1fs rss %s", day, sum.Rows, sum.Rejected, sum.Unattributed, e.Round(time.Millisecond),
			float64(sum.Rows)/e.Seconds(), cpu()-c, peak())
	}
	var size [3]int64
	filepath.Walk(work, func(p string, i os.FileInfo, err error) error {
		k := 0
		if strings.Contains(p, "/archive/") {
			k = 1
		} else if strings.Contains(p, "/segments/") {
			k = 2
		}
		if !i.IsDir() {
			size[k] += i.Size()
		}
		return nil
	})
	t.Logf("db %d archive %d segments %d", size[0], size[1], size[2])
}

func cpu() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

func peak() string {
	b, _ := os.ReadFile("/proc/self/status")
	for _, l := range strings.Split(string(b), "\n") {
		if strings.HasPrefix(l, "VmHWM") {
			return strings.TrimSpace(l[6:])
		}
	}
	return ""
}
