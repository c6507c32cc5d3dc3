package collect

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
)

// reportsAPI is Shadowserver's side: it checks the signature, cuts lists at the limit and serves files.
type reportsAPI struct {
	t       *testing.T
	mu      sync.Mutex
	reports []listed
	lists   int
	gets    []string
	cut     string // the file whose download breaks off
}

const testSecret = "s3cret"

func (a *reportsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id, ok := strings.CutPrefix(r.URL.Path, "/dl/"); ok && r.Method == http.MethodGet {
		a.serve(w, id)
		return
	}
	body, _ := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write(body)
	var q struct {
		APIKey  string   `json:"apikey"`
		Date    string   `json:"date"`
		Type    string   `json:"type"`
		ID      string   `json:"id"`
		Reports []string `json:"reports"`
		Limit   int      `json:"limit"`
	}
	if json.Unmarshal(body, &q) != nil || r.Method != http.MethodPost || q.APIKey != "key" ||
		!hmac.Equal([]byte(r.Header.Get("HMAC2")), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		http.Error(w, "invalid key", http.StatusUnauthorized)
		return
	}
	from, to, ranged := strings.Cut(q.Date, ":")
	if !ranged {
		to = from
	}
	switch r.URL.Path {
	case "/api2/reports/list":
		a.lists++
		out := []listed{}
		for _, l := range a.reports {
			day := l.File[:10]
			if day < from || day > to || q.Type != "" && l.Type != q.Type || len(q.Reports) > 0 && !slices.Contains(q.Reports, l.Report) {
				continue
			}
			if len(out) < q.Limit {
				out = append(out, l)
			}
		}
		json.NewEncoder(w).Encode(out)
	case "/api2/reports/types":
		types := []string{}
		for _, l := range a.reports {
			types = append(types, l.Type)
		}
		slices.Sort(types)
		json.NewEncoder(w).Encode(slices.Compact(types))
	case "/api2/reports/download":
		a.serve(w, q.ID)
	default:
		http.NotFound(w, r)
	}
}

func (a *reportsAPI) serve(w http.ResponseWriter, id string) {
	for _, l := range a.reports {
		if l.ID == id {
			a.gets = append(a.gets, l.File)
			if l.File == a.cut {
				w.Header().Set("Content-Length", "100")
			}
			io.WriteString(w, "content of "+l.File+" of "+l.Timestamp)
			return
		}
	}
	http.Error(w, "no such report", http.StatusNotFound)
}

func (a *reportsAPI) add(day, typ, report, timestamp string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reports = append(a.reports, listed{ID: fmt.Sprintf("id%d", len(a.reports)), File: day + "-" + typ + "-" + report + ".csv",
		Report: report, Type: typ, Timestamp: timestamp})
}

func (a *reportsAPI) got(want ...string) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.gets)
	if !slices.Equal(a.gets, want) {
		a.t.Errorf("downloaded %q, want %q", a.gets, want)
	}
	a.gets = nil
}

func apiFeed(t *testing.T, b *bench) (*reportsAPI, feed.Feed) {
	t.Helper()
	a := &reportsAPI{t: t}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	t.Setenv("TOCSIN_SECRET_KEY", "key")
	t.Setenv("TOCSIN_SECRET_API", testSecret)
	every, _ := feed.ParseSchedule("every 1h")
	f := feed.Shadowserver()
	f.Collector = feed.Collector{Kind: feed.API, API: &feed.APISource{Base: s.URL + "/api2", Downloads: s.URL + "/dl",
		Key: feed.Secret{Env: "TOCSIN_SECRET_KEY"}, Secret: feed.Secret{Env: "TOCSIN_SECRET_API"}, Schedule: every}}
	return a, b.save(t, f)
}

const (
	fileA = "2026-11-21-scan_a-rt.csv"
	fileB = "2026-11-21-scan_b-rt.csv"
	fileC = "2026-11-22-scan_a-rt.csv"
)

func someReports(a *reportsAPI) {
	a.add("2026-11-21", "scan_a", "rt", "2026-11-22 01:00:00")
	a.add("2026-11-21", "scan_b", "rt", "2026-11-22 01:10:00")
	a.add("2026-11-22", "scan_a", "rt", "2026-11-23 01:00:00")
	a.add("2026-11-01", "scan_a", "rt", "2026-11-02 01:00:00") // before the days that are listed
}

func TestReportsAreTakenOnceAndTheDayIsListed(t *testing.T) {
	eachBench(t, func(t *testing.T, ctx context.Context, b *bench) {
		a, f := apiFeed(t, b)
		someReports(a)
		for range 2 {
			if err := b.Collect(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		a.got(fileA, fileB, fileC)
		b.intake.takes(t, fileA, fileB, fileC)
		if !b.intake.issued[fileB].Equal(time.Date(2026, 11, 22, 1, 10, 0, 0, time.UTC)) {
			t.Errorf("issued %s", b.intake.issued[fileB])
		}
		days, err := b.Feeds.Days(ctx, f.ID, 0, 30000)
		if err != nil || len(days) != 1 || days[0].Date() != "2026-11-21" || !slices.Equal(days[0].Listing, []string{"scan_a", "scan_b"}) {
			t.Errorf("listed %+v, %v", days, err) // the 22nd may still grow at ten in the morning
		}
		b.now.Move(3 * time.Hour)
		a.mu.Lock()
		a.reports[0].Timestamp = "2026-11-23 12:00:00" // a corrected file
		a.mu.Unlock()
		if err := b.Collect(ctx, f); err != nil {
			t.Fatal(err)
		}
		b.intake.takes(t, fileA)
		if !strings.HasSuffix(b.intake.text[fileA], "12:00:00") {
			t.Errorf("took %q", b.intake.text[fileA])
		}
		if days, _ = b.Feeds.Days(ctx, f.ID, 0, 30000); len(days) != 2 {
			t.Errorf("the 22nd is over: %+v", days)
		}
	})
}

func TestInterruptedDownloadResumes(t *testing.T) {
	b := oneBench(t)
	a, f := apiFeed(t, b)
	someReports(a)
	a.cut = fileA
	if err := b.Collect(context.Background(), f); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), fileA) {
		t.Errorf("got %v", err)
	}
	b.intake.takes(t, fileB, fileC) // what came whole is taken in
	if days, _ := b.Feeds.Days(context.Background(), f.ID, 0, 30000); len(days) != 0 {
		t.Errorf("a day that lacks a file is listed: %+v", days)
	}
	a.cut, a.gets = "", nil
	if err := b.Collect(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	a.got(fileA)
	b.intake.takes(t, fileA)
}

func TestFileThatFailsIsToldAndTriedADayLater(t *testing.T) {
	b := oneBench(t)
	a, f := apiFeed(t, b)
	a.add("2026-11-22", "bad", "rt", "2026-11-23 01:00:00")
	for range 2 {
		if err := b.Collect(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	b.intake.takes(t, "2026-11-22-bad-rt.csv")
	b.now.Move(25 * time.Hour)
	b.Collect(context.Background(), f)
	b.intake.takes(t, "2026-11-22-bad-rt.csv")
	if s := b.state(t, f); len(s.Problems) != 1 || !strings.Contains(s.Problems[0], "it is bad") {
		t.Errorf("tells %q", s.Problems)
	}
}

func TestWrongKeyOrSecretIsAClearError(t *testing.T) {
	b := oneBench(t)
	a, f := apiFeed(t, b)
	someReports(a)
	for _, wrong := range []string{"TOCSIN_SECRET_KEY", "TOCSIN_SECRET_API"} {
		t.Run(wrong, func(t *testing.T) {
			t.Setenv(wrong, "wrong")
			err := b.Collect(context.Background(), f)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "refuses the key or the secret") {
				t.Errorf("got %v", err)
			}
			if s := b.state(t, f); len(s.Problems) != 1 || strings.Contains(fmt.Sprint(s, err), testSecret) {
				t.Errorf("tells %q", s.Problems)
			}
		})
	}
	b.intake.takes(t)
}

func TestLongListsAreAskedForInParts(t *testing.T) {
	b := oneBench(t)
	a, f := apiFeed(t, b)
	for day := 1; day <= 20; day++ {
		a.add(fmt.Sprintf("2026-11-%02d", day), "scan_a", "rt", "")
	}
	for _, typ := range []string{"scan_b", "scan_c", "scan_d", "scan_e"} {
		a.add("2026-11-07", typ, "rt", "")
	}
	acc, err := newAccount(b.api, *f.Collector.API)
	if err != nil {
		t.Fatal(err)
	}
	day := func(s string) int64 { d, _ := event.ParseDay(s); return int64(d) }
	acc.limit = 4
	got, whole, err := acc.list(context.Background(), day("2026-11-01"), day("2026-11-30"))
	if err != nil || !whole || len(got) != 24 {
		t.Errorf("got %d, whole %t, %v", len(got), whole, err)
	}
	acc.limit = 1
	if _, whole, err = acc.list(context.Background(), day("2026-11-07"), day("2026-11-07")); err != nil || whole {
		t.Errorf("a list cut at its limit is not whole: %t, %v", whole, err)
	}
}

func TestDownloadByTheAPIAndOneSubscription(t *testing.T) {
	b := oneBench(t)
	a, f := apiFeed(t, b)
	a.add("2026-11-22", "scan_a", "rt", "2026-11-23 01:00:00")
	a.add("2026-11-22", "scan_a", "other", "2026-11-23 01:00:00")
	f.Collector.API.Downloads, f.Collector.API.Reports = "api", []string{"rt"}
	f = b.save(t, f)
	if err := b.Collect(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	b.intake.takes(t, fileC)
}

func FuzzParseListing(f *testing.F) {
	f.Add([]byte(`[{"id":"x","file":"2026-11-22-scan_a-rt.csv","report":"rt","type":"scan_a","timestamp":"2026-11-23 01:00:00","url":"https://x"}]`))
	f.Add([]byte(`{"error":"no"}`))
	f.Add([]byte(`[{"file":"../x"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ls, err := parseListing(b)
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("an answer of somebody else is no fault of ours: %v", err)
		}
		for _, l := range ls {
			if l.ID == "" || strings.ContainsAny(l.File, "/\\\x00") {
				t.Errorf("kept %+v", l)
			}
		}
	})
}
