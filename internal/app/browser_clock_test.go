package app_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/incident"
)

// The duty officer sees what is late first, waives with a reason, and notes what came by letter; those who owe it see the same and nobody
// else's.
func TestClocksInABrowser(t *testing.T) {
	f := newFull(t, slog.DiscardHandler)
	file := func(ref, title string, aware time.Duration) incident.Report {
		t.Helper()
		r, _, err := f.w.Incidents.File(t.Context(), f.root, incident.Reporter{Origin: incident.FromPortal, Constituent: f.ids[ref]}, incident.Filing{Title: title, Text: title,
			Aware: f.w.Clock().Now().Add(-aware).UnixMicro(), Details: incident.Details{PersonalData: "yes"}})
		f.must(err)
		return r
	}
	late := file("alpha", "The customers' data base was copied", 75*time.Hour)
	file("alpha", "A laptop with a list of readers was lost", 70*time.Hour)
	file("alpha", "A mailbox was read by a stranger", 2*time.Hour)
	file("bravo", "CANARY data base", 30*time.Hour)
	_, err := f.w.Deadlines.Fire(t.Context())
	f.must(err)

	b := newBrowser(t, f.s.URL())
	b.become(identity.SessionCookie + "=" + f.session(f.account[identity.Duty]))
	pages := []string{"/clocks", "/clocks/1", fmt.Sprintf("/reports/%d/clocks", late.ID)}
	look := func(paths ...string) {
		t.Helper()
		for _, path := range paths {
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{390, 1280} {
					b.appear(width, scheme)
					b.open(path)
					b.fits()
					shoot(b, path+"-"+scheme, width)
				}
			}
		}
	}
	look(pages...)
	b.appear(1280, "light")
	b.open("/clocks")
	if first := ask[string](b, `document.querySelector("div.panel tbody tr").innerText`); !strings.Contains(first, "late") || !strings.Contains(first, "Alpha Power") {
		t.Errorf("the first row is %q", first)
	}
	if edges := ask[int](b, `new Set([...document.querySelectorAll("td .countdown")].map(e => Math.round(e.getBoundingClientRect().right))).size`); edges > 1 {
		t.Errorf("the countdowns end at %d places", edges)
	}
	b.open("/clocks/1")
	b.enter("reason", "The authority was told by the ministry.")
	b.press("Waive")
	b.says("waived", "by the ministry", "Let it run again")

	b.become(identity.SessionCookie + "=" + f.session(f.account[identity.Member]))
	look("/portal/clocks", fmt.Sprintf("/portal/reports/%d/clocks", late.ID))
	b.open("/portal/clocks")
	b.says("Notification of a personal data breach")
	if text := b.text(); strings.Contains(text, canary) {
		t.Errorf("Alpha sees what is Bravo's: %s", text)
	}
	b.open("/portal/clocks?state=waived")
	b.says("by the ministry")
}
