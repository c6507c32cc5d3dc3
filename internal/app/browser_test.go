package app_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a tab of a real browser and what it complained about: scripts, styles, policy.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string

	mu   sync.Mutex
	said []string
}

// newBrowser starts one that nobody is signed in with. A single run of a test starts one browser: another person is another().
func newBrowser(t *testing.T, url string) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("short: a browser shows what the long run shows too")
	}
	path := os.Getenv("TOCSIN_TEST_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			t.Skip("needs a browser: install Debian's chromium, or set TOCSIN_TEST_CHROMIUM (.ci/run does)")
		}
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	b := &browser{t: t, url: url}
	b.begin(ctx)
	return b
}

// another is a browser of somebody else: it shares the process and no cookie.
func (b *browser) another() *browser {
	b.t.Helper()
	o := &browser{t: b.t, url: b.url}
	o.begin(b.ctx, chromedp.WithNewBrowserContext())
	return o
}

func (b *browser) begin(parent context.Context, opts ...chromedp.ContextOption) {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(parent, append(opts, chromedp.WithListener(b.listen))...)
	b.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts the tab, which lives as long as this context
		b.t.Fatal(err)
	}
	b.ctx, cancel = context.WithTimeout(ctx, 8*time.Minute)
	b.t.Cleanup(cancel)
}

func (b *browser) listen(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		b.said = append(b.said, ev.Entry.Text)
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, ev.ExceptionDetails.Text)
	}
}

// quiet fails when the browser complained since it was asked last. Complaints that contain one of but are right: those about
// the status of a form that was refused.
func (b *browser) quiet(where string, but ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		if !slices.ContainsFunc(but, func(part string) bool { return strings.Contains(s, part) }) {
			b.t.Errorf("%s: the browser says: %s", where, s)
		}
	}
	b.said = nil
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		where, e := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("at %s: %v", where, errors.Join(err, e))
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// await waits until the script is true, also across pages.
func (b *browser) await(script string) {
	b.t.Helper()
	deadline := time.After(30 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); ; {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)) // an error: the page is being left
		if err == nil && ok {
			return
		}
		select {
		case <-deadline:
			where, _ := chromedp.Run(b.ctx, chromedp.Location())
			b.t.Fatalf("%s: still not so at %s: %v", script, where, err)
		case <-tick:
		}
	}
}

func ask[T any](b *browser, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// enter types into the page's field of that name, key by key, in place of what stands there.
func (b *browser) enter(name, text string) {
	b.t.Helper()
	field := `main [name="` + name + `"]:not([type="hidden"])`
	if !ask[bool](b, `(() => { const e = document.querySelector(`+strconv.Quote(field)+`); if (e) e.value = ""; return !!e })()`) {
		b.t.Fatalf("there is no field %s:\n%.1000s", name, b.text())
	}
	b.do(chromedp.SendKeys(chromedp.CSS(field), text))
}

// choose takes an option of the page's list of that name.
func (b *browser) choose(name, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(`main select[name="`+name+`"]`), value))
	if got := ask[string](b, `document.querySelector('main select[name="`+name+`"]').value`); got != value {
		b.t.Fatalf("the list %s has no %q", name, value)
	}
}

// press clicks the first link or button of the page that reads so, and waits for the page that it leads to.
func (b *browser) press(text string) {
	b.t.Helper()
	b.leave(chromedp.Search(`//main//*[self::a or self::button][normalize-space()="` + text + `"]`))
}

// leave clicks and waits for the page that it leads to.
func (b *browser) leave(what chromedp.Search) {
	b.t.Helper()
	ask[bool](b, `window.stays = true`)
	b.do(chromedp.Click(what))
	b.await(`window.stays === undefined && document.readyState === "complete" && !!document.querySelector("footer")`)
}

// unfold opens the details whose summary reads so.
func (b *browser) unfold(summary string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.Search(`//main//summary[normalize-space()="` + summary + `"]`)))
}

// signIn signs in as somebody would, and arrives at home.
func (b *browser) signIn(login, password, home string) {
	b.t.Helper()
	b.open("/sign-in")
	b.enter("login", login)
	b.enter("password", password)
	b.press("Sign in")
	b.at(home)
}

// at fails when the browser shows another page.
func (b *browser) at(path string) {
	b.t.Helper()
	if got := ask[string](b, `location.pathname`); got != path {
		b.t.Fatalf("the browser shows %s and not %s:\n%.1000s", got, path, b.text())
	}
}

// text is what the page says.
func (b *browser) text() string {
	b.t.Helper()
	return ask[string](b, `document.querySelector("main").innerText`)
}

// says fails when the page lacks one of the texts.
func (b *browser) says(texts ...string) {
	b.t.Helper()
	page := strings.Join(strings.Fields(b.text()), " ")
	for _, s := range texts {
		if !strings.Contains(page, s) {
			b.t.Errorf("%s does not say %q:\n%.2000s", ask[string](b, `location.pathname`), s, page)
		}
	}
}

// fits fails when the page has to be scrolled sideways, or a field has no label.
func (b *browser) fits() {
	b.t.Helper()
	where := ask[string](b, `location.pathname`)
	if over := ask[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		b.t.Errorf("%s is %d pixels wider than the window", where, over)
	}
	if ask[string](b, `document.title`) == "" || ask[int](b, `document.querySelectorAll("h1").length`) != 1 {
		b.t.Errorf("%s has no title, or not one heading", where)
	}
	if missing := ask[int](b, `[...document.querySelectorAll("main input:not([type=hidden]), main select, main textarea")]
		.filter(e => !e.labels.length && !e.getAttribute("aria-label")).length`); missing > 0 {
		b.t.Errorf("%s has %d fields without a label", where, missing)
	}
}

// cookie is what the browser shows the server by that name.
func (b *browser) cookie(name string) string {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.url}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range got.Cookies {
		if c.Name == name {
			return c.Value
		}
	}
	b.t.Fatalf("no cookie %s", name)
	return ""
}
