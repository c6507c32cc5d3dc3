package eml_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tocsin/internal/format/eml"
)

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func read(t *testing.T, raw string) *eml.Message {
	t.Helper()
	m, err := eml.Read(strings.NewReader(crlf(raw)), eml.Options{Attachment: func(eml.Attachment, io.Reader) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const answer = `Return-Path: <ana@isp.example>
From: =?UTF-8?Q?Ana_Ani=C4=87?= <ana@isp.example>
To: CERT <cert@cert.example>
Subject: =?iso-8859-1?Q?Re:_Caf=E9?=
 [TCS-7]
Date: Wed, 4 Mar 2026 13:00:00 +0100
Message-ID: <a1@isp.example>
In-Reply-To: <l7@cert.example>
References: <l1@cert.example> <l7@cert.example>
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Zatvoreno =C4=8D

--c
Content-Type: text/html; charset=utf-8

<p>Zatvoreno</p>
--c--
--b
Content-Type: text/csv
Content-Disposition: attachment; filename="../../etc/cron.d/x.csv"
Content-Transfer-Encoding: base64

YSxi
Cg==
--b--
`

func TestALetterIsReadWithItsAttachment(t *testing.T) {
	var content string
	m, err := eml.Read(strings.NewReader(crlf(answer)), eml.Options{Attachment: func(a eml.Attachment, r io.Reader) error {
		b, err := io.ReadAll(r)
		content = fmt.Sprintf("%d %s %s %q", a.Number, a.Name, a.Type, b)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.From) != 1 || m.From[0] != (eml.Address{Name: "Ana Anić", Address: "ana@isp.example"}) || m.Subject != "Re: Café [TCS-7]" || m.ID != "a1@isp.example" {
		t.Errorf("%+v", m)
	}
	if !slices.Equal(m.References, []string{"l1@cert.example", "l7@cert.example"}) || !slices.Equal(m.InReplyTo, []string{"l7@cert.example"}) || m.Date.Hour() != 12 {
		t.Errorf("%+v", m)
	}
	if m.Text != "Zatvoreno č" || m.HTML != "<p>Zatvoreno</p>" || len(m.Flaws) > 0 || m.Automatic != "" {
		t.Errorf("%+v", m)
	}
	if content != `1 x.csv text/csv "a,b\n"` {
		t.Errorf("attachment %s", content)
	}
}

func TestAnAttachmentsErrorEndsTheReading(t *testing.T) {
	full := errors.New("disk full")
	_, err := eml.Read(strings.NewReader(crlf(answer)), eml.Options{Attachment: func(eml.Attachment, io.Reader) error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failing struct {
	r   io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

func TestAnErrorOfTheReaderIsNoFlawOfTheMessage(t *testing.T) {
	cut := errors.New("connection reset")
	for _, n := range []int{0, 20, 700, len(answer) - 10} {
		_, err := eml.Read(failing{strings.NewReader(answer[:n]), cut}, eml.Options{Attachment: func(_ eml.Attachment, r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		}})
		if !errors.Is(err, cut) {
			t.Errorf("at %d: %v", n, err)
		}
	}
}

func TestNamesOfAttachmentsLeadNowhere(t *testing.T) {
	for in, want := range map[string]string{
		"../../x": "x", `..\..\x.csv`: "x.csv", "/etc/passwd": "passwd", "": "attachment", "..": "attachment", ".bashrc": "bashrc",
		"a\r\nb: c": "a b_ c", "a\x00b": "ab", "report\u202efdp.exe": "reportfdp.exe", "C:con": "C_con", "a/": "a",
		strings.Repeat("ž", 300) + ".csv": strings.Repeat("ž", 58) + ".csv",
	} {
		if got := eml.SafeName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHeadersBringInNoOtherLine(t *testing.T) {
	m := read(t, "From: =?utf-8?q?Ana=0D=0ABcc:_x?= <ana@isp.example>\nSubject: =?utf-8?q?a=0Ab=00?=\nMessage-ID: <a\tb@c> <\"q\"@isp.example>\n\ntext\n")
	if m.From[0] != (eml.Address{Address: "ana@isp.example"}) || m.Subject != "a b" || m.ID != `"q"@isp.example` {
		t.Errorf("%+v", m)
	}
}

func TestAutomaticMailIsTold(t *testing.T) {
	for field, want := range map[string]string{
		"Auto-Submitted: auto-replied (vacation)": "Auto-Submitted", "Auto-Submitted: no": "", "Precedence: bulk": "Precedence", "Precedence: first-class": "",
		"X-Autoreply: yes": "X-Autoreply", "Return-Path: <>": "Return-Path", "Return-Path: <ana@isp.example>": "", "Precedence: list": "",
	} {
		if m := read(t, "From: a@isp.example\n"+field+"\n\ntext\n"); m.Automatic != want {
			t.Errorf("%s: %q", field, m.Automatic)
		}
	}
}

const bounce = `Return-Path: <>
From: MAILER-DAEMON@mx.example
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=r

--r

It could not be delivered.
--r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ana@isp.example
Original-Recipient: rfc822;Ana@isp.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ana@isp.example>
 unknown

--r
Content-Type: text/rfc822-headers

Message-ID: <l7@cert.example>
To: Ana <ana@isp.example>

--r--
`

func TestADeliveryReportIsRead(t *testing.T) {
	m := read(t, bounce)
	r := m.Report
	if r == nil || r.MTA != "mx.example" || r.ID != "l7@cert.example" || len(r.To) != 1 || r.To[0].Address != "ana@isp.example" || len(r.Recipients) != 1 {
		t.Fatalf("%+v", r)
	}
	d := r.Recipients[0]
	if d.Recipient != "ana@isp.example" || d.Original != "Ana@isp.example" || !d.Permanent() || d.Status != "5.1.1" || d.Reason != "550 5.1.1 <ana@isp.example> unknown" {
		t.Errorf("%+v", d)
	}
	if m.Text != "It could not be delivered." || !m.NullSender || len(m.Attachments) > 0 {
		t.Errorf("%+v", m)
	}
	if (eml.Delivery{Action: "delayed", Status: "4.4.1"}).Permanent() || (eml.Delivery{Action: "failed", Status: "4.4.7"}).Permanent() {
		t.Error("what lasts only a while is taken for good")
	}
}

func TestOnlyTheLastServersFindingVouchesForASender(t *testing.T) {
	for field, want := range map[string]bool{
		"mx.cert.example; dmarc=pass (p=reject dis=none) header.from=isp.example":              true,
		"mx.cert.example; dkim=pass header.i=@isp.example header.d=isp.example header.s=a":     true,
		"mx.cert.example 1; spf=pass smtp.mailfrom=x; dkim=pass header.d=\"isp.example\"":      true,
		"mx.cert.example; dmarc=fail header.from=isp.example; dkim=pass header.d=evil.example": false,
		"mx.cert.example; spf=pass smtp.mailfrom=isp.example":                                  false,
		"mx.cert.example; dkim=pass header.d=example":                                          false, // no domain of anybody's
		"mx.cert.example; dkim=pass header.d=sp.example":                                       false,
		"mx.cert.example; dmarc=fail (dmarc=pass header.from=isp.example)":                     false,
		"mx.cert.example; dkim=fail reason=\"; dmarc=pass header.from=isp.example\"":           false,
		"mx.cert.example; dkim=fail (open; dmarc=pass header.from=isp.example":                 false,
		"mx.cert.example; none": false,
		"":                      false,
	} {
		m := read(t, "Authentication-Results: "+field+"\nAuthentication-Results: mx.cert.example; dmarc=pass header.from=isp.example\nFrom: a@isp.example\n\ntext\n")
		if got := m.Authentication.Vouches("a@ISP.example"); got != want && field != "" {
			t.Errorf("%s: %t", field, got)
		}
		if m.Authentication != nil && m.Authentication.Server != "mx.cert.example" {
			t.Errorf("server %q", m.Authentication.Server)
		}
		if m.Authentication.Vouches("isp.example") || m.Authentication.Vouches("") {
			t.Error("it vouches for what is no address")
		}
	}
}

func TestALetterOverTheLimitIsCutAndSaysSo(t *testing.T) {
	raw := "From: a@isp.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\nContent-Disposition: attachment; filename=big.bin\n\n"
	read := 0
	m, err := eml.Read(io.MultiReader(strings.NewReader(raw), &endless{}), eml.Options{Limits: eml.Limits{Bytes: 1 << 20},
		Attachment: func(_ eml.Attachment, r io.Reader) error {
			n, err := io.Copy(io.Discard, r)
			read = int(n)
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	if !m.Has(eml.Cut) || m.Text != "hello" || read > 1<<20 || len(m.Attachments) != 1 {
		t.Errorf("%+v, read %d", m, read)
	}
}

// endless is 30 MB and more of a line that ends every kilobyte.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		if e.n++; e.n%1024 == 0 {
			p[i] = '\n'
		} else {
			p[i] = 'a'
		}
	}
	return len(p), nil
}

func TestAThousandPartsEndEarly(t *testing.T) {
	var b strings.Builder
	b.WriteString("From: a@isp.example\nContent-Type: multipart/mixed; boundary=b\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "\n--b\nContent-Type: text/csv; name=\"%d.csv\"\n\nx\n", i)
	}
	m := read(t, b.String()+"\n--b--\n")
	if !m.Has(eml.ManyParts) || len(m.Attachments) != eml.Strict().Parts {
		t.Errorf("%d attachments, %v", len(m.Attachments), m.Flaws)
	}
}

func TestNestedPartsEndEarly(t *testing.T) {
	var b strings.Builder
	b.WriteString("From: a@isp.example\n")
	for i := range 500 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	if m := read(t, b.String()+"\ndeep\n"); !m.Has(eml.Deep) {
		t.Errorf("%v", m.Flaws)
	}
}

func TestMemoryStaysWithinBoundsWhateverComes(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	for name, raw := range map[string]string{
		"a header of 8 MB": "From: a@isp.example\nX-A: " + strings.Repeat(long, 8) + "\n\ntext",
		"a text of 20 MB":  "From: a@isp.example\n\n" + strings.Repeat(long+"\n", 20),
		"20 MB of base64":  "From: a@isp.example\nContent-Type: text/csv; name=a.csv\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(long+"\n", 20),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := eml.Read(strings.NewReader(raw), eml.Options{Attachment: func(_ eml.Attachment, r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		}}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
			t.Errorf("%s: %d MB", name, got>>20)
		}
	}
}

func TestBase64IsReadWithWhatDoesNotBelong(t *testing.T) {
	plain := []byte("some content of an attachment")
	enc := base64.StdEncoding.EncodeToString(plain)
	for name, body := range map[string]string{"spaces": strings.Join(strings.Split(enc, ""), " \r\n"), "no padding": strings.TrimRight(enc, "="), "a footer": enc + "\n-- \nlist footer"} {
		var got []byte
		eml.Read(strings.NewReader("From: a@b.example\nContent-Type: a/b; name=x\nContent-Transfer-Encoding: BASE64\n\n"+body), eml.Options{Attachment: func(_ eml.Attachment, r io.Reader) (err error) {
			got, err = io.ReadAll(r)
			return err
		}})
		if !bytes.Equal(got, plain) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	for _, raw := range []string{"", "\n\n", "no header here\n\ntext"} {
		if _, err := eml.Read(strings.NewReader(raw), eml.Options{}); !errors.Is(err, eml.ErrNoMessage) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestHTMLIsReadAsText(t *testing.T) {
	for in, want := range map[string]string{
		"<p>One<br>two</p><p>three</p>":                                      "One\ntwo\n\nthree\n\n",
		"<style>p{}</style><SCRIPT>x<y</script >a &lt;b&gt; &amp;":           "a <b> &",
		`<a href="https://dl.example/r?a=1&amp;b=2">the  report</a>, please`: "the report <https://dl.example/r?a=1&b=2>, please",
		`<a href="javascript:x">y</a><img src="http://track.example/p.gif">`: "y",
		"<ul><li>a<li>b</ul>": "- a\n- b\n\n",
		"1 < 2 and <b>3</b>":  "1 < 2 and 3",
		"<td>a</td><td>b":     "a b",
		"<!-- x":              "",
	} {
		if got := eml.Plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHostileHTMLIsReadInLinearTime(t *testing.T) {
	for _, s := range []string{`<a="`, "<style></style>", "<", "<a href='x'>", "<!--", "</"} {
		eml.Plain(strings.Repeat(s, (512<<10)/len(s)))
	}
}

func TestWhatWasQuotedIsToldApart(t *testing.T) {
	for name, tt := range map[string]struct{ text, own string }{
		"announced":            {"Fixed.\n\nOn Wed, CERT wrote:\n> Please close it\n> now", "Fixed."},
		"announced in Serbian": {"Rešeno.\n\nDana 4. 3. 2026. u 13:00, CERT je napisao/la:\n\n> Zatvorite", "Rešeno."},
		"announced in two":     {"Fixed.\nOn Wed, CERT <cert@cert.example>\nwrote:\n> a", "Fixed."},
		"divider":              {"Fixed.\n-----Original Message-----\nFrom: CERT\nText", "Fixed."},
		"between":              {"> a\nyes\n> b\nno", "> a\nyes\n> b\nno"},
		"only quoted":          {"> a\n> b", "> a\n> b"},
		"nothing":              {"Fixed:\nall of it", "Fixed:\nall of it"},
	} {
		own, quoted := eml.Quoted(tt.text)
		if own != tt.own || (quoted == "") != (own == tt.text) {
			t.Errorf("%s: %q, %q", name, own, quoted)
		}
	}
	eml.Quoted(strings.Repeat(">\n", 256<<10) + "x")
	if got := eml.Quote("a\n\n> b\nc", 3); got != "> a\n>\n>> b\n> …" {
		t.Errorf("%q", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(crlf(answer)))
	f.Add([]byte(crlf(bounce)))
	f.Add([]byte("Authentication-Results: mx; dkim=pass (a(b)) header.d=\"isp.example\"\nFrom: a@isp.example\n\nx"))
	f.Add([]byte("From: a\nContent-Type: text/html; charset=iso-8859-1\n\n<p>\xe9<a href=x>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := eml.Limits{Bytes: 1 << 16, Header: 4096, Parts: 10, Depth: 3, Text: 2048}
		n := 0
		m, err := eml.Read(bytes.NewReader(raw), eml.Options{Limits: l, Attachment: func(a eml.Attachment, r io.Reader) error {
			n++
			if a.Number != n || a.Name != eml.SafeName(a.Name) {
				t.Errorf("attachment %+v", a)
			}
			_, err := io.Copy(io.Discard, r)
			return err
		}})
		if err != nil {
			if !errors.Is(err, eml.ErrNoMessage) {
				t.Fatal(err)
			}
			return
		}
		for _, s := range []string{m.Text, m.HTML, m.Subject, m.ID} {
			if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r\x1b\u202e") {
				t.Errorf("%q", s)
			}
		}
		if strings.ContainsAny(m.Subject+m.ID, "\n") || len(m.Attachments) != n || n > l.Parts+1 {
			t.Errorf("%+v", m)
		}
		own, quoted := eml.Quoted(m.Text)
		if len(own)+len(quoted) > len(m.Text) {
			t.Error("quoting adds")
		}
	})
}

func FuzzSafeName(f *testing.F) {
	f.Add("../../x")
	f.Fuzz(func(t *testing.T, name string) {
		s := eml.SafeName(name)
		if s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\\x00\n") || len(s) > 160 || !utf8.ValidString(s) || eml.SafeName(s) != s {
			t.Errorf("%q → %q", name, s)
		}
	})
}
