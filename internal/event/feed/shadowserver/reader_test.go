package shadowserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
)

const day = "2026-01-02"

func TestTypeComesFromTheFileName(t *testing.T) {
	want, _ := event.ParseDay(day)
	f := New(Builtin())
	for in, id := range map[string]event.Identity{
		"2026-01-02-scan_http-serbia.csv":                   {Type: "scan_http", Subscription: "serbia"},
		"2026-01-02-scan_http-serbia-geo.csv.gz":            {Type: "scan_http", Subscription: "serbia-geo"},
		"in/2026-01-02-scan_http-asn64500.csv.zip":          {Type: "scan_http", Subscription: "asn64500"},
		`C:\in\2026-01-02-scan_http-asn64500.csv`:           {Type: "scan_http", Subscription: "asn64500"},
		"2026-01-02-scan_http-serbia-delayed.csv":           {Type: "scan_http", Subscription: "serbia", Delayed: true},
		"2026-01-02-scan_http-serbia-delayed-geo.csv":       {Type: "scan_http", Subscription: "serbia-geo", Delayed: true},
		"2026-01-02-scan_http-serbia-delta.csv":             {Type: "scan_http", Subscription: "serbia-delta", Delta: true},
		"2026-01-02-event4_sinkhole-x.csv":                  {Type: "event4_sinkhole", Subscription: "x"},
		"2026-01-02-never_heard_of-serbia.csv":              {Type: "never_heard_of", Subscription: "serbia"},
		"2026-01-02-compromised_website-serbia.example.csv": {Type: "compromised_website", Subscription: "serbia.example"},
	} {
		got, err := f.Identify(in)
		id.Name, id.Day = in[strings.LastIndexAny(in, `/\`)+1:], want
		if err != nil || got != id {
			t.Errorf("%s: %+v %v", in, got, err)
		}
	}
}

func TestWrongNameIsInvalidAndSaysWhatIsExpected(t *testing.T) {
	for in, want := range map[string]string{
		"2026-02-30-scan_http-serbia.csv":     "2026-02-30 is no date of the calendar",
		"scan_ftp.csv":                        "does not begin with a date",
		"2026-01-02-scan_http.csv":            "no report type and subscription",
		"2026-01-02--x.csv":                   "no report type and subscription",
		"2026-01-02-scan_http-serbia.txt":     "does not end in .csv",
		"2026-01-02-scan_http-serbia.csv.bz2": "does not end in .csv",
		"2026-1-2-scan_http-serbia.csv":       "does not begin with a date",
		"":                                    "does not end in .csv",
		"2026-01-02.csv":                      "does not begin with a date",
	} {
		_, err := New(Builtin()).Identify(in)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestUndatedFileTakesItsIdentityFromAPerson(t *testing.T) {
	f := New(Builtin())
	id, err := f.Undated("x/scan_ftp.csv.gz", "", 20_000)
	if want := (event.Identity{Name: "scan_ftp.csv.gz", Type: "scan_ftp", Day: 20_000}); err != nil || id != want {
		t.Errorf("%+v %v", id, err)
	}
	if id, err = f.Undated("monday.csv", "scan_ftp", 20_000); err != nil || id.Type != "scan_ftp" {
		t.Errorf("%+v %v", id, err)
	}
	if _, err = f.Undated("some-thing.csv", "", 20_000); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestColumnsAreFoundByNameNotByOrder(t *testing.T) {
	want, _ := read(t, day+"-scan_http-x.csv", "timestamp,ip,protocol,port,asn,geo\n2026-01-01 10:00:00,203.0.113.7,tcp,8080,64500,RS\n")
	for _, in := range []string{
		"geo,asn,port,protocol,ip,timestamp\nRS,64500,8080,tcp,203.0.113.7,2026-01-01 10:00:00\n",
		"\xEF\xBB\xBF\"TIMESTAMP\",\"IP\",\" Protocol \",\"Port\",\"ASN\",\"Geo\"\r\n\"2026-01-01 10:00:00\",\"203.0.113.7\",\"tcp\",\"8080\",\"AS64500\",\"RS\"\r\n",
	} {
		got, bad := read(t, day+"-scan_http-x.csv", in)
		if len(bad) > 0 || len(got) != 1 {
			t.Fatal(got, bad)
		}
		got[0].Offset = want[0].Offset
		if got[0] != want[0] {
			t.Errorf("got %+v\nwant %+v", got[0], want[0])
		}
	}
	e := want[0]
	if e.Time != 1767261600000000 || e.IP != netip.MustParseAddr("203.0.113.7") || e.Port != 8080 || e.ASN != 64500 || e.CC != "RS" ||
		e.Transport != "tcp" || e.Class == "" || e.Kind == "" || e.Identifier == "" || e.Severity == event.Unrated || e.DestinationPort != -1 {
		t.Errorf("%+v", e)
	}
}

func TestUnknownColumnIsKept(t *testing.T) {
	got, bad := read(t, day+"-scan_http-x.csv", "timestamp,ip,port,brand_new,brand_new,\n2026-01-01 10:00:00,203.0.113.7,80,\"a \"\"b\"\"\",c,d\n")
	if len(bad) > 0 || len(got) != 1 || got[0].Extra != `{"brand_new":"a \"b\"","brand_new_2":"c","column_6":"d"}` {
		t.Errorf("%+v %+v", got, bad)
	}
}

func TestUnknownTypeIsReadByWhatCanBeRecognised(t *testing.T) {
	got, bad := read(t, day+"-event4_novel-x.csv", "timestamp,severity,src_ip,src_port,src_asn,src_geo,src_hostname,protocol,infection,tag,dst_ip,dst_port,http_host,http_url,odd\n"+
		"2026-01-01 10:00:00,critical,203.0.113.7,40000,64500,RS,h.example,tcp,worm,a;cve-2026-12345,192.0.2.9,80,c2.example,/gate,1\n")
	if len(bad) > 0 || len(got) != 1 {
		t.Fatal(got, bad)
	}
	e := got[0]
	if e.Port != 40000 || e.ASN != 64500 || e.CC != "RS" || e.ReverseDNS != "h.example" || e.Malware != "worm" || e.Severity != event.Critical ||
		e.Vulnerabilities != "CVE-2026-12345" || e.DestinationIP != netip.MustParseAddr("192.0.2.9") || e.DestinationPort != 80 ||
		e.DestinationURL != "http://c2.example/gate" || e.DestinationFQDN != "c2.example" || e.FQDN != "" || e.URL != "" ||
		e.Extra != `{"tag":"a;cve-2026-12345","odd":"1"}` {
		t.Errorf("%+v", e)
	}
	f := New(Builtin())
	if ty := f.Type("event4_novel"); ty.Known || ty.Closing != event.Observation || ty.Subject != event.Address || ty.Name != "event4_novel" {
		t.Errorf("%+v", ty)
	}
	if ty := f.Type("scan_novel"); ty.Known || ty.Subject != event.Service || ty.Closing != event.Observation {
		t.Errorf("%+v", ty)
	}
}

func TestRowsSeverityBeatsTheTypes(t *testing.T) {
	got, bad := read(t, day+"-scan_http-x.csv", "timestamp,severity,ip,port\n2026-01-01 10:00:00,CRITICAL,203.0.113.7,80\n2026-01-01 10:00:00,,203.0.113.7,80\n2026-01-01 10:00:00,odd,203.0.113.7,80\n")
	own := New(Builtin()).Type("scan_http").Severity
	if len(bad) > 0 || len(got) != 3 || got[0].Severity != event.Critical || got[1].Severity != own || got[2].Severity != own || got[2].Extra != `{"severity":"odd"}` {
		t.Errorf("%+v %+v", got, bad)
	}
}

func TestPortMayBeEmptyOrZero(t *testing.T) {
	got, bad := read(t, day+"-scan_http-x.csv", "timestamp,ip,port\n2026-01-01 10:00:00,203.0.113.7,\n2026-01-01 10:00:00,203.0.113.7,0\n2026-01-01 10:00:00,203.0.113.7,65535\n")
	if len(bad) > 0 || len(got) != 3 || got[0].Port != -1 || got[1].Port != -1 || got[2].Port != 65535 {
		t.Errorf("%+v %+v", got, bad)
	}
}

func TestWrongRowIsListedWithPlaceAndReason(t *testing.T) {
	head := "timestamp,ip,port,asn\n"
	for row, want := range map[string]event.RowError{
		"2026-01-01 10:00:00,999.1.1.1,80,1\n":    {Column: 2, Field: "source.ip", Reason: `"999.1.1.1" is no usable address; expected an IPv4 or IPv6 address other than 0.0.0.0 and ::`},
		"2026-01-01 10:00:00,0.0.0.0,80,1\n":      {Column: 2, Field: "source.ip", Reason: `"0.0.0.0" is no usable address`},
		"2026-01-01 10:00:00,::,80,1\n":           {Column: 2, Field: "source.ip", Reason: `"::" is no usable address`},
		"2026-01-01 10:00:00,,80,1\n":             {Column: 2, Field: "source.ip", Reason: "the row has no address"},
		"2026-01-01 10:00:00,203.0.113.7,70000,1": {Column: 3, Field: "source.port", Reason: `"70000" is no port; expected a number from 0 to 65535, or nothing`},
		"2026-01-01 10:00:00,203.0.113.7,80,RS\n": {Column: 4, Field: "source.asn", Reason: `"RS" is no AS number`},
		"2026-13-01 10:00:00,203.0.113.7,80,1\n":  {Column: 1, Field: "time.source", Reason: `"2026-13-01 10:00:00" is no time; expected YYYY-MM-DD hh:mm:ss in UTC`},
		"2026-01-01 10:00:00,203.0.113.7,80\n":    {Reason: "the row has 3 columns; expected 4, as in the header"},
		"a,b,c,d,e\n":                             {Reason: "the row has 5 columns; expected 4, as in the header"},
		"2026-01-01 10:00:00,\"203.0.113.7,80,1":  {Column: 2, Field: "ip", Reason: "the quoted field that begins in column 2 has no closing quote"},
		strings.Repeat("x", 1<<20) + ",,,\n":      {Reason: "the row is longer than 1048576 bytes"},
	} {
		good := "2026-01-01 10:00:00,203.0.113.7,80,1\n"
		events, bad := read(t, day+"-scan_http-x.csv", head+good+"\n"+row+"\n"+good)
		if len(events) != 2 || len(bad) != 1 {
			t.Errorf("%.60q: %d events, %+v", row, len(events), bad)
			continue
		}
		b := bad[0]
		if b.Row != 2 || b.Line != 4 || b.Column != want.Column || b.Field != want.Field || !strings.HasPrefix(b.Reason, want.Reason) {
			t.Errorf("%.60q: %+v", row, b)
		}
		if e := events[1]; e.Row != 3 || e.Line < 5 {
			t.Errorf("%.60q: the next row is %d on line %d", row, e.Row, e.Line)
		}
	}
}

func TestPlaceIsThatOfTheRecord(t *testing.T) {
	in := "timestamp,ip,banner\r\n2026-01-01 10:00:00,203.0.113.7,\"a\nb\r\nc\"\r\n\r\n2026-01-01 10:00:00,203.0.113.8,x\r\n"
	got, bad := read(t, day+"-scan_http-x.csv", in)
	if len(bad) > 0 || len(got) != 2 {
		t.Fatal(got, bad)
	}
	for i, want := range []struct{ row, line int64 }{{1, 2}, {2, 6}} {
		if e := got[i]; e.Row != want.row || e.Line != want.line || !strings.HasPrefix(in[e.Offset:], "2026-01-01 10:00:00,203.0.113."+string("78"[i])) {
			t.Errorf("row %d is on line %d at %d", e.Row, e.Line, e.Offset)
		}
	}
}

func TestAddressesOfVersion4InVersion6AreUnmapped(t *testing.T) {
	got, bad := read(t, day+"-scan_http-x.csv", "timestamp,ip,port\n2026-01-01 10:00:00,::ffff:203.0.113.7,80\n2026-01-01 10:00:00,2001:DB8::7,80\n2026-01-01 10:00:00, 203.0.113.7 ,80\n")
	if len(bad) > 0 || got[0].IP != netip.MustParseAddr("203.0.113.7") || got[1].IP != netip.MustParseAddr("2001:db8::7") || got[2].IP != got[0].IP {
		t.Errorf("%+v %+v", got, bad)
	}
}

func TestNameOrPrefixInTheAddressColumnIsUnderstood(t *testing.T) {
	got, bad := read(t, day+"-blocklist-x.csv", "timestamp,ip\n2026-01-01 10:00:00,198.51.100.0/24\n2026-01-01 10:00:00,mail.Example.org\n2026-01-01 10:00:00,198.51.100.7/32\n")
	if len(bad) > 0 || got[0].Network != "198.51.100.0/24" || got[0].IP.IsValid() || got[1].FQDN != "mail.example.org" || got[2].IP.String() != "198.51.100.7" || got[2].Network != "" {
		t.Errorf("%+v %+v", got, bad)
	}
	if got[0].Extra != "" || got[1].Extra != "" {
		t.Errorf("%s %s", got[0].Extra, got[1].Extra)
	}
}

func TestExchangeServerWithWebShellIsAnIntrusion(t *testing.T) {
	got, bad := read(t, day+"-scan_exchange-x.csv", "timestamp,ip,port,tag\n2026-01-01 10:00:00,203.0.113.7,443,exchange;webshell\n2026-01-01 10:00:00,203.0.113.7,443,exchange;cve-2021-26855\n2026-01-01 10:00:00,203.0.113.7,443,\n")
	if len(bad) > 0 || len(got) != 3 {
		t.Fatal(got, bad)
	}
	if e := got[0]; e.Class != "intrusions" || e.Kind != "system-compromise" || e.Identifier != "exchange-server-webshell" || e.Extra != `{"tag":"exchange;webshell"}` {
		t.Errorf("%+v", e)
	}
	if e := got[1]; e.Class != "vulnerable" || e.Kind != "vulnerable-system" || e.Identifier != "vulnerable-exchange-server" || e.Vulnerabilities != "CVE-2021-26855" {
		t.Errorf("%+v", e)
	}
	if e := got[2]; e.Class != "vulnerable" || e.Kind != "vulnerable-system" {
		t.Errorf("%+v", e)
	}
}

func TestCompromisedWebsiteIsAboutItsName(t *testing.T) {
	if s := New(Builtin()).Type("compromised_website").Subject; s != event.Name {
		t.Errorf("its subject is %s", s)
	}
	got, bad := read(t, day+"-compromised_website-x.csv", "timestamp,ip,port,application,url,http_host,category,detail\n"+
		"2026-01-01 10:00:00,203.0.113.7,443,https,/a.php,WWW.hospital.example,spam,seen\n"+
		"2026-01-01 10:00:00,203.0.113.7,443,,http://x.example/b,,,why\n"+
		"2026-01-01 10:00:00,203.0.113.7,80,http,c,203.0.113.7:80,,\n")
	if len(bad) > 0 || len(got) != 3 {
		t.Fatal(got, bad)
	}
	if e := got[0]; e.URL != "https://WWW.hospital.example/a.php" || e.FQDN != "www.hospital.example" || e.Text != "spam" || !strings.Contains(e.Extra, `"detail":"seen"`) {
		t.Errorf("%+v", e)
	}
	if e := got[1]; e.URL != "http://x.example/b" || e.FQDN != "x.example" || e.Text != "why" {
		t.Errorf("%+v", e)
	}
	if e := got[2]; e.URL != "http://203.0.113.7:80/c" || e.FQDN != "" || !strings.Contains(e.Extra, `"http_host":"203.0.113.7:80"`) {
		t.Errorf("%+v", e)
	}
}

func TestRequestLineBecomesTheURLThatWasAsked(t *testing.T) {
	got, bad := read(t, day+"-event4_sinkhole_http-x.csv", "timestamp,src_ip,src_port,dst_ip,dst_port,http_url,http_host\n"+
		"2026-01-01 10:00:00,203.0.113.7,40000,192.0.2.9,80,GET /gate.php?a=b HTTP/1.1,c2.example\n"+
		"2026-01-01 10:00:00,203.0.113.7,40000,192.0.2.9,443,/x,\n"+
		"2026-01-01 10:00:00,203.0.113.7,40000,2001:db8::9,80,/x,\n")
	if len(bad) > 0 || len(got) != 3 {
		t.Fatal(got, bad)
	}
	for i, want := range []string{"http://c2.example/gate.php?a=b", "https://192.0.2.9/x", "http://[2001:db8::9]/x"} {
		if got[i].DestinationURL != want {
			t.Errorf("%s, want %s", got[i].DestinationURL, want)
		}
	}
	if got[0].DestinationFQDN != "c2.example" || got[0].FQDN != "" {
		t.Errorf("%+v", got[0])
	}
}

func TestRefererWithoutAddressIsForAPerson(t *testing.T) {
	got, bad := read(t, day+"-event4_sinkhole_http_referer-x.csv", "timestamp,http_referer_ip,dst_ip,http_host\n2026-01-01 10:00:00,,192.0.2.9,c2.example\n")
	if len(bad) > 0 || len(got) != 1 || got[0].IP.IsValid() || got[0].DestinationFQDN != "c2.example" {
		t.Errorf("%+v %+v", got, bad)
	}
}

func TestTypesWithoutAddressAreAboutAName(t *testing.T) {
	got, bad := read(t, day+"-sandbox_dns-x.csv", "timestamp,request,md5\n2026-01-01 10:00:00,bad.example,aa\n")
	if len(bad) > 0 || len(got) != 1 || got[0].IP.IsValid() || got[0].FQDN != "bad.example" || !strings.Contains(got[0].Extra, `"malware.hash.md5":"aa"`) {
		t.Errorf("%+v %+v", got, bad)
	}
}

func TestTextThatIsNoUTF8IsMended(t *testing.T) {
	got, bad := read(t, day+"-scan_http-x.csv", "timestamp,ip,port,city,server\xff,x\n2026-01-01 10:00:00,203.0.113.7,80,Ni\xc5,a\x00b,\xc5\xa1\x01\"\\\n")
	if len(bad) > 0 || len(got) != 1 || got[0].City != "Ni\uFFFD" {
		t.Fatal(got, bad)
	}
	if want := "{\"server\uFFFD\":\"a\uFFFDb\",\"x\":\"š\\u0001\\\"\\\\\"}"; got[0].Extra != want {
		t.Errorf("%s, want %s", got[0].Extra, want)
	}
}

func TestHeaderOnlyHasNoRows(t *testing.T) {
	for _, in := range []string{"timestamp,ip,port", "timestamp,ip,port\r\n", "\"timestamp\",\"ip\"\n\n\n"} {
		if got, bad := read(t, day+"-scan_http-x.csv", in); len(got)+len(bad) != 0 {
			t.Errorf("%q: %v %v", in, got, bad)
		}
	}
}

func TestUnusableFileIsInvalid(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "empty file",
		"\xEF\xBB\xBF":              "empty file",
		"\r\n\n":                    "empty file",
		"<html><body>Not found\n":   "none of the 1 columns of the header is known",
		strings.Repeat("ip,", 5000): "the header has 5001 columns; the limit is 2000",
		"\"timestamp":               "the header cannot be read",
		strings.Repeat("x", 3<<20):  "the header cannot be read: the row is longer",
	} {
		_, err := New(Builtin()).Open(event.Identity{Name: "f.csv", Type: "scan_http"}, strings.NewReader(in))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%.40q: %v", in, err)
		}
	}
}

func TestBrokenStreamEndsTheFile(t *testing.T) {
	broken := errors.New("broken")
	in := io.MultiReader(strings.NewReader("timestamp,ip\n2026-01-01 10:00:00,203.0.113.7\n2026-01-01 10:0"), iotest.ErrReader(broken))
	r, err := New(Builtin()).Open(event.Identity{Type: "scan_http"}, in)
	if err != nil {
		t.Fatal(err)
	}
	var e event.Event
	if err := r.Next(&e); err != nil {
		t.Fatal(err)
	}
	if err := r.Next(&e); !errors.Is(err, broken) {
		t.Errorf("half a row was read: %v", err)
	}
}

func TestEveryTypeOfTheSchemaIsRead(t *testing.T) {
	f := New(Builtin())
	for _, ty := range Builtin().Types() {
		if len(ty.Columns) == 0 {
			t.Errorf("%s has no columns", ty.Name)
			continue
		}
		values := make([]string, len(ty.Columns))
		for i, c := range ty.Columns {
			switch c {
			case "timestamp":
				values[i] = "2026-01-01 10:00:00"
			case "ip", "src_ip", "dst_ip", "http_referer_ip":
				values[i] = "203.0.113.7"
			case "port", "src_port", "dst_port", "asn", "src_asn", "dst_asn":
				values[i] = "443"
			case "email":
				values[i] = "a@mail.example"
			case "website", "request", "hostname", "http_host":
				values[i] = "www.site.example"
			}
		}
		in := strings.Join(ty.Columns, ",") + "\n" + strings.Join(values, ",") + "\n"
		got, bad := readAs(t, f, event.Identity{Type: ty.Name}, in)
		if len(bad) > 0 || len(got) != 1 {
			t.Errorf("%s: %+v", ty.Name, bad)
			continue
		}
		e := got[0]
		if e.Time == 0 || e.Class == "" || e.Kind == "" || !e.IP.IsValid() && e.FQDN == "" {
			t.Errorf("%s: %+v", ty.Name, e)
		}
	}
}

// FuzzReadShadowserver: whatever the content, every record is an event or a row error, numbered in order, and what is in
// an event can be kept.
func FuzzReadShadowserver(f *testing.F) {
	for _, s := range []string{"timestamp,ip,port,tag\n2026-01-01 10:00:00,203.0.113.7,80,cve-2021-26855\n", "ip,http_host,url\n,a.example,/x\n\"\",\"", "\xEF\xBB\xBFIP\r\n::1\r\n",
		"ip,category,detail,email\n1.2.3.4/8,,x,a@b.example\n"} {
		f.Add("compromised_website", s)
		f.Add("scan_exchange", s)
		f.Add("unheard", s)
	}
	format := New(Builtin())
	f.Fuzz(func(t *testing.T, typ, in string) {
		r, err := format.Open(event.Identity{Name: "f.csv", Type: typ}, strings.NewReader(in))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		offset := int64(-1)
		for row := int64(1); ; row++ {
			var e event.Event
			err := r.Next(&e)
			if err == io.EOF {
				return
			}
			var wrong *event.RowError
			if errors.As(err, &wrong) {
				if wrong.Row != row || wrong.Line < 1 || wrong.Reason == "" || !utf8.ValidString(wrong.Reason) {
					t.Fatalf("row %d: %+v", row, wrong)
				}
				continue
			}
			if err != nil || e.Row != row || e.Offset <= offset {
				t.Fatalf("row %d: %v %+v", row, err, e)
			}
			offset = e.Offset
			for _, s := range []string{e.CC, e.City, e.ReverseDNS, e.FQDN, e.URL, e.Account, e.Text, e.Malware, e.Extra} {
				if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
					t.Fatalf("%q cannot be kept", s)
				}
			}
			if e.Extra != "" && !json.Valid([]byte(e.Extra)) {
				t.Fatalf("extra %q", e.Extra)
			}
		}
	})
}
