package web

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"reflect"
	"strings"
	"time"

	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

// Column is a table's head cell. Templates write {{template "thead" .Columns}} and their own rows; every cell that a phone
// shows carries data-label.
type Column struct {
	Key     string // its text in the room's catalogue
	Numeric bool
	Sort    string // the value of ?sort= that sorts by it, "" for none
	Href    string // set by Sorted
	Order   string // ascending, descending, or "" when another column sorts; set by Sorted
}

// Sorted makes the heads of a table's columns links. Sorting is "?sort=name" or "?sort=-name" for descending; current is
// what sorts this page. A link forgets the place in the list ("after").
func Sorted(v Visitor, current string, columns ...Column) []Column {
	for i := range columns {
		c := &columns[i]
		if c.Sort == "" {
			continue
		}
		next := c.Sort
		if c.Numeric {
			next = "-" + c.Sort // the largest first is what people want of numbers
		}
		switch current {
		case c.Sort:
			c.Order, next = "ascending", "-"+c.Sort
		case "-" + c.Sort:
			c.Order, next = "descending", c.Sort
		}
		c.Href = v.With("sort", next, "after", "")
	}
	return columns
}

// Pager leads through a list by keyset: {{template "pager" .Pager}}.
type Pager struct {
	First string // address of the beginning, "" when this is it
	Next  string // address of what follows, "" at the end
	Shown int    // rows on this page
}

// NewPager is the pager of a page whose list goes on after the key next ("" when it ends), by "?after=".
func NewPager(v Visitor, next string, shown int) Pager {
	p := Pager{Shown: shown}
	if v.URL.Query().Has("after") {
		p.First = v.With("after", "")
	}
	if next != "" {
		p.Next = v.With("after", next)
	}
	return p
}

// Tile is one number that matters: {{template "tile" .}}. Texts are ready for people (Visitor.T).
type Tile struct {
	Label string
	Value string
	Href  string
	Delta string // "+120", with its own words; may be empty
	Trend string // better, worse or "": how to colour the delta
	Note  string
	Spark []int64
}

// Empty is what a list shows instead of rows: {{template "empty" .}}. Say what to do next.
type Empty struct {
	Title string
	Text  string
	Href  string // where to go; may be empty
	Link  string // its words
}

// Form is what was entered in a refused form.
type Form struct {
	Sent   bool
	values url.Values
	wrong  fault.Problems
	say    string
}

func newForm(values url.Values, err error) Form {
	f := Form{Sent: true, values: values}
	if !errors.As(err, &f.wrong) {
		f.say = err.Error()
	}
	return f
}

// Value is what was entered, or given when nothing was sent yet.
func (f Form) Value(name, given string) string {
	if f.Sent {
		return f.values.Get(name)
	}
	return given
}

// Error is what is wrong with a field, "" when nothing is.
func (f Form) Error(name string) string {
	for _, p := range f.wrong {
		if p.Field == name {
			return p.Message
		}
	}
	return ""
}

// Problems is what is wrong, all of it.
func (f Form) Problems() []string {
	var ps []string
	if f.say != "" {
		ps = append(ps, f.say)
	}
	for _, p := range f.wrong {
		ps = append(ps, p.String())
	}
	return ps
}

// Field is a labelled input: {{template "field" (field "feed.title" "title" $.Form .Title)}} with the label's key, the
// input's name, the form, and the value it begins with, then as wanted its type, "autocomplete:…" and options. What was typed
// into a password is not sent back. The templates "field", "area", "file", "check" and "choice" draw it.
type Field struct {
	Key     string
	Name    string
	Value   string
	Error   string
	Type    string
	Auto    string // what browsers fill in: "username", "new-password"; "" leaves it to them
	Options []Option
}

// Option is one of a choice's values. A Label is ready for people.
type Option struct {
	Value string
	Label string
}

func newField(key, name string, f Form, given any, more ...any) Field {
	fd := Field{Key: key, Name: name, Value: f.Value(name, fmt.Sprint(given)), Error: f.Error(name), Type: "text"}
	for _, m := range more {
		switch m := m.(type) {
		case string:
			if auto, ok := strings.CutPrefix(m, "autocomplete:"); ok {
				fd.Auto = auto
			} else {
				fd.Type = m
			}
		case []Option:
			fd.Options = m
		}
	}
	return fd
}

func whole(n any) (int64, error) {
	v := reflect.ValueOf(n)
	switch {
	case n == nil:
		return 0, errors.New("no number")
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint():
		return int64(v.Uint()), nil
	}
	return 0, fmt.Errorf("%T is no whole number", n)
}

// count writes a number, and a plus after one that was counted no further.
func count(p *text.Printer, n any, capped bool) (string, error) {
	i, err := whole(n)
	if capped {
		return p.Number(i) + "+", err
	}
	return p.Number(i), err
}

// when writes a time.Time, or UTC microseconds, as how long ago it was, with the exact time in the title.
func (a *App) when(p *text.Printer, t any) (template.HTML, error) {
	var at time.Time
	switch t := t.(type) {
	case time.Time:
		at = t
	case int64:
		if t == 0 {
			return "–", nil
		}
		at = time.UnixMicro(t)
	default:
		return "", fmt.Errorf("%T is no time", t)
	}
	if at.IsZero() {
		return "–", nil
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, at.UTC().Format(time.RFC3339),
		template.HTMLEscapeString(p.Second(at)), template.HTMLEscapeString(p.Ago(at, a.cfg.Clock.Now())))), nil
}

// badge is a small label; the kind chooses its colour.
func badge(kind, label string) template.HTML {
	return template.HTML(`<span class="badge ` + template.HTMLEscapeString(class(kind)) + `">` +
		template.HTMLEscapeString(label) + `</span>`)
}

func severity(p *text.Printer, s any) (template.HTML, error) {
	n, err := whole(s)
	if n < 0 || n > 5 {
		n = 0
	}
	return badge(fmt.Sprintf("severity-%d", n), p.T(fmt.Sprintf("severity.%d", n))), err
}

func tlp(label string) template.HTML {
	name := strings.ToUpper(strings.TrimPrefix(strings.ToUpper(label), "TLP:"))
	return badge("tlp-"+strings.ToLower(name), "TLP:"+name)
}

// class keeps what may stand in a class name.
func class(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}
