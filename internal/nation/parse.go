package nation

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"tocsin/internal/platform/fault"
)

// Parse reads a profile. What is wrong with it, an unknown key included, comes back as fault.Problems with file and line.
func Parse(file string, b []byte) (*Profile, error) {
	var p Profile
	md, err := toml.Decode(string(b), &p)
	if err != nil {
		return nil, syntax(file, b, err)
	}
	c := checker{file: file, lines: lines(b)}
	for _, k := range md.Undecoded() {
		c.add(k.String(), "unknown key; see the profiles that come with Tocsin")
	}
	c.profile(&p)
	c.guard(&p, md)
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b fault.Problem) int { return int(a.Line - b.Line) })
		return nil, c.problems
	}
	return &p, nil
}

func syntax(file string, b []byte, err error) error {
	p := fault.Problem{File: file, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		p.Line, p.Column, p.Field, p.Message = int64(pe.Position.Line), pe.Position.Col, pe.LastKey, pe.Message
		if p.Message == "" {
			p.Message = strings.TrimPrefix(pe.Error(), "toml: ")
		}
	}
	return fault.Problems{p}
}

// place is where a key stands: "regime.step.due" may stand in many lines, the nth use of a table being its nth element.
type place struct {
	key  string
	line int64
}

var (
	headerLine = regexp.MustCompile(`^\s*\[{1,2}\s*([A-Za-z"][^\]=]*?)\s*\]{1,2}\s*(#.*)?$`)
	keyLine    = regexp.MustCompile(`^\s*("[^"]*"|[A-Za-z0-9_.-]+)\s*=`)
)

// lines finds the line of every key and table header. It serves messages only, so it need not know all of TOML.
func lines(b []byte) []place {
	var out []place
	table := ""
	for i, l := range strings.Split(string(b), "\n") {
		if m := headerLine.FindStringSubmatch(l); m != nil {
			table = m[1]
			out = append(out, place{table, int64(i + 1)})
			continue
		}
		if m := keyLine.FindStringSubmatch(l); m != nil {
			key := strings.Trim(m[1], `"`)
			if table != "" {
				key = table + "." + key
			}
			out = append(out, place{key, int64(i + 1)})
		}
	}
	return out
}

type checker struct {
	file     string
	lines    []place
	problems fault.Problems
}

// add reports a problem with the first line that has the key, or the nearest table or key above it in the path.
func (c *checker) add(key, format string, args ...any) {
	c.addNth(key, 1, format, args...)
}

func (c *checker) addNth(key string, nth int, format string, args ...any) {
	p := fault.Problem{File: c.file, Field: key, Message: fmt.Sprintf(format, args...)}
	for path := key; path != "" && p.Line == 0; {
		n := 0
		for _, l := range c.lines {
			if l.key == path {
				if n++; n == nth || nth < 1 {
					p.Line = l.line
					break
				}
			}
		}
		i := strings.LastIndexByte(path, '.')
		path = path[:max(i, 0)]
	}
	c.problems = append(c.problems, p)
}

var (
	countryCode = regexp.MustCompile(`^[A-Z]{2}$`)
	language    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	identifier  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
)

func (c *checker) profile(p *Profile) {
	if strings.TrimSpace(p.Name) == "" {
		c.add("name", "the nation needs a name")
	}
	if !countryCode.MatchString(p.Code) {
		c.add("code", "%q is no ISO 3166 code of two capital letters", p.Code)
	}
	if loc, err := time.LoadLocation(p.TimeZone); err != nil || p.TimeZone == "" || p.TimeZone == "Local" {
		c.add("time_zone", "%q is no time zone; write one like \"Europe/Belgrade\"", p.TimeZone)
	} else {
		p.location = loc
	}
	if len(p.Languages) == 0 {
		c.add("languages", "name at least one language, the nation's own first")
	}
	for _, l := range p.Languages {
		if !language.MatchString(l) {
			c.add("languages", "%q is no language tag like \"sr\" or \"en\"", l)
		}
	}
	c.team(p.Team)
	c.ids("sector", p.Languages, len(p.Sectors), func(i int) Named { return p.Sectors[i] })
	c.severities(p)
	c.matrix(p)
	for id, names := range p.Designations {
		c.names("designation."+id, 1, p.Languages, names)
	}
	c.regimes(p)
	c.yearly(p)
	c.holidays(p)
}

func (c *checker) team(t Team) {
	if strings.TrimSpace(t.Name) == "" {
		c.add("team.name", "the team needs a name")
	}
	for _, m := range t.Mails {
		if a, err := mail.ParseAddress(m); err != nil || a.Address != m {
			c.add("team.mails", "%q is no mail address", m)
		}
	}
	if t.RFC2350 != "" {
		if u, err := url.Parse(t.RFC2350); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			c.add("team.rfc2350", "%q is no web address", t.RFC2350)
		}
	}
}

// ids checks a list of named things: well-formed ids, each once, with a name in the nation's first language.
func (c *checker) ids(key string, languages []string, n int, at func(int) Named) {
	seen := map[string]bool{}
	for i := range n {
		v := at(i)
		if !identifier.MatchString(v.ID) {
			c.addNth(key+".id", i+1, "%q is no id; write small letters, digits and hyphens", v.ID)
		} else if seen[v.ID] {
			c.addNth(key+".id", i+1, "%q is there twice", v.ID)
		}
		seen[v.ID] = true
		c.names(key+".name", i+1, languages, v.Names)
	}
}

func (c *checker) names(key string, nth int, languages []string, names Localized) {
	if len(languages) > 0 && strings.TrimSpace(names[languages[0]]) == "" {
		c.addNth(key, nth, "needs a name in %q, the nation's first language", languages[0])
	}
}

func (c *checker) severities(p *Profile) {
	c.ids("severity", p.Languages, len(p.Severities), func(i int) Named {
		return Named{p.Severities[i].ID, p.Severities[i].Names}
	})
	seen := map[int]bool{}
	for i, s := range p.Severities {
		if s.Level < 0 || s.Level > 5 || seen[s.Level] {
			c.addNth("severity.level", i+1, "level %d: each from 0 (unrated) to 5 (critical) may stand once", s.Level)
		}
		seen[s.Level] = true
	}
}
