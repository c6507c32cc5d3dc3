package api_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/event"
	eventapi "tocsin/internal/event/api"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/file"
)

// newServer takes in two days of one report and serves the room.
func newServer(t *testing.T, d *db.DB) *httptest.Server {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	now := clock.NewManual(time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC))
	if err := feed.NewStore(d).Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	format := shadowserver.New(shadowserver.Builtin())
	in := event.NewIntake(event.Config{DB: d, Registry: constituency.NewStore(d, now), World: now, Real: now,
		Log: slog.New(slog.DiscardHandler), Format: func(feed.Feed) (event.Format, error) { return format, nil },
		Archive:  file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "archive")},
		Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "segments")}})
	var sources []event.Source
	for day := 1; day <= 2; day++ {
		var b strings.Builder
		b.WriteString(`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n")
		for i := range 20 {
			fmt.Fprintf(&b, `"2026-03-0%d 01:02:%02d","medium","203.0.113.%d","udp",123,"","ntpversion",64500,"RU"`+"\n", day, i, i+1)
		}
		text := b.String()
		sources = append(sources, event.Source{Name: fmt.Sprintf("2026-03-0%d-scan_ntp-ruritania.csv", day), Size: int64(len(text)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
	}
	if _, err := in.Take(ctx, identity.LocalActor, "shadowserver", sources, nil); err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: slog.New(slog.DiscardHandler),
		Actor: func(*http.Request) act.Actor { return identity.LocalActor }, Allowed: identity.Allowed},
		eventapi.Routes(event.NewLister(d), in)...)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, s *httptest.Server, method, path, body string, status int, into any) string {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Fatalf("%s %s: %d %v, want %d: %s", method, path, res.StatusCode, err, status, b)
	}
	if status >= 400 && res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s: a problem of type %q", method, path, res.Header.Get("Content-Type"))
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s: %v: %s", path, err, b)
		}
	}
	return string(b)
}

type page struct {
	Items []struct{ ID, Address, State, Severity, Type string }
	Next  string
	Total int
}

func each(t *testing.T, fn func(t *testing.T, s *httptest.Server)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, newServer(t, d)) })
}

func TestPagesOfFindingsYieldEachOnce(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		seen := map[string]bool{}
		path := "/api/findings?limit=7&sort=address&type=scan_ntp&port=123"
		for next := ""; ; {
			var p page
			ask(t, s, "GET", path+next, "", 200, &p)
			for _, f := range p.Items {
				seen[f.Address] = true
			}
			if p.Total != 20 {
				t.Fatalf("total %d", p.Total)
			}
			if p.Next == "" {
				break
			}
			next = "&cursor=" + p.Next
		}
		if len(seen) != 20 {
			t.Errorf("%d findings", len(seen))
		}
	})
}

func TestOneFindingTellsItsHistoryAndItsRows(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		var p page
		ask(t, s, "GET", "/api/findings?address=203.0.113.7", "", 200, &p)
		if len(p.Items) != 1 {
			t.Fatalf("%+v", p)
		}
		id := p.Items[0].ID
		var d struct {
			Finding struct{ State string }
			Steps   []struct{ What string }
			Verdict *struct{ Winner struct{ Rule string } }
			Acts    []struct{ Note string }
		}
		ask(t, s, "GET", "/api/findings/"+id, "", 200, &d)
		if d.Finding.State != "open" || len(d.Steps) != 1 || d.Steps[0].What != "first-seen" || d.Verdict == nil {
			t.Errorf("%+v", d)
		}
		var events struct {
			Items []struct {
				File, Row int64
				Event     map[string]any
			}
		}
		ask(t, s, "GET", "/api/findings/"+id+"/events", "", 200, &events)
		if len(events.Items) != 2 || events.Items[0].Event["source.ip"] != "203.0.113.7" {
			t.Fatalf("%+v", events)
		}
		var row struct{ Fields map[string]string }
		ask(t, s, "GET", fmt.Sprintf("/api/files/%d/rows/%d", events.Items[0].File, events.Items[0].Row), "", 200, &row)
		if row.Fields["ip"] != "203.0.113.7" || row.Fields["tag"] != "ntpversion" {
			t.Errorf("%+v", row)
		}
		ask(t, s, "POST", "/api/findings/"+id+"/close", `{"note":""}`, 422, nil)
		ask(t, s, "POST", "/api/findings/"+id+"/close", `{"note":"patched"}`, 204, nil)
		ask(t, s, "POST", "/api/findings/"+id+"/close", `{"note":"patched"}`, 409, nil)
		ask(t, s, "GET", "/api/findings?state=closed", "", 200, &p)
		if p.Total != 1 {
			t.Errorf("%d closed", p.Total)
		}
		ask(t, s, "POST", "/api/findings/"+id+"/reopen", `{"note":"not patched"}`, 204, nil)
		ask(t, s, "GET", "/api/findings/"+id, "", 200, &d)
		if d.Finding.State != "open" || len(d.Acts) != 2 || d.Acts[0].Note != "not patched" {
			t.Errorf("%+v", d)
		}
	})
}

func TestExportsAreWhole(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		var list []map[string]any
		ask(t, s, "GET", "/api/findings/export", "", 200, &list)
		if len(list) != 20 || list[0]["address"] != "203.0.113.1" || list[0]["port"] != 123.0 {
			t.Errorf("%v", list)
		}
		rows, err := csv.NewReader(strings.NewReader(ask(t, s, "GET", "/api/findings/export?format=csv", "", 200, nil))).ReadAll()
		if err != nil || len(rows) != 21 || rows[0][0] != "id" {
			t.Errorf("%v %v", rows, err)
		}
		lines := strings.Split(strings.TrimSpace(ask(t, s, "GET", "/api/findings/export?format=idf&address=203.0.113.0/29", "", 200, nil)), "\n")
		var one map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &one); err != nil || len(lines) != 7 || one["source.ip"] != "203.0.113.1" ||
			one["time.source"] != "2026-03-01T01:02:00+00:00" {
			t.Errorf("%d lines, %v %v", len(lines), one, err)
		}
	})
}

func TestCountsTypesAndSearch(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		var counts struct {
			Items []struct {
				Day, Type string
				Counts    struct{ Events, New, Ongoing int }
			}
		}
		ask(t, s, "GET", "/api/counts?from=2026-03-01&until=2026-03-02&by=day,type", "", 200, &counts)
		if len(counts.Items) != 2 || counts.Items[0].Counts.New != 20 || counts.Items[1].Counts.Ongoing != 20 || counts.Items[1].Type != "scan_ntp" {
			t.Errorf("%+v", counts)
		}
		var types struct{ Items []struct{ Name string } }
		ask(t, s, "GET", "/api/types", "", 200, &types)
		if len(types.Items) != 1 || types.Items[0].Name != "scan_ntp" {
			t.Errorf("%+v", types)
		}
		var found struct {
			What  string
			Total int
			Types []struct{ Name string }
		}
		for q, want := range map[string]string{"203.0.113.9": "address 1 0", "203.0.113.0%2F28": "prefix 15 0", "ntp": "text 0 1"} {
			ask(t, s, "GET", "/api/search?q="+q, "", 200, &found)
			if got := fmt.Sprint(found.What, " ", found.Total, " ", len(found.Types)); got != want {
				t.Errorf("%s: %s, want %s", q, got, want)
			}
		}
		var events page
		ask(t, s, "GET", "/api/events?address=203.0.113.3", "", 200, &events)
		if len(events.Items) != 2 {
			t.Errorf("%d events", len(events.Items))
		}
	})
}

func TestWhatCannotBeReadIsAProblem(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		for path, status := range map[string]int{
			"/api/findings?severity=grave": 422, "/api/findings?address=999.1.1.1": 422, "/api/findings?first-from=today": 422,
			"/api/findings?type=none": 422, "/api/findings?sort=colour": 422, "/api/findings?cursor=xx": 422, "/api/findings?limit=0": 422,
			"/api/findings?prot=1": 422, "/api/findings/zz": 404, "/api/findings/00112233445566778899": 404,
			"/api/findings/export?format=xml": 422, "/api/search?q=x": 422, "/api/search": 422, "/api/counts?from=2026-01-01": 422,
			"/api/events": 422, "/api/files/99/rows/1": 404,
		} {
			ask(t, s, "GET", path, "", status, nil)
		}
	})
}
