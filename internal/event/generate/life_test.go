package generate

import (
	"bytes"
	"slices"
	"testing"

	"tocsin/internal/event"
)

// findings are the identities in a report of a service type.
func findings(t *testing.T, g *Generator, day event.Day, typ string) map[string]bool {
	header, list := rows(t, g, day, typ)
	ip, port := slices.Index(header, "ip"), slices.Index(header, "port")
	set := map[string]bool{}
	for _, r := range list {
		set[r[ip]+" "+r[port]] = true
	}
	if len(set) < len(list)*98/100 {
		t.Errorf("%s of %v: %d of %d rows are distinct", typ, day, len(set), len(list))
	}
	return set
}

func TestTenthOfTheFindingsIsReplacedEachDay(t *testing.T) {
	for churn, want := range map[float64]float64{0.10: 0.10, 0.02: 0.02, 0.25: 0.25, -1: 0} {
		g := mustNew(t, Spec{Rows: 60_000, Types: 10, Churn: churn, Prefixes: 2000})
		before := findings(t, g, g.spec.From+4, "scan_http")
		after := findings(t, g, g.spec.From+5, "scan_http")
		gone := 0
		for f := range before {
			if !after[f] {
				gone++
			}
		}
		// About one in fifty flickers besides.
		if share := float64(gone) / float64(len(before)); share < want*0.8 || share > want*1.2+0.03 {
			t.Errorf("churn %g: %.3f of the findings are gone the next day", churn, share)
		}
	}
}

func TestFindingLooksTheSameTheNextDay(t *testing.T) {
	g := mustNew(t, Spec{Rows: 20_000, Types: 10})
	header, one := rows(t, g, g.spec.From, "scan_ssl")
	_, two := rows(t, g, g.spec.From+1, "scan_ssl")
	ip, sha := slices.Index(header, "ip"), slices.Index(header, "sha1_fingerprint")
	prints := map[string]string{}
	for _, r := range one {
		prints[r[ip]] = r[sha]
	}
	same := 0
	for _, r := range two {
		if had, ok := prints[r[ip]]; ok {
			if had != r[sha] {
				t.Fatalf("%s changed its certificate", r[ip])
			}
			same++
		}
	}
	if same < len(one)*8/10 {
		t.Errorf("only %d of %d are there the next day", same, len(one))
	}
}

func TestClientsPortIsNewEachDay(t *testing.T) {
	g := mustNew(t, Spec{Rows: 20_000, Types: 10})
	ports := func(day event.Day) map[string]string {
		header, list := rows(t, g, day, "event4_sinkhole")
		m := map[string]string{}
		for _, r := range list {
			m[r[slices.Index(header, "src_ip")]] = r[slices.Index(header, "src_port")]
		}
		if len(m) > len(list)*8/10 {
			t.Errorf("%d hosts in %d rows; some should be seen more than once", len(m), len(list))
		}
		return m
	}
	one, two := ports(g.spec.From), ports(g.spec.From+1)
	both, same := 0, 0
	for ip, port := range one {
		if p, ok := two[ip]; ok {
			both++
			if p == port {
				same++
			}
		}
	}
	if both == 0 || same > both/10 {
		t.Errorf("%d of %d hosts have the same port", same, both)
	}
}

func TestOutbreakBeginsOnTheTwentiethDay(t *testing.T) {
	g := mustNew(t, Spec{Rows: 20_000, Types: 30})
	on := func(day int) int {
		return bytes.Count(report(t, g, g.spec.From+event.Day(day), "event4_sinkhole"), []byte(outbreakFamily))
	}
	if n := on(outbreakDay - 1); n != 0 {
		t.Errorf("%d mentions the day before", n)
	}
	if first, peak, last := on(outbreakDay), on(outbreakDay+4), on(29); first == 0 || peak <= first || last >= peak || last == 0 {
		t.Errorf("first day %d, peak %d, last day %d", first, peak, last)
	}
}

func TestSomeConstituentsCleanUp(t *testing.T) {
	g := mustNew(t, Spec{Rows: 60_000, Types: 10})
	var mends []*owner
	for _, o := range g.nation.owners {
		if o.mends >= 0 {
			mends = append(mends, o)
		}
	}
	if len(mends) < 3 {
		t.Fatalf("only %d clean up", len(mends))
	}
	count := func(day int) (n int) {
		r := row{plan: g.byName["scan_http"]}
		for place := range r.plan.slots {
			if g.rowsAt(&r, place, day, 3) > 0 && slices.Contains(mends, r.owner) {
				n++
			}
		}
		return n
	}
	if before, after := count(5), count(28); after > before/3 {
		t.Errorf("%d findings before, %d after", before, after)
	}
}

func TestSpecialReportIsSentOnce(t *testing.T) {
	g := mustNew(t, Spec{Types: 171})
	days := 0
	for _, day := range g.Days() {
		if slices.ContainsFunc(g.Files(day), func(f File) bool { return f.Type == "special" }) {
			days++
		}
	}
	if days != 1 {
		t.Errorf("special is sent on %d days", days)
	}
}
