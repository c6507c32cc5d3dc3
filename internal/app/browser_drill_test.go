package app_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/world"
)

const drillRegistry = `{"constituents":[
 {"ref":"grid","name":"Grid of Zenda","kind":"operator","sector":"energy","designation":"special-importance","language":"en",
  "contacts":[{"role":"security","name":"Night shift","mail":"soc@grid.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/25"}]},
 {"ref":"water","name":"Water of Strelsau","kind":"operator","sector":"water","language":"en",
  "contacts":[{"role":"security","name":"Control room","mail":"control@water.example"}],"assets":[{"kind":"prefix","value":"203.0.113.128/25"}]}]}`

// drill is an incident from the first word to the last, with everybody at their browser and the world's clock in the hand of the test.
type drill struct {
	*testing.T
	w     *world.World
	clock *clock.Manual
	post  *mailtest.Server
}

// at moves the clock to a time in Ruritania and lets happen what is due by then.
func (d *drill) at(local string) {
	d.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		d.Fatal(err)
	}
	t, err := time.ParseInLocation("2006-01-02 15:04:05", local, zone)
	if err != nil {
		d.Fatal(err)
	}
	d.clock.Set(t)
	if _, err := d.w.Deadlines.Fire(d.Context()); err != nil {
		d.Fatal(err)
	}
}

// letters waits until so many messages with a text in their subject or body came to an address, and returns the last.
func (d *drill) letters(to, about string, n int) string {
	d.Helper()
	end := time.After(time.Minute)
	for tick := time.Tick(10 * time.Millisecond); ; {
		var got []string
		for _, g := range d.post.Got() {
			if g.To == to && strings.Contains(strings.ReplaceAll(g.Raw, "=\r\n", ""), about) {
				got = append(got, strings.ReplaceAll(g.Raw, "=\r\n", ""))
			}
		}
		if len(got) == n {
			if n == 0 {
				return ""
			}
			return got[n-1]
		}
		select {
		case <-tick:
		case <-end:
			for _, g := range d.post.Got() {
				d.Logf("to %s: %.2000s", g.To, g.Raw)
			}
			if s, err := d.w.Outbox.Status(d.Context()); err == nil {
				d.Logf("the outbox: %v", s.States)
			}
			d.Fatalf("%d letters to %s about %q, not %d", len(got), to, about, n)
		}
	}
}

func TestADrillFromTheFirstReportToTheClosedCase(t *testing.T) {
	d := &drill{T: t, clock: clock.NewManual(time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)), post: mailtest.New(t)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	config := d.post.Config()
	var err error
	d.w, err = world.Open(t.Context(), world.Config{Dir: t.TempDir(), Serve: "test", Clock: d.clock, Net: egress.Open(egress.Policy{}), Mail: &config})
	must(err)
	t.Cleanup(func() { d.w.Close() })
	profile, err := nation.Shipped("ruritania")
	must(err)
	_, err = d.w.Nation.Set(t.Context(), identity.LocalActor, "ruritania.toml", profile)
	must(err)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(drillRegistry))
	must(err)
	_, err = d.w.Constituency.Import(t.Context(), identity.LocalActor, doc, constituency.ImportOptions{})
	must(err)
	url, _ := start(t, d.w)
	own := important(t, d.w)
	managed(t, d.w, own)
	asNew(t, d.w, "officer@cert.example", identity.Held{Role: identity.Duty})

	desk := newBrowser(t, url)
	desk.signIn("officer@cert.example", password, "/")
	desk.open("/outbox")
	desk.enter("reason", "A drill.")
	desk.press("Start sending")

	// Somebody of the public, on a phone.
	d.at("2026-03-03 09:10:00")
	citizen := desk.another()
	citizen.appear(390, "light")
	citizen.open("/report")
	citizen.enter("text", "The web page of the grid asks for my card number.")
	citizen.enter("mail", "zoe@home.example")
	citizen.press("Continue")
	citizen.fits()
	citizen.do(chromedp.SetValue(chromedp.CSS(`main [name="aware"]`), "2026-03-03T09:00"))
	citizen.press("Hand in")
	citizen.fits()
	citizen.quiet("the public form")
	public := ask[string](citizen, `document.querySelector("h1").innerText`)
	page := ask[string](citizen, `location.pathname`)
	confirm := regexp.MustCompile(`/report/[^/\s]+/confirm/[^\s"<]+`).FindString(d.letters("zoe@home.example", "/confirm/", 1))
	citizen.open(confirm)
	citizen.press("Yes, it was me")
	citizen.says("The address is confirmed")
	receipt := func(b *browser, path, cookie string) incident.Receipt {
		t.Helper()
		var r incident.Receipt
		_, body := get(t, url+path+"/receipt", "Cookie", cookie)
		must(json.Unmarshal([]byte(body), &r))
		must(r.Verify(d.w.Incidents.ReceiptKey()))
		return r
	}
	if r := receipt(citizen, page, ""); r.Number != public {
		t.Errorf("the receipt is for %s, not %s", r.Number, public)
	}

	// The operator, on a phone too: an early warning, 22 hours after they noticed.
	d.at("2026-03-04 07:00:00")
	operator := desk.another()
	operator.appear(390, "dark")
	operator.signIn(manager, password, "/portal")
	operator.open("/portal/reports/new")
	operator.choose("step", "early-warning")
	operator.enter("text", "Half of the substations cannot be reached. The web page is not ours either.\nIt talks to 203.0.113.200.")
	operator.do(chromedp.SetValue(chromedp.CSS(`main [name="aware"]`), "2026-03-03T09:00"))
	operator.fits()
	operator.press("Hand in")
	operator.fits()
	operator.quiet("the portal's form")
	number := ask[string](operator, `document.querySelector("h1").innerText`)
	mine := ask[string](operator, `location.pathname`)
	if r := receipt(operator, mine, identity.SessionCookie+"="+operator.cookie(identity.SessionCookie)); r.Number != number || r.Received != "2026-03-04T06:00:00.000000Z" {
		t.Errorf("the receipt says %+v", r)
	}

	// Triage: one case of both.
	desk.open("/reports")
	desk.leave(chromedp.Search(`//main//tr[contains(., "` + number + `")]//a[starts-with(@href, "/reports/")]`))
	desk.enter("title", "Substations cannot be reached")
	desk.press("Accept as a new case")
	at := ask[string](desk, `location.pathname`)
	the := ask[string](desk, `document.querySelector("main .head code").innerText`)
	desk.open("/reports")
	desk.leave(chromedp.Search(`//main//tr[contains(., "` + public + `")]//a[starts-with(@href, "/reports/")]`))
	desk.unfold("Add to a case")
	desk.enter("what", the)
	desk.press("Add to a case")
	desk.open(at)
	desk.says(public, number, "Grid of Zenda")
	desk.open(at + "/indicators")
	desk.says("203[.]0[.]113[.]200")
	desk.do(chromedp.Click(chromedp.CSS(`main input[name="pick"]`)))
	desk.press("Confirmed")

	// The law: it is significant. The early warning is there in time, and the CERT owes an answer.
	desk.open(at + "/clocks")
	desk.choose("significant", "yes")
	desk.enter("reason", "The grid cannot be steered.")
	desk.press("Say so")
	desk.says("Early warning", "submitted in time", "Answer to the early warning", "Incident notification")
	desk.press("Answer to the early warning")
	desk.enter("proof", "Called the night shift at once.")
	desk.press("Note it as submitted")
	desk.says("submitted in time")

	// Who is affected by the same machine, and told.
	desk.open(at + "/affected")
	desk.enter("values", "203[.]0[.]113[.]200")
	desk.press("Look")
	desk.says("Water of Strelsau")
	desk.press("Add those chosen")
	desk.unfold("Decide") // the first of them: the grid, which reported it
	desk.do(chromedp.SendKeys(chromedp.CSS(`main tr [name="address"]`), "+999 555 0101"), chromedp.SendKeys(chromedp.CSS(`main tr [name="text"]`), "The night shift knows."))
	desk.press("Record")
	desk.says("It is noted that they were told")
	desk.press("Tell those affected")
	desk.enter("subject", "A machine of yours steers an attack")
	desk.enter("what", "203.0.113.200 sends commands to substations.")
	desk.enter("advice", "Take it off the network and keep its disk.")
	desk.press("Show what would be sent")
	desk.says("control@water.example")
	desk.do(chromedp.Click(chromedp.CSS("main details summary")))
	desk.says("To Water of Strelsau", "Take it off the network")
	desk.press("Send")
	told := d.letters("control@water.example", "Take it off the network", 1)
	if !strings.Contains(told, "203.0.113.200 sends commands") || strings.Contains(told, "card number") {
		t.Errorf("Water was told %s", told)
	}

	// The notification is due at 09:00 on the 6th. Reminders come 24 and 4 hours before, to the second, and nobody is told twice.
	reminded := func(n int) { t.Helper(); d.letters("soc@grid.example", "Incident notification", n) }
	reminded(0)
	d.at("2026-03-05 08:59:59")
	reminded(0)
	d.at("2026-03-05 09:00:00")
	awaitState(t, d.w, "held:release", 1) // nobody wrote to this address before: an officer looks first
	desk.signIn("officer@cert.example", password, "/")
	desk.open("/outbox/release")
	desk.says("soc@grid.example")
	desk.do(chromedp.Click(chromedp.CSS(`main input[name="id"]`)))
	desk.press("Release the ticked ones")
	reminded(1)
	d.at("2026-03-06 04:59:59")
	reminded(1)
	d.at("2026-03-06 05:00:00")
	reminded(2)
	d.at("2026-03-06 08:59:59")
	reminded(2)
	operator.signIn(manager, password, "/portal")
	operator.open(mine + "/clocks")
	operator.fits()
	operator.says("Incident notification", "running")
	d.at("2026-03-06 09:00:00")
	reminded(3)
	operator.open(mine + "/clocks")
	operator.says("late")
	desk.signIn("officer@cert.example", password, "/")
	desk.open("/clocks")
	desk.says("Incident notification", "late")

	// It comes three hours late. From then on a month runs, across the change of the clocks.
	d.at("2026-03-06 12:00:00")
	operator.open(mine)
	operator.choose("step", "notification")
	operator.enter("text", "They came through the maintenance access. Four substations were switched by hand.")
	operator.press("Send")
	operator.open(mine + "/clocks")
	operator.says("submitted late", "Final report", "2026-04-06 12:00 CEST")

	// The case goes on, and is not closed over anything that is open.
	for _, state := range []string{"containment", "eradication", "recovery", "resolved"} {
		desk.open(at)
		desk.choose("to", state)
		desk.press("Change the state")
	}
	desk.open(at)
	desk.choose("to", "closed")
	desk.press("Change the state")
	desk.says("the case " + the + " has open deadlines (1), the first is final-report")
	desk.quiet("closing too early", "status of 40")

	d.at("2026-04-06 11:00:00")
	operator.signIn(manager, password, "/portal")
	operator.open(mine)
	operator.choose("step", "final-report")
	operator.enter("text", "The access is closed, its passwords are new, and the vendor was told.")
	operator.press("Send")
	operator.open(mine + "/clocks")
	operator.says("Final report", "submitted in time")
	operator.quiet("the operator's clocks")
	desk.signIn("officer@cert.example", password, "/")
	desk.open(at)
	desk.choose("to", "closed")
	desk.press("Change the state")
	desk.says("Closed", "From Resolved to Closed.", "From Open to Containment.", "Water of Strelsau was told", "submitted (due 2026-04-06 12:00 CEST)")
	for _, width := range []int64{390, 1280} {
		desk.appear(width, "light")
		desk.open(at)
		desk.fits()
		shoot(desk, "drill", width)
	}
	desk.quiet("the case")

	// Each sees their own end of it.
	citizen.open(page)
	citizen.says(public, "card number")
	if strings.Contains(citizen.text(), "substation") {
		t.Error("the public reads what the operator reported")
	}
	if _, err := d.w.Audit.Verify(t.Context(), audit.Verification{}); err != nil {
		t.Error(err)
	}
}
