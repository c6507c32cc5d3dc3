package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"tocsin/internal/app"
	"tocsin/internal/identity"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
	"tocsin/internal/world"
)

// axe is the source of axe-core, which is a tool for this test and no part of Tocsin.
func axe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TOCSIN_TEST_AXE")
	if path == "" {
		t.Skip("needs axe-core: run npm pack axe-core in another directory, unpack it and set TOCSIN_TEST_AXE to its axe.min.js (.ci/run does)")
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// violation is a rule of axe-core that a page breaks so that it keeps people out.
type violation struct {
	Rule, Impact, Help string
	Nodes              []string
}

// violations asks axe-core about all rules, or about some. The devtools protocol runs it, so that the pages' policy stays as
// strict as it is.
func (b *browser) violations(rules ...string) []violation {
	b.t.Helper()
	only := ""
	if len(rules) > 0 {
		only = `, runOnly: ["` + strings.Join(rules, `", "`) + `"]`
	}
	vs, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]violation](`axe.run(document, {resultTypes: ["violations"], preload: false`+only+`})
		.then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical").map(v => ({Rule: v.id, Impact: v.impact, Help: v.help,
			Nodes: v.nodes.map(n => n.html.slice(0, 200) + " (" + n.any.concat(n.all, n.none).map(c => c.message).join("; ") + ")")})))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return vs
}

// appear makes the window so wide, and the colours light or dark.
func (b *browser) appear(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		b.t.Fatal(err)
	}
}

// become makes the browser whoever the cookie says.
func (b *browser) become(cookie string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		b.t.Fatal(err)
	}
	if name, value, ok := strings.Cut(cookie, "="); ok {
		if _, err := chromedp.Call(b.ctx, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: b.url}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// read takes a letter with a file in, and begins the conversation with its sender.
func read(t *testing.T, w *world.World, post *imaptest.Server) {
	t.Helper()
	post.Put(t, "INBOX", "From: Soc <soc@grid.example>\r\nTo: cert@cert.example\r\nSubject: Strange mails\r\nMessage-ID: <1@grid.example>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+
		"Good morning,\r\n\r\nthe attached came to forty of us since five. What is it?\r\n"+
		"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=senders.csv\r\n\r\nip\r\n203.0.113.7\r\n--b--\r\n")
	if n, err := w.Mailbox.Read(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d letters were read: %v", n, err)
	}
	if _, err := w.Mailbox.Begin(t.Context(), identity.LocalActor, 1); err != nil {
		t.Fatal(err)
	}
}

// noPages are GET routes that show no page of ours.
var noPages = []string{
	"GET /account/providers/{provider}/link", "GET /sign-in/with/{provider}", "GET /sign-in/from/{provider}", // lead to and from another provider
	"GET /digests/preview/html",                      // a letter as its recipient gets it, without scripts
	"GET /upload/{run}/progress", "GET /clocks/live", // parts of a page
}

func TestNoPageKeepsAnybodyOut(t *testing.T) {
	src := axe(t)
	post := imaptest.Start(t, imap.None)
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir(), Serve: "test", Net: egress.Open(egress.Policy{}), IMAP: &post.Config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	fill(t, w)
	read(t, w, post)
	s, _ := startWith(t, w, app.Options{Listen: "127.0.0.1:0", PublicURL: []string{"http://localhost:8080"},
		Providers: []provider.Provider{{ID: "ministry", Title: "The ministry", Issuer: "https://login.example", ClientID: "tocsin"}}})
	mux := http.NewServeMux()
	left := map[string]bool{}
	for _, d := range s.Declared() {
		if strings.Contains(d.Pattern, " /api/") {
			continue
		}
		mux.Handle(d.Pattern, http.NotFoundHandler())
		left[d.Pattern] = strings.HasPrefix(d.Pattern, "GET ") && !slices.Contains(noPages, d.Pattern)
	}
	maps.DeleteFunc(left, func(_ string, wanted bool) bool { return !wanted })

	site := furnish(t, w, s.URL())
	b := newBrowser(t, s.URL())
	colours := []string{"color-contrast", "link-in-text-block"} // all that the dark can break
	found := map[string][]string{}                              // what is wrong → where
	pages := 0
	for _, who := range site.visitors {
		b.become(who.cookie)
		for _, page := range who.crawl(t, s.URL(), mux, left) {
			pages++
			b.appear(1280, "light")
			b.open(page)
			ask[int](b, `document.querySelectorAll("main details").forEach(d => { d.open = true }), 0`)
			b.fits()
			b.appear(390, "light")
			b.fits()
			// Rows are alike, and some lists are long: the first of them stand for all.
			ask[int](b, `document.querySelectorAll("main :is(tbody, ul, ol, dl, select, section)").forEach(l => [...l.children].slice(6).forEach(e => e.remove())), 0`)
			b.do(chromedp.Evaluate[chromedp.Void](src))
			for _, look := range []struct {
				width  int64
				scheme string
				rules  []string
			}{{390, "light", nil}, {390, "dark", colours}, {1280, "dark", colours}, {1280, "light", nil}} {
				b.appear(look.width, look.scheme)
				for _, v := range b.violations(look.rules...) {
					what := fmt.Sprintf("%s, %s: %s\n    %s", v.Impact, v.Rule, v.Help, strings.Join(v.Nodes[:min(3, len(v.Nodes))], "\n    "))
					found[what] = append(found[what], fmt.Sprintf("%s as %s, %d pixels, %s", page, who.name, look.width, look.scheme))
				}
			}
			b.quiet(page, "status of 404")
		}
	}
	for what, where := range found {
		t.Errorf("%s\n    on %d pages, such as %s", what, len(where), where[0])
	}
	if len(left) > 0 {
		t.Errorf("nobody came to %s: give the demo data a link to it", strings.Join(slices.Sorted(maps.Keys(left)), ", "))
	}
	t.Logf("%d pages in four looks", pages)
}
