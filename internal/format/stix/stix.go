// Package stix writes an incident as a bundle of STIX 2.1 (OASIS Standard, 10 June 2021): the incident, who made it and who is
// affected, indicators, vulnerabilities, observations and notes, each marked with its TLP 2.0 label. It takes plain structs and
// returns JSON; what is said of the incident is the caller's, and that it may leave is the gate's. It reads nothing.
package stix

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/format/indicator"
	"tocsin/internal/format/tlp"
)

// Incident is what a bundle tells. Without a label of its own a part bears the incident's.
type Incident struct {
	// Namespace says whose keys the keys are, as an absolute URI ("https://cert.example"). The same key in the same namespace
	// has the same identifier in every bundle.
	Namespace   string
	Key         string
	Name        string
	Description string
	Language    string // RFC 5646, of the texts; "" for none
	Labels      []string
	Created     time.Time
	Modified    time.Time
	Marking     tlp.Label
	References  []Reference
	Producer    Organisation
	Affected    []Organisation
	Indicators  []Indicator
	Observed    []Observation
	Notes       []Note
}

// Reference points at something outside of STIX (section 2.5). It needs a description, a URL or an id beside its source.
type Reference struct {
	Source, Description, URL, ID string
}

// Organisation is an identity of the class organization (section 4.5).
type Organisation struct {
	Key     string
	Name    string
	Contact string
	Sectors []string // of industry-sector-ov, section 10
	Created time.Time
	Marking tlp.Label
}

// Indicator becomes an indicator with a pattern (section 4.7), or a vulnerability (section 4.19) when it is a CVE id.
type Indicator struct {
	Type        indicator.Type
	Value       string
	Kind        string // of indicator-type-ov, section 10; "" for unknown
	Description string
	From, Until time.Time // valid; Until is zero when it is open
	Marking     tlp.Label
}

// Observation is that something was seen, with the object itself (sections 4.14 and 6). Networks, URLs, names, addresses, hashes and
// AS numbers can be observed; a CVE id cannot.
type Observation struct {
	Type        indicator.Type
	Value       string
	First, Last time.Time
	Count       int
	Marking     tlp.Label
}

// Note is a text about the incident (section 4.13).
type Note struct {
	Key      string
	Abstract string
	Content  string
	Authors  []string
	At       time.Time
	Marking  tlp.Label
}

// indicatorKinds is indicator-type-ov.
var indicatorKinds = []string{"anomalous-activity", "anonymization", "benign", "compromised", "malicious-activity", "attribution", "unknown"}

// sectors is industry-sector-ov.
var sectors = []string{"agriculture", "aerospace", "automotive", "chemical", "commercial", "communications", "construction", "defense",
	"education", "energy", "entertainment", "financial-services", "government", "emergency-services", "government-local",
	"government-national", "government-public-services", "government-regional", "healthcare", "hospitality-leisure", "infrastructure",
	"dams", "nuclear", "water", "insurance", "manufacturing", "mining", "non-profit", "pharmaceuticals", "retail", "technology",
	"telecommunications", "transportation", "utilities"}

// maxParts bounds each list of an incident: what is larger is no longer read by people, and is shared as a feed.
const maxParts = 10_000

// maxCount is the most that number_observed may be.
const maxCount = 999_999_999

// valid says what is missing or wrong, all of it.
func (in *Incident) valid() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !strings.Contains(in.Namespace, ":") {
		add("the namespace %q is no URI", in.Namespace)
	}
	if in.Key == "" || strings.TrimSpace(in.Name) == "" {
		add("an incident needs a key and a name")
	}
	if in.Created.IsZero() || in.Modified.Before(in.Created) {
		add("incident %s: modified at %s, before it was created at %s", in.Key, stamp(in.Modified), stamp(in.Created))
	}
	if in.Marking == tlp.None {
		add("incident %s bears no TLP label", in.Key)
	}
	for _, n := range []int{len(in.Affected), len(in.Indicators), len(in.Observed), len(in.Notes), len(in.References)} {
		if n > maxParts {
			return fmt.Errorf("incident %s: %d parts of one kind; at most %d", in.Key, n, maxParts)
		}
	}
	for _, r := range in.References {
		if r.Source == "" || r.Description+r.URL+r.ID == "" {
			add("a reference needs a source and a description, URL or id")
		}
	}
	for _, o := range append([]Organisation{in.Producer}, in.Affected...) {
		if o.Key == "" || strings.TrimSpace(o.Name) == "" || o.Created.IsZero() {
			add("organisation %q needs a key, a name and the time of its making", o.Key)
		}
		for _, s := range o.Sectors {
			if !slices.Contains(sectors, s) {
				add("organisation %q: %q is no sector of STIX", o.Key, s)
			}
		}
	}
	for _, i := range in.Indicators {
		if _, err := pattern(i.Type, i.Value); err != nil && i.Type != indicator.CVE {
			errs = append(errs, err)
		}
		if i.Kind != "" && !slices.Contains(indicatorKinds, i.Kind) {
			add("indicator %s: %q is no kind of STIX", i.Value, i.Kind)
		}
		if i.From.IsZero() || !i.Until.IsZero() && !i.Until.After(i.From) {
			add("indicator %s needs a time from which it is valid, and to end after it", i.Value)
		}
	}
	for _, o := range in.Observed {
		if _, err := observable(o.Type, o.Value); err != nil {
			errs = append(errs, err)
		}
		if o.First.IsZero() || o.Last.Before(o.First) || o.Count < 1 || o.Count > maxCount {
			add("observation of %s: %d times from %s until %s", o.Value, o.Count, stamp(o.First), stamp(o.Last))
		}
	}
	for _, n := range in.Notes {
		if n.Key == "" || n.Content == "" || n.At.IsZero() {
			add("note %q needs a key, a text and a time", n.Key)
		}
	}
	return errors.Join(errs...)
}

// stamp writes a timestamp with milliseconds in UTC (section 3.2 of the specification, RFC 3339).
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
