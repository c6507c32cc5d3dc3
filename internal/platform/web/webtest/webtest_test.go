package webtest

import (
	"slices"
	"testing"

	"tocsin/internal/platform/web"
)

func TestLayoutKeepsTheRules(t *testing.T) {
	Check(t, web.Room{Name: "layout", Templates: web.Templates(), Locale: web.Locale()},
		"error.invalid", "error.not-found", "error.conflict", "error.forbidden", "error.unavailable", "error.internal",
		"error.no-page", "error.cross-origin", "error.method", "severity.", "state.", "ago.", "in.", "chart.numbers", "chart.day", "chart.incomplete")
}

func TestWordsOutsideTheCatalogueAreFound(t *testing.T) {
	ts, err := trees("x", `<p title="{{t "a"}}">{{if .X}}Open{{else}}<b alt="word">{{.Y}}</b>{{end}} 12 – </p><i style="x" onclick="y"></i>{{tk "severity." .Z}}{{$.Visitor.T "b" 3}}{{template "field" (field "c" "n" $.Form "")}}{{with (t "d")}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, tree := range ts {
		keys = append(keys, keysOf(tree)...)
		if ls := literals(source(tree)); len(ls) != 4 {
			t.Errorf("found %q", ls)
		}
	}
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"a", "b", "c", "d", "severity."}) {
		t.Errorf("found the keys %q", keys)
	}
}
