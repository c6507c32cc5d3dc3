package generate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/fault"
)

func mustNew(t testing.TB, spec Spec) *Generator {
	t.Helper()
	g, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func report(t testing.TB, g *Generator, day event.Day, typ string) []byte {
	t.Helper()
	var b bytes.Buffer
	_, write := g.Report(day, typ)
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// rows reads a report the strict way, so that wrong quoting is an error.
func rows(t testing.TB, g *Generator, day event.Day, typ string) (header []string, list [][]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(report(t, g, day, typ))).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", typ, err)
	}
	return all[0], all[1:]
}

func TestSameSpecSameBytes(t *testing.T) {
	spec := Spec{Rows: 3000, Types: 170, Days: 25, Seed: 7}
	a, b := mustNew(t, spec), mustNew(t, spec)
	other := mustNew(t, Spec{Rows: 3000, Types: 170, Days: 25, Seed: 8})
	differs := 0
	for _, f := range a.Files(a.Spec().From + 21) {
		one, two := report(t, a, a.Spec().From+21, f.Type), report(t, b, b.Spec().From+21, f.Type)
		if !bytes.Equal(one, two) {
			t.Errorf("%s differs between two runs", f.Type)
		}
		if !bytes.Equal(one, report(t, other, other.Spec().From+21, f.Type)) {
			differs++
		}
	}
	if differs < 100 {
		t.Errorf("another seed changes only %d reports", differs)
	}
	one, _ := a.ConstituencyJSON()
	two, _ := b.ConstituencyJSON()
	if !bytes.Equal(one, two) {
		t.Error("the constituency differs between two runs")
	}
}

var allowed = func() (list []netip.Prefix) {
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "100.64.0.0/10", "2001:db8::/32"} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

func isAllowed(a netip.Addr) bool {
	return slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(a) })
}

func isFreeASN(n uint64) bool { return n >= 64496 && n <= 64511 || n >= 65536 && n <= 65551 }

// harmless are addresses that services tell of themselves: unset, or inside a home.
func harmless(a netip.Addr) bool { return a.IsUnspecified() || a.IsPrivate() }

func TestOnlyAddressesNumbersAndNamesThatNobodyHas(t *testing.T) {
	g := mustNew(t, Spec{Rows: 20_000, Types: 171, Prefixes: 1000})
	host := regexp.MustCompile(`^(?:.*@|https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:/.*)?$`)
	named := []string{"url", "hostname", "src_hostname", "host", "http_host", "email", "website", "http_referer", "beacon_host"}
	for _, f := range g.Files(g.spec.From) {
		header, list := rows(t, g, g.spec.From, f.Type)
		for _, r := range list {
			for i, v := range r {
				if a, err := netip.ParseAddr(v); err == nil && !isAllowed(a) && !harmless(a) {
					t.Fatalf("%s: %s = %s", f.Type, header[i], v)
				}
				if n, err := strconv.ParseUint(v, 10, 32); strings.HasSuffix(header[i], "asn") && v != "" && (err != nil || !isFreeASN(n)) {
					t.Fatalf("%s: %s = %s", f.Type, header[i], v)
				}
				if m := host.FindStringSubmatch(v); m != nil && slices.Contains(named, header[i]) {
					if tld := m[1][strings.LastIndex(m[1], ".")+1:]; !slices.Contains([]string{"example", "test", "invalid"}, tld) {
						t.Fatalf("%s: %s = %s", f.Type, header[i], v)
					}
				}
			}
		}
	}
}

func TestHeaderIsTheSchemasColumnsInOrder(t *testing.T) {
	g := mustNew(t, Spec{Rows: 2000, Types: 171})
	for _, p := range g.plans {
		header, list := rows(t, g, g.spec.From, p.typ.Name)
		if want, _ := shadowserver.Builtin().Type(p.typ.Name); !slices.Equal(header, want.Columns) {
			t.Errorf("%s: header %q", p.typ.Name, header)
		}
		if len(list) == 0 && p.typ.Name != "special" && p.slots > 5 {
			t.Errorf("%s: no rows in %d places", p.typ.Name, p.slots)
		}
	}
}

func TestFileNamesAreShadowservers(t *testing.T) {
	g := mustNew(t, Spec{Types: 171})
	pattern := regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})-([^-]+)-(.+)\.csv(\.gz|\.zip)?$`)
	for _, f := range g.Files(g.spec.From + 3) {
		m := pattern.FindStringSubmatch(f.Name)
		if m == nil || m[1] != "2026-01-04" || m[2] != f.Type {
			t.Errorf("%q", f.Name)
		}
		if name, _ := g.Report(g.spec.From+3, f.Type); name != f.Name {
			t.Errorf("Report says %q, Files %q", name, f.Name)
		}
	}
}

func TestRowsAreAsManyAsAskedFor(t *testing.T) {
	for _, spec := range []Spec{{Rows: 100_000, Types: 100}, {Rows: 5000, Types: 40}, {Rows: 20_000, Types: 1}} {
		g := mustNew(t, spec)
		sum, largest := 0, 0
		for _, f := range g.Files(g.spec.From) {
			n, err := g.WriteReport(io.Discard, g.spec.From, f.Type)
			if err != nil {
				t.Fatal(err)
			}
			sum, largest = sum+n, max(largest, n)
		}
		if sum < spec.Rows*98/100 || sum > spec.Rows*102/100 {
			t.Errorf("%d rows, want about %d", sum, spec.Rows)
		}
		if spec.Types == 100 && (largest < sum*15/100 || largest > sum*25/100) {
			t.Errorf("the largest report has %d of %d rows", largest, sum)
		}
	}
}

// TestUnattributedShare: the addresses that no asset covers.
func TestUnattributedShare(t *testing.T) {
	g := mustNew(t, Spec{Rows: 30_000, Types: 20})
	nobody, abroad, all := 0, 0, 0
	for _, f := range g.Files(g.spec.From) {
		header, list := rows(t, g, g.spec.From, f.Type)
		ip := slices.Index(header, "ip")
		if ip < 0 {
			ip = slices.Index(header, "src_ip")
		}
		for _, r := range list {
			all++
			switch a := netip.MustParseAddr(r[ip]); {
			case netip.MustParsePrefix("100.124.0.0/14").Contains(a), netip.MustParsePrefix("2001:db8:7fff::/48").Contains(a):
				nobody++
			case allowed[0].Contains(a), allowed[1].Contains(a), netip.MustParsePrefix("2001:db8:8000::/33").Contains(a):
				abroad++
			}
		}
	}
	if share := float64(nobody+abroad) / float64(all); share < 0.06 || share > 0.10 || abroad == 0 {
		t.Errorf("%.3f of the rows are nobody's, %d abroad", share, abroad)
	}
}

func TestSpecOutOfRangeIsRefused(t *testing.T) {
	for _, spec := range []Spec{{Types: 500}, {Rows: -1}, {Days: -3}, {Prefixes: 100}, {Prefixes: 1_000_000},
		{Constituents: -1}, {Churn: 0.9}} {
		if _, err := New(spec); fault.KindOf(err) != fault.Invalid {
			t.Errorf("New(%+v) = %v", spec, err)
		}
	}
}

func TestWriteMakesTheFolder(t *testing.T) {
	spec := Spec{Days: 2, Rows: 300, Types: 12, Prefixes: 300}
	sum := func() string {
		dir := t.TempDir()
		var last Progress
		if err := Write(context.Background(), spec, dir, func(p Progress) { last = p }); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "reports", "*.csv"))
		if len(files) != last.Files || last.Done != last.Files || last.Rows < 500 || last.Bytes == 0 {
			t.Errorf("%d files, progress %+v", len(files), last)
		}
		h := sha256.New()
		for _, name := range append(files, filepath.Join(dir, "nation.toml"), filepath.Join(dir, "constituency.json")) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(h, filepath.Base(name), len(b))
			h.Write(b)
		}
		return string(h.Sum(nil))
	}
	if sum() != sum() {
		t.Error("two runs differ")
	}
}

func TestWriteEndsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	err := Write(ctx, Spec{Days: 5, Rows: 300, Types: 12, Prefixes: 300}, t.TempDir(), func(Progress) { cancel() })
	if err != context.Canceled {
		t.Errorf("Write = %v, want %v", err, context.Canceled)
	}
}

func BenchmarkDay(b *testing.B) {
	g := mustNew(b, Spec{Rows: 1_000_000, Types: 100, Prefixes: 20_000})
	files := g.Files(g.spec.From)
	var rows, bytes int64
	for b.Loop() {
		for _, f := range files {
			c := &counter{w: io.Discard}
			n, err := g.WriteReport(c, g.spec.From, f.Type)
			if err != nil {
				b.Fatal(err)
			}
			rows, bytes = rows+int64(n), bytes+c.n
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(bytes)/float64(rows), "bytes/row")
}
