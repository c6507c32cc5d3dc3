// Package text has the catalogues: every word that people read on a page, by key and language. A catalogue is a set of
// files locale/<language>.toml with flat keys. A value is a text, or a table of plural forms chosen by the first number
// among the arguments:
//
//	"greeting" = "Welcome, {0}"
//	["finding.count"]
//	one = "{0} finding"
//	other = "{0} findings"
//
// It formats numbers, days and times for a language and a time zone as well. It knows no page.
package text

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Fallback is the language that every catalogue is complete in.
const Fallback = "en"

// Message is one key's text: its plural forms, of which "other" always exists.
type Message map[string]string

// Catalogue has the messages of some languages. It is read-only after Load.
type Catalogue struct {
	byLang map[string]map[string]Message
}

// Load reads locale/*.toml of every file system; a later one wins where both have a key. A nil file system is skipped.
func Load(from ...fs.FS) (*Catalogue, error) {
	c := &Catalogue{byLang: map[string]map[string]Message{Fallback: {}}}
	for _, f := range from {
		if f == nil {
			continue
		}
		names, err := fs.Glob(f, "locale/*.toml")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if err := c.read(f, n); err != nil {
				return nil, fmt.Errorf("read catalogue %s: %w", n, err)
			}
		}
	}
	return c, nil
}

func (c *Catalogue) read(f fs.FS, name string) error {
	lang := strings.TrimSuffix(path.Base(name), ".toml")
	if _, err := language.Parse(lang); err != nil {
		return fmt.Errorf("%q is no language: %w", lang, err)
	}
	b, err := fs.ReadFile(f, name)
	if err != nil {
		return err
	}
	var raw map[string]any
	if err := toml.Unmarshal(b, &raw); err != nil {
		return err
	}
	if c.byLang[lang] == nil {
		c.byLang[lang] = map[string]Message{}
	}
	for key, v := range raw {
		m, err := message(v)
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		c.byLang[lang][key] = m
	}
	return nil
}

func message(v any) (Message, error) {
	switch v := v.(type) {
	case string:
		return Message{"other": v}, nil
	case map[string]any:
		m := Message{}
		for form, t := range v {
			s, ok := t.(string)
			if !ok || !slices.Contains(forms[:], form) {
				return nil, fmt.Errorf("%q is no plural form; quote a key that has a dot in it", form)
			}
			m[form] = s
		}
		if m["other"] == "" {
			return nil, fmt.Errorf("the form \"other\" is missing")
		}
		return m, nil
	}
	return nil, fmt.Errorf("neither a text nor plural forms")
}

// Languages lists the catalogue's languages, the fallback first.
func (c *Catalogue) Languages() []string {
	var ls []string
	for l := range c.byLang {
		if l != Fallback {
			ls = append(ls, l)
		}
	}
	sort.Strings(ls)
	return append([]string{Fallback}, ls...)
}

// Choose is the language of the catalogue that fits best the first of those asked for that says anything; the fallback when none does.
func (c *Catalogue) Choose(asked ...string) string {
	for _, l := range asked {
		if l != "" {
			return Match(c.Languages(), l)
		}
	}
	return Fallback
}

// Keys lists a language's own keys in order.
func (c *Catalogue) Keys(lang string) []string {
	var ks []string
	for k := range c.byLang[lang] {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return ks
}

// Message is a key's message in a language, without fallback.
func (c *Catalogue) Message(lang, key string) (Message, bool) {
	m, ok := c.byLang[lang][key]
	return m, ok
}

func (c *Catalogue) find(lang, key string) (Message, string, bool) {
	for _, l := range [...]string{lang, base(lang), Fallback} {
		if m, ok := c.byLang[l][key]; ok {
			return m, l, true
		}
	}
	return nil, "", false
}

func base(lang string) string {
	l, _, _ := strings.Cut(lang, "-")
	return l
}

var forms = [...]string{plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two",
	plural.Few: "few", plural.Many: "many"}

func (m Message) form(tag language.Tag, args []any) string {
	if len(m) == 1 {
		return m["other"]
	}
	for _, a := range args {
		if n, ok := integer(a); ok {
			if n < 0 {
				n = -n
			}
			// MatchPlural takes an int of any size, but only the last six digits decide.
			f := forms[plural.Cardinal.MatchPlural(tag, int(n%1_000_000), 0, 0, 0, 0)]
			if s, ok := m[f]; ok {
				return s
			}
			break
		}
	}
	return m["other"]
}

// fill replaces {0}, {1} … by the arguments; a number beyond them stays as it stands.
func fill(s string, args []string) string {
	if len(args) == 0 || !strings.Contains(s, "{") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			break
		}
		n, err := strconv.Atoi(s[i+1 : i+j])
		b.WriteString(s[:i])
		if err == nil && n >= 0 && n < len(args) {
			b.WriteString(args[n])
		} else {
			b.WriteString(s[i : i+j+1])
		}
		s = s[i+j+1:]
	}
	b.WriteString(s)
	return b.String()
}

// Match is the best of the offered languages for an Accept-Language header; the first offered when none fits. A language in
// another script than the one asked for is better than another language.
func Match(offered []string, accept string) string {
	want, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return offered[0]
	}
	for _, w := range want {
		b, _ := w.Base()
		same := ""
		for _, o := range offered {
			tag := language.Make(o)
			if ob, _ := tag.Base(); ob != b {
				continue
			}
			ws, _ := w.Script()
			if os, _ := tag.Script(); ws == os {
				return o
			}
			if same == "" {
				same = o
			}
		}
		if same != "" {
			return same
		}
	}
	return offered[0]
}
