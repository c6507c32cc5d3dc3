package web_test

import (
	"testing"

	"tocsin/internal/platform/web/webtest"
	room "tocsin/internal/portal/web"
)

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil, nil), "choose.all", "severity.", "start.trend", "start.own", "start.open", "start.others", "filter.any",
		"state.", "guidance.", "role.", "asset.", "key.", "key.state.", "request.sent", "confirm.done", "request.withdrawn", "request.state.", "step.", "field.", "frequency.", "what.", "reply.", "weekday.",
		"telling.channel.", "telling.saved", "telling.frequency.policy", "telling.hour.usual", "hook.saved", "hook.tested", "hook.removed")
}
