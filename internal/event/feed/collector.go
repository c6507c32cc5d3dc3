package feed

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Kind is how a feed's files come.
type Kind string

// The kinds.
const (
	None   Kind = "none"   // by hand: upload or command line
	API    Kind = "api"    // Shadowserver's reports API
	URL    Kind = "url"    // any address on the web, on a schedule
	Folder Kind = "folder" // a folder that others put files in
)

// Kinds are all kinds.
func Kinds() []Kind { return []Kind{None, API, URL, Folder} }

// Collector says how a feed's files come. Only the part of its kind is set.
type Collector struct {
	Kind   Kind          `json:"kind"`
	API    *APISource    `json:"api,omitempty"`
	URL    *URLSource    `json:"url,omitempty"`
	Folder *FolderSource `json:"folder,omitempty"`
}

// Secret says where a secret is kept, never what it is: exactly one of its fields is set.
type Secret struct {
	File string `json:"file,omitempty"` // absolute path; its first line is the secret
	Env  string `json:"env,omitempty"`  // name of an environment variable that begins with TOCSIN_SECRET_
}

// APISource is an account at Shadowserver's reports API.
type APISource struct {
	Base      string   `json:"base,omitempty"`      // "" is Shadowserver's
	Downloads string   `json:"downloads,omitempty"` // files by GET of this and their id; "" is Shadowserver's; "api" asks reports/download
	Key       Secret   `json:"key"`
	Secret    Secret   `json:"secret"`
	Reports   []string `json:"reports,omitempty"` // subscriptions; empty: all
	Days      int      `json:"days,omitempty"`    // how many past days are listed each time; 0 is 3
	Schedule  Schedule `json:"schedule"`
}

// BaseURL is Base with its default, ending in a slash.
func (a APISource) BaseURL() string { return withSlash(a.Base, shadowserverAPI) }

// DownloadURL is Downloads with its default, ending in a slash; "" asks reports/download.
func (a APISource) DownloadURL() string {
	if a.Downloads == "api" {
		return ""
	}
	return withSlash(a.Downloads, shadowserverGet)
}

// Lookback is Days with its default.
func (a APISource) Lookback() int {
	if a.Days == 0 {
		return 3
	}
	return a.Days
}

func withSlash(s, without string) string {
	if s == "" {
		return without
	}
	return strings.TrimSuffix(s, "/") + "/"
}

// URLSource is one address that always has the latest file.
type URLSource struct {
	URL     string            `json:"url"`
	Headers map[string]Secret `json:"headers,omitempty"` // name → where its value is kept
	// Pattern finds the report day in the name of the file or, with {date} in Name, makes the name from the day it was
	// fetched: a regular expression with the groups year, month and day.
	Pattern string `json:"pattern,omitempty"`
	// Name is what the file is called for the reader; {date} is the report day. "": the name the server gives.
	Name     string   `json:"name,omitempty"`
	Schedule Schedule `json:"schedule"`
}

// FolderSource is a folder that is looked at on a schedule. A file is taken when it has not changed between two looks.
type FolderSource struct {
	Path     string   `json:"path"`
	Done     string   `json:"done,omitempty"`   // where files go that were taken in; "": they stay and are remembered
	Failed   string   `json:"failed,omitempty"` // where files go that could not be taken in
	Schedule Schedule `json:"schedule"`
}

// Schedule is when the collector is due.
func (c Collector) Schedule() Schedule {
	switch {
	case c.Kind == API && c.API != nil:
		return c.API.Schedule
	case c.Kind == URL && c.URL != nil:
		return c.URL.Schedule
	case c.Kind == Folder && c.Folder != nil:
		return c.Folder.Schedule
	}
	return Schedule{}
}

var envPattern = regexp.MustCompile(`^TOCSIN_SECRET_[A-Z0-9_]+$`)
var headerPattern = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)

func (s Secret) validate(field string, add adder) {
	switch {
	case s.File == "" && s.Env == "":
		add(field, "say where it is kept: the path of a file or the name of an environment variable")
	case s.File != "" && s.Env != "":
		add(field, "name a file or an environment variable, not both")
	case s.File != "" && !filepath.IsAbs(s.File):
		add(field+".file", "%q is no absolute path: name the file from the root", s.File)
	case s.Env != "" && !envPattern.MatchString(s.Env):
		add(field+".env", "%q cannot be used: the variable's name begins with TOCSIN_SECRET_ and has capitals, digits and underscores", s.Env)
	}
}

func (c Collector) validate(add adder) {
	for _, part := range []struct {
		kind Kind
		set  bool
	}{{API, c.API != nil}, {URL, c.URL != nil}, {Folder, c.Folder != nil}} {
		if part.set && part.kind != c.Kind {
			add("collector."+string(part.kind), "does not belong to a collector of kind %q: remove it", c.Kind)
		}
		if !part.set && part.kind == c.Kind {
			add("collector."+string(part.kind), "is missing: a collector of kind %q needs it", c.Kind)
			return
		}
	}
	switch c.Kind {
	case None:
	case API:
		c.API.validate(add)
	case URL:
		c.URL.validate(add)
	case Folder:
		c.Folder.validate(add)
	default:
		add("collector.kind", "%q is no kind of collector: use none, api, url or folder", c.Kind)
	}
}

func (a *APISource) validate(add adder) {
	if a.Base != "" && !httpURL(a.Base) {
		add("collector.api.base", "%q is no web address: use https://host/path/", a.Base)
	}
	if a.Downloads != "" && a.Downloads != "api" && !httpURL(a.Downloads) {
		add("collector.api.downloads", "%q is no web address: use https://host/path/, or api to ask reports/download", a.Downloads)
	}
	a.Key.validate("collector.api.key", add)
	a.Secret.validate("collector.api.secret", add)
	for _, r := range a.Reports {
		if strings.TrimSpace(r) == "" {
			add("collector.api.reports", "a subscription without a name: remove it")
		}
	}
	if a.Days < 0 || a.Days > maxCollectDays {
		add("collector.api.days", "%d is out of range: list 1 to %d past days", a.Days, maxCollectDays)
	}
	a.Schedule.required("collector.api.schedule", add)
}

func (u *URLSource) validate(add adder) {
	if !httpURL(u.URL) {
		add("collector.url.url", "%q is no web address: use https://host/path, with secrets in headers", u.URL)
	}
	for name, s := range u.Headers {
		if !headerPattern.MatchString(name) {
			add("collector.url.headers", "%q is no header's name", name)
		}
		s.validate("collector.url.headers."+name, add)
	}
	if u.Pattern != "" {
		re, err := regexp.Compile(u.Pattern)
		switch {
		case err != nil:
			add("collector.url.pattern", "is no regular expression: %v", err)
		case re.SubexpIndex("year") < 0 || re.SubexpIndex("month") < 0 || re.SubexpIndex("day") < 0:
			add("collector.url.pattern", "needs the groups (?P<year>…), (?P<month>…) and (?P<day>…)")
		}
	}
	if strings.ContainsAny(u.Name, `/\`) {
		add("collector.url.name", "%q is no file name: it has no slashes", u.Name)
	}
	u.Schedule.required("collector.url.schedule", add)
}

func (f *FolderSource) validate(add adder) {
	for _, p := range []struct{ field, path string }{{"path", f.Path}, {"done", f.Done}, {"failed", f.Failed}} {
		switch {
		case p.path == "" && p.field == "path":
			add("collector.folder.path", "name the folder to look at")
		case p.path != "" && !filepath.IsAbs(p.path):
			add("collector.folder."+p.field, "%q is no absolute path: name the folder from the root", p.path)
		case p.field != "path" && p.path != "" && filepath.Clean(p.path) == filepath.Clean(f.Path):
			add("collector.folder."+p.field, "is the watched folder itself: name another one")
		}
	}
	f.Schedule.required("collector.folder.schedule", add)
}
