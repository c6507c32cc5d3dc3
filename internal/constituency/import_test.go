package constituency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func eachStore(t *testing.T, fn func(t *testing.T, s *Store)) {
	t.Helper()
	c := clock.NewManual(today)
	dbtest.Each(t, audit.Recorder(c), func(t *testing.T, d *db.DB) { fn(t, NewStore(d, c)) })
}

func read(t *testing.T, f Format, text string) *Document {
	t.Helper()
	doc, err := Read("test."+string(f), f, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func importText(t *testing.T, s *Store, text string, o ImportOptions) Diff {
	t.Helper()
	d, err := s.Import(context.Background(), act.Machine, read(t, JSON, text), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func export(t *testing.T, s *Store, f Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Export(context.Background(), &b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const smallRegistry = `{"constituents":[
 {"ref":"grid","parent":"","name":"Ruritanian Grid","kind":"operator","sector":"energy","designation":"special-importance",
  "delegate":"energy-cert","language":"en","note":"two\nlines","valid_from":"2020-01-01","valid_until":"",
  "contacts":[{"role":"security","name":"Desk","mail":"soc@grid.example","phone":"+999 1","language":"en",
    "keys":[{"type":"openpgp","fingerprint":"0123456789abcdef"}],"clearance":"amber","valid_from":"","valid_until":""}],
  "assets":[{"kind":"prefix","value":"198.51.100.77/24","also_notify":true,"valid_from":"","valid_until":""},
    {"kind":"domain","value":"*.Grid.Example.","also_notify":false,"valid_from":"2021-05-05","valid_until":"2027-01-01"},
    {"kind":"asn","value":"64500"},{"kind":"product","value":"cpe:2.3:o:vendor:scada:*"},
    {"kind":"address","value":"::ffff:203.0.113.9"}]},
 {"ref":"grid-north","parent":"grid","name":"Grid North","assets":[{"kind":"prefix","value":"2001:DB8:1::/48"}]},
 {"ref":"energy-cert","name":"EnergyCERT","kind":"sector-cert"}],
 "national_prefixes":["198.18.0.0/15"]}`

func TestImportIsWholeAndRoundTripIsExact(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		d := importText(t, s, smallRegistry, ImportOptions{})
		if d.Constituents.Added != 3 || d.Contacts.Added != 1 || d.Assets.Added != 6 || d.National.Added != 1 {
			t.Errorf("diff: %+v", d)
		}
		for _, f := range []Format{JSON, CSV} {
			first := export(t, s, f)
			again, err := s.Import(context.Background(), act.Machine, read(t, f, first), ImportOptions{Replace: true})
			if err != nil || !again.Empty() {
				t.Errorf("%s: importing the export changes %+v, %v", f, again, err)
			}
		}
		if got := export(t, s, JSON); !strings.Contains(got, `"value":"203.0.113.9"`) || !strings.Contains(got, `"value":"grid.example"`) ||
			!strings.Contains(got, `"clearance":"TLP:AMBER"`) || !strings.Contains(got, `"value":"198.51.100.0/24"`) {
			t.Errorf("not canonical: %s", got)
		}
		r, err := s.Resolver(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		v := r.Resolve(Query{IP: netip.MustParseAddr("2001:db8:1::5"), At: today.UnixMicro()})
		if v.Winner.Ref != "grid-north" || len(v.Copies) != 1 {
			t.Errorf("the delegation is not inherited: %+v", *v)
		}
	})
}

// Many rows go another way on PostgreSQL than few.
func TestImportOfManyIsWholeToo(t *testing.T) {
	var contacts, assets []string
	for i := range 150 {
		contacts = append(contacts, fmt.Sprintf(`{"role":"security","name":"Desk %d","mail":"soc%d@grid.example","phone":"+999 %d","language":"en",
			"encrypt":%t,"clearance":"amber","valid_from":"2020-01-01","valid_until":"2030-01-01"}`, i, i, i, i%2 == 0))
		assets = append(assets, fmt.Sprintf(`{"kind":"prefix","value":"10.0.%d.0/24","also_notify":%t,"valid_from":"2020-01-01","valid_until":""}`, i, i%2 == 0))
	}
	text := fmt.Sprintf(`{"constituents":[{"ref":"grid","name":"Ruritanian Grid","contacts":[%s],"assets":[%s]}]}`,
		strings.Join(contacts, ","), strings.Join(assets, ","))
	eachStore(t, func(t *testing.T, s *Store) {
		if d := importText(t, s, text, ImportOptions{}); d.Contacts.Added != 150 || d.Assets.Added != 150 {
			t.Fatalf("diff: %+v", d)
		}
		again, err := s.Import(context.Background(), act.Machine, read(t, JSON, text), ImportOptions{Replace: true})
		if err != nil || !again.Empty() {
			t.Errorf("what was imported reads otherwise: %+v, %v", again, err)
		}
	})
}

func TestEveryChangeMakesAVersionAndAsksForAttribution(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		importText(t, s, smallRegistry, ImportOptions{DryRun: true})
		r0, err := s.Resolver(ctx)
		if err != nil || r0.Version() != 0 {
			t.Fatalf("a dry run wrote something: %v %v", r0.Version(), err)
		}
		importText(t, s, smallRegistry, ImportOptions{})
		r1, err := s.Resolver(ctx)
		if err != nil || r1.Version() != 1 {
			t.Fatalf("version %d, %v", r1.Version(), err)
		}
		importText(t, s, smallRegistry, ImportOptions{})
		if r2, err := s.Resolver(ctx); err != nil || r2 != r1 {
			t.Errorf("an import without a change made a version: %v", err)
		}
		err = s.db.View(ctx, func(tx *db.Tx) error {
			js, err := job.List(tx, "ready", 10)
			if len(js) != 1 || js[0].Kind != Reattribute || js[0].Unique != "all" || js[0].Due != today.UnixMicro() {
				t.Errorf("jobs: %+v", js)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestMergeKeepsWhatIsNotNamedAndReplaceRetiresIt(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		importText(t, s, smallRegistry, ImportOptions{})
		d := importText(t, s, `{"constituents":[{"ref":"grid","name":"New Grid","assets":[{"kind":"asn","value":"AS64501"}]}]}`, ImportOptions{})
		if d.Constituents != (Tally{Changed: 1}) || d.Assets != (Tally{Added: 1}) || len(d.Changes) != 2 ||
			d.Changes[0].Fields[0] != "name: Ruritanian Grid → New Grid" {
			t.Errorf("merge: %+v", d)
		}
		got := export(t, s, JSON)
		if !strings.Contains(got, `"name":"New Grid","kind":"operator","sector":"energy"`) {
			t.Errorf("merge lost a field: %s", got)
		}
		d = importText(t, s, `{"constituents":[{"ref":"grid","name":"New Grid","kind":"operator",
			"assets":[{"kind":"asn","value":"AS64501"}]}],"national_prefixes":[]}`, ImportOptions{Replace: true})
		if d.Constituents != (Tally{Changed: 1, Removed: 2}) || d.Contacts.Removed != 1 || d.Assets.Removed != 6 || d.National.Removed != 1 {
			t.Errorf("replace: %+v", d)
		}
		if got = export(t, s, JSON); strings.Count(got, `"valid_until":"2026-03-01"`) != 9 {
			t.Errorf("what is gone ends today: %s", got)
		}
	})
}

func TestImportNamesEverythingThatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		f          Format
		want       []string
	}{
		{"json", `{"constituents":[
 {"ref":"a b","name":"","kind":"shop",
  "assets":[{"kind":"prefix","value":"10.0.0.0"},
   {"kind":"domain","value":"co.uk"}, {"kind":"asn","value":7},
   {"kind":"prefix","value":"10.0.0.0/8","colour":"red"}]},
 {"ref":"x","contacts":[{"role":"abuse","mail":"nobody"}],"valid_from":"yesterday"}], "more":1}`, JSON, []string{
			`test.json:2:9: ref: "a b" is no reference`, `test.json:2:22: name: needs a name`, `test.json:2:32: kind: "shop"`,
			`test.json:3:38: value: "10.0.0.0" has no length`, `test.json:4:29: value: "co.uk" is a public suffix`,
			`test.json:4:61: value: must be a text`, `test.json:5:42: colour: unknown key`, `test.json:6:48: mail: "nobody"`,
			`test.json:6:72: valid_from: "yesterday" is no date`, `test.json:6:87: more: unknown key`}},
		{"json cut off", `{"constituents":[{"ref":"a",`, JSON, []string{"test.json:1:29: is not JSON: it ends in the middle"}},
		{"json nonsense", "{\n  oops}", JSON, []string{"test.json:2:3: is not JSON"}},
		{"json list", "[]", JSON, []string{"test.json:1:1: the document must be an object"}},
		{"json trailing", `{"constituents":[]} {}`, JSON, []string{"test.json:1:21: more text"}},
		{"json twice", "{\"constituents\":[{\"ref\":\"a\"},\n{\"ref\":\"a\"}]}", JSON, []string{"test.json:2:1: ref: \"a\" is there already, in line 1"}},
		{"csv", "record,ref,name,kind,value,mail\nconstituent,a,A,isp,,\nasset,a,,prefix,300.1.1.1/8,\nasset,a,,prefix\n" +
			"person,a,,,,\ncontact,a,Desk,,,x@y@z\nasset,a,Name,asn,AS1,\n", CSV, []string{
			`test.csv:3:17: value: "300.1.1.1/8" is no prefix`, "test.csv:4:1: has 4 columns, the header has 6",
			`test.csv:5:1: record: "person" is no record`, `test.csv:6:18: mail: "x@y@z" is no mail`,
			"test.csv:7:9: name: does not belong to a asset"}},
		{"csv header", "record,ref,colour\n", CSV, []string{"test.csv:1:12: colour: unknown column"}},
		{"csv empty", "", CSV, []string{"is empty"}},
		{"csv quotes", "record,ref\n\"a,b\n", CSV, []string{"is not CSV"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read("test."+string(tt.f), tt.f, strings.NewReader(tt.text))
			var ps fault.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("got %v", err)
			}
			var all []string
			for _, p := range ps {
				all = append(all, p.String())
			}
			for _, w := range tt.want {
				if !strings.Contains(strings.Join(all, "\n"), w) {
					t.Errorf("not said: %s\nsaid: %s", w, strings.Join(all, "\n"))
				}
			}
		})
	}
}

func TestDocumentedFormsAreTaken(t *testing.T) {
	page, err := os.ReadFile("../../docs/constituency.md")
	if err != nil {
		t.Fatal(err)
	}
	eachStore(t, func(t *testing.T, s *Store) {
		for f, want := range map[Format]int{JSON: 5, CSV: 4} {
			_, text, _ := strings.Cut(string(page), "```"+string(f)+"\n")
			text, _, _ = strings.Cut(text, "```")
			d, err := s.Import(context.Background(), act.Machine, read(t, f, text), ImportOptions{DryRun: true})
			if err != nil || d.Total() != (Tally{Added: want}) {
				t.Errorf("%s: %+v, %v", f, d, err)
			}
		}
	})
}

func TestNothingIsHalfImported(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		importText(t, s, smallRegistry, ImportOptions{})
		before := export(t, s, JSON)
		for text, want := range map[string]string{
			`{"constituents":[{"ref":"new","name":"New"},{"ref":"grid","parent":"grid-north"}]}`:    `test.json:1:68: parent: "grid" would be above itself`,
			`{"constituents":[{"ref":"new","name":"New"},{"ref":"b","name":"B","parent":"no"}]}`:    `there is no constituent "no"`,
			`{"constituents":[{"ref":"new","name":"New","delegate":"grid"}]}`:                       `a branch is delegated to`,
			`{"constituents":[{"ref":"new"}]}`:                                                      `needs a name`,
			`{"constituents":[{"ref":"new","name":"N"},{"ref":"grid","valid_until":"2019-01-01"}]}`: `is before valid_from`,
		} {
			_, err := s.Import(context.Background(), act.Machine, read(t, JSON, text), ImportOptions{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		}
		if _, err := s.Import(context.Background(), act.Machine, read(t, CSV, "record,ref,kind,value\nasset,ghost,asn,AS1\n"), ImportOptions{}); err == nil ||
			!strings.Contains(err.Error(), `test.csv:2:1: ref: there is no constituent "ghost"`) {
			t.Errorf("ghost: %v", err)
		}
		if after := export(t, s, JSON); after != before {
			t.Errorf("something was written: %s", after)
		}
	})
}

func TestNationalPrefixesFollowTheirFiles(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		take := func(text string) (Tally, error) {
			return s.ImportNational(ctx, act.Machine, "rir", NationalFile{"xx.txt", strings.NewReader(text)})
		}
		if got, err := take("# head\n198.18.0.0/16 # half\n\n2001:db8::/32\n"); err != nil || got != (Tally{Added: 2}) {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := take("198.18.0.0/16\n"); err != nil || got != (Tally{Removed: 1}) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := take("198.18.0.0/16\nnonsense\n"); err == nil || !strings.Contains(err.Error(), "xx.txt:2") {
			t.Errorf("nonsense: %v", err)
		}
		r, err := s.Resolver(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if v := r.Resolve(Query{IP: netip.MustParseAddr("198.18.3.4"), At: 1}); v.Winner.Rule != CountryFallback || v.Owner != 0 {
			t.Errorf("fallback: %+v", *v)
		}
	})
}

func TestRealDelegationsAreTaken(t *testing.T) {
	files, err := filepath.Glob("../../../shared/data/prefixes/*.txt")
	if err != nil || len(files) == 0 {
		t.Skip("needs the delegated prefixes in ../shared/data/prefixes")
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		into := map[netip.Prefix]bool{}
		ps, err := readNational(NationalFile{f, bytes.NewReader(b)}, into)
		if err != nil || len(ps) > 0 || len(into) < 10 {
			t.Errorf("%s: %d prefixes, %v %v", f, len(into), ps, err)
		}
	}
}

// Counting from the beginning of the line at every field would not end.
func TestPlacesInOneLongLine(t *testing.T) {
	one := `{"ref":"c%d","name":"Ć","kind":"operator"},`
	var b strings.Builder
	b.WriteString(`{"constituents":[`)
	for i := range 100_000 {
		fmt.Fprintf(&b, one, i)
	}
	at := utf8.RuneCountInString(b.String()) + 1
	b.WriteString(`{"ref":"c7","name":"Ć","kind":"operator"}]}`)
	_, err := Read("long.json", JSON, strings.NewReader(b.String()))
	var ps fault.Problems
	if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Line != 1 || ps[0].Column < at || ps[0].Column > at+len(`{"ref":"c7",`) {
		t.Errorf("want one problem near column %d, got %v", at, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(smallRegistry, true)
	f.Add("record,ref,kind,value\nasset,a,asn,AS1\n", false)
	f.Add("record;ref;name\nconstituent;a;\"x\n", false)
	f.Fuzz(func(t *testing.T, text string, asJSON bool) {
		format := CSV
		if asJSON {
			format = JSON
		}
		doc, err := Read("f", format, strings.NewReader(text))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("not the reader's fault: %v", err)
			}
			return
		}
		empty := &holdings{byRef: map[string]*Constituent{}}
		makePlan(doc, empty, true, DayOf(today), func(string) bool { return true })
	})
}

func FuzzCanonical(f *testing.F) {
	for _, k := range AssetKinds() {
		for _, v := range []string{"203.0.113.7", "::ffff:10.1.2.3/100", "as64500", "*.MÜLLER.example.", "xn--a", "cpe:/a:b"} {
			f.Add(string(k), v)
		}
	}
	f.Fuzz(func(t *testing.T, kind, value string) {
		c, err := Canonical(AssetKind(kind), value)
		if err != nil {
			return
		}
		if again, err := Canonical(AssetKind(kind), c); err != nil || again != c {
			t.Errorf("%s %q → %q → %q, %v", kind, value, c, again, err)
		}
	})
}

// largeDocument has 40 constituents and n prefixes.
func largeDocument(n int) string {
	var b bytes.Buffer
	b.WriteString(`{"constituents":[`)
	for i := range 40 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"ref":"op%02d","name":"Operator %d","contacts":[{"role":"abuse","mail":"a%d@op.example"}],"assets":[`, i, i, i)
		for k := range n / 40 {
			if k > 0 {
				b.WriteByte(',')
			}
			x := i*(n/40) + k
			fmt.Fprintf(&b, "\n"+`{"kind":"prefix","value":"100.%d.%d.%d/28","also_notify":false,"valid_from":"","valid_until":""}`,
				x>>12&255, x>>4&255, x<<4&255)
		}
		b.WriteString("]}")
	}
	b.WriteString("]}")
	return b.String()
}

func BenchmarkImport(b *testing.B) {
	for _, n := range []int{20000, 200000} {
		text := largeDocument(n)
		run := func(b *testing.B, open func() *db.DB) {
			for range b.N {
				b.StopTimer()
				s := NewStore(open(), clock.NewManual(today))
				b.StartTimer()
				doc, err := Read("big.json", JSON, strings.NewReader(text))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Import(context.Background(), act.Machine, doc, ImportOptions{}); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Resolver(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprintf("sqlite-%d", n), func(b *testing.B) {
			run(b, func() *db.DB {
				return dbtest.Open(b, filepath.Join(b.TempDir(), "b.db"), "live", audit.Recorder(clock.Real()))
			})
		})
		b.Run(fmt.Sprintf("postgres-%d", n), func(b *testing.B) {
			run(b, func() *db.DB {
				url, world := dbtest.Postgres(b)
				return dbtest.Open(b, url, world, audit.Recorder(clock.Real()))
			})
		})
	}
}
