package web

import (
	"testing"

	"tocsin/internal/notify"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
	"tocsin/internal/situation/sitrep"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	keys := []string{"none", "none-text", "any", "speaks.", "done.drafted", "done.edited", "done.refreshed", "done.approved", "done.correction", "done.withdrawn", "done.distributed"}
	for _, s := range sitrep.States() {
		keys = append(keys, "state."+string(s))
	}
	for _, s := range sitrep.Sections() {
		keys = append(keys, "part."+string(s))
	}
	for _, s := range notify.States() {
		keys = append(keys, "letter."+string(s))
	}
	webtest.Check(t, web.Room{Templates: files, Locale: files, Nav: Room(nil).Nav}, keys...)
}
