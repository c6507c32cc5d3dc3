package generic

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
)

func parse(t testing.TB, text string) *Mapping {
	t.Helper()
	m, err := Parse("m.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t testing.TB, m *Mapping, content string) (events []event.Event, bad []event.RowError) {
	t.Helper()
	r, err := New(m).Open(event.Identity{Name: "f", Type: m.kind.Name}, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var e event.Event
		err := r.Next(&e)
		var wrong *event.RowError
		switch {
		case err == io.EOF:
			return events, bad
		case errors.As(err, &wrong):
			bad = append(bad, *wrong)
		case err != nil:
			t.Fatal(err)
		default:
			events = append(events, e)
		}
	}
}

// fenced is the first block of a language in the documentation, and what follows it.
func fenced(t *testing.T, text, lang string) (block, rest string) {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n```"+lang+"\n")
	block, rest, ok2 := strings.Cut(rest, "\n```\n")
	if !ok || !ok2 {
		t.Fatalf("the documentation has no block of %q", lang)
	}
	return block, rest
}

func TestDocumentedExampleIsTrue(t *testing.T) {
	doc, err := os.ReadFile("../../../../docs/feeds-generic.md")
	if err != nil {
		t.Fatal(err)
	}
	mapping, rest := fenced(t, string(doc), "toml")
	content, _ := fenced(t, rest, "")
	m := parse(t, mapping)
	id, err := New(m).Identify("2026-01-31-spamtrap-north.csv.gz")
	if err != nil || id.Type != "spamtrap" || id.Subscription != "north" || id.Day.String() != "2026-01-31" || id.Name != "2026-01-31-spamtrap-north.csv.gz" {
		t.Errorf("%+v %v", id, err)
	}
	events, bad := read(t, m, content+"\n")
	if len(events) != 1 || len(bad) > 0 {
		t.Fatal(events, bad)
	}
	e := events[0]
	if got := time.UnixMicro(e.Time).UTC().Format(time.DateTime); got != "2026-01-31 11:30:00" || e.Class != "abusive-content" || e.Kind != "spam" ||
		e.Identifier != "spamtrap" || e.IP != netip.MustParseAddr("203.0.113.7") || e.Severity != event.High || e.Malware != "cutwail" ||
		e.Application != "smtp" || e.Transport != "tcp" || e.Extra != `{"helo":"mail.example.org","mailer":"cutwail","note":"first time"}` {
		t.Errorf("%s %+v", got, e)
	}
}

const small = "name = \"x\"\ntype = \"spam\"\n"

func TestMistakesInAMappingAreNamedByLineAndKey(t *testing.T) {
	for in, want := range map[string]string{
		"name = \"x\"\nname = \"y\"\n":                              "m.toml:2:",
		"nmae = \"x\"\n":                                            "m.toml:1: nmae: unknown key",
		small + "[map]\nip = \"source.ipp\"\n":                      "m.toml:4: map.ip: \"source.ipp\" is no IDF field",
		small + "[map]\nip = \"source.ip\"\nz = \"source.ip\"":      "m.toml:5: map.z: source.ip has a column already",
		small + "[map]\nip = 3\n":                                   "m.toml:4: map.ip: expected the name",
		small + "[map]\nsrc.ip = \"source.ip\"\n":                   "map.src: expected the name of an IDF field or a list of them; put a column name with dots in quotes",
		small + "subject = \"adress\"\n[map]\nip = \"source.ip\"\n": "m.toml:3: subject: \"adress\" is no subject",
		small + "closing = \"never\"\n":                             "m.toml:3: closing:",
		small + "severity = \"bad\"\n":                              "m.toml:3: severity:",
		small + "class = \"fraud\"\n":                               "m.toml:3: class: spam is a type of class abusive-content",
		"name = \"x\"\ntype = \"sapm\"\n":                           "m.toml:2: type: \"sapm\" is no RSIT type",
		"name = \"a-b\"\n":                                          "m.toml:1: name:",
		"name = \"x\"\n[map]\nip = \"source.ip\"\n":                 "type: missing",
		small:                                        "map: missing",
		small + "file = \"(\"\n":                     "m.toml:3: file: error parsing regexp",
		small + "file = \"x\"\n":                     "m.toml:3: file: the pattern has no group",
		small + "time_formats = [\"%Y\"]\n":          "m.toml:3: time_formats:",
		small + "time_zone = \"Mars\"\n":             "m.toml:3: time_zone:",
		small + "delimiter = \"||\"\n":               "m.toml:3: delimiter:",
		small + "header = false\n":                   "columns: missing",
		small + "columns = [\"a\"]\n":                "m.toml:3: columns:",
		small + "format = \"xml\"\n":                 "m.toml:3: format:",
		small + "format = \"json\"\nheader = true\n": "m.toml:3: format: header, columns",
		small + "records = \"a\"\n":                  "m.toml:3: records:",
		small + "[map]\nip = \"source.ip\"\n[constants]\n\"source.port\" = \"70000\"\n": "m.toml:6: constants.source.port: \"70000\" is no port",
		small + "[severities]\n\"9\" = \"bad\"\n":                                       "m.toml:4: severities.9:",
	} {
		_, err := Parse("m.toml", []byte(in))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q:\n%v\nwant %s", in, err, want)
		}
	}
}

func TestFilesWithoutHeaderHaveNamedColumns(t *testing.T) {
	m := parse(t, small+"header = false\ncolumns = [\"when\", \"addr\", \"port\", \"rest\"]\ndelimiter = \"tab\"\n[map]\nwhen = \"time.source\"\naddr = \"source.ip\"\nport = \"source.port\"\n")
	events, bad := read(t, m, "2026-01-01 00:00:00\t203.0.113.7\t\tx\n2026-01-01 00:00:00\t203.0.113.8\t70000\tx\nshort\n")
	if len(events) != 1 || events[0].Port != -1 || events[0].Row != 1 || events[0].Line != 1 || events[0].Extra != `{"rest":"x"}` {
		t.Errorf("%+v", events)
	}
	if len(bad) != 2 || bad[0].Line != 2 || bad[0].Column != 3 || bad[0].Field != "source.port" || !strings.Contains(bad[1].Reason, "has 1 columns; expected 4") {
		t.Errorf("%+v", bad)
	}
}

func TestJSONLinesAndDocumentsReadTheSame(t *testing.T) {
	fields := "[map]\n\"src.ip\" = \"source.ip\"\nt = \"time.source\"\nkind = \"classification.type\"\n"
	a := `{"src":{"ip":"203.0.113.7","x":1},"t":1767225600,"kind":"phishing"}`
	b := `{"src":{"ip":"999.1.1.1"},"t":1}`
	lines := parse(t, small+"format = \"json-lines\"\ntime_formats = [\"unix\"]\n"+fields)
	array := parse(t, small+"format = \"json\"\ntime_formats = [\"unix\"]\n"+fields)
	under := parse(t, small+"format = \"json\"\nrecords = \"data\"\ntime_formats = [\"unix\"]\n"+fields)
	for _, c := range []struct {
		name   string
		m      *Mapping
		in     string
		offset int64
	}{
		{"lines", lines, a + "\n" + b + "\n" + a, 0},
		{"array", array, "[" + a + ",\n" + b + ",\n" + a + "]", 1},
		{"under a key", under, "{\"n\":[1,{}],\"data\":[" + a + ",\n" + b + ",\n" + a + "],\"z\":1}", 20},
	} {
		events, bad := read(t, c.m, c.in)
		if len(events) != 2 || len(bad) != 1 {
			t.Fatalf("%s: %+v %+v", c.name, events, bad)
		}
		if e := events[0]; e.Time != 1767225600000000 || e.IP.String() != "203.0.113.7" || e.Class != "fraud" || e.Kind != "phishing" || e.Extra != `{"src.x":"1"}` ||
			e.Line != 1 || e.Offset != c.offset || !strings.HasPrefix(c.in[events[1].Offset:], a) || events[1].Line != 3 || events[1].Row != 3 {
			t.Errorf("%s: %+v %+v", c.name, e, events[1])
		}
		if w := bad[0]; w.Line != 2 || w.Row != 2 || w.Field != "src.ip" {
			t.Errorf("%s: %+v", c.name, w)
		}
	}
}

func TestTimesAreReadInTheMappingsZone(t *testing.T) {
	m := parse(t, small+"time_zone = \"Asia/Tokyo\"\ntime_formats = [\"iso\", \"unix-millis\", \"Jan _2 2006 15:04:05\"]\n[map]\nt = \"time.source\"\nip = \"source.ip\"\n")
	events, bad := read(t, m, "t,ip\n2026-01-01 09:00:00,192.0.2.1\n2026-01-01T00:00:00Z,192.0.2.1\n1767225600000,192.0.2.1\nJan  1 2026 09:00:00,192.0.2.1\nsoon,192.0.2.1\n")
	if len(events) != 4 || len(bad) != 1 || bad[0].Column != 1 || !strings.Contains(bad[0].Reason, "is no time") {
		t.Fatal(events, bad)
	}
	for _, e := range events {
		if e.Time != 1767225600000000 {
			t.Errorf("row %d is at %v", e.Row, time.UnixMicro(e.Time).UTC())
		}
	}
}

func TestUnusableFileIsInvalid(t *testing.T) {
	body := "[map]\nip = \"source.ip\"\n"
	text := parse(t, small+body)
	lines := parse(t, small+"format = \"json-lines\"\n"+body)
	doc := parse(t, small+"format = \"json\"\n"+body)
	for _, c := range []struct {
		m        *Mapping
		in, want string
	}{
		{text, "", "empty file"}, {text, "a,b\n1,2\n", "none of the mapping's columns"}, {text, "\"a", "the header cannot be read"},
		{lines, "\n", "empty file"}, {lines, "[{}]", "an array begins here"},
		{doc, "", "empty file"}, {doc, "{}", "expected an array"}, {doc, "x", "invalid character"},
	} {
		_, err := New(c.m).Open(event.Identity{Name: "f", Type: "x"}, strings.NewReader(c.in))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%q: %v", c.in, err)
		}
	}
	if _, err := New(text).Open(event.Identity{Name: "f", Type: "y"}, strings.NewReader("")); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestBrokenDocumentIsNotTakenInByHalf(t *testing.T) {
	doc := parse(t, small+"format = \"json\"\n[map]\nip = \"source.ip\"\n")
	for _, in := range []string{"[{\"ip\":\"192.0.2.1\"},\n{\"ip\":", "[{\"ip\":\"192.0.2.1\"},\n{\"ip\" 1}]", "[{\"ip\":\"192.0.2.1\"}\n", "[{\"ip\":\"192.0.2.1\"},\n{\"ip\":\"" + strings.Repeat("x", 17<<20)} {
		r, err := New(doc).Open(event.Identity{Name: "f", Type: "x"}, strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		var e event.Event
		if err := r.Next(&e); err != nil {
			t.Fatal(err)
		}
		if err := r.Next(&e); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%.50q: %v", in, err)
		}
	}
}

func TestNamesThatFitNoMapping(t *testing.T) {
	f := New(parse(t, small+"file = '^in-(?P<day>\\d{8})\\.csv$'\n[map]\nip = \"source.ip\"\n"))
	if id, err := f.Identify("a/in-20260131.csv.zip"); err != nil || id.Day.String() != "2026-01-31" {
		t.Errorf("%+v %v", id, err)
	}
	for _, in := range []string{"in-20260231.csv", "out.csv", ""} {
		if _, err := f.Identify(in); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", in, err)
		}
	}
	if ty := f.Type("x"); !ty.Known || ty.Class != "abusive-content" || ty.Closing != event.Observation {
		t.Errorf("%+v", ty)
	}
	if ty := f.Type("y"); ty.Known {
		t.Errorf("%+v", ty)
	}
}

// FuzzReadGeneric: whatever the content, every record is an event or a row error, in order.
func FuzzReadGeneric(f *testing.F) {
	fields := "time_formats = [\"iso\", \"unix\"]\n[map]\nip = \"source.ip\"\nt = [\"time.source\", \"extra.t\"]\nk = \"classification.type\"\n"
	mappings := []*Mapping{parse(f, small+fields), parse(f, small+"format = \"json-lines\"\n"+fields), parse(f, small+"format = \"json\"\n"+fields)}
	f.Add(uint8(0), "ip,t,k\n192.0.2.1,12,\"x\"\n")
	f.Add(uint8(1), "{\"ip\":\"192.0.2.1\"}\n{}\n")
	f.Add(uint8(2), "[{\"ip\":\"192.0.2.1\"},\n 3, {}]")
	f.Fuzz(func(t *testing.T, which uint8, in string) {
		r, err := New(mappings[which%3]).Open(event.Identity{Name: "f", Type: "x"}, strings.NewReader(in))
		if err != nil {
			return
		}
		for row := int64(1); ; row++ {
			var e event.Event
			err := r.Next(&e)
			var wrong *event.RowError
			switch {
			case errors.As(err, &wrong):
				if wrong.Row != row {
					t.Fatalf("row %d is %d", row, wrong.Row)
				}
			case err != nil:
				return
			case e.Row != row || e.Line < 1:
				t.Fatalf("row %d is %+v", row, e)
			}
		}
	})
}
