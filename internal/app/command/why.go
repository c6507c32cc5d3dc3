package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
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

// answer is what why --json prints.
type answer struct {
	Subject string                `json:"subject"`
	At      string                `json:"at"`
	Owner   *whyOwner             `json:"owner"` // null: nobody in particular
	Rule    constituency.Rule     `json:"rule"`
	Matched string                `json:"matched,omitempty"`
	Verdict *constituency.Verdict `json:"verdict"`
}

type whyOwner struct {
	ID   int64  `json:"id"`
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

// Run answers who owns the subject.
func (c *whyCmd) Run(e *Env) error {
	q, err := parseSubject(c.Subject)
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error {
		at := w.Clock().Now()
		if c.At != "" {
			if at, err = parseMoment(c.At); err != nil {
				return err
			}
		}
		q.At = at.UnixMicro()
		r, err := w.Constituency.Resolver(e.Ctx)
		if err != nil {
			return err
		}
		v := r.Resolve(q)
		a := answer{Subject: c.Subject, At: at.Format(time.RFC3339), Rule: v.Winner.Rule, Matched: v.Winner.Matched, Verdict: v}
		if v.Owner != 0 {
			a.Owner = &whyOwner{v.Owner, v.Winner.Ref, v.Winner.Name}
		}
		if c.JSON {
			return json.NewEncoder(e.Out).Encode(a)
		}
		explain(e.Out, a)
		return nil
	})
}

func explain(w io.Writer, a answer) {
	v := a.Verdict
	switch {
	case a.Owner != nil:
		fmt.Fprintf(w, "%s is %s (%s), by %s %s, %s.\n", a.Subject, a.Owner.Name, a.Owner.Ref, v.Winner.Rule, v.Winner.Matched, v.Winner.Source)
	case v.Winner.Rule == constituency.CountryFallback:
		fmt.Fprintf(w, "%s is in the nation's address space (%s), and nobody in particular's.\n", a.Subject, v.Winner.Matched)
	default:
		fmt.Fprintf(w, "%s is nobody's: nothing in the registry matches.\n", a.Subject)
	}
	for _, t := range v.Ties {
		fmt.Fprintf(w, "  tie      %s (%s) has as good a claim: %s %s, %s. This is a conflict to settle.\n", t.Name, t.Ref, t.Rule, t.Matched, t.Source)
	}
	for _, l := range v.Lost {
		fmt.Fprintf(w, "  lost     %s, by %s %s, %s: %s\n", named(l), l.Rule, l.Matched, l.Source, l.Why)
	}
	for _, id := range v.Copies {
		fmt.Fprintf(w, "  copy to  %s\n", copyName(v, id))
	}
}

func named(c constituency.Candidate) string {
	if c.Constituent == 0 {
		return "the nation's address space"
	}
	return fmt.Sprintf("%s (%s)", c.Name, c.Ref)
}

func copyName(v *constituency.Verdict, id int64) string {
	for _, c := range append(append([]constituency.Candidate{v.Winner}, v.Ties...), v.Lost...) {
		if c.Constituent == id {
			return named(c)
		}
	}
	return "constituent " + strconv.FormatInt(id, 10)
}

// parseSubject tells what a person asks about.
func parseSubject(s string) (q constituency.Query, err error) {
	t := strings.TrimSpace(s)
	if a, err := netip.ParseAddr(strings.Trim(t, "[]")); err == nil {
		q.IP = a.Unmap().WithZone("")
		return q, nil
	}
	if p, err := netip.ParsePrefix(t); err == nil {
		return q, fault.Invalidf("%s is a prefix, and its parts may have different owners: ask for one address, such as %s", p, p.Addr())
	}
	if n, ok := strings.CutPrefix(strings.ToUpper(t), "AS"); ok {
		if asn, err := strconv.ParseUint(n, 10, 32); err == nil && asn > 0 {
			q.ASN = uint32(asn)
			return q, nil
		}
	}
	if u, err := url.Parse(t); err == nil && u.Host != "" {
		t = u.Hostname()
		if a, err := netip.ParseAddr(t); err == nil {
			q.IP = a.Unmap()
			return q, nil
		}
	}
	name, err := constituency.Canonical(constituency.DomainAsset, t)
	if err != nil || !strings.Contains(name, ".") {
		return q, fault.Invalidf("%q is no address, AS number, domain name or URL", s)
	}
	q.Names[0], q.NameFirst = name, true
	return q, nil
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
