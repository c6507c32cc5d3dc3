package collect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
)

func addressFeed(t *testing.T, src feed.URLSource) feed.Feed {
	t.Helper()
	src.Schedule, _ = feed.ParseSchedule("daily 06:30")
	f := feed.Shadowserver()
	f.Name, f.Collector = "partner", feed.Collector{Kind: feed.URL, URL: &src}
	return f
}

func TestAddressIsFetchedOnceUntilItChanges(t *testing.T) {
	b := oneBench(t)
	tag := `"1"`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "t0p" {
			t.Error("the secret header is missing")
		}
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 08:00:00 GMT")
		w.Header().Set("Content-Disposition", `attachment; filename="list_20261122.csv"`)
		io.WriteString(w, "content "+tag)
	}))
	defer s.Close()
	t.Setenv("TOCSIN_SECRET_TOKEN", "t0p\n")
	f := b.save(t, addressFeed(t, feed.URLSource{URL: s.URL + "/latest", Headers: map[string]feed.Secret{"X-Token": {Env: "TOCSIN_SECRET_TOKEN"}},
		Pattern: `_(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)\.`, Name: "{date}-blocklist-partner.csv"}))
	const name = "2026-11-22-blocklist-partner.csv"
	for _, want := range [][]string{{name}, nil} {
		if err := b.Collect(context.Background(), f); err != nil {
			t.Fatal(err)
		}
		b.intake.takes(t, want...)
	}
	if !b.intake.issued[name].Equal(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("issued %s", b.intake.issued[name])
	}
	tag = `"2"`
	if err := b.Collect(context.Background(), f); err != nil {
		t.Fatal(err)
	}
	b.intake.takes(t, name)
	if b.intake.text[name] != `content "2"` {
		t.Errorf("took %q", b.intake.text[name])
	}
}

func TestSealedWorldCollectsNothing(t *testing.T) {
	b := oneBench(t)
	b.Client = fetch.New(egress.Sealed("exercise"), fetch.Options{Spool: b.Spool})
	f := b.save(t, addressFeed(t, feed.URLSource{URL: "https://feed.example/x.csv"}))
	if err := b.Collect(context.Background(), f); !errors.Is(err, egress.ErrSealed) {
		t.Errorf("got %v", err)
	}
	b.intake.takes(t)
}

func TestNameOfAFetchedFile(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)
	const pattern = `(?P<day>\d\d)\.(?P<month>\d\d)\.(?P<year>\d\d)`
	for _, c := range []struct{ pattern, name, served, want string }{
		{"", "", "x.csv", "x.csv"},
		{"", "{date}-x.csv", "latest", "2026-11-23-x.csv"},
		{pattern, "", "x-01.02.26.csv", "2026-02-01-x-01.02.26.csv"},
		{pattern, "{date}.csv", "x-01.02.26.csv", "2026-02-01.csv"},
		{pattern, "", "x.csv", "!"},
		{pattern, "", "x-41.02.26.csv", "!"},
		{"", "", "", "!"},
	} {
		got, err := fileName(feed.URLSource{Pattern: c.pattern, Name: c.name}, c.served, now)
		if c.want == "!" {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%+v: got %q, %v", c, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%+v: got %q, %v", c, got, err)
		}
	}
}

func TestSecretsAreOneLine(t *testing.T) {
	t.Setenv("TOCSIN_SECRET_TWO", "a\nb")
	for _, s := range []feed.Secret{{Env: "TOCSIN_SECRET_TWO"}, {Env: "TOCSIN_SECRET_NOT_SET"}, {File: "/nonexistent/secret"}, {File: t.TempDir()}} {
		if _, err := reveal("the key", s); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "the key") {
			t.Errorf("%+v: got %v", s, err)
		}
	}
	file := t.TempDir() + "/secret"
	write(t, file, "s3cret\n", time.UnixMicro(0))
	if got, err := reveal("the key", feed.Secret{File: file}); got != "s3cret" {
		t.Errorf("got %q, %v", got, err)
	}
}
