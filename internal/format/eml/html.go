package eml

import (
	"html"
	"strings"
)

// Plain is what a reader of HTML sees as text, links with where they lead. It is for reading only: what it returns is no
// safer as HTML than what it was given.
func Plain(src string) string {
	p := &plain{}
	for src != "" {
		i := strings.IndexByte(src, '<')
		if i < 0 {
			p.words(src)
			break
		}
		p.words(src[:i])
		src = p.tag(src[i:])
	}
	p.closeLink()
	return p.b.String()
}

type plain struct {
	b     strings.Builder
	space bool // wanted before the next word
	href  string
	at    int // where the link's words began
	pre   bool
}

func (p *plain) words(s string) {
	s = html.UnescapeString(s)
	if p.pre {
		p.b.WriteString(s)
		return
	}
	for _, f := range strings.FieldsFunc(s, isSpace) {
		if p.space || isSpace(rune(s[0])) {
			p.gap()
		}
		p.b.WriteString(f)
		p.space = true
	}
	p.space = s != "" && (isSpace(rune(s[len(s)-1])) || p.space && strings.TrimFunc(s, isSpace) == "")
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\f' }

// gap is a space between words, none at the beginning of a line.
func (p *plain) gap() {
	if s := p.b.String(); s != "" && !strings.HasSuffix(s, "\n") && !strings.HasSuffix(s, " ") {
		p.b.WriteByte(' ')
	}
}

func (p *plain) line() {
	p.space = false
	if s := p.b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		p.b.WriteByte('\n')
	}
}

// tag takes the tag at the beginning of src and returns what follows it.
func (p *plain) tag(src string) string {
	if strings.HasPrefix(src, "<!--") {
		if i := strings.Index(src[4:], "-->"); i >= 0 {
			return src[4+i+3:]
		}
		return ""
	}
	end := tagEnd(src)
	if end < 2 {
		p.words(src[:1])
		return src[1:]
	}
	inside, rest := src[1:end], src[end+1:]
	name := strings.ToLower(strings.TrimLeft(inside, "/"))
	if i := strings.IndexFunc(name, func(r rune) bool { return isSpace(r) || r == '/' }); i >= 0 {
		name = name[:i]
	}
	closing := strings.HasPrefix(inside, "/")
	switch name {
	case "script", "style", "head", "title", "template":
		if !closing {
			return skipTo(rest, name)
		}
	case "br":
		p.space = false
		p.b.WriteByte('\n')
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "hr":
		p.line()
		if closing {
			p.b.WriteByte('\n')
		}
	case "pre":
		p.line()
		p.pre = !closing
	case "div", "tr", "section", "article", "dt", "dd", "header", "footer":
		p.line()
	case "li":
		if p.line(); !closing {
			p.b.WriteString("- ")
		}
	case "td", "th":
		p.space = true
	case "a":
		p.closeLink()
		if !closing {
			p.href, p.at = attribute(inside, "href"), p.b.Len()
		}
	}
	return rest
}

// closeLink writes where a link leads, unless its words say so.
func (p *plain) closeLink() {
	href := strings.TrimSpace(p.href)
	p.href = ""
	lower := strings.ToLower(href)
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") || len(href) > 2000 {
		return
	}
	if words := strings.TrimSpace(p.b.String()[p.at:]); words != href {
		p.gap()
		p.b.WriteString("<" + strings.Join(strings.Fields(href), "") + ">")
		p.space = false
	}
}

// maxTag bounds how far the end of a tag is looked for.
const maxTag = 4096

// tagEnd is where the tag ends: the first > outside of quotes, else the first one at all; -1 when it is no tag.
func tagEnd(src string) int {
	src = src[:min(len(src), maxTag)]
	first := strings.IndexByte(src, '>')
	if first < 2 || !strings.ContainsRune("/!?", rune(src[1])) && (src[1]|0x20 < 'a' || src[1]|0x20 > 'z') {
		return -1
	}
	quote := byte(0)
	for i := 1; i < len(src); i++ {
		switch c := src[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '>':
			return i
		case (c == '"' || c == '\'') && src[i-1] == '=':
			quote = c
		}
	}
	return first
}

// skipTo is what follows the closing tag, "" without one.
func skipTo(src, name string) string {
	for {
		i := strings.Index(src, "</")
		if i < 0 {
			return ""
		}
		src = src[i+2:]
		if len(src) >= len(name) && strings.EqualFold(src[:len(name)], name) {
			break
		}
	}
	_, rest, _ := strings.Cut(src, ">")
	return rest
}

// attribute is the value of an attribute of a tag.
func attribute(tag, name string) string {
	lower := strings.ToLower(tag)
	if len(lower) != len(tag) {
		return ""
	}
	for at := 0; ; {
		i := strings.Index(lower[at:], name)
		if i < 0 {
			return ""
		}
		i += at
		at = i + len(name)
		v := strings.TrimLeftFunc(tag[at:], isSpace)
		if i == 0 || !isSpace(rune(lower[i-1])) && lower[i-1] != '"' && lower[i-1] != '\'' || !strings.HasPrefix(v, "=") {
			continue
		}
		v = strings.TrimLeftFunc(v[1:], isSpace)
		if v == "" {
			return ""
		}
		if q := v[0]; q == '"' || q == '\'' {
			if v, _, ok := strings.Cut(v[1:], string(q)); ok {
				return html.UnescapeString(v)
			}
			return ""
		}
		if i := strings.IndexFunc(v, isSpace); i >= 0 {
			v = v[:i]
		}
		return html.UnescapeString(v)
	}
}
