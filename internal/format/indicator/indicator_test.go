package indicator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// values writes what is found as "type value", one after the other.
func values(text string) string {
	found, _ := Extract(text)
	var out []string
	for _, f := range found {
		out = append(out, string(f.Type)+" "+f.Value)
	}
	return strings.Join(out, ", ")
}

const (
	md5    = "d41d8cd98f00b204e9800998ecf8427e"
	sha1   = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func TestIndicatorsInText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"from 192.0.2.1, then 192.0.2.2.", "ipv4 192.0.2.1, ipv4 192.0.2.2"},
		{"192.0.2.1:443 and 192.0.2.9-192.0.2.11", "ipv4 192.0.2.1, ipv4 192.0.2.9, ipv4 192.0.2.11"},
		{"src=192.0.2.1;dst=198.51.100.7", "ipv4 192.0.2.1, ipv4 198.51.100.7"},
		{"host/192.0.2.1 (192.0.2.3)", "ipv4 192.0.2.1, ipv4 192.0.2.3"},
		{"192.0.2.77/24 10.0.0.0/8 192.0.2.1/index 192.0.2.1/33", "cidr 192.0.2.0/24, cidr 10.0.0.0/8, ipv4 192.0.2.1"},
		{"[2001:DB8::1]:443, 2001:db8:0:0::2. addr:2001:db8::3", "ipv6 2001:db8::1, ipv6 2001:db8::2, ipv6 2001:db8::3"},
		{"2001:db8::/32 2001:db8::1/64 ::ffff:192.0.2.1", "cidr 2001:db8::/32, cidr 2001:db8::/64, ipv6 ::ffff:192.0.2.1"},
		{"evil.example, Mail.Evil.Example. EVIL.EXAMPLE cert.rs", "domain evil.example, domain mail.evil.example, domain cert.rs"},
		{"see evil.com/path/x.php or //cdn.evil.com/a.js", "domain evil.com, domain cdn.evil.com"},
		{"_dmarc.evil.com x.com t.co 163.com", "domain _dmarc.evil.com, domain x.com, domain t.co, domain 163.com"},
		{"bücher.example пример.срб xn--bcher-kva.example", "domain xn--bcher-kva.example, domain xn--e1afmkfd.xn--90a3ac"},
		{"Get HTTP://Evil.Example:8080/A?b=c#d.", "url http://evil.example:8080/A?b=c#d"},
		{"(http://evil.example/a_(b)) <https://192.0.2.1/>", "url http://evil.example/a_(b), url https://192.0.2.1/"},
		{"http://a.example/x,http://b.example/y;ftp://c.example", "url http://a.example/x, url http://b.example/y, url ftp://c.example"},
		{`{"u":"http:\/\/evil.example\/a","v":"http://[2001:db8::1]:80/"}`, "url http://evil.example/a, url http://[2001:db8::1]:80/"},
		{"http://user:pw@evil.example/x", "url http://user:pw@evil.example/x"},
		{"mail Ana.P@Cert.Example, or <b+c@x.rs>; mailto:d@y.org.", "mail Ana.P@cert.example, mail b+c@x.rs, mail d@y.org"},
		{md5 + " " + strings.ToUpper(sha1) + " sha256:" + sha256, "md5 " + md5 + ", sha1 " + sha1 + ", sha256 " + sha256},
		{md5 + ".exe file_" + sha1 + " " + sha256 + sha256, "md5 " + md5 + ", sha1 " + sha1 + ", sha512 " + sha256 + sha256},
		{"cve-2024-3094 and CVE-2021-44228/CVE-2021-45046, CVE-2024-12345_poc.py", "cve CVE-2024-3094, cve CVE-2021-44228, cve CVE-2021-45046, cve CVE-2024-12345"},
		{"攻撃元は192.0.2.1です。evil.exampleと、日本語.jpも、ハッシュ" + md5 + "を確認", "ipv4 192.0.2.1, domain evil.example, domain xn--wgv71a119e.jp, md5 " + md5},
		{"공격자 192.0.2.1에서 http://evil.example/a를 받음, １９２．０．２．２の", "ipv4 192.0.2.1, url http://evil.example/a, ipv4 192.0.2.2"},
		{"домен пример.рф и аpple.com", "domain xn--e1afmkfd.xn--p1ai, domain xn--pple-43d.com"},
		{"AS64500, ASN64501 AS64502-AS64503", "asn AS64500, asn AS64501, asn AS64502, asn AS64503"},
	} {
		if got := values(tt.text); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestDefangedIndicators(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"hxxp://evil[.]example/a hXXps://evil(.)example h**p://x[.]example", "url http://evil.example/a, url https://evil.example, url http://x.example"},
		{"hxxps[:]//a[.]example fxp[://]b{.}example", "url https://a.example, url ftp://b.example"},
		{"evil[.]example evil(dot)com evil[DOT]org evil{dot}net", "domain evil.example, domain evil.com, domain evil.org, domain evil.net"},
		{`evil\.com evil[.com evil.]org`, "domain evil.com, domain evil.org"},
		{"192[.]0[.]2[.]1 192.0.2[.]2 192.0.2[.]0/24", "ipv4 192.0.2.1, ipv4 192.0.2.2, cidr 192.0.2.0/24"},
		{"2001[:]db8[:][:]1 2001:db8[:]:2", "ipv6 2001:db8::1, ipv6 2001:db8::2"},
		{"ana[@]evil[.]example ana[at]evil.com ana(at)evil(dot)org", "mail ana@evil.example, mail ana@evil.com, mail ana@evil.org"},
		{"ｅｖｉｌ．ｃｏｍ １９２．０．２．１ ana＠evil．org ｈｔｔｐ：／／evil。", "domain evil.com, ipv4 192.0.2.1, mail ana@evil.org"},
		{"evil\u200b.com ev\u00adil.org", "domain evil.com, domain evil.org"},
		{"main[.]py report[.]zip evil[.]internal", "domain main.py, domain report.zip, domain evil.internal"},
		{"version 1[.]2[.]3[.]4", "ipv4 1.2.3.4"},
	} {
		if got := values(tt.text); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestFilesVersionsAndDatesAreNoIndicators(t *testing.T) {
	for _, text := range []string{
		"report.pdf main.go run.sh notes.md setup.py archive.zip a.tar.gz lib.so script.pl main.rs my_mod.rs index.html.erb clip.mov",
		"C:\\Windows\\evil.com /usr/bin/evil.com ./src/site.app src/cert.rs ~/x.org",
		"version 1.2.3.4, v1.2.3.4, Version: 1.2.3.4 ver=1.2.3.4 build 10.0.2.1 (version 1.2.3.4) v.1.2.3.4",
		"Chrome/120.0.0.0 Safari/537.36 Mozilla/5.0 1.2.3 1.2.3.4.5 01.02.03.04 256.1.1.1 1.3.6.1.4.1.311",
		"2026-11-25 25.11.2026 25.11.26. 11/25/2026 12:34:56 2026-11-25T12:34:56.789Z 10.30.am 5.pm",
		"e.g. i.e. etc. a.m. p.m. U.S. Ph.D. No.5 end.It was end.Is",
		"fmt.is(x) this.id self.me ASP.NET System.Net std::vector a::b ::1 :: dead::beef",
		"00:11:22:33:44:55 00:11:22:33:44:55:66:77 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD",
		"12345678901234567890123456789012 550e8400-e29b-41d4-a716-446655440000 " + md5 + "0 x" + md5,
		"CVE-2024-123 CVE-1998-1234 CVE-2024 XCVE-2024-12345 CVE-2024-12345x",
		"AS AS0 AS4294967296 BASE64 AS64500x has5 As64500 AS007",
		"@app.route @ana user@ a@b lodash@4.17.21 http://localhost/ http:// https://x",
		"1.2.0.192.in-addr.arpa.txt $user.name a.b.c",
	} {
		if got := values(text); got != "" {
			t.Errorf("%s\n got %s", text, got)
		}
	}
}

func TestPlacesAreThoseOfTheText(t *testing.T) {
	text := "Čuvajte se hxxp://evil[.]example/x, ana[@]evil[.]com i 192[.]0[.]2[.]1; opet 192.0.2.1"
	found, more := Extract(text)
	var got []string
	for _, f := range found {
		got = append(got, text[f.Start:f.End])
	}
	if want := []string{"hxxp://evil[.]example/x", "ana[@]evil[.]com", "192[.]0[.]2[.]1"}; !slices.Equal(got, want) || more {
		t.Errorf("got %q, %t", got, more)
	}
}

func TestHostOfAnIndicator(t *testing.T) {
	found, _ := Extract("http://evil.example:80/a ana@evil.com 192.0.2.1 http://[2001:db8::1]/ " + md5)
	var got []string
	for _, f := range found {
		got = append(got, f.Host())
	}
	if want := []string{"evil.example", "evil.com", "192.0.2.1", "2001:db8::1", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestDefangedValuesAreReadBack(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"http://evil.example:80/a.b?c=d.e", "hxxp://evil[.]example:80/a.b?c=d.e"}, {"ftp://evil.com/x", "fxp://evil[.]com/x"},
		{"192.0.2.1", "192[.]0[.]2[.]1"}, {"2001:db8::/32", "2001[:]db8[:][:]/32"}, {"2001:db8::1", "2001[:]db8[:][:]1"},
		{"192.0.2.0/24", "192[.]0[.]2[.]0/24"}, {"evil.example", "evil[.]example"}, {"a.b@evil.example", "a[.]b[@]evil[.]example"},
		{md5, md5}, {"CVE-2024-12345", "CVE-2024-12345"}, {"AS64500", "AS64500"},
	} {
		got := Defang(tt.value)
		if found, _ := Extract("x " + got + " y"); got != tt.want || len(found) != 1 || found[0].Value != tt.value {
			t.Errorf("%s: %s, read back as %+v", tt.value, got, found)
		}
	}
}

func TestNoMoreThanTheBoundIsReturned(t *testing.T) {
	var b strings.Builder
	for i := range Max + 1 {
		fmt.Fprintf(&b, "n%d.example ", i)
	}
	if found, more := Extract(b.String()); len(found) != Max || !more {
		t.Errorf("%d, %t", len(found), more)
	}
	if found, more := Extract(strings.Repeat("evil.example ", Max+1)); len(found) != 1 || more {
		t.Errorf("one name many times: %d, %t", len(found), more)
	}
}

// hostile are texts that make a careless scanner take the square of their length.
var hostile = map[string]string{
	"schemes": "http://", "schemes without a name": "http://x/", "dots": ".", "labels": "a.", "colons": "a:", "at signs": "a@", "brackets": "[",
	"half brackets": "a[.", "digits": "1", "numbers": "1.", "hex": "ab", "hyphens": "-a", "cve": "CVE-", "as": "AS1-", "two labels": "a.b ",
	"open": "http://a.example/(", "close": "http://a.example/)", "commas": "http://a.example/,", "wide": "．", "letters": "ж.", "groups": "::1 ",
	"slashes": "/", "user": "http://a:b@", "defanged": "[.]", "mixed": "1.2.3.4-",
}

func TestTimeGrowsWithTheTextAndNoFaster(t *testing.T) {
	for name, unit := range hostile {
		text := strings.Repeat(unit, (1<<20)/len(unit))
		done := make(chan struct{})
		go func() { Extract(text); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second): // a square takes an hour
			t.Fatalf("%s: not through 1 MB", name)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	texts := map[string]string{"prose": "On 2026-11-25 at 12:30 the host 192.0.2.1 fetched hxxp://evil[.]example/a.php (" + md5 + "), see report.pdf. "}
	for n, u := range hostile {
		texts[n] = u
	}
	for name, unit := range texts {
		text := strings.Repeat(unit, (1<<20)/len(unit))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				Extract(text)
			}
		})
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("hxxp://evil[.]example/a_(b)), ana[@]x(dot)rs 192[.]0[.]2[.]1/24 [2001:db8::1]:80 CVE-2024-12345 AS64500 " + sha256)
	f.Add("пример.срб ｅ．ｃｏｍ http://[::ffff:1.2.3.4]/ a@b@c.com evil[.com 2001[:]db8[:][:]/32 \xff\xfe")
	for _, u := range hostile {
		f.Add(strings.Repeat(u, 3))
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, _ := Extract(text)
		last := 0
		for _, i := range found {
			if i.Start < last || i.End <= i.Start || i.End > len(text) || i.Value == "" || !slices.Contains(Types(), i.Type) {
				t.Fatalf("%+v behind %d in %q", i, last, text)
			}
			last = i.Start
			if !utf8.ValidString(i.Value) || strings.ContainsAny(i.Value, " \t\n<>\"") {
				t.Fatalf("%q", i.Value)
			}
			again, _ := Extract(i.Value)
			if i.Type != Domain && i.Type != Mail && i.Type != URL && i.Type != IPv4 && (len(again) != 1 || again[0].Value != i.Value) {
				t.Fatalf("%+v is read again as %+v", i, again)
			}
		}
	})
}
