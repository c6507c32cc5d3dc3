package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"tocsin/internal/identity"
)

func TestSigningInWithPasswordAndCodeInABrowser(t *testing.T) {
	w := openWorld(t)
	url, _ := start(t, w)
	const login = "duty@cert.example"
	if _, err := w.Identity.Create(t.Context(), identity.LocalActor, identity.NewAccount{Login: login, Name: "Dana Duty", Password: password,
		Roles: []identity.Held{{Role: identity.Duty}}}); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, url)
	b.do(chromedp.EmulateViewport(390, 844))

	// a page asks for it, and a wrong password keeps the name
	b.open("/findings?state=all")
	b.at("/sign-in")
	b.enter("login", login)
	b.enter("password", "not this one")
	b.press("Sign in")
	b.at("/sign-in")
	b.says("This was not accepted")
	if got := ask[string](b, `document.querySelector("[name=login]").value + "|" + document.querySelector("[name=password]").value`); got != login+"|" {
		t.Errorf("the form keeps %q", got)
	}
	b.fits()
	b.quiet("a wrong password", "status of 40")
	b.enter("password", password)
	b.press("Sign in")
	if got := ask[string](b, `location.pathname + location.search`); got != "/findings?state=all" {
		t.Errorf("signed in, and at %s", got)
	}

	// an authenticator app is set up
	b.leave(chromedp.Search(`//header//a[normalize-space()="Dana Duty"]`))
	b.at("/account")
	b.do(chromedp.Click(chromedp.CSS(`main a[href="/account/app"]`)))
	b.await(`location.pathname === "/account/app" && !!document.querySelector("img.qr")?.naturalWidth`)
	secret := strings.ReplaceAll(ask[string](b, `document.querySelector("code.secret").textContent`), " ", "")
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := time.Now()
	b.enter("code", code(now))
	b.press("Switch on")
	b.says("The app is on from the next sign-in.", "Authenticator app On")
	b.quiet("the authenticator app")

	// from now on a password is half of it
	b.leave(chromedp.Search(`//header//button[normalize-space()="Sign out"]`))
	b.open("/findings")
	b.at("/sign-in")
	b.enter("login", login)
	b.enter("password", password)
	b.press("Sign in")
	b.at("/sign-in/code")
	b.fits()
	b.open("/findings")
	b.at("/sign-in") // half is not enough
	b.enter("login", login)
	b.enter("password", password)
	b.press("Sign in")
	b.enter("code", code(now)) // used already
	b.press("Sign in")
	b.at("/sign-in/code")
	b.quiet("a code that was used", "status of 40")
	b.enter("code", code(now.Add(30*time.Second))) // the clock of the phone is ahead
	b.press("Sign in")
	b.at("/findings")
	b.quiet("signed in")

	// out is out, in the other window too
	b.leave(chromedp.Search(`//header//button[normalize-space()="Sign out"]`))
	b.open("/account")
	b.at("/sign-in")
}

func TestInvitedPersonComesToThePortalInABrowser(t *testing.T) {
	w := openWorld(t)
	fill(t, w)
	url, _ := start(t, w)
	own := important(t, w)
	b := newBrowser(t, url)
	b.signIn(login, password, "/")

	b.open("/people")
	b.press("Invite")
	b.enter("name", "Ada of the grid")
	b.enter("login", "ada@grid.example")
	b.choose("role", "manager")
	b.press("Invite") // without the constituent
	b.says("This was not accepted")
	if got := ask[string](b, `document.querySelector("[name=name]").value`); got != "Ada of the grid" {
		t.Errorf("the form lost the name: %q", got)
	}
	b.quiet("an invitation without constituent", "status of 40")
	b.enter("constituent", own.Ref)
	b.press("Invite")
	link := ask[string](b, `document.querySelector("code.secret").textContent`)
	if !strings.HasPrefix(link, url+"/join/") {
		t.Fatalf("the link is %q", link)
	}
	b.press("Done")
	b.says("ada@grid.example")
	b.quiet("the invitation")

	ada := b.another()
	ada.do(chromedp.EmulateViewport(390, 844))
	ada.open(strings.TrimPrefix(link, url))
	ada.says("ada@grid.example", own.Name)
	ada.fits()
	ada.enter("password", "password1234")
	ada.press("Go on") // one that everybody has
	ada.says("This was not accepted")
	ada.quiet("a password that everybody has", "status of 40")
	ada.enter("password", "seven lighthouses blink at noon")
	ada.press("Go on")
	ada.says("Welcome", "Constituent's manager", own.Name)
	ada.fits()
	ada.leave(chromedp.Search(`//header//a[normalize-space()="My organisation"]`))
	ada.at("/portal")
	ada.says("How we stand")
	ada.fits()
	ada.quiet("the portal")

	// whoever is not of the staff stays outside, and the link works once
	ada.open("/people")
	ada.says("403")
	ada.quiet("a page of the staff", "status of 403")
	other := b.another()
	other.open(strings.TrimPrefix(link, url))
	other.says("404")
	b.open("/people")
	b.says("Ada of the grid", "Constituent's manager")
}
