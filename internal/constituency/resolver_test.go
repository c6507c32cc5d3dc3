package constituency

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

const day0 = 20000 // 2024-10-04

func at(day int64) int64 { return day*microsecondsPerDay + 7 }

// small worlds collide: few prefixes, few owners, few days.
func registries() *rapid.Generator[registry] {
	return rapid.Custom(func(t *rapid.T) registry {
		var reg registry
		n := rapid.IntRange(1, 6).Draw(t, "constituents")
		period := func(label string) (Day, Day) {
			if rapid.IntRange(0, 2).Draw(t, label) > 0 {
				return 0, Open
			}
			from := rapid.Int64Range(day0-3, day0+3).Draw(t, label+" from")
			return Day(from), Day(from + rapid.Int64Range(1, 4).Draw(t, label+" days"))
		}
		for i := 1; i <= n; i++ {
			c := Constituent{ID: int64(i), Ref: fmt.Sprintf("c%d", 9-i), Name: fmt.Sprintf("C %d", i)}
			c.Parent = int64(rapid.IntRange(0, i-1).Draw(t, "parent"))
			if rapid.IntRange(0, 3).Draw(t, "delegated") == 0 {
				c.Delegate = int64(rapid.IntRange(1, n).Draw(t, "delegate"))
			}
			c.ValidFrom, c.ValidUntil = period("constituent")
			reg.constituents = append(reg.constituents, c)
		}
		for i := range rapid.IntRange(0, 14).Draw(t, "assets") {
			a := Asset{ID: int64(i + 1), Constituent: int64(rapid.IntRange(1, n).Draw(t, "owner")), Source: Automatic,
				AlsoNotify: rapid.Bool().Draw(t, "also")}
			if rapid.Bool().Draw(t, "manual") {
				a.Source = Manual
			}
			a.Kind = rapid.SampledFrom([]AssetKind{AddressAsset, PrefixAsset, PrefixAsset, ASNAsset, DomainAsset}).Draw(t, "kind")
			switch a.Kind {
			case AddressAsset:
				a.Value = addresses().Draw(t, "address").String()
			case PrefixAsset:
				a.Value = prefixes().Draw(t, "prefix").String()
			case ASNAsset:
				a.Value = fmt.Sprintf("AS%d", rapid.IntRange(1, 3).Draw(t, "asn"))
			case DomainAsset:
				a.Value = rapid.SampledFrom(someNames).Draw(t, "domain")
			}
			a.ValidFrom, a.ValidUntil = period("asset")
			reg.assets = append(reg.assets, a)
		}
		reg.national = rapid.SliceOfNDistinct(prefixes(), 0, 3, rapid.ID[netip.Prefix]).Draw(t, "national")
		return reg
	})
}

var someNames = []string{"a.example", "b.a.example", "c.b.a.example", "xa.example", "z.example"}

func addresses() *rapid.Generator[netip.Addr] {
	return rapid.Custom(func(t *rapid.T) netip.Addr {
		host := byte(rapid.IntRange(0, 3).Draw(t, "host"))
		if rapid.Bool().Draw(t, "v6") {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[5], a[15] = byte(rapid.IntRange(0, 1).Draw(t, "site"))<<7, host
			return netip.AddrFrom16(a)
		}
		return netip.AddrFrom4([4]byte{192, 0, 2 + byte(rapid.IntRange(0, 1).Draw(t, "net")), host})
	})
}

func prefixes() *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := addresses().Draw(t, "in")
		lengths := []int{8, 16, 23, 24, 31, 32}
		if a.Is6() {
			lengths = []int{16, 32, 41, 48, 127, 128}
		}
		return netip.PrefixFrom(a, rapid.SampledFrom(lengths).Draw(t, "bits")).Masked()
	})
}

func queries() *rapid.Generator[Query] {
	return rapid.Custom(func(t *rapid.T) Query {
		q := Query{ASN: uint32(rapid.IntRange(0, 4).Draw(t, "asn")), NameFirst: rapid.Bool().Draw(t, "name first"),
			At: at(rapid.Int64Range(day0-5, day0+8).Draw(t, "day"))}
		if rapid.IntRange(0, 4).Draw(t, "has address") > 0 {
			q.IP = addresses().Draw(t, "address")
		}
		for i := range q.Names {
			if rapid.IntRange(0, 2).Draw(t, "has name") > 0 {
				q.Names[i] = rapid.SampledFrom([]string{"", "www.", "WWW.", "c.b."}).Draw(t, "host") +
					rapid.SampledFrom(append(someNames, "example", "A.Example.")).Draw(t, "name")
			}
		}
		return q
	})
}

// naive answers a query by looking at everything, in the words of the rule.
func naive(reg registry, q Query) *Verdict {
	day := Day(q.At / microsecondsPerDay)
	byID := map[int64]Constituent{}
	for _, c := range reg.constituents {
		byID[c.ID] = c
	}
	valid := func(from, until Day) bool { return from <= day && day < until }
	type hit struct {
		c    Candidate
		spec int
	}
	var hits []hit
	named := false
	for _, a := range reg.assets {
		c := byID[a.Constituent]
		h := hit{c: Candidate{Constituent: c.ID, Ref: c.Ref, Name: c.Name, Asset: a.ID, Matched: a.Value,
			Source: string(a.Source), AlsoNotify: a.AlsoNotify}}
		manual := a.Source == Manual
		matched := false
		switch a.Kind {
		case AddressAsset:
			matched, h.c.Rule = q.IP.IsValid() && q.IP.String() == a.Value, ExactAddress
			if manual {
				h.spec = 1
			}
		case PrefixAsset:
			p := netip.MustParsePrefix(a.Value)
			matched, h.c.Rule, h.spec = q.IP.IsValid() && p.Contains(q.IP), AutomaticPrefix, p.Bits()
			if manual {
				h.c.Rule = ManualPrefix
			}
		case ASNAsset:
			matched, h.c.Rule = fmt.Sprintf("AS%d", q.ASN) == a.Value, AutomaticASN
			if manual {
				h.c.Rule = ManualASN
			}
		case DomainAsset:
			for _, n := range q.Names {
				n = strings.TrimSuffix(strings.ToLower(n), ".")
				if n == a.Value || strings.HasSuffix(n, "."+a.Value) {
					matched, h.c.Rule = true, DomainSuffix
				}
			}
			h.spec = 2 * strings.Count(a.Value, ".")
			if manual {
				h.spec++
			}
		}
		if matched && valid(a.ValidFrom, a.ValidUntil) && valid(c.ValidFrom, c.ValidUntil) {
			hits = append(hits, h)
			named = named || h.c.Rule == DomainSuffix
		}
	}
	for _, p := range reg.national {
		if q.IP.IsValid() && p.Contains(q.IP) {
			hits = append(hits, hit{Candidate{Rule: CountryFallback, Matched: p.String(), Source: "automatic"}, p.Bits()})
		}
	}
	order := func(h hit) string {
		rule := int(h.c.Rule)
		if q.NameFirst && h.c.Rule == DomainSuffix {
			rule = 0
		}
		return fmt.Sprintf("%d/%03d/%s/%09d", rule, 999-h.spec, h.c.Ref, h.c.Asset)
	}
	sort.Slice(hits, func(i, j int) bool { return order(hits[i]) < order(hits[j]) })
	if len(hits) == 0 {
		return &Verdict{Winner: Candidate{Rule: NoRule}}
	}
	w := hits[0]
	v := &Verdict{Owner: w.c.Constituent, Winner: w.c}
	owners := map[int64]bool{w.c.Constituent: true}
	copied := map[int64]bool{}
	hoster := ""
	for _, h := range hits[1:] {
		same := h.c.Rule == w.c.Rule && h.spec == w.spec
		if h.c.Rule == CountryFallback {
			continue
		}
		if same && !owners[h.c.Constituent] {
			owners[h.c.Constituent] = true
			v.Ties = append(v.Ties, h.c)
			continue
		}
		switch {
		case same:
			h.c.Why = "why.same-owner"
		case h.c.Rule == w.c.Rule:
			h.c.Why = "why.less-specific"
		case q.NameFirst && w.c.Rule == DomainSuffix:
			h.c.Why = "why.name-first"
		case w.c.Rule == ManualPrefix && h.c.Rule == AutomaticPrefix, w.c.Rule == ManualASN && h.c.Rule == AutomaticASN:
			h.c.Why = "why.automatic"
		default:
			h.c.Why = "why.weaker-rule"
		}
		v.Lost = append(v.Lost, h.c)
		if h.c.AlsoNotify {
			copied[h.c.Constituent] = true
		}
		if class := fmt.Sprint(h.c.Rule, h.spec); q.NameFirst && named && h.c.Rule != DomainSuffix {
			if hoster == "" {
				hoster = class
			}
			if hoster == class {
				copied[h.c.Constituent] = true
			}
		}
	}
	for o := range owners {
		for up := o; up != 0; up = byID[up].Parent {
			if d := byID[up].Delegate; d != 0 {
				if valid(byID[d].ValidFrom, byID[d].ValidUntil) {
					copied[d] = true
				}
				break
			}
		}
	}
	for id := range copied {
		if !owners[id] {
			v.Copies = append(v.Copies, id)
		}
	}
	slices.Sort(v.Copies)
	return v
}

func TestResolverAgreesWithTheRuleReadAloud(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reg := registries().Draw(t, "registry")
		r := build(reg)
		for _, q := range rapid.SliceOfN(queries(), 1, 30).Draw(t, "queries") {
			got, want := r.Resolve(q), naive(reg, q)
			if got.Digest != digest(want) {
				t.Fatalf("%+v\ngot  %+v\nwant %+v", q, *got, *want)
			}
			if again := r.Resolve(q); again != got {
				t.Fatalf("%+v: equal answers are two pointers", q)
			}
		}
	})
}

func TestNameFirstTellsTheSiteAndCopiesTheHoster(t *testing.T) {
	reg := registry{
		constituents: []Constituent{
			{ID: 1, Ref: "host", Name: "Hoster", ValidUntil: Open},
			{ID: 2, Ref: "school", Name: "School", ValidUntil: Open, Delegate: 3},
			{ID: 3, Ref: "edu-cert", Name: "EduCERT", Kind: SectorCERT, ValidUntil: Open},
		},
		assets: []Asset{
			{ID: 1, Constituent: 1, Kind: PrefixAsset, Value: "198.51.100.0/24", Source: Manual, ValidUntil: Open},
			{ID: 2, Constituent: 2, Kind: DomainAsset, Value: "school.example", Source: Manual, ValidUntil: Open},
		},
	}
	r := build(reg)
	q := Query{IP: netip.MustParseAddr("198.51.100.7"), Names: [2]string{"www.school.example"}, NameFirst: true, At: at(day0)}
	v := r.Resolve(q)
	if v.Owner != 2 || !slices.Equal(v.Copies, []int64{1, 3}) || v.Lost[0].Why != LostNameFirst {
		t.Errorf("name first: %+v", *v)
	}
	q.NameFirst = false
	if v = r.Resolve(q); v.Owner != 1 || len(v.Copies) != 0 || v.Lost[0].Why != LostWeakerRule {
		t.Errorf("address first: %+v", *v)
	}
}

func TestHostsThatAreAddressesAttributeAsAddresses(t *testing.T) {
	r := build(registry{
		constituents: []Constituent{{ID: 1, Ref: "a", ValidUntil: Open}},
		assets: []Asset{
			{ID: 1, Constituent: 1, Kind: PrefixAsset, Value: "198.51.100.0/24", Source: Manual, ValidUntil: Open},
			{ID: 2, Constituent: 1, Kind: PrefixAsset, Value: "2001:db8::/32", Source: Manual, ValidUntil: Open},
			{ID: 3, Constituent: 1, Kind: DomainAsset, Value: "xn--mller-kva.example", Source: Manual, ValidUntil: Open},
		}})
	for name, want := range map[string]int64{"198.51.100.7": 1, "[2001:db8::1]": 1, "203.0.113.1": 0, "www.MÜLLER.example": 3} {
		v := r.Resolve(Query{Names: [2]string{name}, NameFirst: true, At: at(day0)})
		if (v.Owner == 1) != (want != 0) {
			t.Errorf("%s: %+v", name, *v)
		}
	}
}

func big(n int) (registry, []Query) {
	rng := rand.New(rand.NewPCG(1, 2))
	var reg registry
	for i := range 40 {
		reg.constituents = append(reg.constituents, Constituent{ID: int64(i + 1), Ref: fmt.Sprintf("op%02d", i), ValidUntil: Open})
	}
	var queries []Query
	for i := range n {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 100<<24|uint32(i)<<8)
		reg.assets = append(reg.assets, Asset{ID: int64(i + 1), Constituent: int64(i%40 + 1), Kind: PrefixAsset,
			Value: netip.PrefixFrom(netip.AddrFrom4(a), 24).String(), Source: Manual, ValidUntil: Open})
		a[3] = byte(rng.Uint32())
		queries = append(queries, Query{IP: netip.AddrFrom4(a), ASN: uint32(64500 + i%30), At: at(day0)})
	}
	rng.Shuffle(len(queries), func(i, j int) { queries[i], queries[j] = queries[j], queries[i] })
	return reg, queries
}

func TestWarmResolveAllocatesNothing(t *testing.T) {
	reg, qs := big(1000)
	r := build(reg)
	for i := range qs {
		qs[i].Names[0] = "Mail.Unknown.example"
		r.Resolve(qs[i])
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { r.Resolve(qs[i%len(qs)]); i++ }); n != 0 {
		t.Errorf("%v allocations a query", n)
	}
}

func TestResolveIsSafeForConcurrentUse(t *testing.T) {
	reg, qs := big(2000)
	r := build(reg)
	want := make([]*Verdict, len(qs))
	for i, q := range qs {
		want[i] = r.Resolve(q)
	}
	r = build(reg)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, q := range qs {
				if r.Resolve(q).Digest != want[i].Digest {
					t.Errorf("%v differs", q.IP)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkResolveWarm(b *testing.B) {
	reg, qs := big(20000)
	r := build(reg)
	for _, q := range qs {
		r.Resolve(q)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Resolve(qs[i%len(qs)])
	}
}

func BenchmarkResolveCold(b *testing.B) {
	reg, qs := big(20000)
	r := build(reg)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(qs) == 0 {
			b.StopTimer()
			r = build(reg)
			b.StartTimer()
		}
		r.Resolve(qs[i%len(qs)])
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{20000, 200000} {
		reg, _ := big(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				build(reg)
			}
		})
	}
}
