package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type whyCmd struct {
	JSON    bool   `help:"Print the verdict as JSON."`
	At      string `help:"The moment asked about: YYYY-MM-DD or RFC 3339, UTC (default: now)." placeholder:"DATE"`
	Subject string `arg:"" help:"An address, an AS number (AS64500), a domain name or a URL."`
}

// Help is the command's long help.
func (whyCmd) Help() string {
	return `Answers as intake attributes: by the contacts and prefixes valid at the moment, an exact address before the longest prefix,
manual before automatic, then domain names, AS numbers and the nation's own address space.

Examples:
  tocsin why 203.0.113.7
  tocsin why --at 2026-06-30 2001:db8::1
  tocsin why --json www.hospital.example`
}

// answer is what why --json prints: the short answer first, then all of it.
type answer struct {
	Owner   *constituency.Party `json:"owner"` // null: nobody in particular
	Rule    constituency.Rule   `json:"rule"`
	Matched string              `json:"matched,omitempty"`
	*constituency.Answer
}

// Run answers who owns the subject.
func (c *whyCmd) Run(e *Env) error {
	if p, err := netip.ParsePrefix(c.Subject); err == nil {
		return fault.Invalidf("%s is a prefix, and its parts may have different owners: ask for one address, such as %s", p, p.Addr())
	}
	var at time.Time
	if c.At != "" {
		var err error
		if at, err = parseMoment(c.At); err != nil {
			return err
		}
	}
	return e.with(func(w *world.World) error {
		full, err := w.Constituency.Why(e.Ctx, c.Subject, at)
		if err != nil {
			return err
		}
		v := full.Verdict
		a := answer{Rule: v.Winner.Rule, Matched: v.Winner.Matched, Answer: full}
		if v.Owner != 0 {
			a.Owner = &constituency.Party{ID: v.Owner, Ref: v.Winner.Ref, Name: v.Winner.Name}
		}
		if c.JSON {
			return json.NewEncoder(e.Out).Encode(a)
		}
		a.print(e.Out)
		return nil
	})
}

func (a answer) print(w io.Writer) {
	v := a.Verdict
	switch {
	case a.Owner != nil:
		fmt.Fprintf(w, "%s is %s, by %s\n", a.Subject, named(v.Winner), claim(v.Winner))
	case v.Winner.Rule == constituency.CountryFallback:
		fmt.Fprintf(w, "%s is in the nation's address space (%s), and nobody in particular's\n", a.Subject, v.Winner.Matched)
	default:
		fmt.Fprintf(w, "%s is nobody's: nothing in the registry matches\n", a.Subject)
	}
	for _, c := range v.Ties {
		fmt.Fprintf(w, "  tie      %s has as good a claim, by %s: a conflict to settle\n", named(c), claim(c))
	}
	for _, c := range append(v.Lost[:len(v.Lost):len(v.Lost)], a.Invalid...) {
		fmt.Fprintf(w, "  lost     %s, by %s: %s\n", named(c), claim(c), reason(c.Why))
	}
	for _, p := range a.Copies {
		fmt.Fprintf(w, "  copy to  %s (%s)\n", p.Name, p.Ref)
	}
}

func named(c constituency.Candidate) string {
	if c.Constituent == 0 {
		return "the nation's address space"
	}
	return fmt.Sprintf("%s (%s)", c.Name, c.Ref)
}

func claim(c constituency.Candidate) string {
	return fmt.Sprintf("%s %s (%s)", c.Rule, c.Matched, c.Source)
}

// reason says in words why a candidate lost.
func reason(key string) string {
	switch key {
	case constituency.LostWeakerRule:
		return "a rule that comes first matched"
	case constituency.LostLessSpecific:
		return "the same rule matched something more exact"
	case constituency.LostAutomatic:
		return "a person's entry goes before a registry's"
	case constituency.LostNameFirst:
		return "the subject is a name; who hosts it gets a copy"
	case constituency.LostSameOwner:
		return "the owner has the same thing twice"
	case constituency.InvalidThen:
		return "not valid at that time"
	}
	return key
}

func parseMoment(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		return t, fault.Invalidf("%q is no moment: want YYYY-MM-DD or RFC 3339, such as 2026-06-30T12:00:00Z", s)
	}
	return t.UTC(), nil
}

// parseDate reads YYYY-MM-DD as days since 1970-01-01; empty is 0.
func parseDate(flag, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fault.Invalidf("--%s %q: want YYYY-MM-DD", cmp.Or(flag, "day"), s)
	}
	return t.Unix() / 86_400, nil
}
