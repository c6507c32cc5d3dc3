package api_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/situation"
	rest "tocsin/internal/situation/api"
	"tocsin/internal/situation/situationtest"
)

func served(t *testing.T, fill bool) http.Handler {
	t.Helper()
	ctx := context.Background()
	d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(clock.Real()))
	if fill {
		size := situationtest.Size{Constituents: 20, Types: 6, Findings: 1200, Days: 20, Last: 20000, Incomplete: []int{3}}
		if err := situationtest.Fill(ctx, d, size); err != nil {
			t.Fatal(err)
		}
	}
	s := situation.New(d, event.NewLister(d))
	if _, err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{Title: "Test", Version: "1", Actor: func(*http.Request) act.Actor { return act.Machine },
		Allowed: func(act.Actor, act.Permission) bool { return true }, Log: slog.New(slog.DiscardHandler)}, rest.Routes(s, nil)...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h http.Handler, target string, status int) map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	if w.Code != status {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPictureHasTheTrend(t *testing.T) {
	p := get(t, served(t, true), "/api/situation?days=10", 200)
	days := p["days"].([]any)
	last := days[len(days)-1].(map[string]any)
	if p["day"] != "2024-10-04" || len(days) != 10 || last["open"] != p["open"].(map[string]any)["total"] || last["events"] == nil {
		t.Errorf("%v", p)
	}
	if g := p["incomplete_days"].([]any); len(g) != 1 {
		t.Errorf("%v", g)
	}
}

func TestStandingsArePagedWithoutLossOrRepeat(t *testing.T) {
	h := served(t, true)
	for _, list := range []string{"/api/situation/constituents?", "/api/situation/constituents?no_contact=true&"} {
		all := get(t, h, list+"limit=1000", 200)["items"].([]any)
		var seen []any
		for target := list + "limit=3"; ; {
			p := get(t, h, target, 200)
			for _, i := range p["items"].([]any) {
				seen = append(seen, i.(map[string]any)["id"])
			}
			next, ok := p["next"].(string)
			if !ok {
				break
			}
			target = list + "limit=3&cursor=" + next
		}
		if len(seen) != len(all) || len(all) == 0 {
			t.Errorf("%s: %d of %d", list, len(seen), len(all))
		}
		for i, a := range all {
			if a.(map[string]any)["id"] != seen[i] {
				t.Errorf("%s: row %d is another one", list, i)
			}
		}
	}
}

func TestSectorTypesAndConstituentAnswer(t *testing.T) {
	h := served(t, true)
	if s := get(t, h, "/api/situation?sector=energy", 200); len(s["sectors"].([]any)) != 0 {
		t.Errorf("%v", s)
	}
	if ts := get(t, h, "/api/situation/types", 200)["items"].([]any); len(ts) != 6 {
		t.Errorf("%v", ts)
	}
	if c := get(t, h, "/api/situation/constituents/1", 200); c["rank"].(float64) < 1 || len(c["days"].([]any)) == 0 {
		t.Errorf("%v", c)
	} else if byRef := get(t, h, "/api/situation/constituents/"+c["ref"].(string), 200); byRef["id"] != c["id"] {
		t.Errorf("by its reference it is %v, not %v", byRef["id"], c["id"])
	}
	get(t, h, "/api/situation?sector=nowhere", 404)
	get(t, h, "/api/situation/constituents/999", 404)
	get(t, h, "/api/situation?days=0", 422)
	get(t, h, "/api/situation/constituents?cursor=x", 422)
}

func TestEmptyNationAnswers(t *testing.T) {
	p := get(t, served(t, false), "/api/situation", 200)
	if p["day"] != nil || len(p["days"].([]any)) != 0 {
		t.Errorf("%v", p)
	}
}
