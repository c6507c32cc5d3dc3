package web_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tocsin/internal/platform/web"
)

// rows are the links of the header's rows of navigation, the current one marked, and those that a key leads to.
func rows(t *testing.T, page string) (out []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "nav" && n.Data != "dialog" {
			continue
		}
		var row []string
		for l := range n.Descendants() {
			if l.Type != html.ElementNode || l.Data != "a" {
				continue
			}
			is := map[string]string{}
			for _, a := range l.Attr {
				is[a.Key] = a.Val
			}
			text := l.FirstChild.Data + " " + is["href"]
			if now := is["aria-current"]; now != "" {
				text += " is " + now
			}
			row = append(row, text)
		}
		if len(row) > 0 && !strings.HasPrefix(row[0], "Next page") {
			out = append(out, n.Data+": "+strings.Join(row, ", "))
		}
	}
	return out
}

func TestPagesOfAGroupStandBelowItsName(t *testing.T) {
	r := room()
	r.Nav = []web.NavEntry{
		{Path: "/alone", Key: "nav", Order: 5, Permission: "note.read"},
		{Path: "/notes", Key: "nav", Group: "incidents", Order: 1, Shortcut: "n", Permission: "note.read"},
		{Path: "/notes.csv", Key: "nav", Group: "incidents", Order: 9, Shortcut: "c", Permission: "note.write"},
		{Path: "/single", Key: "nav", Group: "letters", Order: 7, Permission: "note.read"}}
	a, err := web.New(config(), r)
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string][]string{
		"":      {"nav: Incidents /notes is true, Notes /alone, Notes /single", "nav: Notes /notes is page, Notes /notes.csv", "dialog: Notes /notes, Notes /notes.csv"},
		"guest": {"nav: Notes /notes is page, Notes /alone, Notes /single", "dialog: Notes /notes"},
	} {
		req := httptest.NewRequest("GET", "/notes", nil)
		req.Header.Set("X-Who", who)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, req)
		if got := rows(t, w.Body.String()); !slices.Equal(got, want) {
			t.Errorf("%q sees %q, not %q", who, got, want)
		}
	}
	r.Nav[0].Group = "nonsense"
	if _, err := web.New(config(), r); err == nil || !strings.Contains(err.Error(), "group.nonsense") {
		t.Errorf("a group without a name: %v", err)
	}
}
