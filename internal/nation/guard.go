package nation

import (
	"regexp"
	"slices"
	"time"

	"github.com/BurntSushi/toml"
)

// TwoPerson says which acts need two people, by the permission they ask for. Without the table it is DefaultTwoPerson.
type TwoPerson struct {
	Acts []string `toml:"acts"`
	// Emergency lets one duty officer do alone what needs two, with a reason that another one reviews within Review.
	Emergency bool     `toml:"emergency"`
	Review    Duration `toml:"review"`
}

// Disclosure is what the nation sets of the gate.
type Disclosure struct {
	// SmallCell is the threshold of aggregates that leave: a count above 0 and below it is not shown.
	SmallCell int64 `toml:"small_cell"`
}

const (
	defaultReview    = 24 * time.Hour
	defaultSmallCell = 5
	maxReview        = 30 * 24 * time.Hour
)

// DefaultTwoPerson is the table of a nation that sets none: recovering an administrator and overriding the gate need two.
func DefaultTwoPerson() TwoPerson {
	return TwoPerson{Acts: []string{"identity.recover", "disclosure.override"}, Emergency: true, Review: Duration(defaultReview)}
}

// NeedsTwo tells whether an act needs two people in this nation.
func (p *Profile) NeedsTwo(act string) bool { return slices.Contains(p.TwoPerson.Acts, act) }

var actName = regexp.MustCompile(`^[a-z][a-z-]*\.[a-z][a-z-]*$`)

// guard fills in and checks the tables that were left out.
func (c *checker) guard(p *Profile, md toml.MetaData) {
	if d := DefaultTwoPerson(); !md.IsDefined("two_person") {
		p.TwoPerson = d
	} else {
		if !md.IsDefined("two_person", "acts") {
			p.TwoPerson.Acts = d.Acts
		}
		if !md.IsDefined("two_person", "emergency") {
			p.TwoPerson.Emergency = d.Emergency
		}
		if !md.IsDefined("two_person", "review") {
			p.TwoPerson.Review = d.Review
		}
	}
	for _, a := range p.TwoPerson.Acts {
		if !actName.MatchString(a) {
			c.add("two_person.acts", "%q is no act: write the permission it asks for, like \"disclosure.override\"", a)
		}
	}
	if r := time.Duration(p.TwoPerson.Review); r < time.Hour || r > maxReview {
		c.add("two_person.review", "a review is due within 1h to 720h")
	}
	if !md.IsDefined("disclosure", "small_cell") {
		p.Disclosure.SmallCell = defaultSmallCell
	}
	if n := p.Disclosure.SmallCell; n < 2 || n > 1000 {
		c.add("disclosure.small_cell", "%d: the smallest count that may be shown is from 2 to 1000", n)
	}
}
