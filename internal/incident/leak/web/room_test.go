package web

import (
	"testing"

	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil), "ask.trap", "leak.upload", "leak.none", "leak.none-text", "leak.no-file", "leak.loaded", "leak.withdrawn", "own.none", "own.none-text", "title.asked")
}
