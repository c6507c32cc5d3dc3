package web_test

import (
	"testing"

	room "tocsin/internal/constituency/special/web"
	"tocsin/internal/platform/web/webtest"
)

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil), "saved", "saved.unapproved")
}
