package web

import (
	"testing"

	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "form.unknown", "form.no-time", "form.say", "form.trap", "form.label.usual", "form.step.none", "origin.staff", "origin.partner", "mine.none",
		"mine.none-text", "advice.own", "answer.yes", "answer.no", "done.saved", "done.filed", "done.received", "done.added", "done.attached", "done.attached-some", "done.attached-none", "file.and-more", "file.our-fault", "done.confirmed",
		"done.discarded", "done.entered", "done.advised", "done.advice-sent")
	check := func(prefix string, names ...string) {
		for _, n := range names {
			webtest.Check(t, web.Room{Templates: files, Locale: files}, prefix+n)
		}
	}
	check("kind.", kinds[:]...)
	check("audience.", filing.Audiences()...)
	check("topic.", filing.Topics()...)
	for _, l := range labels {
		webtest.Check(t, web.Room{Templates: files, Locale: files}, labelKey(l))
	}
	for _, s := range incident.ReportStates() {
		if s != incident.Merged { // which reporters see as accepted
			check("reported.", string(s))
		}
		if s != incident.Merged && s != incident.Draft {
			check("stands.", string(s))
		}
	}
}
