package web_test

import (
	"testing"

	room "tocsin/internal/incident/yearly/web"
	"tocsin/internal/platform/web/webtest"
)

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil), "class.", "state.", "reminder.", "sector.none", "sector.other", "col.sum", "form.no-number", "import.choose", "import.done",
		"done.draft", "done.submitted", "done.corrected")
}
