package web

import (
	"testing"

	"tocsin/internal/incident/affected"
	"tocsin/internal/notify"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "affected.none", "affected.none-text", "affected.not-found", "affected.not-found-text", "affected.no-day", "affected.added", "affected.sent",
		"affected.given", "affected.decided", "affected.reopened", "affected.recorded", "title.affected-preview")
	check := func(prefix string, names ...string) {
		for _, n := range names {
			webtest.Check(t, web.Room{Templates: files, Locale: files}, prefix+n)
		}
	}
	check("affected.way.", append(affected.Ways(), "mail")...)
	check("affected.kind.", string(affected.Entity), string(affected.Persons))
	check("affected.state.", string(affected.Undecided), string(affected.Told), string(affected.Underway), string(affected.Failed), string(affected.NotTold))
	check("affected.source.", affected.ByHand, affected.ByParty, affected.ByIndicator, affected.ByFinding)
	check("affected.contact.", "abuse", "security", "technical", "management", "press", "other")
	for _, a := range affected.Audiences() {
		check("affected.for.", string(a))
	}
	for _, s := range notify.States() {
		check("affected.letter.", string(s))
	}
}
