package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
)

type service struct {
	*testing.T
	h http.Handler
}

func open(t *testing.T) *service {
	t.Helper()
	at := clock.NewManual(time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC))
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(at))
	log := slog.New(slog.DiscardHandler)
	l := audit.New(audit.Config{DB: d, World: "live", KeyFile: filepath.Join(t.TempDir(), "audit.key"), Clock: at, Log: log})
	for i := range 25 {
		a := act.Act{Actor: act.Actor{Kind: act.Person, ID: fmt.Sprint(i % 3), Name: "Somebody"}, Verb: fmt.Sprintf("finding.act%d", i%4), Object: fmt.Sprintf("finding:%d", i)}
		if err := d.Act(context.Background(), a, func(*db.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		at.Move(time.Minute)
	}
	h, err := api.New(api.Config{Title: "Tocsin", Version: "1", Log: log,
		Actor:   func(*http.Request) act.Actor { return act.Actor{Kind: act.Person, ID: "1"} },
		Allowed: func(act.Actor, act.Permission) bool { return true }}, Routes(l)...)
	if err != nil {
		t.Fatal(err)
	}
	return &service{t, h}
}

func (s *service) do(method, path string, status int, to any) string {
	s.Helper()
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	if w.Code != status {
		s.Errorf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	if to != nil {
		if err := json.Unmarshal(w.Body.Bytes(), to); err != nil {
			s.Errorf("%s: %v\n%s", path, err, w.Body)
		}
	}
	return w.Body.String()
}

func TestListGoesOnByCursor(t *testing.T) {
	s := open(t)
	var seen []int64
	for path := "/api/audit?limit=4&verb=finding.&from=2026-11-25T10:05:00Z"; ; {
		var p api.Page[audit.Line]
		s.do("GET", path, 200, &p)
		for _, l := range p.Items {
			seen = append(seen, l.ID)
		}
		if p.Next == "" {
			break
		}
		path = "/api/audit?limit=4&verb=finding.&from=2026-11-25T10:05:00Z&cursor=" + p.Next
	}
	if len(seen) != 20 || seen[0] != 25 || seen[19] != 6 {
		t.Errorf("%v", seen)
	}
	s.do("GET", "/api/audit?cursor=LTE", 422, nil)
	s.do("GET", "/api/audit?from=2026-11-25T10:05:00Z&until=2026-11-25T10:00:00Z", 422, nil)
	var verbs api.Page[string]
	if s.do("GET", "/api/audit/verbs", 200, &verbs); len(verbs.Items) != 4 {
		t.Errorf("%v", verbs)
	}
}

// TestProofIsCheckedByAnybody computes the root from the answer alone.
func TestProofIsCheckedByAnybody(t *testing.T) {
	s := open(t)
	var signed, latest checkpoint
	s.do("GET", "/api/audit/checkpoints/latest", 404, nil)
	s.do("POST", "/api/audit/checkpoints", 200, &signed)
	s.do("GET", "/api/audit/checkpoints/latest", 200, &latest)
	if signed != latest || signed.Size != 25 || !strings.HasPrefix(signed.Note, "tocsin/live\n25\n"+signed.Root+"\n") {
		t.Errorf("%+v %+v", signed, latest)
	}
	var p provedEntry
	s.do("GET", "/api/audit/7", 200, &p)
	hash := func(text string) tlog.Hash {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return tlog.Hash(b)
	}
	var proof tlog.RecordProof
	for _, h := range p.Proof.Hashes {
		proof = append(proof, hash(h))
	}
	if err := tlog.CheckRecord(proof, signed.Size, hash(signed.Root), 6, hash(p.Proof.Leaf)); err != nil || !p.Proof.Valid || p.Entry.Object != "finding:6" {
		t.Errorf("%v %+v", err, p)
	}
	s.do("GET", "/api/audit/26", 404, nil)
	var all api.Page[checkpoint]
	if s.do("GET", "/api/audit/checkpoints?limit=1", 200, &all); len(all.Items) != 1 {
		t.Errorf("%+v", all)
	}
	s.do("GET", "/api/audit/checkpoints/25", 200, nil)
	s.do("GET", "/api/audit/checkpoints/soon", 422, nil)
	var keys api.Page[key]
	if s.do("GET", "/api/audit/keys", 200, &keys); len(keys.Items) != 1 || !strings.HasPrefix(keys.Items[0].Verifier, "tocsin/live+") {
		t.Errorf("%+v", keys)
	}
}

func TestExportIsAStreamOfTheFilter(t *testing.T) {
	s := open(t)
	if out := s.do("GET", "/api/audit/export?actor=person:0", 200, nil); strings.Count(out, "\n") != 9 {
		t.Error(out)
	}
	if out := s.do("GET", "/api/audit/export?format=csv", 200, nil); strings.Count(out, "\n") != 26 {
		t.Error(out)
	}
	s.do("GET", "/api/audit/export?format=xml", 422, nil)
}
