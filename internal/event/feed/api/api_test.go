package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/spool"
)

type intake struct{}

func (intake) Take(_ context.Context, _ act.Actor, _ string, sources []event.Source, _ func(event.Progress)) (event.Summary, error) {
	var sum event.Summary
	for _, s := range sources {
		r, err := s.Open()
		if err != nil {
			return sum, err
		}
		b, _ := io.ReadAll(r)
		sum.Files++
		sum.Rows += int64(len(b))
		sum.Outcomes = append(sum.Outcomes, event.FileOutcome{Name: s.Name, State: event.Live, Rows: int64(len(b)), Day: 20779})
	}
	return sum, nil
}

type service struct {
	*testing.T
	h  http.Handler
	db *db.DB
}

func open(t *testing.T) *service {
	t.Helper()
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", func(*db.Tx, act.Act) error { return nil })
	feeds := feed.NewStore(d)
	if err := feeds.Ensure(context.Background()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := collect.New(collect.Config{DB: d, Feeds: feeds, Intake: intake{}, Spool: spool.Dir(t.TempDir()), Log: log,
		Clock:  clock.NewManual(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)),
		Client: fetch.New(egress.Sealed("test"), fetch.Options{})})
	t.Cleanup(c.Close)
	h, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: log,
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: "local", Name: "Analyst"} },
		Allowed: func(act.Actor, act.Permission) bool { return true },
	}, Routes(Config{Feeds: feeds, Collect: c, Original: func(_ context.Context, id int64) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(fmt.Sprintf("original of %d", id))), nil
	}})...)
	if err != nil {
		t.Fatal(err)
	}
	return &service{t, h, d}
}

// ask makes a request, checks the status and what the answer holds, and gives the answer.
func (s *service) ask(method, path, body string, status int, parts ...string) string {
	s.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(path, "/api/files") && method == "POST" {
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	if w.Code != status {
		s.Errorf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			s.Errorf("%s %s: %s is missing in\n%s", method, path, p, w.Body)
		}
	}
	return w.Body.String()
}

func TestFeedsAreMadeChangedAndRemoved(t *testing.T) {
	s := open(t)
	s.ask("GET", "/api/feeds", "", 200, `"name":"shadowserver"`, `"kind":"none"`)
	const rest = `"title":"Partner","marking":"GREEN","audience":"owner","enabled":true,"settings":{"usual_types":["a"]},
		"collector":{"kind":"url","url":{"url":"https://partner.example/x","schedule":"daily 06:30"}}}`
	s.ask("POST", "/api/feeds", `{"name":"partner","format":"idf",`+rest, 201, `"schedule":"daily 06:30"`)
	s.ask("POST", "/api/feeds", `{"name":"partner","format":"idf",`+rest, 409)
	s.ask("PUT", "/api/feeds/partner", `{`+strings.Replace(rest, "06:30", "07:00", 1), 200, `"schedule":"daily 07:00"`)
	s.ask("PUT", "/api/feeds/partner", `{`+strings.Replace(rest, "https:", "ftp:", 1), 422, "collector.url.url")
	s.ask("PUT", "/api/feeds/partner", `{`+strings.Replace(rest, "06:30", "soon", 1), 422)
	s.ask("POST", "/api/feeds/partner/collect", "", 204)
	s.ask("POST", "/api/feeds/shadowserver/collect", "", 409)
	s.ask("DELETE", "/api/feeds/partner", "", 204)
	s.ask("GET", "/api/feeds/partner", "", 404)
}

func TestDaysAreListedAndRuled(t *testing.T) {
	s := open(t)
	s.ask("GET", "/api/feeds/shadowserver/days", "", 200, `"items":[]`)
	s.ask("PUT", "/api/feeds/shadowserver/days/2026-11-20", `{"complete":true}`, 204)
	s.ask("GET", "/api/feeds/shadowserver/days", "", 200, `"day":"2026-11-20"`, `"ruled":true`, `"missing":[]`)
	s.ask("GET", "/api/feeds/shadowserver/days?to=2026-11-19", "", 200, `"items":[]`)
	s.ask("PUT", "/api/feeds/shadowserver/days/2026-11-20", `{}`, 204)
	if body := s.ask("GET", "/api/feeds/shadowserver/days?from=2026-11-20", "", 200); strings.Contains(body, "ruled") {
		t.Errorf("the ruling was taken back: %s", body)
	}
	s.ask("PUT", "/api/feeds/shadowserver/days/yesterday", `{}`, 422)
	s.ask("GET", "/api/feeds/shadowserver/days?from=2026-11-20&to=2026-11-01", "", 422)
}

func TestFilesAreTakenListedAndGivenBack(t *testing.T) {
	s := open(t)
	s.ask("POST", "/api/files?feed=shadowserver&name=a.csv", "12345", 200, `"stage":"done"`, `"rows":5`, `"state":"live"`, `"day":"2026-11-22"`)
	s.ask("POST", "/api/files?feed=none&name=a.csv", "1", 404)
	s.ask("POST", "/api/files?feed=shadowserver", "1", 422)
	var run struct{ ID string }
	if err := json.Unmarshal([]byte(s.ask("POST", "/api/files?feed=shadowserver&name=b.csv&wait=false", "1", 200)), &run); err != nil {
		t.Fatal(err)
	}
	s.ask("GET", "/api/intakes/"+run.ID, "", 200, `"feed":"shadowserver"`, `"actor":"Analyst"`)
	s.ask("GET", "/api/intakes", "", 200, run.ID)
	s.ask("GET", "/api/intakes/none", "", 404)
	err := s.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		for id := 1; id <= 3; id++ {
			_, err := tx.Exec(`INSERT INTO source_file (id, feed, name, type, day, subscription, delayed, delta, issued, archive, sha256, state, outcome, bytes, rows,
				events, repeated, rejected, unattributed, received, actor)
				SELECT $1, id, 'f.csv', NULL, 20779, 'rt', 0, 1, 1, NULL, NULL, 'failed', 'no', 10, 5, 4, 0, 2, 1, 1, 'local:local' FROM feed`, id)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO file_error (file, seq, line, col, field, reason) VALUES ($1, 0, 2, 0, 'ip', 'a'), ($1, 1, 3, 0, 'ip', 'b')`, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Items []struct{ ID int64 }
		Next  string
	}
	json.Unmarshal([]byte(s.ask("GET", "/api/files?limit=2&state=failed&rejected=true", "", 200)), &page)
	if len(page.Items) != 2 || page.Items[0].ID != 3 || page.Next == "" {
		t.Fatalf("got %+v", page)
	}
	s.ask("GET", "/api/files?limit=2&state=failed&cursor="+page.Next, "", 200, `"id":1`)
	s.ask("GET", "/api/files?cursor=x", "", 422)
	s.ask("GET", "/api/files/3", "", 200, `"outcome":"no"`, `"day":"2026-11-22"`)
	s.ask("GET", "/api/files/9", "", 404)
	s.ask("GET", "/api/files/9/errors", "", 404)
	page.Next = ""
	json.Unmarshal([]byte(s.ask("GET", "/api/files/3/errors?limit=1", "", 200, `"reason":"a"`)), &page)
	s.ask("GET", "/api/files/3/errors?cursor="+page.Next, "", 200, `"reason":"b"`)
	s.ask("GET", "/api/files/3/original", "", 404, "not kept")
}
