package web_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
	"tocsin/internal/situation"
	"tocsin/internal/situation/situationtest"
	room "tocsin/internal/situation/web"
)

var names = map[string]string{"energy": "Energy", "health": "Health", "finance": "Finance", "transport": "Transport", "water": "Drinking water",
	"digital": "Digital infrastructure", "government": "Public administration", "education": "Research and education"}

func sectorName(id, _ string) string { return names[id] }

func app(t testing.TB, d *db.DB) *web.App {
	t.Helper()
	s := situation.New(d, event.NewLister(d))
	if _, err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	a, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1.0",
		Clock:   clock.NewManual(event.Day(20000).Time().Add(30 * time.Hour)),
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: "local"} },
		Allowed: func(act.Actor, act.Permission) bool { return true }, Log: slog.New(slog.DiscardHandler)}, room.Room(s, nil, sectorName))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func filled(t testing.TB) *web.App {
	t.Helper()
	d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(clock.Real()))
	size := situationtest.Size{Constituents: 40, Types: 14, Findings: 6000, Days: 60, Last: 20000, Incomplete: []int{3, 17}}
	if err := situationtest.Fill(context.Background(), d, size); err != nil {
		t.Fatal(err)
	}
	return app(t, d)
}

func get(a http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w
}

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil, nil, sectorName), "tile.", "trend.", "series.", "sector.", "table.", "window.days", "next.", "incident.")
}

func TestPagesAnswer(t *testing.T) {
	a := filled(t)
	for target, part := range map[string]string{
		"/":                                     "National picture",
		"/?days=90":                             "Most exposed constituents",
		"/sectors/energy":                       "Energy",
		"/sectors/-?days=60":                    "No sector",
		"/constituents/1/situation":             "How the exposure adds up",
		"/situation/days":                       "Events",
		"/situation/sectors":                    "Drinking water",
		"/situation/types?days=90":              "scan_rdp",
		"/situation/constituents?sector=energy": "Power of District",
		"/situation/no-contact":                 "District 5",
		"/situation/gaps":                       "shadowserver",
	} {
		if w := get(a, target); w.Code != 200 || !strings.Contains(w.Body.String(), part) {
			t.Errorf("%s: %d, %q is missing", target, w.Code, part)
		}
	}
	for target, code := range map[string]int{"/?days=3": 400, "/sectors/nowhere": 404, "/constituents/999/situation": 404, "/situation/nothing": 404} {
		if w := get(a, target); w.Code != code {
			t.Errorf("%s: %d, want %d", target, w.Code, code)
		}
	}
}

func TestTablesAreFiles(t *testing.T) {
	a := filled(t)
	w := get(a, "/situation/days/csv?days=30")
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(lines) != 31 || !strings.HasPrefix(lines[0], "day,complete,open,new") || !strings.HasPrefix(lines[4], "2024-10-01,no,") {
		t.Errorf("%d lines: %q", len(lines), lines[:5])
	}
	var rows []map[string]any
	if err := json.Unmarshal(get(a, "/situation/types/json").Body.Bytes(), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 14 || rows[0]["severity"] == nil || rows[0]["open"].(float64) == 0 {
		t.Errorf("%v", rows)
	}
}

func TestEmptyNationSaysWhatToDo(t *testing.T) {
	d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(clock.Real()))
	w := get(app(t, d), "/")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "There are no reports yet") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
