package shadowserver

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/event"
)

const sharedSchema = "../../../../../shared/data/shadowserver/schema/"

// schemaFiles opens Shadowserver's two files, which are no part of the project.
func schemaFiles(t *testing.T) (reports, intelmq *os.File) {
	t.Helper()
	open := func(name string) *os.File {
		f, err := os.Open(sharedSchema + name)
		if err != nil {
			t.Skipf("Shadowserver's schema is not beside the checkout: %v", err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return open("reports.json"), open("intelmq.json")
}

func table(t *testing.T, s *Schema) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEmbeddedTableIsWhatDeriveMakes(t *testing.T) {
	s, err := Derive(schemaFiles(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Types()) != 170 {
		t.Errorf("%d types, want 170", len(s.Types()))
	}
	if table(t, s) != typesNow {
		t.Error("types.tsv is not what the derive command makes; run it")
	}
}

func TestBuiltinEqualsLoadOfTheSameFiles(t *testing.T) {
	s, err := Load(schemaFiles(t))
	if err != nil {
		t.Fatal(err)
	}
	if table(t, s) != table(t, Builtin()) {
		t.Error("the loaded schema differs from the built-in one")
	}
}

func TestLoadOfOneFileKeepsTheOther(t *testing.T) {
	reports, intelmq := schemaFiles(t)
	for name, load := range map[string]func() (*Schema, error){
		"reports": func() (*Schema, error) { return Load(reports, nil) },
		"intelmq": func() (*Schema, error) { return Load(nil, intelmq) },
		"neither": func() (*Schema, error) { return Load(nil, nil) },
	} {
		s, err := load()
		if err != nil {
			t.Fatal(err)
		}
		if table(t, s) != table(t, Builtin()) {
			t.Errorf("%s alone: the schema differs from the built-in one", name)
		}
	}
}

func TestTableSurvivesParsing(t *testing.T) {
	again, err := parseTable(table(t, Builtin()))
	if err != nil {
		t.Fatal(err)
	}
	if table(t, again) != table(t, Builtin()) {
		t.Error("the table changes when it is read and written")
	}
}

func TestNewerSchemaAddsAndReplaces(t *testing.T) {
	s, err := Load(strings.NewReader(`{
		"scan_new": {"name": "New", "classification.taxonomy": "vulnerable", "classification.type": "blacklist",
			"fields": ["timestamp", "ip", "novel", "tag"]},
		"scan_rdp": {"name": "RDP", "fields": ["timestamp", "ip", "port", "extraordinary"]}}`),
		strings.NewReader(`{"_meta": {"date_created": "2030-01-01T00:00:00Z"},
		"scan_mapped": {"file_name": "scan_other", "feed_name": "Other", "constant_fields": {"classification.identifier": "other-thing"},
			"required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"]],
			"optional_fields": [["extra.", "depth", "convert_depth"], ["extra.", "depth", "twice"]]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Date() != "2030-01-01T00:00:00Z" || len(s.Types()) != len(Builtin().Types())+2 {
		t.Errorf("date %q, %d types", s.Date(), len(s.Types()))
	}
	fresh, ok := s.Type("scan_new")
	want := []Column{{"timestamp", "time.source", Time}, {"ip", "source.ip", IP}, {"novel", "extra.novel", Optional},
		{"tag", "extra.tag", Optional}, {"tag", "product.vulnerabilities", CVE}}
	if !ok || fresh.Kind != "blocklist" || fresh.Subject != event.Service || !slices.Equal(fresh.Map, want) {
		t.Errorf("scan_new = %+v", fresh)
	}
	rdp, _ := s.Type("scan_rdp")
	if rdp.Identifier != "open-rdp" || len(rdp.Columns) != 4 || rdp.Kind != "vulnerable-system" {
		t.Errorf("scan_rdp = %+v", rdp)
	}
	other, ok := s.Type("scan_other")
	want = []Column{{"timestamp", "time.source", Time}, {"depth", "extra.depth", Text}}
	if !ok || other.Identifier != "other-thing" || !slices.Equal(other.Map, want) {
		t.Errorf("scan_other = %+v", other)
	}
}

func TestUnusableSchemaSaysWhere(t *testing.T) {
	for want, files := range map[string][2]string{
		"reports.json":         {`{`, ``},
		"intelmq.json":         {`{}`, `[]`},
		"name of a report":     {`{"a-b": {"fields": ["x"]}}`, `{}`},
		"name of a column":     {`{"a": {"fields": ["x y"]}}`, `{}`},
		`report type "a": rul`: {`{}`, `{"a": {"required_fields": [["source.ip", 3]]}}`},
	} {
		_, err := Load(strings.NewReader(files[0]), strings.NewReader(files[1]))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q) = %v, want an error with %q", files, err, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"scan_x": {"fields": ["timestamp", "tag"], "name": "X"}}`),
		[]byte(`{"scan_x": {"required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"]]}}`))
	f.Fuzz(func(t *testing.T, reports, intelmq []byte) {
		s, err := Load(bytes.NewReader(reports), bytes.NewReader(intelmq))
		if err != nil {
			return
		}
		if again, err := parseTable(table(t, s)); err != nil || table(t, again) != table(t, s) {
			t.Errorf("the table does not survive: %v", err)
		}
	})
}
