// Package web is the room of digests: whom the CERT tells what and when, what it told, what was answered and what came of it, and the
// page on which anybody with an answer link answers.
package web

import (
	"embed"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/web"
)

//go:embed *.html locale
var files embed.FS

const (
	read   act.Permission = "digest.read"
	write  act.Permission = "digest.write"
	decide act.Permission = "finding.write" // a claim is a correction, as the ruling of a wrong owner is
)

// Names tells what the nation calls a sector in a language.
type Names func(sector, language string) string

type room struct {
	desk  *digest.Desk
	names Names
}

// Room returns the room.
func Room(d *digest.Desk, sectorName Names) web.Room {
	r := &room{d, sectorName}
	return web.Room{Name: "digest", Templates: files, Locale: files,
		Nav: []web.NavEntry{{Path: "/digests", Key: "nav.digests", Group: "letters", Order: 45, Permission: read}},
		Routes: []web.Route{
			web.Page("GET /digests", read, "digests.html", r.list),
			web.Action("POST /digests/feeds/{name}/begin", write, "", r.begin),
			web.Page("GET /digests/messages/{id}", read, "digest.html", r.one),
			web.Action("POST /digests/messages/{id}/revoke", write, "", r.revoke),
			web.Page("GET /digests/preview", read, "preview.html", r.preview),
			web.Download("GET /digests/preview/html", read, r.html),
			web.Page("GET /digests/policies", read, "policies.html", r.policies),
			web.Action("POST /digests/policies", write, "GET /digests/policies", r.setPolicy),
			web.Action("POST /digests/policies/{id}/remove", write, "", r.removePolicy),
			web.Page("GET /digests/suppressions", read, "suppressions.html", r.suppressions),
			web.Action("POST /digests/suppressions", write, "GET /digests/suppressions", r.suppress),
			web.Action("POST /digests/suppressions/{id}/end", write, "", r.endSuppression),
			web.Page("GET /digests/answers", read, "answers.html", r.answers),
			web.Page("GET /digests/claims/{id}", read, "claim.html", r.claim),
			web.Action("POST /digests/claims/{id}", decide, "GET /digests/claims/{id}", r.decide),
			web.Page("GET /digests/effect", read, "effect.html", r.effect),
			web.Page("GET /digests/dry-run", read, "dry-run.html", r.blank),
			web.Action("POST /digests/dry-run", read, "GET /digests/dry-run", r.dryRun),
			web.Page("GET /digests/settings/{id}", read, "settings.html", r.settings),
			web.Action("POST /digests/settings/{id}", write, "GET /digests/settings/{id}", r.set),
			web.ClearedPage("GET /answer/{secret}", identity.Open, "answer.html", r.link),
			web.Action("POST /answer/{secret}", identity.Open, "GET /answer/{secret}", r.answer),
		}}
}

type none struct{}

// Numbered is the path of something with a number.
type Numbered struct {
	ID int64 `path:"id" min:"1"`
}

func number(id int64) string { return strconv.FormatInt(id, 10) }

func cursor(next int64) string {
	if next == 0 {
		return ""
	}
	return number(next)
}

func (r *room) frequencies(v web.Visitor) (out []web.Option) {
	for _, f := range digest.Frequencies() {
		out = append(out, web.Option{Value: string(f), Label: v.T("frequency." + string(f))})
	}
	return out
}

func (r *room) severities(v web.Visitor) []web.Option {
	out := []web.Option{{Value: "any", Label: v.T("any")}}
	for s := event.Critical; s >= event.Unrated; s-- {
		out = append(out, web.Option{Value: s.String(), Label: v.T("severity." + strconv.Itoa(int(s)))})
	}
	return out
}

func (r *room) sector(v web.Visitor, id string) string {
	if id == "" {
		return ""
	}
	if n := r.names(id, v.Lang()); n != "" {
		return n
	}
	return id
}
