package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/world"
)

// important is a constituent of special importance that people entered.
func important(t *testing.T, w *world.World) constituency.Listed {
	t.Helper()
	d, err := w.Constituency.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := d.All()
	i := slices.IndexFunc(all, func(l constituency.Listed) bool {
		return l.Source == constituency.Manual && l.Designation == constituency.SpecialImportance
	})
	return all[i]
}

// managed makes an account for the manager of a constituent.
func managed(t *testing.T, w *world.World, own constituency.Listed) {
	t.Helper()
	if _, err := w.Identity.Create(t.Context(), identity.LocalActor, identity.NewAccount{Login: manager, Name: "Grid Security", Password: password,
		Roles: []identity.Held{{Role: identity.Manager, Constituent: own.ID}}}); err != nil {
		t.Fatal(err)
	}
}

func TestPortalOnAPhone(t *testing.T) {
	w := openWorld(t)
	fill(t, w)
	url, _ := start(t, w)
	own := important(t, w)
	managed(t, w, own)
	b := newBrowser(t, url)
	b.do(chromedp.EmulateViewport(390, 844))
	b.signIn(manager, password, "/portal")

	b.says("findings are open", "Please confirm that the contacts of "+own.Name, "Open findings per day")
	if ask[bool](b, `!!document.querySelector("header .search")`) {
		t.Error("who may not search is offered to")
	}
	b.fits()
	b.unfold("Numbers")
	if n := ask[int](b, `document.querySelectorAll(".trend details tbody tr").length`); n < 5 {
		t.Errorf("the trend has %d days", n)
	}
	b.quiet("start")

	b.leave(chromedp.Search(`//header//a[normalize-space()="My findings"]`))
	b.fits()
	all := ask[int](b, `document.querySelectorAll("main tbody tr").length`)
	b.choose("min-severity", "high")
	b.press("Filter")
	few := ask[int](b, `document.querySelectorAll("main tbody tr").length`)
	if few == 0 || few >= all {
		t.Errorf("%d findings, of them %d severe", all, few)
	}
	for _, format := range []string{"csv", "json"} {
		got := ask[string](b, `document.querySelector('main a[download][href*="/export/`+format+`"]').getAttribute("href")`)
		if status, body := get(t, url+got, "Cookie", identity.SessionCookie+"="+b.cookie(identity.SessionCookie)); status != 200 || len(body) < 200 {
			t.Errorf("%s: %d\n%.200s", got, status, body)
		}
	}
	b.leave(chromedp.Search(`//main//tbody//a`))
	b.says("What was found", "What to do", "Sightings")
	b.fits()
	b.quiet("finding")

	b.leave(chromedp.Search(`//header//a[normalize-space()="My contacts and assets"]`))
	b.says("Nobody has confirmed these contacts yet")
	b.press("The contacts are right")
	b.says("Thank you: the contacts are confirmed", "Contacts last confirmed", "Grid Security")
	b.fits()
	b.leave(chromedp.Search(`//header//a[normalize-space()="My organisation"]`))
	if strings.Contains(b.text(), "Please confirm") {
		t.Error("what was confirmed is asked for again")
	}
	b.quiet("registry")

	b.leave(chromedp.Search(`//header//a[normalize-space()="Our people"]`))
	b.enter("name", "Zoe")
	b.enter("login", "zoe@grid.example")
	b.press("Invite")
	b.says("/join/")
	b.press("Done")
	b.at("/portal/people")
	b.says("zoe@grid.example")
	b.fits()
	b.press("Withdraw")
	if strings.Contains(b.text(), "zoe@grid.example") {
		t.Error("the invitation is still there")
	}
	b.quiet("people")

	b.open("/account/tokens")
	b.enter("name", "SIEM of the grid")
	b.do(chromedp.Click(chromedp.CSS(`input[name="scope"][value="portal.read"]`)))
	b.press("Make the token")
	token := ask[string](b, `document.querySelector("code.secret").textContent`)
	b.fits()
	if status, body := get(t, url+"/api/portal/findings", "Authorization", "Bearer "+token, "Cookie", ""); status != 200 || !strings.Contains(body, `"items":[{"id":`) {
		t.Errorf("the token: %d\n%.200s", status, body)
	}
	b.press("Done")
	b.says("SIEM of the grid")
	b.fits()
	b.press("Revoke")
	if status, _ := get(t, url+"/api/portal/findings", "Authorization", "Bearer "+token, "Cookie", ""); status != 401 {
		t.Errorf("a revoked token: %d", status)
	}
	b.quiet("tokens")
}

func TestContactIsChangedByRequestAndApprovalInABrowser(t *testing.T) {
	w := openWorld(t)
	fill(t, w)
	url, _ := start(t, w)
	own := important(t, w)
	managed(t, w, own)
	out := newBrowser(t, url)
	out.do(chromedp.EmulateViewport(390, 844))
	out.signIn(manager, password, "/portal")

	out.open("/portal/registry")
	was := ask[string](out, `document.querySelector("main td[data-label=Mail]").textContent`)
	out.press("change")
	out.enter("key", "no key at all")
	out.press("Ask for it")
	out.says("This was not accepted")
	out.quiet("a wrong key", "status of 40")
	out.enter("key", "")
	out.enter("mail", "soc@grid.example")
	out.enter("note", "The desk moved to the new centre.")
	out.press("Ask for it")
	out.says("Your request was sent")
	out.fits()
	out.open("/portal/registry")
	out.says(was) // nothing has changed yet

	desk := out.another()
	desk.signIn(login, password, "/")
	desk.open("/registry/requests")
	desk.press(own.Name)
	desk.says("The desk moved to the new centre.", "Grid Security")
	if got := ask[string](desk, `document.querySelector("main del").textContent + " → " + document.querySelector("main ins").textContent`); got != was+" → soc@grid.example" {
		t.Errorf("the difference reads %q", got)
	}
	desk.enter("reason", "Called back and confirmed.")
	desk.press("Approve")
	desk.says("The request was approved and the registry changed.")
	desk.fits()
	desk.quiet("the approval")

	out.open("/portal/registry")
	out.says("soc@grid.example")
	out.open("/portal/requests")
	out.says("approved")
	out.leave(chromedp.Search(`//main//tbody//a`))
	out.says("Called back and confirmed.")
	out.fits()
	out.quiet("the portal")
}

func TestFindingsAreRuledInBulkAndUndoneInABrowser(t *testing.T) {
	w := openWorld(t)
	fill(t, w)
	url, _ := start(t, w)
	b := newBrowser(t, url)
	b.signIn(login, password, "/")

	b.open("/findings?min-severity=high")
	total := ask[string](b, `document.querySelector(".head p").textContent`)
	b.do(chromedp.Click(chromedp.Search(`(//main//tbody//input[@name="id"])[1]`)), chromedp.Click(chromedp.Search(`(//main//tbody//input[@name="id"])[3]`)))
	b.choose("verb", "accept-risk")
	b.press("With those that are ticked")
	b.says("2 findings", "It can be undone")
	b.do(chromedp.SetValue(chromedp.CSS(`main input[name="until"]`), time.Now().AddDate(0, 1, 0).Format(time.DateOnly)))
	b.enter("note", "The part comes next week.")
	b.do(chromedp.Click(chromedp.CSS(`main form button.primary`)))
	b.await(`/^\/findings\/bulk\/\d+$/.test(location.pathname) && document.readyState === "complete"`)
	b.says("accepted the risk", "The part comes next week.", "Root")
	b.fits()
	b.open("/findings?min-severity=high")
	if now := ask[string](b, `document.querySelector(".head p").textContent`); now == total {
		t.Errorf("still %s", now)
	}

	b.leave(chromedp.Search(`//main//form[@id="bulk"]//a`))
	b.leave(chromedp.Search(`//main//tbody//a`))
	b.press("Undo")
	b.says("undone by")
	b.quiet("the ruling")
	b.open("/findings?min-severity=high")
	if now := ask[string](b, `document.querySelector(".head p").textContent`); now != total {
		t.Errorf("undone: %s, before %s", now, total)
	}
}
