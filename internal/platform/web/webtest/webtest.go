// Package webtest checks the templates and catalogues of a room: no word for people stands outside a catalogue, no key is
// missing, no translation has a key of its own or loses an argument, nothing is inline.
package webtest

import (
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"

	"golang.org/x/net/html"

	"tocsin/internal/platform/text"
	"tocsin/internal/platform/web"
)

// Check runs all checks on a room. keys are those its Go code uses (Visitor.T, flashes); with a trailing dot a prefix.
func Check(t *testing.T, room web.Room, keys ...string) {
	t.Helper()
	c, err := text.Load(web.Locale(), room.Locale)
	if err != nil {
		t.Fatal(err)
	}
	used := slices.Clone(keys)
	for _, n := range room.Nav {
		used = append(used, n.Key)
	}
	names, err := fs.Glob(room.Templates, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		b, err := fs.ReadFile(room.Templates, n)
		if err != nil {
			t.Fatal(err)
		}
		trees, err := trees(n, string(b))
		if err != nil {
			t.Errorf("%s: %v", n, err)
			continue
		}
		for _, tree := range trees {
			used = append(used, keysOf(tree)...)
			for _, w := range literals(source(tree)) {
				t.Errorf("%s: %s", n, w)
			}
		}
	}
	for _, k := range used {
		if !has(c, text.Fallback, k) {
			t.Errorf("the catalogue lacks %q", k)
		}
	}
	own, err := text.Load(room.Locale)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range compare(own) {
		t.Error(w)
	}
}

func has(c *text.Catalogue, lang, key string) bool {
	if strings.HasSuffix(key, ".") {
		return slices.ContainsFunc(c.Keys(lang), func(k string) bool { return strings.HasPrefix(k, key) })
	}
	_, ok := c.Message(lang, key)
	return ok
}

// trees parses a file as the app does, with functions that need not exist.
func trees(name, src string) ([]*parse.Tree, error) {
	p := parse.New(name)
	p.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := p.Parse(src, "", "", set, builtins()); err != nil {
		return nil, err
	}
	var ts []*parse.Tree
	for _, t := range set {
		ts = append(ts, t)
	}
	return ts, nil
}

func builtins() map[string]any { return map[string]any{"template": template.HTMLEscapeString} }

// keysOf finds what is asked of the catalogue with a literal key: t "key", tk "prefix." …, field "key" …, and methods T.
func keysOf(tree *parse.Tree) []string {
	var keys []string
	walk(tree.Root, func(n parse.Node) {
		c, ok := n.(*parse.CommandNode)
		if !ok || len(c.Args) < 2 {
			return
		}
		s, ok := c.Args[1].(*parse.StringNode)
		if !ok {
			return
		}
		name := ""
		switch f := c.Args[0].(type) {
		case *parse.IdentifierNode:
			name = f.Ident
		case *parse.FieldNode:
			name = f.Ident[len(f.Ident)-1]
		case *parse.VariableNode:
			name = f.Ident[len(f.Ident)-1]
		}
		switch name {
		case "t", "T", "field":
			keys = append(keys, s.Text)
		case "tk":
			keys = append(keys, strings.TrimSuffix(s.Text, ".")+".")
		}
	})
	return keys
}

func walk(n parse.Node, fn func(parse.Node)) {
	fn(n)
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, c := range l.Nodes {
				walk(c, fn)
			}
		}
	}
	pipe := func(p *parse.PipeNode) {
		if p != nil {
			for _, c := range p.Cmds {
				walk(c, fn)
			}
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.ActionNode:
		pipe(n.Pipe)
	case *parse.IfNode:
		pipe(n.Pipe)
		list(n.List)
		list(n.ElseList)
	case *parse.RangeNode:
		pipe(n.Pipe)
		list(n.List)
		list(n.ElseList)
	case *parse.WithNode:
		pipe(n.Pipe)
		list(n.List)
		list(n.ElseList)
	case *parse.TemplateNode:
		pipe(n.Pipe)
	case *parse.CommandNode:
		for _, a := range n.Args {
			switch a := a.(type) {
			case *parse.PipeNode:
				pipe(a)
			}
		}
	}
}

// hole stands where an action was: neither a word nor markup.
const hole = "0"

// source is a template's markup with its actions taken out; of if and else both are kept.
func source(tree *parse.Tree) string {
	var b strings.Builder
	var write func(parse.Node)
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, c := range l.Nodes {
				write(c)
			}
		}
	}
	write = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode, *parse.TemplateNode:
			b.WriteString(hole)
		case *parse.IfNode:
			list(n.List)
			list(n.ElseList)
		case *parse.RangeNode:
			list(n.List)
			list(n.ElseList)
		case *parse.WithNode:
			list(n.List)
			list(n.ElseList)
		}
	}
	list(tree.Root)
	return b.String()
}

var spoken = []string{"title", "alt", "placeholder", "aria-label", "data-label", "label"}

// literals finds words for people in markup, and what the content policy would refuse. Keys and code are the same in
// every language.
func literals(src string) []string {
	var out []string
	in := ""
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return out
		case html.TextToken:
			s := strings.TrimSpace(z.Token().Data)
			if in == "noscript" {
				out = append(out, literals(s)...)
			} else if in != "kbd" && in != "code" && words(s) {
				out = append(out, fmt.Sprintf("%q stands outside the catalogue", s))
			}
		case html.EndTagToken:
			in = ""
		case html.StartTagToken, html.SelfClosingTagToken:
			tok := z.Token()
			in = tok.Data
			if tok.Data == "style" || tok.Data == "script" && !slices.ContainsFunc(tok.Attr, external) {
				out = append(out, "<"+tok.Data+"> is inline, which the content policy refuses")
			}
			for _, a := range tok.Attr {
				if slices.Contains(spoken, a.Key) && words(a.Val) {
					out = append(out, fmt.Sprintf("%s=%q stands outside the catalogue", a.Key, a.Val))
				}
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					out = append(out, fmt.Sprintf("%s= is inline, which the content policy refuses", a.Key))
				}
			}
		}
	}
}

func external(a html.Attribute) bool { return a.Key == "src" }

func words(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }

var argument = regexp.MustCompile(`\{\d+\}`)

// compare tells what a translation has beyond the fallback, lacks of it, or says with other arguments.
func compare(c *text.Catalogue) []string {
	var out []string
	for _, lang := range c.Languages()[1:] {
		for _, k := range c.Keys(lang) {
			m, _ := c.Message(lang, k)
			ref, ok := c.Message(text.Fallback, k)
			if !ok {
				out = append(out, fmt.Sprintf("%s: %q is not in English", lang, k))
				continue
			}
			if x, y := arguments(ref["other"]), arguments(m["other"]); !slices.Equal(x, y) {
				out = append(out, fmt.Sprintf("%s: %q has the arguments %v, in English %v", lang, k, y, x))
			}
		}
		for _, k := range c.Keys(text.Fallback) {
			if _, ok := c.Message(lang, k); !ok {
				out = append(out, fmt.Sprintf("%s: %q is not translated", lang, k))
			}
		}
	}
	return out
}

func arguments(s string) []string {
	as := argument.FindAllString(s, -1)
	slices.Sort(as)
	return slices.Compact(as)
}
