package web

import (
	"testing"

	"tocsin/internal/incident/letter"
	"tocsin/internal/notify"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "letter.none", "letter.none-text", "letter.choose", "letter.party", "letter.to-constituent", "letter.to-address", "letter.sent", "title.letter-preview")
	check := func(key string) { webtest.Check(t, web.Room{Templates: files, Locale: files}, key) }
	for _, s := range notify.States() {
		check("letter.state." + string(s))
	}
	for _, r := range letter.Roles() {
		check("letter.role." + r)
	}
	for _, k := range []string{letter.Reporter, letter.Contact, letter.Participant} {
		check("letter.kind." + k)
	}
}
