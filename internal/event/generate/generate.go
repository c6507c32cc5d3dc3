// Package generate makes a fictional nation, Ruritania, and the Shadowserver reports about it: for the demo, for
// benchmarks and for trying things out. It owns no format: the columns come from the feed's schema, the constituency is in
// the import format, and both are taken in through the ordinary way.
//
// Everything is a function of the Spec: the same Spec gives the same bytes, in any order and on any number of cores, and
// nothing but the constituency is kept in memory. Addresses come only from ranges that nobody uses (documentation, benchmark
// and carrier-grade NAT: RFC 5737, 2544, 6598, 3849), AS numbers from RFC 5398, names from RFC 6761 and RFC 2606.
//
// # The mix
//
// Types stand in a fixed order of size (mix.go), and the share of the one at place r falls as (r+5)^-1.5·exp(-r/30): of a
// hundred types the first has 17.5 % of the rows, the first ten 74 %, the last fifty together 1.6 %; of a million rows the
// smallest has 70. 66 % of the rows are scans of services, 15 % counts of devices, 18 % seen at sinkholes and honeypots, the
// rest is sites, URLs and accounts. A row has 320 bytes in the mean, by type from 100 to 900. 94 % of a day's rows are
// findings of their own; the others are the same host at a sinkhole again.
//
// 49 % of the IPv4 rows are at addresses of internet service providers, 43 % in smaller prefixes of constituents, mostly
// nested in a provider's, 7.5 % in national space that is nobody's, and 0.5 % abroad.
//
// Each day one finding in ten is gone and another is there (Spec.Churn). How long a finding stays is spread widely: some two
// days, most more than two weeks. Of the others, 4 % flicker, 2 % are away five days out of fifteen, 4 % rest at weekends.
// Rows of sinkholes and honeypots have a new source port and time every day, and two in five hosts more than one row. Some
// constituents clean up from the second week on; on the twentieth day a new malware breaks out in two sectors.
package generate

import (
	"fmt"
	"io"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/fault"
)

// Spec says what to make. Zero fields are the defaults, which are the demo's.
type Spec struct {
	From         event.Day // first day; default 2026-01-01
	Days         int       // default 30
	Rows         int       // rows a day over all types, within 2 % on the first day; default 5,000
	Types        int       // report types, at most as many as the schema has; default 60
	Prefixes     int       // of the constituency; default 2,000
	Constituents int       // default 40
	Seed         uint64
	Churn        float64 // the share of findings that is replaced each day, up to 0.25; default 0.10, negative is none
}

// The bounds of a Spec.
const (
	maxDays         = 3660
	maxRows         = 20_000_000
	maxPrefixes     = 25_000
	maxConstituents = 1_000
	maxChurn        = 0.25
)

func (s Spec) withDefaults() Spec {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	if s.From == 0 {
		s.From = event.DayOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	}
	set(&s.Days, 30)
	set(&s.Rows, 5_000)
	set(&s.Types, 60)
	set(&s.Prefixes, 2_000)
	set(&s.Constituents, 40)
	if s.Churn == 0 {
		s.Churn = 0.10
	}
	s.Churn = max(s.Churn, 0)
	return s
}

// check refuses what cannot be made, in the words of the command line.
func (s Spec) check(types int) error {
	for _, b := range []struct {
		name    string
		v       int
		min     int
		max     int
		because string
	}{
		{"days", s.Days, 1, maxDays, ""},
		{"rows", s.Rows, 1, maxRows, ""},
		{"types", s.Types, 1, types, ", as many as the schema has"},
		{"constituents", s.Constituents, 1, maxConstituents, ""},
		{"prefixes", s.Prefixes, ispBlocks + 3*s.Constituents, maxPrefixes, ", three for each constituent and the providers' own"},
	} {
		if b.v < b.min || b.v > b.max {
			return fault.Invalidf("%s: %d is out of range; it can be %d to %d%s", b.name, b.v, b.min, b.max, b.because)
		}
	}
	if s.Churn > maxChurn {
		return fault.Invalidf("churn: %g is out of range; it can be 0 to %g", s.Churn, maxChurn)
	}
	return nil
}

// Generator makes the constituency and the reports of a Spec. It is immutable and safe for concurrent use.
type Generator struct {
	spec   Spec
	nation *country
	plans  []*plan // largest first
	byName map[string]*plan
}

// New prepares a Spec. A Spec that cannot be made is a fault of kind Invalid.
func New(spec Spec) (*Generator, error) {
	schema := shadowserver.Builtin()
	spec = spec.withDefaults()
	ranked := rank(schema)
	if err := spec.check(len(ranked)); err != nil {
		return nil, err
	}
	g := &Generator{spec: spec, nation: newCountry(spec), byName: map[string]*plan{}}
	g.plans = newPlans(spec, g.nation, ranked[:spec.Types])
	for _, p := range g.plans {
		g.byName[p.typ.Name] = p
	}
	return g, nil
}

// Spec is what is made, with the defaults filled in.
func (g *Generator) Spec() Spec { return g.spec }

// Constituency is whom the nation's CERT serves, in the import format.
func (g *Generator) Constituency() Constituency { return g.nation.constituency() }

// Days are the days that there are reports of.
func (g *Generator) Days() []event.Day {
	days := make([]event.Day, g.spec.Days)
	for i := range days {
		days[i] = g.spec.From + event.Day(i)
	}
	return days
}

// File is a report of a day.
type File struct {
	Type string // report type
	Name string // file name: 2026-01-01-scan_rdp-ruritania-geo.csv
}

// Files are the reports of a day, the largest type first. A type that found nothing sends no report.
func (g *Generator) Files(day event.Day) []File {
	var list []File
	for _, p := range g.plans {
		if g.sends(p, int(day-g.spec.From)) {
			list = append(list, File{Type: p.typ.Name, Name: fileName(day, p.typ.Name)})
		}
	}
	return list
}

// Report is the report of a day and type: its file name, and what writes its content. A type that is not made has only a
// header.
func (g *Generator) Report(day event.Day, typ string) (name string, write func(io.Writer) error) {
	return fileName(day, typ), func(w io.Writer) error {
		_, err := g.WriteReport(w, day, typ)
		return err
	}
}

// WriteReport writes a report and counts its rows.
func (g *Generator) WriteReport(w io.Writer, day event.Day, typ string) (rows int, err error) {
	p := g.byName[typ]
	if p == nil {
		return 0, fault.NotFoundf("report type %q is not among the %d that are made", typ, len(g.plans))
	}
	return g.write(w, p, int(day-g.spec.From))
}

func fileName(day event.Day, typ string) string {
	return fmt.Sprintf("%s-%s-ruritania-geo.csv", day, typ)
}
