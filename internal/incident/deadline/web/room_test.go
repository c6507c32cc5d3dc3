package web

import (
	"testing"

	"tocsin/internal/platform/web/webtest"
)

func TestTemplatesAndCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil, func(string, string) string { return "" }),
		"title.", "clock.state.", "left.", "over.", "owed.", "why.", "ended.", "alarm.", "done.", "state.live", "wrong.time", "significant.yes", "significant.no", "term.", "clocks.none",
		"clocks.none-text", "own.none", "own.none-text", "tile.", "any")
}
