package idf

import (
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	wire "tocsin/internal/format/idf"
	"tocsin/internal/platform/fault"

	"pgregory.net/rapid"
)

func read(t testing.TB, content string) (events []event.Event, bad []event.RowError) {
	t.Helper()
	r, err := New().Open(event.Identity{Name: "2026-01-01.json", Type: "idf"}, strings.NewReader(content))
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

func TestTimesAreUTC(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-31 23:59:58":              "2026-01-31T23:59:58Z",
		"2026-01-31T23:59:58Z":             "2026-01-31T23:59:58Z",
		"2026-01-31 23:59:58.25":           "2026-01-31T23:59:58.25Z",
		"2026-01-31T23:59:58.1234567Z":     "2026-01-31T23:59:58.123456Z",
		"2026-02-01T01:29:58+01:30":        "2026-01-31T23:59:58Z",
		"2026-01-31T18:59:58-0500":         "2026-01-31T23:59:58Z",
		"2026-01-31T18:59:58-05":           "2026-01-31T23:59:58Z",
		"2026-01-31 23:59:58 UTC":          "2026-01-31T23:59:58Z",
		"2026-01-31T23:59:58.000001+00:00": "2026-01-31T23:59:58.000001Z",
		"2024-02-29":                       "2024-02-29T00:00:00Z",
		"1970-01-01 00:00:01":              "1970-01-01T00:00:01Z",
	} {
		got, ok := ParseTime(in)
		if s := time.UnixMicro(got).UTC().Format(time.RFC3339Nano); !ok || s != want {
			t.Errorf("%s is %s %v, want %s", in, s, ok, want)
		}
	}
	for _, in := range []string{"", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-32", "2026-01-01 24:00:00", "2026-01-01 00:60:00",
		"2026-01-01 00:00:60", "01/02/2026 00:00:00", "2026-01-01 00:00:00.", "2026-01-01 00:00:00+1", "2026-01-01 00:00:00 CET",
		"1969-12-31 00:00:00", "2026-01-01 00:00", "2026-1-1 00:00:00", "2026-01-01 0a:00:00", "2026-01-01 00:00:00+19:00"} {
		if got, ok := ParseTime(in); ok {
			t.Errorf("%q is read as %d", in, got)
		}
	}
}

func TestTimesAgreeWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Int64Range(0, 4_102_444_800).Draw(t, "seconds")
		in := time.Unix(want, 0).UTC().Format(time.DateTime)
		if got, ok := ParseTime(in); !ok || got != want*1_000_000 {
			t.Fatalf("%s is %d %v", in, got, ok)
		}
	})
}

func TestAddressesAreUnmappedAndSpecified(t *testing.T) {
	for in, want := range map[string]string{"203.0.113.7": "203.0.113.7", "0.0.0.1": "0.0.0.1", "255.255.255.255": "255.255.255.255",
		"2001:db8::1": "2001:db8::1", "::ffff:203.0.113.7": "203.0.113.7", "2001:DB8:0:0::1": "2001:db8::1"} {
		if got, ok := ParseAddr(in); !ok || got.String() != want {
			t.Errorf("%s is %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "0.0.0.0", "::", "::ffff:0.0.0.0", "999.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "01.2.3.4",
		"1.2.3.256", "1.2.3.4 ", "fe80::1%eth0", "a.b.c.d", "1.2.3.4/32", "2001:db8:::1", "1.2.3.4:80"} {
		if got, ok := ParseAddr(in); ok {
			t.Errorf("%q is read as %v", in, got)
		}
	}
}

func TestAddressesAgreeWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringMatching(`[0-9]{0,3}(\.[0-9]{0,3}){2,4}`).Draw(t, "text")
		want, err := netip.ParseAddr(in)
		got, ok := ParseAddr(in)
		if ok != (err == nil && !want.IsUnspecified()) || ok && got != want {
			t.Fatalf("%s is %v %v, netip says %v %v", in, got, ok, want, err)
		}
	})
}

func TestPortsMayBeZero(t *testing.T) {
	for in, want := range map[string]int32{"0": -1, "00": -1, "1": 1, "65535": 65535, "0080": 80} {
		if got, ok := ParsePort(in); !ok || got != want {
			t.Errorf("%s is %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "65536", "70000", "-1", "8o", "123456", "80.0"} {
		if got, ok := ParsePort(in); ok {
			t.Errorf("%q is read as %d", in, got)
		}
	}
}

func TestNumbersOfAutonomousSystems(t *testing.T) {
	for in, want := range map[string]uint32{"64500": 64500, "AS64500": 64500, "as1": 1, "4294967295": 4294967295, "0": 0} {
		if got, ok := ParseASN(in); !ok || got != want {
			t.Errorf("%s is %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "AS", "4294967296", "-1", "64500 64501", "1.10"} {
		if got, ok := ParseASN(in); ok {
			t.Errorf("%q is read as %d", in, got)
		}
	}
}

func TestHostsAreNamesAndNoAddresses(t *testing.T) {
	for in, want := range map[string]string{"www.example.com": "www.example.com", "WWW.Example.COM.": "www.example.com",
		"example.com:8080": "example.com", "_dmarc.example.com": "_dmarc.example.com", "žito.example": "žito.example"} {
		if got, ok := Host(in); !ok || got != want {
			t.Errorf("%s is %q %v", in, got, ok)
		}
	}
	for _, in := range []string{"", ".", "localhost", "203.0.113.7", "203.0.113.7:80", "a..b", ".a.b", "a b.example", "x/y.example",
		strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 127) + "example", "[2001:db8::1]"} {
		if got, ok := Host(in); ok {
			t.Errorf("%q is read as %q", in, got)
		}
	}
	for in, want := range map[string]string{"http://www.example.com/a": "www.example.com", "https://u:p@Example.com:443?x": "example.com",
		"http://203.0.113.7/": "", "/only/a/path": "", "http://[2001:db8::1]/": ""} {
		if got := HostOfURL(in); got != want {
			t.Errorf("host of %s is %q", in, got)
		}
	}
}

func TestCVEsAreFoundInTags(t *testing.T) {
	var b Builder
	for range 2 { // the second time from memory
		for in, want := range map[string]string{"exchange;cve-2021-26855": "CVE-2021-26855", "http": "", "": "", "CVE-2021-1": "",
			"CVE-2022-10002,x,cve-2021-0001 CVE-2022-10002": "CVE-2021-0001,CVE-2022-10002", "cve-21-44228": "", "xcve-2021-44228y": "CVE-2021-44228"} {
			if got := b.CVEs(in); got != want {
				t.Errorf("%q has %q, want %q", in, got, want)
			}
		}
	}
}

func TestLinesOfIntelMQAreRead(t *testing.T) {
	events, bad := read(t, `{"feed.name":"F","time.source":"2026-01-02T03:04:05+00:00","time.observation":"2026-01-02T04:00:00.5+00:00","source.ip":"203.0.113.7","source.port":443,"source.asn":64500,"source.geolocation.cc":"RS","classification.taxonomy":"vulnerable","classification.type":"vulnerable-system","classification.identifier":"open-x","extra.tag":"x","malware.hash.md5":"aa","protocol.transport":"tcp"}
{"source":{"ip":"2001:db8::1","fqdn":"not a name"},"classification":{"type":"blacklist"},"extra":{"deep":{"er":1}}}
`)
	if len(bad) > 0 || len(events) != 2 {
		t.Fatal(events, bad)
	}
	e := events[0]
	if e.Time != 1767323045000000 || e.Observed != 1767326400500000 || e.IP != netip.MustParseAddr("203.0.113.7") || e.Port != 443 ||
		e.ASN != 64500 || e.CC != "RS" || e.Class != "vulnerable" || e.Kind != "vulnerable-system" || e.Identifier != "open-x" ||
		e.Extra != `{"feed.name":"F","tag":"x","malware.hash.md5":"aa"}` || e.Transport != "tcp" || e.DestinationPort != -1 || e.Line != 1 || e.Row != 1 {
		t.Errorf("%+v", e)
	}
	e = events[1]
	if e.Class != "other" || e.Kind != "blocklist" || e.Port != -1 || e.Extra != `{"source.fqdn":"not a name","deep.er":"1"}` || e.Row != 2 || e.Line != 2 {
		t.Errorf("%+v", e)
	}
}

func TestWrongLineIsListedAndReadingGoesOn(t *testing.T) {
	events, bad := read(t, "{\"source.ip\":\"999.1.1.1\"}\n\n{\"source.port\":70000}\n{\"source.ip\":\n[]\n{\"time.source\":\"yesterday\"}\n{\"source.ip\":\"203.0.113.7\"}")
	if len(events) != 1 || len(bad) != 5 {
		t.Fatal(events, bad)
	}
	for i, want := range []struct {
		line          int64
		field, reason string
	}{{1, "source.ip", `"999.1.1.1" is no usable address`}, {3, "source.port", `"70000" is no port; expected a number from 0 to 65535`},
		{4, "", "byte 14: expected"}, {5, "", "expected a JSON object"}, {6, "time.source", "is no time"}} {
		if b := bad[i]; b.Line != want.line || b.Field != want.field || !strings.Contains(b.Reason, want.reason) || b.Row != int64(i+1) {
			t.Errorf("%d: %+v", i, b)
		}
	}
	if events[0].Row != 6 || events[0].Line != 7 {
		t.Errorf("%+v", events[0])
	}
}

func TestRepeatedKeysAreAllKept(t *testing.T) {
	events, bad := read(t, `{"a":1,"a":2,"a_2":3,"extra.a":4}`)
	if len(bad) > 0 || events[0].Extra != `{"a":"1","a_2":"2","a_2_2":"3","a_3":"4"}` {
		t.Errorf("%+v %+v", events, bad)
	}
	many := "{" + strings.Repeat(`"a":1,`, 100_000) + `"b":1}`
	events, bad = read(t, many)
	if len(bad) > 0 || strings.Count(events[0].Extra, `"a_`) != 99_999 {
		t.Errorf("%+v", bad)
	}
}

func TestLongLineIsListed(t *testing.T) {
	events, bad := read(t, `{"a":"`+strings.Repeat("x", 2<<20)+"\"}\n{}\n")
	if len(events) != 1 || len(bad) != 1 || bad[0].Line != 1 || !strings.Contains(bad[0].Reason, "longer than") {
		t.Errorf("%d events, %+v", len(events), bad)
	}
}

func TestUnusableFileIsInvalid(t *testing.T) {
	for _, in := range []string{"", "\n \n", "\xEF\xBB\xBF", "[{}]"} {
		_, err := New().Open(event.Identity{Name: "x.json"}, strings.NewReader(in))
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestNamesOfIDFFiles(t *testing.T) {
	day, _ := event.ParseDay("2026-01-02")
	for in, want := range map[string]event.Identity{
		"2026-01-02.json":                {Type: "idf"},
		"2026-01-02_events.jsonl.gz":     {Type: "idf", Subscription: "events"},
		"x/2026-01-02-spam-all.idf":      {Type: "spam", Subscription: "all"},
		"2026-01-02-spam-a-delayed.json": {Type: "spam", Subscription: "a", Delayed: true},
	} {
		got, err := New().Identify(in)
		want.Name, want.Day = in[strings.LastIndexByte(in, '/')+1:], day
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", in, got, err)
		}
	}
	for _, in := range []string{"events.json", "2026-02-30.json", "2026-01-02.csv", "", "2026-01-02x.json"} {
		if _, err := New().Identify(in); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// anyEvent draws events as readers make them.
func anyEvent(t *rapid.T) event.Event {
	text := rapid.Custom(func(t *rapid.T) string { return wire.Clean(rapid.String().Draw(t, "text")) })
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		switch rapid.IntRange(0, 2).Draw(t, "family") {
		case 0:
			return netip.Addr{}
		case 1:
			b[3] |= 1
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		b[0] = 0x20
		return netip.AddrFrom16([16]byte(b))
	})
	name := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z]{1,9}(\.[a-z]{2,5}){1,2}`))
	port := rapid.OneOf(rapid.Just(int32(-1)), rapid.Int32Range(1, 65535))
	e := event.Event{Time: rapid.Int64Range(0, 4e15).Draw(t, "time"), Observed: rapid.Int64Range(0, 4e15).Draw(t, "observed"),
		IP: addr.Draw(t, "ip"), Port: port.Draw(t, "port"), ASN: rapid.Uint32().Draw(t, "asn"), FQDN: name.Draw(t, "fqdn"),
		DestinationIP: addr.Draw(t, "dip"), DestinationPort: port.Draw(t, "dport"), DestinationASN: rapid.Uint32().Draw(t, "dasn"),
		DestinationFQDN: name.Draw(t, "dfqdn"), Severity: event.Severity(rapid.IntRange(0, 5).Draw(t, "severity"))}
	if rapid.Bool().Draw(t, "has network") {
		e.Network = netip.PrefixFrom(netip.MustParseAddr("198.51.100.128"), rapid.IntRange(1, 32).Draw(t, "bits")).Masked().String()
	}
	for f := Other + 1; f < fieldCount; f++ {
		if p := textOf(&e, f); p != nil && rapid.Bool().Draw(t, "has") {
			*p = text.Draw(t, f.String())
		}
	}
	e.Class, e.Kind = "vulnerable", "weak-crypto"
	var b Builder
	var scratch event.Event
	b.Begin(&scratch, &event.Event{})
	for _, key := range rapid.SliceOfNDistinct(rapid.OneOf(text, rapid.SampledFrom([]string{"malware.hash.md5", "source.ip", "feed.name", "extra.x", "extra"})), 0, 5, rapid.ID).Draw(t, "keys") {
		if v := text.Draw(t, "value"); v != "" {
			b.Extra(key, v)
		}
	}
	b.End(&scratch)
	e.Extra = scratch.Extra
	return e
}

func TestWhatIsWrittenReadsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyEvent(t)
		line := AppendEvent(nil, &want, "")
		if !json.Valid(line) {
			t.Fatalf("no JSON: %s", line)
		}
		r, err := New().Open(event.Identity{Name: "x.json"}, strings.NewReader(string(line)))
		if err != nil {
			t.Fatal(err)
		}
		var got event.Event
		if err := r.Next(&got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		want.Row, want.Line = 1, 1
		if got != want {
			t.Fatalf("%s\n got %+v\nwant %+v", line, got, want)
		}
		if again := AppendEvent(nil, &got, ""); string(again) != string(line) {
			t.Fatalf("written again:\n%s\n%s", line, again)
		}
	})
}

func TestFeedNameIsWrittenOnce(t *testing.T) {
	e := event.Event{Port: -1, DestinationPort: -1, Extra: `{"feed.name":"old","a":"b"}`}
	if got := string(AppendEvent([]byte("x"), &e, "new")); got != "x{\"feed.name\":\"new\",\"extra.a\":\"b\"}\n" {
		t.Errorf("got %s", got)
	}
}

// FuzzReadIDFLines: every line is an event or a row error, and what was read can be written and read again.
func FuzzReadIDFLines(f *testing.F) {
	f.Add("{\"source.ip\":\"203.0.113.7\",\"extra\":\"{\\\"a\\\":1}\"}\n{\"a\":{\"b\":[1]}}\n")
	f.Add("{\"source.ip\":\"::ffff:1.2.3.4\",\"time.source\":\"2026-01-01\",\"classification.type\":\"blacklist\"}")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := New().Open(event.Identity{Name: "x.json"}, strings.NewReader(in))
		if err != nil {
			return
		}
		for row := int64(1); ; row++ {
			var e event.Event
			err := r.Next(&e)
			if err == io.EOF {
				return
			}
			var wrong *event.RowError
			if errors.As(err, &wrong) {
				if wrong.Row != row {
					t.Fatalf("row %d is %d", row, wrong.Row)
				}
				continue
			}
			if err != nil || e.Row != row {
				t.Fatalf("row %d is %d: %v", row, e.Row, err)
			}
			line := AppendEvent(nil, &e, "")
			if !json.Valid(line) {
				t.Fatalf("no JSON: %q", line)
			}
			if e.Extra != "" && !json.Valid([]byte(e.Extra)) {
				t.Fatalf("extra is no JSON: %q", e.Extra)
			}
		}
	})
}
