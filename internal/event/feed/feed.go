// Package feed keeps what Tocsin knows of the feeds that tell it things: how each is read, how its files come, what may be
// done with what it says, and which of its days are complete. It reads no file: the formats below it and event do, and
// collect brings the files.
package feed

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/fault"
)

// Feed is one source of files.
type Feed struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`   // stable; report types are keyed by it
	Format    string    `json:"format"` // one of Formats
	Title     string    `json:"title"`
	Marking   string    `json:"marking"` // TLP label of its rows, which carry none
	Audience  Audience  `json:"audience"`
	Collector Collector `json:"collector"`
	Settings  Settings  `json:"settings"`
	Enabled   bool      `json:"enabled"` // a disabled feed is not collected; files given by hand are still taken in
}

// Audience is who may be told what a feed says, besides the nation's own staff.
type Audience string

// The audiences.
const (
	Owner           Audience = "owner"
	OwnerAndCopies  Audience = "owner+also-notify"
	StaffOnly       Audience = "staff"
	defaultShare             = 0.8
	maxName                  = 64
	maxTitle                 = 200
	maxUsualTypes            = 2000
	maxListedTypes           = 2000
	maxCollectDays           = 90
	shadowserverAPI          = "https://transform.shadowserver.org/api2/"
	shadowserverGet          = "https://dl.shadowserver.org/"
)

// Formats are the formats a feed's files can have.
func Formats() []string { return []string{"shadowserver", "idf", "generic"} }

// Markings are the TLP 2.0 labels, the widest first.
func Markings() []string { return []string{"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"} }

// Audiences are all audiences, the widest first.
func Audiences() []Audience { return []Audience{OwnerAndCopies, Owner, StaffOnly} }

// Settings are what a person tells Tocsin about a feed's files.
type Settings struct {
	// UsualTypes are the report types expected every day; empty: Tocsin learns them.
	UsualTypes []string `json:"usual_types,omitempty"`
	// DeltaWeekday is the weekday of the full report when the subscription sends only what is new on the other days:
	// "monday" …; empty: every report is full.
	DeltaWeekday string `json:"delta_weekday,omitempty"`
	// Mapping is the file that tells the generic format what the columns mean.
	Mapping string `json:"mapping,omitempty"`
	// CompleteShare is the share of the usual types that makes a day complete, above 0 and at most 1.
	CompleteShare float64 `json:"complete_share,omitempty"`
}

// Share is CompleteShare with its default.
func (s Settings) Share() float64 {
	if s.CompleteShare <= 0 {
		return defaultShare
	}
	return s.CompleteShare
}

// Delta says whether the files of a report day hold only what is new. The day counts from 1970-01-01.
func (s Settings) Delta(day int64) bool {
	return s.DeltaWeekday != "" && !strings.EqualFold(s.DeltaWeekday, weekday(day).String())
}

// weekday is the weekday of a day counted from 1970-01-01, a Thursday.
func weekday(day int64) time.Weekday {
	return time.Weekday(((day+int64(time.Thursday))%7 + 7) % 7)
}

// Weekdays are the values of DeltaWeekday.
func Weekdays() []string {
	return []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
}

// Shadowserver is the feed that every world begins with: its format is built in and its owner needs only a key.
func Shadowserver() Feed {
	return Feed{
		Name: "shadowserver", Format: "shadowserver", Title: "Shadowserver", Marking: "AMBER", Audience: OwnerAndCopies,
		Collector: Collector{Kind: None}, Settings: Settings{CompleteShare: defaultShare}, Enabled: true,
	}
}

var (
	namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	typePattern = regexp.MustCompile(`^[A-Za-z0-9_.]+(-[A-Za-z0-9_.]+)*$`)
)

// Validate says everything that is wrong with f as fault.Problems, or nil.
func (f Feed) Validate() error {
	var ps fault.Problems
	add := func(field, format string, args ...any) {
		ps = append(ps, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if len(f.Name) > maxName || !namePattern.MatchString(f.Name) || f.Name == "new" {
		add("name", "%q is no feed name: use up to %d lower-case letters, digits and hyphens", f.Name, maxName)
	}
	if !slices.Contains(Formats(), f.Format) {
		add("format", "%q is no format: use one of %s", f.Format, strings.Join(Formats(), ", "))
	}
	if t := strings.TrimSpace(f.Title); t == "" || len(t) > maxTitle {
		add("title", "give the feed a title of at most %d bytes", maxTitle)
	}
	if !slices.Contains(Markings(), f.Marking) {
		add("marking", "%q is no TLP label: use one of %s", f.Marking, strings.Join(Markings(), ", "))
	}
	if !slices.Contains(Audiences(), f.Audience) {
		add("audience", "%q is no audience: use owner+also-notify, owner or staff", f.Audience)
	}
	f.Settings.validate(f.Format, add)
	f.Collector.validate(add)
	if len(ps) > 0 {
		return ps
	}
	return nil
}

type adder func(field, format string, args ...any)

func (s Settings) validate(format string, add adder) {
	if len(s.UsualTypes) > maxUsualTypes {
		add("settings.usual_types", "%d types are too many: name at most %d", len(s.UsualTypes), maxUsualTypes)
	}
	for _, t := range s.UsualTypes {
		if !typePattern.MatchString(t) {
			add("settings.usual_types", "%q is no report type: use its name as it stands in file names", t)
		}
	}
	if s.DeltaWeekday != "" && !slices.Contains(Weekdays(), s.DeltaWeekday) {
		add("settings.delta_weekday", "%q is no weekday: use monday to sunday, or nothing when every report is full", s.DeltaWeekday)
	}
	if s.CompleteShare < 0 || s.CompleteShare > 1 {
		add("settings.complete_share", "%g is out of range: use a share above 0 and at most 1", s.CompleteShare)
	}
	if s.Mapping != "" && !filepath.IsAbs(s.Mapping) {
		add("settings.mapping", "%q is no absolute path: name the mapping file from the root", s.Mapping)
	}
	if format == "generic" && s.Mapping == "" {
		add("settings.mapping", "the generic format needs a mapping file that says what the columns mean")
	}
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
