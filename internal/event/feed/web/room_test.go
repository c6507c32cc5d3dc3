package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/spool"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

// intake says of every file what it read, when it is let go.
type intake struct{ hold chan struct{} }

func (in *intake) Take(_ context.Context, _ act.Actor, _ string, sources []event.Source, progress func(event.Progress)) (event.Summary, error) {
	progress(event.Progress{Files: len(sources), FilesDone: 1, Bytes: 1000, BytesDone: 250, Rows: 12345, File: "<now>"})
	if in.hold != nil {
		<-in.hold
	}
	var sum event.Summary
	for _, s := range sources {
		r, err := s.Open()
		if err != nil {
			return sum, err
		}
		b, _ := io.ReadAll(r)
		sum.Files++
		sum.Rows += int64(len(b))
		sum.Outcomes = append(sum.Outcomes, event.FileOutcome{Name: s.Name, State: event.Duplicate, Rows: int64(len(b))})
	}
	return sum, nil
}

type console struct {
	*testing.T
	h       http.Handler
	feeds   *feed.Store
	collect *collect.Collector
	intake  *intake
	db      *db.DB
}

func record(*db.Tx, act.Act) error { return nil }

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func open(t *testing.T) *console {
	t.Helper()
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", record)
	c := &console{T: t, db: d, feeds: feed.NewStore(d), intake: &intake{}}
	if err := c.feeds.Ensure(context.Background()); err != nil {
		t.Fatal(err)
	}
	log, at := slog.New(slog.DiscardHandler), clock.NewManual(now)
	c.collect = collect.New(collect.Config{DB: d, Feeds: c.feeds, Intake: c.intake, Spool: spool.Dir(t.TempDir()), Clock: at, Log: log,
		Client: fetch.New(egress.Sealed("test"), fetch.Options{})})
	t.Cleanup(c.collect.Close)
	app, err := web.New(web.Config{Clock: at, Log: log, Team: "CERT", Actor: func(*http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: "local", Name: "Analyst"} },
		Allowed: func(act.Actor, act.Permission) bool { return true }}, Room(Config{Feeds: c.feeds, Collect: c.collect,
		Original: func(_ context.Context, id int64) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(fmt.Sprintf("original of %d", id))), nil
		}}))
	if err != nil {
		t.Fatal(err)
	}
	c.h = app
	return c
}

func (c *console) do(r *http.Request, status int, parts ...string) *httptest.ResponseRecorder {
	c.Helper()
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	if w.Code != status {
		c.Errorf("%s %s: status %d, want %d\n%s", r.Method, r.URL, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			c.Errorf("%s %s: %q is missing in\n%s", r.Method, r.URL, p, w.Body)
		}
	}
	return w
}

func (c *console) get(path string, parts ...string) string {
	c.Helper()
	return c.do(httptest.NewRequest("GET", path, nil), 200, parts...).Body.String()
}

func (c *console) post(path string, form url.Values, status int, parts ...string) *httptest.ResponseRecorder {
	c.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(r, status, parts...)
}

func TestTextsStandInTheCatalogue(t *testing.T) {
	keys := []string{"feed.created", "feed.saved", "feed.removed", "feed.collecting", "feed.ruled.", "feed.format.", "feed.audience.", "feed.weekday.",
		"feed.kind.", "feed.day.", "feed.days.label", "file.any", "file.none", "file.none-text", "run.internal"}
	for _, s := range append(feed.FileStates(), event.Duplicate) {
		keys = append(keys, "state."+s)
	}
	for _, f := range feed.Formats() {
		keys = append(keys, "feed.format."+f)
	}
	for _, a := range feed.Audiences() {
		keys = append(keys, "feed.audience."+string(a))
	}
	for _, k := range feed.Kinds() {
		keys = append(keys, "feed.kind."+string(k))
	}
	webtest.Check(t, Room(Config{}), keys...)
}

func TestDaysShowCompleteIncompleteAndGap(t *testing.T) {
	c := open(t)
	f, _ := c.feeds.ByName(context.Background(), "shadowserver")
	today := int64(event.DayOf(now.UnixMicro()))
	err := c.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		for day, complete := range map[int64]int{today - 5: 1, today - 4: 0, today - 2: 1} {
			if _, err := tx.Exec(`INSERT INTO feed_day (feed, day, types, expected, missing, complete, listing, ruled)
				VALUES ($1, $2, 3, 4, '["scan_x"]', $3, '', -1)`, f.ID, day, complete); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.get("/feeds", "2 days of the last 30 are incomplete or missing", "2026-11-20: Nothing came", "Missing: scan_x", "Shadowserver", "TLP:AMBER")
	page := c.get("/feeds/shadowserver", "state-incomplete", "state-gap", "May still come", "<code>scan_x</code>")
	if strings.Contains(page, "Before the first file</span>") {
		t.Error("days before the first file are in the table")
	}
	c.post("/feeds/shadowserver/days", url.Values{"day": {fmt.Sprint(today - 4)}, "complete": {"yes"}}, 303)
	c.get("/feeds/shadowserver", "said by a person", "Take the ruling back", "Working out the days")
	c.post("/feeds/shadowserver/days", url.Values{"day": {fmt.Sprint(today - 4)}, "complete": {"auto"}}, 303)
	c.post("/feeds/shadowserver/days", url.Values{"day": {"1"}, "complete": {"perhaps"}}, 400)
}

func TestFeedIsMadeChangedAndRemoved(t *testing.T) {
	c := open(t)
	c.get("/feeds/new", `name="collector.api.key.env"`)
	form := url.Values{"name": {"partner"}, "format": {"idf"}, "title": {"Partner & friends"}, "marking": {"GREEN"}, "audience": {"owner"}, "enabled": {"1"},
		"share": {"50"}, "collector.kind": {"url"}, "collector.url.url": {"https://partner.example/x"}, "schedule": {"daily 06:30"},
		"settings.usual_types": {"b, a\nc"}, "collector.url.headers": {"X-Key: env:TOCSIN_SECRET_KEY\r\nX-B: file:/run/b\r\n"}}
	c.post("/feeds/new", form, 303)
	f, err := c.feeds.ByName(context.Background(), "partner")
	if err != nil || f.Collector.URL.Headers["X-B"].File != "/run/b" || f.Collector.URL.Headers["X-Key"].Env != "TOCSIN_SECRET_KEY" ||
		len(f.Settings.UsualTypes) != 3 || f.Settings.CompleteShare != 0.5 || !f.Enabled {
		t.Fatalf("got %+v, %v", f, err)
	}
	c.get("/feeds/partner", "Partner &amp; friends", "X-Key: env:TOCSIN_SECRET_KEY", `value="daily 06:30"`, `value="50"`, "Collect now")
	c.post("/feeds/partner/collect", nil, 303)
	c.get("/feeds/partner", "Collection waits")
	form.Set("collector.kind", "api")
	c.post("/feeds/partner", form, 400, "say where it is kept", `value="https://partner.example/x"`)
	form.Set("schedule", "hourly")
	c.post("/feeds/partner", form, 400, "is no schedule", `aria-invalid="true"`)
	form.Set("collector.kind", "none")
	form.Set("schedule", "")
	c.post("/feeds/partner", form, 303)
	c.post("/feeds/partner/collect", nil, 409, "by hand")
	c.post("/feeds/partner/remove", nil, 303)
	c.do(httptest.NewRequest("GET", "/feeds/partner", nil), 404)
}

func TestFileTellsItsErrorsAndGivesItsOriginal(t *testing.T) {
	c := open(t)
	c.get("/files", "No files")
	err := c.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO archive (id, sha256, path, size, stored, state, lease) VALUES (7, $1, 'p', 10, 5, 'live', 0)`, []byte("x"))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO source_file (id, feed, name, type, day, subscription, delayed, delta, issued, archive, sha256, state, outcome, bytes, rows,
			events, repeated, rejected, unattributed, received, actor)
			SELECT 3, id, '2026-11-22-scan_a-rt.csv.gz', NULL, 20779, 'rt', 0, 1, 1, 7, $1, 'live', 'taken in', 10, 5, 4, 0, 120, 1, 1, 'local:local' FROM feed`, []byte("x"))
		if err != nil {
			return err
		}
		for i := range 120 {
			if _, err := tx.Exec(`INSERT INTO file_error (file, seq, line, col, field, reason) VALUES (3, $1, $2, 0, 'ip', 'no <address>')`, i, i+2); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c.get("/files?from=2026-11-22&to=2026-11-22&rejected=1&name=SCAN", "2026-11-22-scan_a-rt.csv.gz", "Taken in")
	c.get("/files?state=failed", "No file matches")
	c.do(httptest.NewRequest("GET", "/files?from=yesterday", nil), 400, "from: is no date")
	c.get("/files/3", "no &lt;address&gt;", "only what is new", "after=100", ">101<")
	c.get("/files/3?after=100", ">102<", ">121<")
	if w := c.do(httptest.NewRequest("GET", "/files/3/original", nil), 200, "original of 3"); !strings.Contains(w.Header().Get("Content-Disposition"), "2026-11-22-scan_a-rt.csv") {
		t.Errorf("headers %v", w.Header())
	}
	c.do(httptest.NewRequest("GET", "/files/4", nil), 404)
}

func (c *console) send(names ...string) *http.Request {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	m.WriteField("feed", "shadowserver")
	for _, n := range names {
		w, _ := m.CreateFormFile("file", n)
		io.WriteString(w, "12345")
	}
	m.Close()
	r := httptest.NewRequest("POST", "/upload", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return r
}

func TestUploadShowsItsProgressWithAndWithoutJavaScript(t *testing.T) {
	c := open(t)
	c.get("/upload?feed=shadowserver", `enctype="multipart/form-data"`, `value="shadowserver" selected`)
	c.do(c.send(), 400, "choose at least one file")
	c.intake.hold = make(chan struct{})
	to := c.do(c.send("a.csv", "b.csv"), 303).Header().Get("Location")
	if !strings.HasPrefix(to, "/upload/") {
		t.Fatalf("led to %q", to)
	}
	for deadline := clock.Start(); !strings.Contains(c.get(to), "12,345"); { // until the intake began
		if deadline.Elapsed() > 10*time.Second {
			t.Fatal("no progress is shown")
		}
	}
	c.get(to, `http-equiv="refresh"`, `data-poll="`+to+`/progress"`, `<progress max="1000" value="250">`, "&lt;now&gt;", "1 of 2")
	part := c.get(to+"/progress", "data-poll")
	if strings.Contains(part, "<html") {
		t.Error("the fragment is a page")
	}
	close(c.intake.hold)
	for deadline := clock.Start(); strings.Contains(c.get(to), "data-poll"); {
		if deadline.Elapsed() > 10*time.Second {
			t.Fatal("it never ends")
		}
	}
	if page := c.get(to, "a.csv", "Already there"); strings.Contains(page, "refresh") {
		t.Error("a run that ended reloads")
	}
	c.get("/upload", "Analyst", to)
	c.do(httptest.NewRequest("GET", "/upload/none", nil), 404)
}
