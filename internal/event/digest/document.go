package digest

import (
	"html"
	"strings"
	"unicode/utf8"
)

// document is what a digest says, once: it is written as plain text and as HTML.
type document struct{ parts []part }

type part struct {
	kind  string // title, head, text, list, table, link, rule
	text  string
	href  string
	lines []string   // of a list
	cells [][]string // of a table, the first row is its head
}

func (d *document) add(p part) { d.parts = append(d.parts, p) }

func (d *document) title(s string) { d.add(part{kind: "title", text: s}) }
func (d *document) head(s string)  { d.add(part{kind: "head", text: s}) }
func (d *document) say(s string) {
	if s != "" {
		d.add(part{kind: "text", text: s})
	}
}
func (d *document) list(lines ...string)    { d.add(part{kind: "list", lines: lines}) }
func (d *document) link(text, href string)  { d.add(part{kind: "link", text: text, href: href}) }
func (d *document) table(cells ...[]string) { d.add(part{kind: "table", cells: cells}) }
func (d *document) rule()                   { d.add(part{kind: "rule"}) }

const lineWidth = 76

// plain writes the document as text.
func (d *document) plain() string {
	var b strings.Builder
	b.Grow(4 << 10)
	for i, p := range d.parts {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch p.kind {
		case "title":
			b.WriteString(p.text + "\n" + strings.Repeat("=", min(width(p.text), lineWidth)) + "\n")
		case "head":
			b.WriteString(p.text + "\n" + strings.Repeat("-", min(width(p.text), lineWidth)) + "\n")
		case "text":
			wrap(&b, p.text, "", "")
		case "list":
			for _, l := range p.lines {
				wrap(&b, l, "- ", "  ")
			}
		case "table":
			plainTable(&b, p.cells)
		case "link":
			wrap(&b, p.text, "", "")
			b.WriteString(p.href + "\n")
		case "rule":
			b.WriteString("--\n")
		}
	}
	return b.String()
}

// width is about how many columns a text takes: what is written in East Asia takes two each.
func width(s string) (n int) {
	for _, r := range s {
		n++
		if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xff00 && r <= 0xff60) {
			n++
		}
	}
	return n
}

func wrap(b *strings.Builder, s, first, rest string) {
	at, lead := 0, first
	for i, w := range strings.Fields(s) {
		if i > 0 && at+1+width(w) > lineWidth {
			b.WriteByte('\n')
			at, lead = 0, rest
		}
		if at == 0 {
			b.WriteString(lead)
			at = len(lead)
		} else {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(w)
		at += width(w)
	}
	b.WriteByte('\n')
}

func plainTable(b *strings.Builder, cells [][]string) {
	var wide []int
	for _, row := range cells {
		for i, c := range row {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], min(width(c), 44))
		}
	}
	for _, row := range cells {
		blanks := 2
		for i, c := range row {
			if c != "" {
				for ; blanks > 0; blanks-- {
					b.WriteByte(' ')
				}
				b.WriteString(c)
			}
			blanks += max(0, wide[i]-width(c)) + 2
		}
		b.WriteByte('\n')
	}
}

// html writes the document as a page of its own: nothing in it is loaded from anywhere, and what came from a feed is text.
func (d *document) html(language string) string {
	e := html.EscapeString
	var b strings.Builder
	b.Grow(16 << 10)
	b.WriteString(`<!DOCTYPE html><html lang="` + e(language) + `"><head><meta charset="utf-8"></head><body style="font-family:sans-serif;font-size:15px;line-height:1.45;color:#1a1a1a;max-width:46em">` + "\n")
	for _, p := range d.parts {
		switch p.kind {
		case "title":
			b.WriteString(`<h1 style="font-size:1.3em">` + e(p.text) + "</h1>\n")
		case "head":
			b.WriteString(`<h2 style="font-size:1.1em;margin-top:1.6em">` + e(p.text) + "</h2>\n")
		case "text":
			b.WriteString("<p>" + e(p.text) + "</p>\n")
		case "list":
			b.WriteString("<ul>\n")
			for _, l := range p.lines {
				b.WriteString("<li>" + e(l) + "</li>\n")
			}
			b.WriteString("</ul>\n")
		case "table":
			htmlTable(&b, p.cells)
		case "link":
			b.WriteString("<p>" + e(p.text) + `<br><a href="` + e(p.href) + `">` + e(p.href) + "</a></p>\n")
		case "rule":
			b.WriteString(`<hr style="border:0;border-top:1px solid #bbb">` + "\n")
		}
	}
	b.WriteString("</body></html>\n")
	return b.String()
}

func htmlTable(b *strings.Builder, cells [][]string) {
	b.WriteString(`<table style="border-collapse:collapse" cellpadding="4">` + "\n")
	for i, row := range cells {
		tag := "td"
		if i == 0 {
			tag = "th"
		}
		b.WriteString("<tr>")
		for _, c := range row {
			b.WriteString("<")
			b.WriteString(tag)
			b.WriteString(` align="left" style="border-bottom:1px solid #ddd">`)
			b.WriteString(html.EscapeString(c))
			b.WriteString("</")
			b.WriteString(tag)
			b.WriteString(">")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
}

// clip makes of what a feed says one line of so many characters.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
