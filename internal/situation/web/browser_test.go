package web_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts Debian's chromium; complaints are what it says against the pages: refused by the content policy, errors.
func browser(t *testing.T) (ctx context.Context, complaints func() []string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs a browser: install Debian's chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	var mu sync.Mutex
	var said []string
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch ev := ev.(type) {
		case *log.EventEntryAdded:
			said = append(said, ev.Entry.Text)
		case *runtime.EventExceptionThrown:
			said = append(said, ev.ExceptionDetails.Text)
		}
	}))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which lives as long as this context
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func TestPagesFitEveryWidthWithoutComplaint(t *testing.T) {
	ctx, complaints := browser(t)
	s := httptest.NewServer(filled(t))
	defer s.Close()
	for _, width := range []int64{390, 768, 1280} {
		for _, path := range []string{"/", "/sectors/energy?days=60", "/constituents/15/situation", "/situation/types", "/situation/constituents"} {
			do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(s.URL+path), chromedp.WaitReady(chromedp.CSS("footer")))
			over := evaluate[int](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
			if over > 0 {
				t.Errorf("%s is %d pixels wider than %d", path, over, width)
			}
		}
	}
	if said := complaints(); len(said) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(said, "\n"))
	}
}

func TestConsoleIsUsedByKeyboard(t *testing.T) {
	ctx, _ := browser(t)
	s := httptest.NewServer(filled(t))
	defer s.Close()
	do(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.URL+"/situation/constituents"),
		chromedp.WaitReady(chromedp.CSS("footer")), chromedp.KeyEvent("?"), chromedp.WaitVisible(chromedp.CSS("#help")))
	if !evaluate[bool](t, ctx, `document.querySelector("#help").open`) {
		t.Error("? does not help")
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("#help").close()`), chromedp.KeyEvent("j"), chromedp.KeyEvent("j"))
	if !evaluate[bool](t, ctx, `document.querySelectorAll("tbody tr")[1].classList.contains("at")`) {
		t.Error("j does not walk the rows")
	}
	do(t, ctx, chromedp.KeyEvent("g"), chromedp.KeyEvent("s"), chromedp.WaitVisible(chromedp.CSS(".tiles")))
	if at := evaluate[string](t, ctx, `location.pathname`); at != "/" {
		t.Errorf("g s leads to %s", at)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS(`button[value="dark"]`)), chromedp.WaitVisible(chromedp.CSS(`html[data-theme="dark"]`)))
}

// TestTextIsReadable computes the contrast of every text on its ground, in both modes.
func TestTextIsReadable(t *testing.T) {
	ctx, _ := browser(t)
	s := httptest.NewServer(filled(t))
	defer s.Close()
	for _, theme := range []string{"light", "dark"} {
		do(t, ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.URL+"/"), chromedp.WaitReady(chromedp.CSS("footer")),
			chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.documentElement.dataset.theme = %q`, theme)))
		faint := evaluate[[]string](t, ctx, contrast)
		for _, f := range faint {
			t.Errorf("%s: %s", theme, f)
		}
	}
}

const contrast = `(() => {
  const rgb = (s) => { const m = s.match(/[\d.]+/g).map(Number); return { c: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const b = rgb(getComputedStyle(e).backgroundColor); if (b.a === 1) return b.c; } return [255, 255, 255]; };
  const out = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.closest("dialog, details:not([open]) > :not(summary), .skip, title") || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const a = light(rgb(e.closest("svg") ? style.fill : style.color).c), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.add(ratio.toFixed(2) + " " + e.tagName + "." + (e.getAttribute("class") || "") + " " + walker.currentNode.data.trim().slice(0, 30));
  }
  return [...out];
})()`
