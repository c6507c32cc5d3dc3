package digest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// SuppressionKind is what a suppression looks at.
type SuppressionKind string

// The kinds.
const (
	OfConstituent SuppressionKind = "constituent"
	OfPrefix      SuppressionKind = "prefix" // or a single address
	OfASN         SuppressionKind = "asn"
	OfType        SuppressionKind = "type"
	OfFeed        SuppressionKind = "feed"
)

// SuppressionKinds lists the kinds.
func SuppressionKinds() []SuppressionKind {
	return []SuppressionKind{OfConstituent, OfPrefix, OfASN, OfType, OfFeed}
}

// Suppression keeps findings from being told for a time. They are stored and counted all the same.
type Suppression struct {
	ID      int64           `json:"id"`
	Kind    SuppressionKind `json:"kind"`
	Value   string          `json:"value"` // a constituent's ref, a prefix, "AS64500", a report type's or a feed's name
	From    event.Day       `json:"from"`
	Until   event.Day       `json:"until"` // the last day
	Reason  string          `json:"reason"`
	At      int64           `json:"at"`
	By      string          `json:"by"`
	EndedAt int64           `json:"ended_at,omitempty"`
	EndedBy string          `json:"ended_by,omitempty"`
	Held    int64           `json:"held"` // findings that it keeps back now

	constituent int64
	prefix      netip.Prefix
}

const maxSuppression = 3 * 366 // days

func (s *Suppression) check(today event.Day) error {
	var m mistakes
	s.Reason, s.Value = strings.TrimSpace(s.Reason), strings.TrimSpace(s.Value)
	m.reason(s.Reason)
	if s.From == 0 {
		s.From = today
	}
	if s.From < 1 || s.Until < max(s.From, today) || s.Until > today+maxSuppression {
		m.add("until", "give the last day on which nothing is told, from %s to %s", max(s.From, today), today+maxSuppression)
	}
	switch s.Kind {
	case OfConstituent:
		if s.Value == "" {
			m.add("value", "give the constituent's ref")
		}
	case OfPrefix:
		p, err := parsePrefix(s.Value)
		if err != nil {
			m.add("value", "%q is no prefix or address: write 203.0.113.0/24", s.Value)
		} else {
			s.Value, s.prefix = p.String(), p
		}
	case OfASN:
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(s.Value), "AS"), 10, 32)
		if err != nil || n == 0 {
			m.add("value", "%q is no AS number: write AS64500", s.Value)
		}
		s.Value = fmt.Sprintf("AS%d", n)
	case OfType, OfFeed:
		if !typeForm.MatchString(s.Value) {
			m.add("value", "%q is no name of a %s", s.Value, s.Kind)
		}
	default:
		m.add("kind", "%q is nothing to suppress by: use constituent, prefix, asn, type or feed", s.Kind)
	}
	return m.err()
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// subject is what suppressions look at.
type subject struct {
	recipient int64
	address   netip.Addr
	asns      []string
	typ, feed string
}

// on tells whether the suppression keeps something back on a day.
func (s *Suppression) on(day event.Day) bool {
	return s.EndedAt == 0 && s.From <= day && day <= s.Until
}

func (s *Suppression) covers(x subject) bool {
	switch s.Kind {
	case OfConstituent:
		return s.constituent == x.recipient
	case OfPrefix:
		return x.address.IsValid() && s.prefix.Contains(x.address)
	case OfASN:
		return slices.Contains(x.asns, s.Value)
	case OfType:
		return s.Value == x.typ
	}
	return s.Kind == OfFeed && s.Value == x.feed
}

// suppressed names the first suppression that keeps a subject back; "" when none does.
func suppressed(ss []Suppression, x subject) string {
	for i := range ss {
		if ss[i].covers(x) {
			return fmt.Sprintf("suppression:%d", ss[i].ID)
		}
	}
	return ""
}

// Suppressions lists those that are or will be in force, and with ended those that were too: the latest first, at most 1,000.
func (d *Desk) Suppressions(ctx context.Context, ended bool) (out []Suppression, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if out, err = readSuppressions(tx, d.today(), ended); err != nil {
			return err
		}
		held, err := heldBy(tx)
		for i := range out {
			out[i].Held = held[fmt.Sprintf("suppression:%d", out[i].ID)]
		}
		return err
	})
	return out, err
}

// Suppress keeps findings from being told.
func (d *Desk) Suppress(ctx context.Context, by act.Actor, s Suppression) (Suppression, error) {
	if err := s.check(d.today()); err != nil {
		return s, err
	}
	if s.Kind == OfConstituent {
		if _, err := d.named(ctx, s.Value, "value"); err != nil {
			return s, err
		}
	}
	s.At, s.By = d.now().UnixMicro(), by.Name
	err := d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.suppress", Detail: detail(s)}, func(tx *db.Tx) (err error) {
		if s.ID, err = insertSuppression(tx, &s); err != nil {
			return err
		}
		tx.Note(fmt.Sprintf("digest-suppression:%d", s.ID), "")
		return touch(tx)
	})
	return s, err
}

// EndSuppression ends a suppression before its day. What it kept back and is still open is told then.
func (d *Desk) EndSuppression(ctx context.Context, by act.Actor, id int64) error {
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.suppress-end", Object: fmt.Sprintf("digest-suppression:%d", id)}, func(tx *db.Tx) error {
		ended, err := endSuppression(tx, id, d.now().UnixMicro(), by.Name)
		if err != nil {
			return err
		}
		if !ended {
			return fault.Conflictf("suppression %d has ended already, or never was", id)
		}
		return touch(tx)
	})
}

// inForce are the suppressions of a day, ready to be asked.
func inForce(tx *db.Tx, day event.Day, refs map[string]int64) ([]Suppression, error) {
	all, err := readSuppressions(tx, day, false)
	out := all[:0]
	for _, s := range all {
		if !s.on(day) {
			continue
		}
		s.constituent = refs[s.Value]
		if s.Kind == OfPrefix {
			if s.prefix, err = netip.ParsePrefix(s.Value); err != nil {
				return nil, fmt.Errorf("suppression %d: %w", s.ID, err)
			}
		}
		out = append(out, s)
	}
	return out, err
}

// byASN tells whether any suppression goes by an autonomous system.
func byASN(ss []Suppression) bool {
	return slices.ContainsFunc(ss, func(s Suppression) bool { return s.Kind == OfASN })
}

// systems notes in which autonomous systems the findings of a type are, by the events of some days.
func (d *Desk) systems(ctx context.Context, typ int64, from, until event.Day, asns map[event.ID][]string) error {
	return d.Intake.EachFound(ctx, event.EventQuery{Type: typ, From: from, Until: until}, func(id event.ID, e *event.StoredEvent) error {
		if as := fmt.Sprintf("AS%d", e.ASN); e.ASN != 0 && !slices.Contains(asns[id], as) {
			asns[id] = append(asns[id], as)
		}
		return nil
	})
}
