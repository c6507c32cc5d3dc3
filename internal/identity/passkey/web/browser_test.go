package web

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"tocsin/internal/identity"
)

// browser is a real one whose security key is of software.
type browser struct {
	*console
	ctx    context.Context
	device webauthn.AuthenticatorID

	mu   sync.Mutex
	said []string
}

func browse(c *console) *browser {
	c.Helper()
	path := os.Getenv("TOCSIN_TEST_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			c.Skip("needs a browser: install Debian's chromium, or set TOCSIN_TEST_CHROMIUM")
		}
	}
	b := &browser{console: c}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)...)
	c.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.listen))
	c.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		c.Fatal(err)
	}
	b.ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	c.Cleanup(cancel)
	b.plug()
	return b
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

// quiet fails when the browser complained; a refused form's status is no complaint.
func (b *browser) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		if !strings.Contains(s, "status of 400") {
			b.Errorf("the browser says: %s", s)
		}
	}
	b.said = nil
}

func call[P, R any](b *browser, cmd cdp.Command[P, R], params P) R {
	b.Helper()
	r, err := chromedp.Call(b.ctx, cmd, params)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// plug puts a fresh security key in.
func (b *browser) plug() {
	b.Helper()
	call(b, webauthn.Enable, webauthn.EnableParams{})
	b.device = call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
		AutomaticPresenceSimulation: true}}).AuthenticatorID
}

func (b *browser) open(path string) {
	b.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(b.url+path), chromedp.WaitReady(chromedp.CSS("footer"))); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) click(css string) {
	b.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(css))); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) await(script string) {
	b.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); ; {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script))
		if err == nil && ok {
			return
		}
		select {
		case <-deadline:
			page, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + " " + document.querySelector("main")?.innerText`))
			b.Fatalf("%s: still not so: %v at %s", script, err, page)
		case <-tick:
		}
	}
}

func (b *browser) shows(text string) {
	b.Helper()
	q, _ := json.Marshal(text)
	b.await(`document.readyState === "complete" && document.body.innerText.includes(` + string(q) + `)`)
}

func (b *browser) eval(script string) string {
	b.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (b *browser) signedIn(session string) {
	b.Helper()
	call(b, network.SetCookie, network.SetCookieParams{Name: identity.SessionCookie, Value: session, URL: b.url})
}

func (b *browser) signOut() {
	b.Helper()
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.open("/sign-in/passkey")
}

func (b *browser) register(name string) {
	b.Helper()
	b.open("/account/passkeys")
	if err := chromedp.Do(b.ctx, chromedp.SetValue(chromedp.CSS(`input[name="name"]`), name)); err != nil {
		b.Fatal(err)
	}
	b.click(`form[data-passkey-create] button`)
}

func TestPasskeyIsAddedSignsInAloneAndIsRemoved(t *testing.T) {
	b := browse(open(t))
	b.signedIn(b.session())
	b.register("Office <computer>")
	b.shows("The passkey Office <computer> is added.")

	b.signOut()
	b.click(`form[data-passkey-get] button`)
	b.await(`location.pathname === "/account/passkeys"`)
	b.shows("Office <computer>")
	if verbs := *b.verbs; !slices.Contains(verbs, "identity.passkey") || verbs[len(verbs)-1] != "identity.sign-in" {
		t.Errorf("audit has %q", verbs)
	}
	list, err := b.accounts.Sessions(context.Background(), b.ana, 0)
	if err != nil || !slices.ContainsFunc(list, func(s identity.Session) bool { return s.Method == "passkey" }) {
		t.Errorf("no session of a passkey: %+v %v", list, err)
	}

	b.register("Twice")
	b.shows("This device has a passkey of yours already.")

	b.click(`main table form button`)
	b.shows("You have no passkey yet.")
	b.signOut()
	b.click(`form[data-passkey-get] button`) // the device still has it
	b.shows("this passkey does not sign in here")
	b.quiet()
}

func TestCancelledCeremonyIsToldOnThePage(t *testing.T) {
	b := browse(open(t))
	b.signedIn(b.session())
	call(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: b.device})
	b.register("Phone")
	b.shows("Nothing was done: it was cancelled")
	if list, err := b.accounts.Passkeys(context.Background(), b.ana); err != nil || len(list) != 0 {
		t.Errorf("kept %v %v", list, err)
	}
	b.signOut()
	b.click(`form[data-passkey-get] button`)
	b.shows("Nothing was done: it was cancelled")
	b.quiet()
}

// answered lets the browser answer a form without sending it.
func (b *browser) answered(form string) url.Values {
	b.Helper()
	b.eval(`HTMLFormElement.prototype.submit = () => { document.title = "answered"; }; ""`)
	b.click(form + " button")
	b.await(`document.title === "answered"`)
	v := url.Values{}
	for _, n := range []string{"answer", "state"} {
		v.Set(n, b.eval(`document.querySelector('`+form+`').elements.`+n+`.value`))
	}
	return v
}

func TestAnswerCountsOnceInTimeInItsOwnCeremonyAndFromItsOwnSession(t *testing.T) {
	b := browse(open(t))
	session := b.session()
	b.signedIn(session)
	b.open("/account/passkeys")
	made := b.answered("form[data-passkey-create]")
	made.Set("name", "Key")
	if status, _, _ := b.post("/account/passkeys", b.session(), made); status != 400 {
		t.Errorf("another session ends what this one began: %d", status)
	}
	if status, page, _ := b.post("/account/passkeys", session, made); status != 303 {
		t.Fatalf("the answer is not taken: %d %s", status, page)
	}

	b.signOut()
	right := b.answered("form[data-passkey-get]")
	other := url.Values{"answer": right["answer"], "state": made["state"]}
	if status, _, opened := b.post("/sign-in/passkey", "", other); status != 400 || opened != "" {
		t.Errorf("the state of another ceremony is taken: %d", status)
	}
	status, page, opened := b.post("/sign-in/passkey", "", right)
	if status != 303 || opened == "" {
		t.Fatalf("the right answer is not taken: %d %s", status, page)
	}
	if status, page, opened := b.post("/sign-in/passkey", "", right); status != 400 || opened != "" || !strings.Contains(page, "answered already") {
		t.Errorf("the same answer signs in twice: %d", status)
	}

	b.open("/sign-in/passkey")
	late := b.answered("form[data-passkey-get]")
	b.clock.Move(5 * time.Minute)
	if status, _, opened := b.post("/sign-in/passkey", "", late); status != 400 || opened != "" {
		t.Errorf("a late answer is taken: %d", status)
	}

	b.open("/sign-in/passkey?to=https://elsewhere.example/")
	away := b.answered("form[data-passkey-get]")
	away.Set("to", "//elsewhere.example/")
	if status, _, opened := b.post("/sign-in/passkey", "", away); status != 303 || opened == "" {
		t.Errorf("a sign-in that would lead elsewhere does not lead home: %d", status)
	}
}

func TestPasskeyWhoseCounterGoesBackIsRefusedAndAudited(t *testing.T) {
	b := browse(open(t))
	ctx := context.Background()
	b.signedIn(b.session())
	b.register("Key")
	b.shows("The passkey Key is added.")
	list, err := b.accounts.Passkeys(ctx, b.ana)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(list[0].Body), &body); err != nil {
		t.Fatal(err)
	}
	body["authenticator"].(map[string]any)["signCount"] = 5000
	text, _ := json.Marshal(body)
	if err := b.accounts.PasskeyUsed(ctx, b.ana, list[0].Credential, string(text)); err != nil {
		t.Fatal(err)
	}
	b.signOut()
	b.click(`form[data-passkey-get] button`)
	b.shows("its counter went back")
	if verbs := *b.verbs; verbs[len(verbs)-1] != "identity.passkey-cloned" {
		t.Errorf("audit has %q", verbs)
	}
	b.quiet()
}

func TestDisabledAccountDoesNotSignInWithItsPasskey(t *testing.T) {
	b := browse(open(t))
	b.signedIn(b.session())
	b.register("Key")
	b.shows("The passkey Key is added.")
	if err := b.accounts.Disable(context.Background(), identity.LocalActor, b.ana); err != nil {
		t.Fatal(err)
	}
	b.signOut()
	b.click(`form[data-passkey-get] button`)
	b.shows("this passkey does not sign in here")
	b.quiet()
}
