package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestMainPagesInABrowser(t *testing.T) {
	w := openWorld(t)
	fill(t, w)
	url, _ := start(t, w)
	b := newBrowser(t, url)
	b.signIn(login, password, "/")

	t.Run("every page fits every width in light and dark", func(t *testing.T) {
		b.t = t
		for _, width := range []int64{390, 1280} {
			b.do(chromedp.EmulateViewport(width, 900))
			for _, path := range []string{"/", "/findings", "/findings?state=all&sort=owner", "/constituents", "/registry/conflicts",
				"/audit", "/audit/1", "/audit/checkpoints", "/why?q=100.64.1.1", "/account", "/account/password", "/account/app", "/account/tokens", "/people", "/people/new", "/people/1", "/feeds", "/feeds/shadowserver", "/files", "/upload", "/search?q=100.64.0.0/12&stay=true"} {
				b.open(path)
				if over := ask[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
					t.Errorf("%s is %d pixels wider than %d", path, over, width)
				}
				if ask[string](b, `document.title`) == "" || ask[int](b, `document.querySelectorAll("h1").length`) != 1 {
					t.Errorf("%s has no title, or not one heading", path)
				}
				if missing := ask[int](b, `[...document.querySelectorAll("main input:not([type=hidden]), main select, main textarea")]
					.filter(e => !e.labels.length && !e.getAttribute("aria-label")).length`); missing > 0 {
					t.Errorf("%s has %d fields without a label", path, missing)
				}
				b.quiet(path)
			}
		}
	})

	t.Run("from the national picture to the original row", func(t *testing.T) {
		b.t = t
		b.open("/")
		b.do(chromedp.Click(chromedp.CSS(`main a[href^="/sectors/"]`)))
		b.await(`location.pathname.startsWith("/sectors/") && document.readyState === "complete"`)
		b.open("/findings?min-severity=high")
		subject := ask[string](b, `document.querySelector("main tbody a[href^='/findings/']").textContent`)
		b.do(chromedp.Click(chromedp.CSS(`main tbody a[href^="/findings/"]`)))
		b.await(`/^\/findings\/[0-9a-f]+/.test(location.pathname) && document.readyState === "complete"`)
		text := ask[string](b, `document.querySelector("main").textContent`)
		if !strings.Contains(text, subject) {
			t.Errorf("the finding's page does not name %q", subject)
		}
		row := ask[string](b, `(document.querySelector("main a[href*='row=']") || {getAttribute: () => ""}).getAttribute("href")`)
		if row != "" {
			b.open(strings.Split(ask[string](b, `location.pathname`), "?")[0] + row[max(strings.Index(row, "?"), 0):])
		}
		if !ask[bool](b, `!!document.querySelector("#original pre")`) {
			t.Error("the finding's page does not show the original row")
		}
		b.quiet("finding")
	})

	t.Run("a filter narrows the list", func(t *testing.T) {
		b.t = t
		b.open("/findings")
		b.do(chromedp.SetValue(chromedp.CSS(`input[name="address"]`), "100.64.0.0/16"), chromedp.Click(chromedp.CSS(`form.filters button`)))
		b.await(`location.search.includes("address=") && document.readyState === "complete"`)
		if other := ask[int](b, `[...document.querySelectorAll("main tbody th a.address")].filter(a => !a.textContent.startsWith("100.64.")).length`); other > 0 {
			t.Errorf("%d rows are of other addresses", other)
		}
		b.quiet("filter")
	})

	t.Run("an upload is taken in and its wrong row is told", func(t *testing.T) {
		b.t = t
		path := filepath.Join(t.TempDir(), "2026-01-02-scan_rdp-test-geo.csv")
		if err := os.WriteFile(path, []byte("\"timestamp\",\"severity\",\"ip\",\"protocol\",\"port\",\"asn\",\"geo\"\n"+
			"\"2026-01-02 01:02:03\",\"medium\",\"203.0.113.7\",\"tcp\",\"3389\",\"64500\",\"XR\"\n"+
			"\"2026-01-02 01:02:03\",\"medium\",\"999.1.1.1\",\"tcp\",\"3389\",\"64500\",\"XR\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.open("/upload")
		b.do(chromedp.SetUploadFiles(chromedp.CSS(`input[type="file"]`), []string{path}), chromedp.Click(chromedp.CSS(`main form button.primary`)))
		b.await(`location.pathname.startsWith("/upload/") && document.readyState === "complete" && !document.querySelector("[data-poll]")`)
		b.open("/files?rejected=true")
		if !strings.Contains(ask[string](b, `document.querySelector("main").textContent`), "2026-01-02-scan_rdp-test-geo.csv") {
			t.Error("the file with the wrong row is not listed")
		}
		b.quiet("upload")
	})
}
