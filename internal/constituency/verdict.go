package constituency

import "net/netip"

// Rule is one step of the precedence by which an event finds its owner; a smaller number beats a larger one.
type Rule int

// The precedence, feeds.md rule 6. For a subject that is a name, DomainSuffix goes before all others.
const (
	ExactAddress    Rule = iota + 1
	ManualPrefix         // the longest
	AutomaticPrefix      // the longest
	DomainSuffix         // the longest
	ManualASN
	AutomaticASN
	CountryFallback // the nation's own address space; nobody in particular
	NoRule          // nothing matched
)

var rules = [...]string{"", "exact-address", "manual-prefix", "automatic-prefix", "domain-suffix", "manual-asn",
	"automatic-asn", "country-fallback", "none"}

// String is the rule's name as it stands in explanations: "manual-prefix".
func (r Rule) String() string { return rules[r] }

// MarshalText writes the rule's name.
func (r Rule) MarshalText() ([]byte, error) { return []byte(rules[r]), nil }

// UnmarshalText reads the rule's name; an unknown one is NoRule.
func (r *Rule) UnmarshalText(b []byte) error {
	*r = NoRule
	for i, n := range rules {
		if i > 0 && n == string(b) {
			*r = Rule(i)
		}
	}
	return nil
}

// Query asks who owns what an event is about.
type Query struct {
	IP        netip.Addr // unmapped; may be invalid
	ASN       uint32     // 0 when unknown
	Names     [2]string  // domain names or hosts of URLs, "" for none; never reverse DNS
	NameFirst bool       // the subject is the name, not the address
	At        int64      // the time of the event, UTC microseconds
}

// Candidate is an object of the registry that matched.
type Candidate struct {
	Constituent int64  `json:"constituent"` // 0 for the country fallback
	Ref         string `json:"ref,omitempty"`
	Name        string `json:"name,omitempty"`
	Asset       int64  `json:"asset,omitempty"`
	Rule        Rule   `json:"rule"`
	Matched     string `json:"matched"` // the asset's value: "203.0.113.0/24", "AS64500", "hospital.example"
	Source      string `json:"source"`  // manual, automatic
	AlsoNotify  bool   `json:"also_notify,omitempty"`
	Why         string `json:"why,omitempty"` // for a loser: the reason it lost, as a catalogue key
}

// Verdict is the answer and its explanation. It is immutable and shared between all queries with the same answer.
type Verdict struct {
	Owner  int64       `json:"owner"`  // 0: nobody
	Winner Candidate   `json:"winner"` // Rule is NoRule when nothing matched
	Ties   []Candidate `json:"ties,omitempty"`
	Lost   []Candidate `json:"lost,omitempty"`
	Copies []int64     `json:"copies,omitempty"` // constituents that get a copy: also_notify, delegated CERTs, the hoster
	Digest [16]byte    `json:"-"`                // of the JSON: equal answers have equal digests
}
