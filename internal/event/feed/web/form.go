package web

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// Form is what can be changed of a feed, as a form has it. A field is called as a problem of the record names it.
type Form struct {
	Title    string `form:"title" max:"200"`
	Marking  string `form:"marking" max:"32"`
	Audience string `form:"audience" max:"32"`
	Enabled  bool   `form:"enabled"`

	UsualTypes string `form:"settings.usual_types" max:"65536"` // one a line
	Delta      string `form:"settings.delta_weekday" max:"16"`
	Mapping    string `form:"settings.mapping"`
	Share      int64  `form:"share" min:"1" max:"100" default:"80"` // percent

	Kind     string `form:"collector.kind" max:"16"`
	Schedule string `form:"schedule" max:"64"`

	Base       string `form:"collector.api.base"`
	Downloads  string `form:"collector.api.downloads"`
	KeyFile    string `form:"collector.api.key.file"`
	KeyEnv     string `form:"collector.api.key.env"`
	SecretFile string `form:"collector.api.secret.file"`
	SecretEnv  string `form:"collector.api.secret.env"`
	Reports    string `form:"collector.api.reports"`
	Days       int    `form:"collector.api.days" min:"1" max:"90" default:"3"`

	Address  string `form:"collector.url.url"`
	Headers  string `form:"collector.url.headers"` // one a line: "Name: file:/path" or "Name: env:TOCSIN_SECRET_X"
	Pattern  string `form:"collector.url.pattern"`
	FileName string `form:"collector.url.name"`

	Path   string `form:"collector.folder.path"`
	Done   string `form:"collector.folder.done"`
	Failed string `form:"collector.folder.failed"`
}

type choices struct {
	Fresh                                         bool // a feed to be made: its name and format can be chosen
	Formats, Markings, Audiences, Weekdays, Kinds []web.Option
}

func choicesFor(v web.Visitor) choices {
	var c choices
	for _, f := range feed.Formats() {
		c.Formats = append(c.Formats, web.Option{Value: f, Label: v.T("feed.format." + f)})
	}
	for _, m := range feed.Markings() {
		c.Markings = append(c.Markings, web.Option{Value: m, Label: "TLP:" + m})
	}
	for _, a := range feed.Audiences() {
		c.Audiences = append(c.Audiences, web.Option{Value: string(a), Label: v.T("feed.audience." + string(a))})
	}
	c.Weekdays = []web.Option{{Label: v.T("feed.weekday.none")}}
	for _, d := range feed.Weekdays() {
		c.Weekdays = append(c.Weekdays, web.Option{Value: d, Label: v.T("feed.weekday." + d)})
	}
	for _, k := range feed.Kinds() {
		c.Kinds = append(c.Kinds, web.Option{Value: string(k), Label: v.T("feed.kind." + string(k))})
	}
	return c
}

// formOf writes a feed as a form.
func formOf(f feed.Feed) Form {
	s := f.Settings
	form := Form{Title: f.Title, Marking: f.Marking, Audience: string(f.Audience), Enabled: f.Enabled,
		UsualTypes: strings.Join(s.UsualTypes, "\n"), Delta: s.DeltaWeekday, Mapping: s.Mapping, Share: int64(s.Share()*100 + 0.5),
		Kind: string(f.Collector.Kind), Schedule: f.Collector.Schedule().String(), Days: 3}
	if a := f.Collector.API; a != nil {
		form.Base, form.Downloads, form.Days = a.Base, a.Downloads, a.Lookback()
		form.KeyFile, form.KeyEnv, form.SecretFile, form.SecretEnv = a.Key.File, a.Key.Env, a.Secret.File, a.Secret.Env
		form.Reports = strings.Join(a.Reports, ", ")
	}
	if u := f.Collector.URL; u != nil {
		form.Address, form.Pattern, form.FileName = u.URL, u.Pattern, u.Name
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(u.Headers)) {
			if s := u.Headers[name]; s.File != "" {
				lines = append(lines, name+": file:"+s.File)
			} else {
				lines = append(lines, name+": env:"+s.Env)
			}
		}
		form.Headers = strings.Join(lines, "\n")
	}
	if d := f.Collector.Folder; d != nil {
		form.Path, form.Done, form.Failed = d.Path, d.Done, d.Failed
	}
	return form
}

// record puts what was entered into a feed. The parts of a collector that was not chosen are dropped.
func (in Form) record(f feed.Feed) (feed.Feed, error) {
	f.Title, f.Marking, f.Audience, f.Enabled = in.Title, in.Marking, feed.Audience(in.Audience), in.Enabled
	f.Settings = feed.Settings{UsualTypes: split(in.UsualTypes), DeltaWeekday: in.Delta, Mapping: in.Mapping, CompleteShare: float64(in.Share) / 100}
	schedule, err := feed.ParseSchedule(in.Schedule)
	if err != nil {
		return f, fault.Problems{{Field: "schedule", Message: err.Error()}}
	}
	f.Collector = feed.Collector{Kind: feed.Kind(in.Kind)}
	switch f.Collector.Kind {
	case feed.API:
		f.Collector.API = &feed.APISource{Base: in.Base, Downloads: in.Downloads, Key: feed.Secret{File: in.KeyFile, Env: in.KeyEnv},
			Secret: feed.Secret{File: in.SecretFile, Env: in.SecretEnv}, Reports: split(in.Reports), Days: in.Days, Schedule: schedule}
	case feed.URL:
		headers, err := headersOf(in.Headers)
		if err != nil {
			return f, err
		}
		f.Collector.URL = &feed.URLSource{URL: in.Address, Headers: headers, Pattern: in.Pattern, Name: in.FileName, Schedule: schedule}
	case feed.Folder:
		f.Collector.Folder = &feed.FolderSource{Path: in.Path, Done: in.Done, Failed: in.Failed, Schedule: schedule}
	}
	return f, nil
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}

func headersOf(text string) (map[string]feed.Secret, error) {
	headers := map[string]feed.Secret{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, place, _ := strings.Cut(line, ":")
		kind, at, ok := strings.Cut(strings.TrimSpace(place), ":")
		switch {
		case ok && kind == "file":
			headers[strings.TrimSpace(name)] = feed.Secret{File: at}
		case ok && kind == "env":
			headers[strings.TrimSpace(name)] = feed.Secret{Env: at}
		default:
			return nil, fault.Problems{{Field: "collector.url.headers", Message: "write each header as \"Name: file:/path\" or \"Name: env:TOCSIN_SECRET_NAME\", never its value"}}
		}
	}
	return headers, nil
}

// byField moves problems to the inputs that the form has for them.
func byField(err error) error {
	var ps fault.Problems
	if !errors.As(err, &ps) {
		return err
	}
	out := slices.Clone(ps)
	for i, p := range out {
		switch {
		case strings.HasSuffix(p.Field, ".schedule"):
			out[i].Field = "schedule"
		case p.Field == "collector.api.key", p.Field == "collector.api.secret":
			out[i].Field += ".file"
		case strings.HasPrefix(p.Field, "collector.url.headers."):
			out[i].Field = "collector.url.headers"
		case p.Field == "settings.complete_share":
			out[i].Field = "share"
		}
	}
	return out
}
