// Package sitrep has the situation reports: each is drafted from what happened in a period, edited and approved by people, and sent to
// those it is for. What was approved stays as it is; a correction is another edition. It counts nothing that a list does not show, and
// decides about nothing that it tells of.
package sitrep

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event/feed"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/text"
	"tocsin/internal/situation"
)

//go:embed locale
var locales embed.FS

// Config is what a desk stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's
	Situation    *situation.Situation
	Feeds        *feed.Store
	Deadlines    *deadline.Desk
	Constituency *constituency.Store
	Nation       *nation.Store
	Identity     *identity.Store
	Gate         *disclosure.Gate
	Outbox       *notify.Outbox
}

// Desk is where situation reports are written. It is safe for concurrent use.
type Desk struct {
	Config
	words *text.Catalogue
}

// New returns the desk of a world.
func New(c Config) (*Desk, error) {
	words, err := text.Load(locales)
	if err != nil {
		return nil, fmt.Errorf("read the words of situation reports: %w", err)
	}
	d := &Desk{c, words}
	for _, kind := range []string{KindReport, KindWithdrawn} {
		c.Outbox.Compose(kind, notify.Single(d.Compose))
		c.Outbox.Review(kind, d.review)
	}
	return d, nil
}

// State is how far a situation report is.
type State string

// The states.
const (
	Draft     State = "draft"
	Approved  State = "approved"
	Replaced  State = "replaced"  // a later edition was approved
	Withdrawn State = "withdrawn" // or given up before it was approved
)

// States lists the states in the order of a report's life.
func States() []State { return []State{Draft, Approved, Replaced, Withdrawn} }

// Section is a part of a report that is drafted from figures.
type Section string

// The sections.
const (
	Findings Section = "findings"
	Reports  Section = "reports"
	Cases    Section = "cases"
	Clocks   Section = "clocks"
	Letters  Section = "letters"
	Affected Section = "affected"
)

// Sections lists the sections in their order.
func Sections() []Section { return []Section{Findings, Reports, Cases, Clocks, Letters, Affected} }

// Inside tells whether a section is about the CERT's own work: it stands in no report that may leave the CERT.
func (s Section) Inside() bool { return s == Letters || s == Affected }

// Words are a section's in one language.
type Words struct {
	Text    string `json:"text"`            // as it stands in the report
	Drafted string `json:"drafted"`         // what the figures say
	Edited  bool   `json:"edited"`          // a person wrote Text
	Basis   string `json:"basis,omitempty"` // what the figures said when they did
}

// Changed tells whether the figures changed since a person wrote the text.
func (w Words) Changed() bool { return w.Edited && w.Basis != w.Drafted }

// Body is what a report says.
type Body struct {
	Languages []string                     `json:"languages"` // the nation's own first
	Figures   Figures                      `json:"figures"`
	Judgement map[string]string            `json:"judgement"` // by language: what it means and what to do
	Texts     map[string]map[Section]Words `json:"texts"`     // by language
}

// Sitrep is one edition of a situation report.
type Sitrep struct {
	Body
	ID          int64
	Year        int
	Serial      int
	Edition     int
	Replaces    int64 // the edition that it corrects; 0: none
	Since       int64 // UTC microseconds, as all times here
	Until       int64
	Label       tlp.Label
	State       State
	SHA256      string // of Record, once it is approved
	Version     int64
	Drafted     int64
	DraftedBy   string
	Edited      int64 // 0: by nobody
	EditedBy    string
	Approved    int64
	ApprovedBy  string
	Withdrawn   int64
	WithdrawnBy string
	Withdrawal  string // why it was withdrawn
	Reason      string // why it corrects

	editor string
}

// Number is what people call it: "SR-2026-014", and of a correction "SR-2026-014/2".
func (s *Sitrep) Number() string {
	n := fmt.Sprintf("SR-%d-%03d", s.Year, s.Serial)
	if s.Edition > 1 {
		n += fmt.Sprintf("/%d", s.Edition)
	}
	return n
}

// Ticket is what its letters bear in the subject.
func (s *Sitrep) Ticket() string { return strings.ReplaceAll(s.Number(), "/", "-") }

// Object names it for the audit log and the ledger.
func (s *Sitrep) Object() disclosure.Ref { return disclosure.Ref(fmt.Sprintf("sitrep:%d", s.ID)) }

// Marking is how far it may travel: whom it is about nobody owns.
func (s *Sitrep) Marking() disclosure.Marking { return disclosure.Marking{Label: s.Label} }

// Shown lists the sections that stand in a report of its marking.
func (s *Sitrep) Shown() []Section {
	return slices.DeleteFunc(Sections(), func(x Section) bool { return x.Inside() && s.Label < tlp.Amber })
}

// Changed tells whether figures changed since a person wrote about them.
func (s *Sitrep) Changed() bool {
	for _, lang := range s.Languages {
		for _, x := range s.Shown() {
			if s.Texts[lang][x].Changed() {
				return true
			}
		}
	}
	return false
}

// Speaks is the language of the report that is nearest to one.
func (s *Sitrep) Speaks(language string) string {
	if language == "" && len(s.Languages) > 0 {
		return s.Languages[0]
	}
	return text.Match(s.Languages, language)
}

// Record is what is approved, byte for byte: its hash proves that nothing of it was changed.
func (s *Sitrep) Record() ([]byte, error) {
	return json.Marshal(struct {
		Number     string    `json:"number"`
		Since      int64     `json:"since"`
		Until      int64     `json:"until"`
		TLP        tlp.Label `json:"tlp"`
		Reason     string    `json:"reason,omitempty"` // of the correction
		Approved   int64     `json:"approved"`
		ApprovedBy string    `json:"approved_by"`
		Body
	}{s.Number(), s.Since, s.Until, s.Label, s.Reason, s.Approved, s.ApprovedBy, s.Body})
}
