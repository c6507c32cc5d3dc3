package app_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/app"
	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/rate"
	"tocsin/internal/world"
)

// start serves w until the test ends and returns its URL and what stops it.
func start(t *testing.T, w *world.World) (url string, stop func() error) {
	t.Helper()
	s, stop := startWith(t, w, app.Options{Listen: "127.0.0.1:0"})
	return s.URL(), stop
}

func startWith(t *testing.T, w *world.World, o app.Options) (s *app.Server, stop func() error) {
	t.Helper()
	return startLogging(t, w, o, slog.DiscardHandler)
}

func startLogging(t *testing.T, w *world.World, o app.Options, log slog.Handler) (s *app.Server, stop func() error) {
	t.Helper()
	s, err := app.NewServer(t.Context(), w, o, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() error {
		cancel()
		if stopped {
			return nil
		}
		stopped = true
		return <-done
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	cookies.Store(s.URL(), signIn(t, w))
	return s, stop
}

// The administrator that start makes, and the session that get shows a server.
const (
	login    = "root@cert.example"
	password = "violet tractor hums quietly"
)

var cookies sync.Map // by URL

func signIn(t *testing.T, w *world.World) string {
	t.Helper()
	_, err := w.Identity.Create(t.Context(), identity.LocalActor, identity.NewAccount{Login: login, Name: "Root", Password: password,
		Roles: []identity.Held{{Role: identity.Administrator}}})
	if err != nil && fault.KindOf(err) != fault.Conflict {
		t.Fatal(err)
	}
	in, err := w.Identity.SignIn(t.Context(), login, password, identity.Device{})
	if err != nil {
		t.Fatal(err)
	}
	return identity.SessionCookie + "=" + in.Secret
}

func openWorld(t *testing.T) *world.World {
	t.Helper()
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir(), Serve: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := cookies.Load("http://" + req.URL.Host); ok {
		req.Header.Set("Cookie", c.(string))
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestEveryPageOfAnEmptyNationAnswers(t *testing.T) {
	url, _ := start(t, openWorld(t))
	for _, path := range []string{"/", "/findings", "/constituents", "/registry/conflicts", "/registry/import", "/why", "/feeds", "/files", "/upload",
		"/views", "/api/views", "/findings/bulk", "/findings/rule?verb=note", "/api/finding-acts", "/audit", "/api/audit", "/search?q=203.0.113.7", "/account", "/account/password", "/account/app", "/account/tokens", "/people", "/people/new", "/people/new-service", "/people/1", "/sign-in",
		"/api/me", "/api/accounts", "/api/openapi.json", "/api/docs", "/api/findings", "/api/situation", "/healthz", "/readyz", "/metrics"} {
		if status, body := get(t, url+path); status != http.StatusOK {
			t.Errorf("%s: %d\n%.300s", path, status, body)
		}
	}
	if _, body := get(t, url+"/findings?sort=owner&after="); !strings.Contains(body, `action="/views"`) || !strings.Contains(body, `name="query" value="sort=owner"`) {
		t.Errorf("the list cannot be saved:\n%s", body)
	}
	if _, body := get(t, url+"/upload"); strings.Contains(body, `action="/views"`) {
		t.Error("what is no list can be saved")
	}
	if status, _ := get(t, url+"/nowhere"); status != http.StatusNotFound {
		t.Errorf("/nowhere: %d", status)
	}
}

func TestOperationsSayWhatIsWrongAsProblems(t *testing.T) {
	url, _ := start(t, openWorld(t))
	status, body := get(t, url+"/api/findings?severity=loud")
	var p struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != status || status/100 != 4 || p.Type == "" {
		t.Errorf("%d %s %v", status, body, err)
	}
}

func TestMetricsNameWorldAndRoute(t *testing.T) {
	url, _ := start(t, openWorld(t))
	get(t, url+"/findings?address=203.0.113.7")
	_, body := get(t, url+"/metrics")
	for _, want := range []string{`tocsin_database_up{world="live"} 1`, `route="GET /findings"`} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(body, "203.0.113.7") {
		t.Error("an address leaked into the metrics")
	}
}

// A stop ends serving and gives the leases of jobs back.
func TestStopReturnsLeases(t *testing.T) {
	w := openWorld(t)
	url, stop := start(t, w)
	if status, _ := get(t, url+"/readyz"); status != http.StatusOK {
		t.Fatal(status)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Error("it still answers")
	}
	var held int64
	if err := w.DB().View(t.Context(), func(tx *db.Tx) error {
		return tx.Row(`SELECT count(*) FROM job WHERE state = 'running' AND lease > $1`, time.Now().UnixMicro()).Scan(&held)
	}); err != nil || held != 0 {
		t.Errorf("%d leases are held after a stop: %v", held, err)
	}
}

// What staff take away as a file does not pass the gate: the log has it.
func TestFilesThatStaffTakeAreInTheLog(t *testing.T) {
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	url, stop := start(t, w)
	defer stop()
	for _, path := range []string{"/findings/export/csv?state=open", "/registry/export/csv", "/api/findings/export?format=json"} {
		if status, body := get(t, url+path); status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	entries, _, err := w.Audit.List(t.Context(), audit.Filter{Verb: "export.take"}, 0, 10)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%+v %v", entries, err)
	}
	if e := entries[2]; e.Object != "path:/findings/export/csv" || e.Actor != "person:1" || !strings.Contains(e.Detail, "state=open") {
		t.Errorf("%+v", e)
	}
}

// What everybody may send is limited wherever it is declared, not where somebody thought of it.
func TestEveryFormOfStrangersIsLimited(t *testing.T) {
	w := openWorld(t)
	for _, path := range []string{"/sign-in", "/join/nobody", "/answer/nobody"} {
		s, _ := startWith(t, w, app.Options{Listen: "127.0.0.1:0", Limits: app.Limits{Forms: rate.PerMinute(1, 1)}})
		for i, want := range []bool{false, true} {
			r, err := http.Post(s.URL()+path, "application/x-www-form-urlencoded", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			if limited := r.StatusCode == http.StatusTooManyRequests; limited != want {
				t.Errorf("POST %s, number %d: %d", path, i+1, r.StatusCode)
			}
		}
	}
}
