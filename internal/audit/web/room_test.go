package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

type console struct {
	*testing.T
	h   http.Handler
	db  *db.DB
	log *audit.Log
	may map[act.Permission]bool
}

var now = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func open(t *testing.T) *console {
	t.Helper()
	at := clock.NewManual(now)
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(at))
	log := slog.New(slog.DiscardHandler)
	l := audit.New(audit.Config{DB: d, World: "live", KeyFile: filepath.Join(t.TempDir(), "audit.key"), Clock: at, Log: log})
	c := &console{T: t, db: d, log: l, may: map[act.Permission]bool{"audit.read": true, "audit.write": true}}
	app, err := web.New(web.Config{Clock: at, Log: log, Team: "CERT", Actor: func(*http.Request) act.Actor { return act.Actor{Kind: act.Person, ID: "1", Name: "Analyst"} },
		Allowed: func(_ act.Actor, p act.Permission) bool { return c.may[p] }}, Room(l))
	if err != nil {
		t.Fatal(err)
	}
	c.h = app
	for i := range 120 {
		a := act.Act{Actor: act.Actor{Kind: act.Person, ID: fmt.Sprint(i % 3), Name: "Somebody <b>"}, Verb: fmt.Sprintf("finding.act%d", i%4),
			Object: fmt.Sprintf("finding:%d", i), Detail: fmt.Sprintf(`{"note":"number <%d>","deep":{"a":1}}`, i)}
		if err := d.Act(context.Background(), a, func(*db.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *console) do(method, path string, status int, parts ...string) string {
	c.Helper()
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	if w.Code != status {
		c.Errorf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			c.Errorf("%s %s: %q is missing in\n%s", method, path, p, w.Body)
		}
	}
	return w.Body.String()
}

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "audit.none", "audit.none-text", "audit.all", "audit.any", "audit.kind", "audit.one", "audit.no-checkpoint",
		"audit.no-checkpoint-text", "audit.is-signed", "audit.entry", "audit.at", "audit.actor", "audit.verb", "audit.object", "audit.detail",
		"audit.size", "audit.signed", "audit.root")
}

func TestListIsPagedAndSearched(t *testing.T) {
	c := open(t)
	first := c.do("GET", "/audit", 200, `href="/audit/120"`, `href="/audit/71"`, "number &lt;119&gt;", "Somebody &lt;b&gt;", `after=71`, `value="finding."`)
	if strings.Contains(first, `href="/audit/70"`) {
		t.Error("the first page has more than fifty entries")
	}
	c.do("GET", "/audit?after=71", 200, `href="/audit/70"`, `href="/audit/21"`)
	found := c.do("GET", "/audit?actor=person:1&verb=finding.act2&from=2026-11-25&until=2026-11-25", 200, "finding.act2")
	if strings.Count(found, `scope="row"`) != 10 {
		t.Errorf("%d rows", strings.Count(found, `scope="row"`))
	}
	c.do("GET", "/audit?verb=finding.&object=finding:7", 200, `href="/audit/8"`)
	c.do("GET", "/audit?until=2026-11-24", 200, "No entry matches")
	c.do("GET", "/audit?verb=gone.act", 200, "No entry matches", `value="gone.act" selected`)
	c.do("GET", "/audit?from=yesterday", 400, "from")
	c.do("GET", "/audit?from=2026-11-25&until=2026-11-20", 400, "until")
}

func TestEntryIsShownWithItsProof(t *testing.T) {
	c := open(t)
	c.do("GET", "/audit/8", 200, "The log has this entry", "number &lt;7&gt;", "{&#34;a&#34;:1}", "none yet", "/audit?object=finding%3A7", "2026-11-25 10:00:00.000000 UTC")
	c.do("POST", "/audit/checkpoints", 303)
	c.do("GET", "/audit/8", 200, `href="/audit/checkpoints/120"`)
	c.do("GET", "/audit/121", 404)
	if err := c.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE audit SET name = 'Nobody' WHERE id = 8`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	c.do("GET", "/audit/8", 200, "The log does not prove this entry", "tocsin audit verify")
}

func TestCheckpointsAreSignedAndDownloaded(t *testing.T) {
	c := open(t)
	c.do("GET", "/audit/checkpoints", 200, "No checkpoint yet", "Sign the log now")
	c.do("POST", "/audit/checkpoints", 303)
	c.do("GET", "/audit/checkpoints", 200, `href="/audit/checkpoints/120"`, "tocsin/live&#43;")
	note := c.do("GET", "/audit/checkpoints/120", 200, "tocsin/live\n120\n")
	r, err := c.log.Verify(context.Background(), audit.Verification{Checkpoints: []audit.Given{{Name: "download", Data: []byte(note)}}})
	if err != nil || r.Err() != nil || r.Checkpoints != 2 {
		t.Errorf("%+v %v", r, err)
	}
	c.do("GET", "/audit/checkpoints/119", 404)
	c.may["audit.write"] = false
	c.do("POST", "/audit/checkpoints", 403)
	if strings.Contains(c.do("GET", "/audit/checkpoints", 200), "Sign the log now") {
		t.Error("a reader is offered to sign")
	}
}

func TestExportHasWhatTheFilterMeans(t *testing.T) {
	c := open(t)
	out := c.do("GET", "/audit/export?format=jsonl&actor=person:2", 200, `"object":"finding:2"`)
	if n := strings.Count(out, "\n"); n != 40 {
		t.Errorf("%d lines", n)
	}
	if n := strings.Count(c.do("GET", "/audit/export", 200, "id,at,actor,name"), "\n"); n != 121 {
		t.Errorf("%d lines", n)
	}
	c.do("GET", "/audit/export?format=xls", 400)
}
