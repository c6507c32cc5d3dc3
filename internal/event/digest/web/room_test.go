package web

import (
	"testing"

	"tocsin/internal/event/digest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	webtest.Check(t, Room(nil, nil), "any", "answer.all", "backlog.begun", "answer.none", "answer.none-text", "claim.approved", "claim.refused", "dry.same", "dry.same-text",
		"effect.days", "effect.none", "effect.none-text", "effect.no-group", "effect.sector", "effect.type", "message.none", "message.none-text",
		"message.revoked", "policy.removed", "policy.saved", "preview.own", "reply.choose", "reply.thanks", "setting.frequency.policy", "setting.hour.usual", "setting.saved",
		"stand.claims", "stand.mute", "stand-text.claims", "stand-text.mute", "suppression.ended", "suppression.no-day", "suppression.none",
		"suppression.none-text", "suppression.saved", "title.dry-run-done")
	check := func(prefix string, names ...string) {
		for _, n := range names {
			webtest.Check(t, web.Room{Templates: files, Locale: files}, prefix+n)
		}
	}
	for _, s := range digest.States() {
		check("stand.", string(s))
		check("stand-text.", string(s))
	}
	for _, f := range digest.Frequencies() {
		check("frequency.", string(f))
	}
	for _, k := range digest.SuppressionKinds() {
		check("suppression.kind.", string(k))
	}
	check("reply.", digest.Replies()...)
	check("what.", digest.TellNew, digest.TellAgain, digest.TellStill, digest.TellGone)
	check("weekday.", "0", "1", "2", "3", "4", "5", "6")
	check("setting.channel.", digest.Channels()...)
	check("claim.state.", digest.ClaimOpen, digest.ClaimApproved, digest.ClaimRefused)
	check("language.", "en", "sr-Latn", "sr-Cyrl", "ja", "ko")
}
