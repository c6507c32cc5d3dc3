package stix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/format/indicator"
	"tocsin/internal/format/tlp"
)

var at = time.Date(2026, 3, 1, 12, 30, 0, 123456789, time.UTC)

const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// whole is an incident with something of everything.
func whole() Incident {
	later := at.Add(48 * time.Hour)
	in := Incident{Namespace: "https://cert.ruritania.example", Key: "case-17", Name: "Phishing <b>wave</b> against \"grid\" operators",
		Description: "Čuvajte se: it's one\nof many", Language: "en", Labels: []string{"rsit:phishing", "rsit:fraud", "rsit:fraud"},
		Created: at, Modified: later, Marking: tlp.Amber,
		References: []Reference{{Source: "cert.ruritania.example", ID: "case-17"}, {Source: "CERT Ruritania", URL: "https://cert.ruritania.example/w/3"}},
		Producer:   Organisation{Key: "cert", Name: "CERT Ruritania", Contact: "cert@cert.ruritania.example", Sectors: []string{"government-national"}, Created: at, Marking: tlp.Clear},
		Affected:   []Organisation{{Key: "grid", Name: "Ruritanian Transmission Grid", Sectors: []string{"energy"}, Created: at}, {Key: "grid", Name: "again", Created: at}},
		Notes:      []Note{{Key: "note-1", Abstract: "Call", Content: "The operator called.", Authors: []string{"duty officer"}, At: later, Marking: tlp.Red}},
	}
	for t, v := range values {
		in.Indicators = append(in.Indicators, Indicator{Type: t, Value: v, Kind: "malicious-activity", Description: "seen in the mail", From: at, Until: later})
		if t != indicator.CVE {
			in.Observed = append(in.Observed, Observation{Type: t, Value: v, First: at, Last: later, Count: 3, Marking: tlp.AmberStrict})
		}
	}
	slices.SortFunc(in.Indicators, func(a, b Indicator) int { return strings.Compare(a.Value, b.Value) })
	slices.SortFunc(in.Observed, func(a, b Observation) int { return strings.Compare(a.Value, b.Value) })
	return in
}

var values = map[indicator.Type]string{indicator.IPv4: "192.0.2.1", indicator.IPv6: "2001:db8::1", indicator.CIDR: "2001:db8::/32", indicator.Domain: "evil.example",
	indicator.URL: "http://evil.example/a?b='c'&d=\\<e>", indicator.Mail: "ana@evil.example", indicator.MD5: sha256[:32], indicator.SHA1: sha256[:40],
	indicator.SHA256: sha256, indicator.SHA512: sha256 + sha256, indicator.CVE: "CVE-2024-12345", indicator.ASN: "AS64500"}

// required are the properties that the specification requires of a type beside type and id.
var required = map[string][]string{
	"marking-definition": {"spec_version", "created", "name", "extensions"},
	"identity":           {"spec_version", "created", "modified", "name", "identity_class"},
	"incident":           {"spec_version", "created", "modified", "name"},
	"indicator":          {"spec_version", "created", "modified", "pattern", "pattern_type", "valid_from"},
	"vulnerability":      {"spec_version", "created", "modified", "name"},
	"note":               {"spec_version", "created", "modified", "content", "object_refs"},
	"observed-data":      {"spec_version", "created", "modified", "first_observed", "last_observed", "number_observed", "object_refs"},
	"relationship":       {"spec_version", "created", "modified", "relationship_type", "source_ref", "target_ref"},
	"ipv4-addr":          {"value"}, "ipv6-addr": {"value"}, "domain-name": {"value"}, "url": {"value"}, "email-addr": {"value"},
	"file": {"hashes"}, "autonomous-system": {"number"},
}

var (
	identifierForm = regexp.MustCompile(`^[a-z0-9-]+--[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	stampForm      = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	patternForm    = regexp.MustCompile(`^\[[a-z0-9-]+:(value (=|ISSUBSET) '([^'\\]|\\['\\])+'|number = \d+|hashes\.(MD5|'SHA-(1|256|512)') = '[0-9a-f]+')\]$`)
)

// broken lists what the specification forbids in a bundle.
func broken(b []byte) (out []string) {
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var bundle struct {
		Type, ID string
		Objects  []map[string]any
	}
	if err := json.Unmarshal(b, &bundle); err != nil || bundle.Type != "bundle" || !identifierForm.MatchString(bundle.ID) {
		return []string{fmt.Sprintf("no bundle: %v %s", err, bundle.ID)}
	}
	known := map[string]bool{}
	for _, o := range bundle.Objects {
		id, _ := o["id"].(string)
		if known[id] {
			add("%s stands twice", id)
		}
		known[id] = true
	}
	for _, o := range bundle.Objects {
		kind, id := o["type"].(string), o["id"].(string)
		if need, ok := required[kind]; !ok {
			add("%s is no type", kind)
		} else {
			for _, p := range need {
				if _, ok := o[p]; !ok {
					add("%s: no %s", id, p)
				}
			}
		}
		if !strings.HasPrefix(id, kind+"--") || kind != "marking-definition" && !identifierForm.MatchString(id) {
			add("%s is no identifier of %s", id, kind)
		}
		if v := o["spec_version"]; v != "2.1" {
			add("%s: version %v", id, v)
		}
		for p, v := range o {
			switch v := v.(type) {
			case []any:
				if len(v) == 0 {
					add("%s: %s is empty", id, p)
				}
				for _, r := range v {
					if strings.HasSuffix(p, "_refs") && !known[r.(string)] {
						add("%s: %s points at nothing", id, p)
					}
				}
			case string:
				if v == "" {
					add("%s: %s is empty", id, p)
				}
				if strings.HasSuffix(p, "_ref") && !known[v] {
					add("%s: %s points at nothing", id, p)
				}
			}
			if slices.Contains([]string{"created", "modified", "first_observed", "last_observed", "valid_from", "valid_until"}, p) && !stampForm.MatchString(v.(string)) {
				add("%s: %s is %s", id, p, v)
			}
		}
		if _, ok := o["object_marking_refs"]; !ok && kind != "marking-definition" {
			add("%s is not marked", id)
		}
		if m, ok := o["modified"].(string); ok && m < o["created"].(string) {
			add("%s is modified before it was created", id)
		}
		if p, ok := o["pattern"].(string); ok && (!patternForm.MatchString(p) || o["pattern_type"] != "stix") {
			add("%s: pattern %s", id, p)
		}
	}
	return out
}

func TestAWholeBundleIsValid(t *testing.T) {
	b, err := Bundle(whole())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range broken(b) {
		t.Error(p)
	}
	least := whole()
	least.Affected, least.Indicators, least.Observed, least.Notes, least.References, least.Labels, least.Description = nil, nil, nil, nil, nil, nil, ""
	if b, err = Bundle(least); err != nil || len(broken(b)) > 0 {
		t.Errorf("%v %q", err, broken(b))
	}
}

// TestTheJudgeFindsWhatIsBroken is the test of the test.
func TestTheJudgeFindsWhatIsBroken(t *testing.T) {
	b, err := Bundle(whole())
	if err != nil {
		t.Fatal(err)
	}
	for old, fresh := range map[string]string{`"name": "CERT Ruritania"`: `"nom": "x"`, ".123Z": "Z", "ISSUBSET": "WITHIN", `"spec_version": "2.1"`: `"spec_version": "2.0"`,
		`"source_ref": "`: `"source_ref": "x`, `"type": "incident"`: `"type": "case"`} {
		if wrong := bytes.Replace(b, []byte(old), []byte(fresh), 1); bytes.Equal(wrong, b) || len(broken(wrong)) == 0 {
			t.Errorf("%s instead of %s is not found", fresh, old)
		}
	}
}

// TestAnotherValidatorAgrees asks the OASIS validator, where TOCSIN_TEST_STIX names it.
func TestAnotherValidatorAgrees(t *testing.T) {
	validator := os.Getenv("TOCSIN_TEST_STIX")
	if validator == "" {
		t.Skip("TOCSIN_TEST_STIX names no stix2_validator")
	}
	b, err := Bundle(whole())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(validator, "--version", "2.1", file).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("STIX JSON: Valid")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestIdentifiersOfObservablesAreEverybodys(t *testing.T) {
	for _, tt := range []struct {
		t           indicator.Type
		value, want string
	}{ // as the OASIS library makes them
		{indicator.IPv4, "198.51.100.3", "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
		{indicator.IPv6, "2001:db8::1", "ipv6-addr--6469e3a9-b053-5e34-a025-9396ae051d26"},
		{indicator.Domain, "example.com", "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"},
		{indicator.URL, "http://example.com/a?b=c&d=e", "url--891bfc18-2bf7-5e7e-810d-2cae0c087fab"},
		{indicator.Mail, "john@example.com", "email-addr--7165e2a9-671f-585d-b1e1-ca59c671d934"},
		{indicator.ASN, "AS15139", "autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"},
		{indicator.SHA256, sha256, "file--22f8ff52-8f62-5f03-a53a-6f50f54fd74c"},
	} {
		if o, err := observable(tt.t, tt.value); err != nil || o.ID != tt.want {
			t.Errorf("%s: %s, want %s (%v)", tt.value, o.ID, tt.want, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for typ, want := range map[indicator.Type]string{
		indicator.IPv4: "[ipv4-addr:value = '192.0.2.1']", indicator.CIDR: "[ipv6-addr:value ISSUBSET '2001:db8::/32']",
		indicator.URL: `[url:value = 'http://evil.example/a?b=\'c\'&d=%5C%3Ce%3E']`, indicator.SHA1: "[file:hashes.'SHA-1' = '" + sha256[:40] + "']",
		indicator.MD5: "[file:hashes.MD5 = '" + sha256[:32] + "']", indicator.ASN: "[autonomous-system:number = 64500]",
	} {
		if got, err := pattern(typ, values[typ]); got != want || err != nil {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
	}
}

func TestTheSameIncidentIsTheSameBytes(t *testing.T) {
	a, err := Bundle(whole())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Bundle(whole())
	other := whole()
	other.Namespace = "https://cert.elphberg.example"
	c, _ := Bundle(other)
	if !bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Error("not the same, or the same in another namespace")
	}
	id := regexp.MustCompile(`"id": "(incident--[^"]*)"`)
	if x, y := id.FindSubmatch(a), id.FindSubmatch(c); bytes.Equal(x[1], y[1]) {
		t.Errorf("%s in two namespaces", x[1])
	}
}

func TestEverythingBearsTheStricterLabel(t *testing.T) {
	in := whole()
	in.Indicators = []Indicator{{Type: indicator.IPv4, Value: "192.0.2.1", From: at, Marking: tlp.Green}}
	in.Observed = []Observation{{Type: indicator.IPv4, Value: "192.0.2.1", First: at, Last: at, Count: 1, Marking: tlp.Green},
		{Type: indicator.IPv4, Value: "192.0.2.1", First: at.Add(time.Hour), Last: at.Add(time.Hour), Count: 1, Marking: tlp.Red}}
	b, err := Bundle(in)
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Objects []struct {
			Type, Name, Relationship_Type string
			Object_Marking_Refs           []string
		}
	}
	if err := json.Unmarshal(b, &bundle); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, o := range bundle.Objects {
		for l, id := range markings {
			if slices.Contains(o.Object_Marking_Refs, id) {
				key := o.Type + o.Relationship_Type
				got[key] = append(got[key], l.String())
			}
		}
	}
	for key, want := range map[string]string{"incident": "TLP:AMBER", "indicator": "TLP:GREEN", "ipv4-addr": "TLP:RED", "observed-data": "TLP:GREEN TLP:RED",
		"relationshipbased-on": "TLP:AMBER TLP:RED", "note": "TLP:RED", "identity": "TLP:CLEAR TLP:AMBER"} {
		if strings.Join(got[key], " ") != want {
			t.Errorf("%s: %v, want %s", key, got[key], want)
		}
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for want, change := range map[string]func(*Incident){
		"no URI":                     func(in *Incident) { in.Namespace = "cert" },
		"needs a key and a name":     func(in *Incident) { in.Name = " " },
		"before it was created":      func(in *Incident) { in.Modified = at.Add(-time.Second) },
		"bears no TLP label":         func(in *Incident) { in.Marking = tlp.None },
		"a reference needs":          func(in *Incident) { in.References = []Reference{{Source: "x"}} },
		`organisation "grid" needs`:  func(in *Incident) { in.Affected[0].Name = "" },
		"is no sector":               func(in *Incident) { in.Affected[0].Sectors = []string{"water works"} },
		"is no kind":                 func(in *Incident) { in.Indicators[0].Kind = "bad" },
		"from which it is valid":     func(in *Incident) { in.Indicators[0].From = time.Time{} },
		"nothing that STIX observes": func(in *Incident) { in.Observed[0].Type = indicator.CVE },
		`asn "ASx" is nothing`:       func(in *Incident) { in.Indicators[0] = Indicator{Type: indicator.ASN, Value: "ASx", From: at} },
		"observation of":             func(in *Incident) { in.Observed[0].Count = 0 },
		`note "" needs`:              func(in *Incident) { in.Notes[0].Key = "" },
		"parts of one kind; at most": func(in *Incident) { in.Notes = make([]Note, maxParts+1) },
	} {
		in := whole()
		change(&in)
		if b, err := Bundle(in); err == nil || b != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
