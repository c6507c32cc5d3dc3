package app_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tocsin/internal/event/digest"
)

// TestDigestsInABrowser looks at every page of digests on a phone and a desk, and answers by the link without signing in.
func TestDigestsInABrowser(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	f.tell()
	link := f.answerLink("alpha")
	claim := f.object("claim", "duty-officer", true, false)
	message := f.object("digest", "duty-officer", true, false)
	fill(t, f.w)
	b := newBrowser(t, f.s.URL())
	fits := func(path string) {
		t.Helper()
		if over := ask[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s is %d pixels too wide", path, over)
		}
		if n := ask[int](b, `document.querySelectorAll("h1").length`); n != 1 {
			t.Errorf("%s has %d headings", path, n)
		}
		if n := ask[int](b, `[...document.querySelectorAll("main input:not([type=hidden]), main select, main textarea")].filter(e => !e.labels.length && !e.getAttribute("aria-label")).length`); n > 0 {
			t.Errorf("%s has %d fields without a label", path, n)
		}
		b.quiet(path)
	}
	b.do(chromedp.EmulateViewport(390, 900))
	b.open(link)
	fits(link)
	b.do(chromedp.SetValue(chromedp.CSS(`select[name="answer"]`), digest.Fixed),
		chromedp.SetValue(chromedp.CSS(`textarea[name="note"]`), "filtered at the edge"), chromedp.Click(chromedp.CSS(`main form button.primary`)))
	b.await(`document.readyState === "complete" && document.querySelector("main").textContent.includes("filtered at the edge")`)
	if !strings.Contains(ask[string](b, `document.body.textContent`), "Thank you") {
		t.Error("nobody thanks for the answer")
	}
	b.signIn(login, password, "/")
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 900))
		for _, path := range []string{"/digests", "/digests/messages/" + message, "/digests/preview?constituent=alpha", "/digests/policies", "/digests/suppressions",
			"/digests/answers", "/digests/claims/" + claim, "/digests/effect", "/digests/dry-run", "/digests/settings/2"} {
			b.open(path)
			fits(path)
		}
	}
}
