package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/app"
	"tocsin/internal/identity"
)

// storm makes random requests from what a server says of itself: its routes, the names in its forms and schemas, the numbers
// of what is there, and credentials, right ones, bent ones and none.
type storm struct {
	f        *full
	routes   []app.Declared
	fields   []string // of forms and queries
	schemas  map[string]any
	bodies   map[string]any // schema of the body, by pattern
	values   []string
	places   map[string][]string              // addresses of what is there, by pattern
	open     map[identity.Role][]app.Declared // what a role may ask for
	mu       sync.Mutex
	sessions map[identity.Role]string
	statuses map[int]int
	faults   int
}

// nasty are values that programs stumble over.
var nasty = []string{"", "0", "1", "2", "-1", "9223372036854775807", "9223372036854775808", "1e999", "NaN", "null", "true", "[]", "{}", `"`, "'", "';--", "%", "%00",
	"\x00", "\xff\xfe", "a\nb", "a\r\nX-Evil: 1", "../../etc/passwd", "..%2f..%2f", "//evil.example", "/\\evil.example", "javascript:alert(1)", "<script>", "{{.}}", "${x}",
	"\u202e", "ǅ", "ß", "İ", "💥", "a\u0301", strings.Repeat("A", 5000), "2026-13-45", "0000-01-01", "9999-12-31", "2026-02-30", "10.0.0.0/33", "::ffff:203.0.113.7", "0.0.0.0/0",
	"fe80::1%eth0", "999.1.1.1", "AS4294967296", "xn--a", "*.example", "http://127.0.0.1:1/", "x@y", "x@y.example", "staff", "administrator", "high", "open", "csv", "json", "alpha", "bravo", "scan_ntp", "shadowserver"}

var (
	nameAttribute = regexp.MustCompile(`name="([a-z_-]+)"`)
	methods       = []string{"GET", "GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"}
)

func newStorm(t *testing.T, log slog.Handler) *storm {
	t.Helper()
	f := newFull(t, log)
	s := &storm{f: f, routes: f.s.Declared(), sessions: map[identity.Role]string{}, statuses: map[int]int{}, bodies: map[string]any{},
		places: map[string][]string{}, open: map[identity.Role][]app.Declared{}}
	seen := map[string]bool{}
	for _, d := range s.routes { // one of everything that an address can name, and the names of all fields
		for _, role := range []identity.Role{identity.Administrator, identity.Manager} {
			for _, own := range []bool{true, false} {
				path, kinds := f.address(d.Pattern, role, own, false)
				s.places[d.Pattern] = append(s.places[d.Pattern], path)
				for _, k := range kinds {
					name, literal := strings.CutPrefix(k, "=")
					if !literal {
						name = f.object(k, role, own, false)
					}
					s.values = append(s.values, name)
				}
				if strings.HasPrefix(d.Pattern, "GET ") && own && !strings.Contains(path, "/api/") {
					_, body := f.ask(request{method: "GET", path: path, role: role})
					for _, m := range nameAttribute.FindAllStringSubmatch(body, -1) {
						seen[m[1]] = true
					}
				}
			}
		}
	}
	s.describe(seen)
	for n := range seen {
		s.fields = append(s.fields, n)
	}
	slices.Sort(s.fields)
	slices.Sort(s.values)
	s.values = slices.Compact(s.values)
	for _, r := range append(identity.Roles(), public) {
		for _, d := range s.routes {
			if d.Permission == identity.Open || slices.Contains(r.Permissions(), d.Permission) {
				s.open[r] = append(s.open[r], d)
			}
		}
		if r == public {
			break
		}
		s.sessions[r] = f.session(f.account[r])
	}
	return s
}

// describe reads the schemas of bodies and the names of queries from the description of the REST interface.
func (s *storm) describe(fields map[string]bool) {
	_, text := s.f.ask(request{method: "GET", path: "/api/openapi.json", role: public})
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name string `json:"name"`
			} `json:"parameters"`
			RequestBody struct {
				Content map[string]struct {
					Schema any `json:"schema"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	s.f.must(json.Unmarshal([]byte(text), &doc))
	s.schemas = doc.Components.Schemas
	for path, ops := range doc.Paths {
		for method, op := range ops {
			for _, p := range op.Parameters {
				fields[p.Name] = true
			}
			for _, c := range op.RequestBody.Content {
				s.bodies[strings.ToUpper(method)+" "+path] = c.Schema
			}
		}
	}
}

func pick[T any](r *rand.Rand, vs []T) T { return vs[r.IntN(len(vs))] }

func (s *storm) value(r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return pick(r, nasty)
	case 1:
		return strconv.Itoa(r.IntN(60))
	case 2:
		b := make([]byte, r.IntN(12))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return string(b)
	}
	return pick(r, s.values)
}

// instance makes a value of a schema, or something else.
func (s *storm) instance(r *rand.Rand, schema any, depth int) any {
	m, _ := schema.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		m, _ = s.schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	if depth > 6 || r.IntN(12) == 0 {
		return pick(r, []any{nil, true, -1, 1e300, "", []any{}, map[string]any{}, pick(r, nasty)})
	}
	if enum, ok := m["enum"].([]any); ok && r.IntN(4) > 0 {
		return pick(r, enum)
	}
	kind, _ := m["type"].(string)
	if kinds, ok := m["type"].([]any); ok {
		kind, _ = pick(r, kinds).(string)
	}
	switch kind {
	case "object":
		out := map[string]any{}
		props, _ := m["properties"].(map[string]any)
		for name, p := range props {
			if name != "$schema" && r.IntN(5) > 0 {
				out[name] = s.instance(r, p, depth+1)
			}
		}
		return out
	case "array":
		out := []any{}
		for range r.IntN(4) {
			out = append(out, s.instance(r, m["items"], depth+1))
		}
		return out
	case "integer", "number":
		return pick(r, []any{0, 1, 2, r.IntN(50), -1, int64(1) << 62})
	case "boolean":
		return r.IntN(2) == 0
	}
	return strings.ToValidUTF8(s.value(r), "?")
}

// shot is one request as it goes over the wire.
type shot struct {
	method, target string
	head           bytes.Buffer
	body           []byte
	outside        bool // made by somebody who may not see what is Bravo's
}

func (q *shot) text() []byte {
	return append(fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n", q.method, q.target, q.head.String(), len(q.body)), q.body...)
}

// escape keeps a target one word of a request line; everything else is sent as it is.
func escape(r *rand.Rand, v string) string {
	if r.IntN(3) > 0 {
		return url.PathEscape(v)
	}
	return strings.NewReplacer(" ", "%20", "\r", "%0D", "\n", "%0A").Replace(v)
}

func (s *storm) shot(r *rand.Rand, staffWrite bool) *shot {
	role := pick(r, append(identity.Roles(), public, identity.Manager, identity.Member, identity.SectorCERT))
	d := pick(r, s.routes)
	if r.IntN(10) < 7 {
		d = pick(r, s.open[role])
	}
	method, path, _ := strings.Cut(d.Pattern, " ")
	if r.IntN(8) == 0 {
		method = pick(r, methods)
	}
	if r.IntN(2) == 0 {
		path, _, _ = strings.Cut(pick(r, s.places[d.Pattern]), "?")
	}
	path = strings.TrimSuffix(path, "{$}")
	path = parameter.ReplaceAllStringFunc(path, func(string) string { return escape(r, s.value(r)) })
	switch r.IntN(25) {
	case 0:
		path += "/" + escape(r, s.value(r))
	case 1:
		path = "/" + path
	case 2:
		path = "/" + escape(r, s.value(r))
	}
	q := &shot{method: method, target: path}
	if r.IntN(2) == 0 {
		sep := "?"
		for range 1 + r.IntN(4) {
			v := url.QueryEscape(s.value(r))
			if r.IntN(10) == 0 {
				v = escape(r, s.value(r))
			}
			q.target += sep + pick(r, s.fields) + "=" + v
			sep = pick(r, []string{"&", "&", "&", ";", "&&", "?"})
		}
	}
	s.fill(r, q, d)
	s.claim(r, q, role, staffWrite)
	for range r.IntN(3) {
		name := pick(r, []string{"Accept", "Accept-Language", "Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range", "Referer", "Origin", "Sec-Fetch-Site", "X-Forwarded-For",
			"Forwarded", "X-HTTP-Method-Override", "Expect", "Upgrade", "Cookie", "Last-Event-ID", "X-Request-Id"})
		v := strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f {
				return -1
			}
			return c
		}, s.value(r))
		if name != "Expect" && name != "Upgrade" || r.IntN(50) == 0 {
			fmt.Fprintf(&q.head, "%s: %s\r\n", name, v)
		}
	}
	return q
}

// fill gives a request a body: a form, an instance of its schema, an upload, or anything.
func (s *storm) fill(r *rand.Rand, q *shot, d app.Declared) {
	if q.method == "GET" || q.method == "HEAD" {
		return
	}
	media := "application/x-www-form-urlencoded"
	switch schema, known := s.bodies[d.Pattern]; {
	case known && r.IntN(4) > 0:
		media = "application/json"
		q.body, _ = json.Marshal(s.instance(r, schema, 0))
	case r.IntN(8) == 0:
		media = pick(r, []string{"application/json", "text/csv", "application/octet-stream", "multipart/form-data", "nonsense", ""})
		for range r.IntN(6) {
			q.body = append(q.body, s.value(r)...)
		}
	case r.IntN(8) == 0:
		media = "multipart/form-data; boundary=b"
		for range r.IntN(4) {
			q.body = fmt.Appendf(q.body, "--b\r\nContent-Disposition: form-data; name=%q; filename=%q\r\n\r\n%s\r\n", pick(r, append(s.fields, "file")),
				pick(r, []string{"2026-01-02-scan_ntp-x.csv", "x.json", "../x", ""}), s.value(r))
		}
		if r.IntN(4) > 0 {
			q.body = append(q.body, "--b--\r\n"...)
		}
	default:
		form := url.Values{}
		for range r.IntN(8) {
			form.Add(pick(r, s.fields), s.value(r))
		}
		q.body = []byte(form.Encode())
	}
	if len(q.body) > 2 && r.IntN(20) == 0 {
		q.body = q.body[:r.IntN(len(q.body))]
	}
	fmt.Fprintf(&q.head, "Content-Type: %s\r\n", media)
	if r.IntN(6) > 0 {
		q.head.WriteString("Sec-Fetch-Site: same-origin\r\n")
	}
}

// claim says who makes a request. Staff only read, unless told: what they give away on purpose is no leak.
func (s *storm) claim(r *rand.Rand, q *shot, role identity.Role, staffWrite bool) {
	if role.Staff() && !staffWrite && q.method != "GET" && q.method != "HEAD" {
		role = identity.Manager
	}
	q.outside = !role.Staff()
	if role == public {
		if r.IntN(3) == 0 {
			fmt.Fprintf(&q.head, "Authorization: %s\r\n", pick(r, []string{"Bearer tocsin_x", "Bearer ", "Basic eDp5", "Bearer " + strings.Repeat("z", 300), "x"}))
		}
		return
	}
	s.mu.Lock()
	session := s.sessions[role]
	s.mu.Unlock()
	secret, token := session, s.f.token[role]
	if r.IntN(15) == 0 { // bent: of nobody any more
		secret, token, q.outside = secret[:len(secret)-1]+pick(r, []string{"", "A", "_", "AA"}), token+"x", true
		if secret == session {
			secret = "x"
		}
	}
	if token != "" && r.IntN(3) == 0 {
		fmt.Fprintf(&q.head, "Authorization: Bearer %s\r\n", token)
		return
	}
	fmt.Fprintf(&q.head, "Cookie: %s=%s\r\n", identity.SessionCookie, secret)
}

// line is a connection that is kept while the server keeps it.
type line struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

func (l *line) send(q *shot) (status int, answer string, err error) {
	for try := range 2 {
		if l.conn == nil {
			if l.conn, err = net.Dial("tcp", l.addr); err != nil {
				return 0, "", err
			}
			l.in = bufio.NewReader(l.conn)
			try = 1
		}
		l.conn.SetDeadline(time.Now().Add(time.Minute))
		l.conn.Write(q.text()) // who refuses a body may have hung up, and its answer still be there
		var a *http.Response
		a, err = http.ReadResponse(l.in, &http.Request{Method: q.method})
		for err == nil && a.StatusCode/100 == 1 {
			a, err = http.ReadResponse(l.in, &http.Request{Method: q.method})
		}
		var body []byte
		if err == nil {
			body, err = io.ReadAll(a.Body)
		}
		if err == nil {
			if a.Close || a.StatusCode == http.StatusSwitchingProtocols || a.StatusCode >= 400 && len(q.body) > 0 {
				l.conn.Close()
				l.conn = nil
			}
			return a.StatusCode, fmt.Sprint(a.Header) + string(body), nil
		}
		l.conn.Close()
		l.conn = nil
		if try == 1 {
			return 0, "", err
		}
	}
	return 0, "", err
}

// errorLog keeps what a server logs as an error.
type errorLog struct {
	slog.Handler
	mu   sync.Mutex
	said []string
}

func (l *errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l *errorLog) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	if r.Level >= slog.LevelError || strings.Contains(text, "panic") {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.said = append(l.said, text)
	}
	return nil
}

func (l *errorLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *errorLog) WithGroup(string) slog.Handler      { return l }

// Random requests bring forth no internal error and no panic, and nobody outside sees what is Bravo's. TOCSIN_TEST_STORM is how
// many; a few without it.
func TestStormOfRandomRequests(t *testing.T) {
	n := 3000
	if v := os.Getenv("TOCSIN_TEST_STORM"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	log := &errorLog{Handler: slog.DiscardHandler}
	s := newStorm(t, log)
	addr := strings.TrimPrefix(s.f.s.URL(), "http://")
	begun := time.Now()
	for phase, share := range []int{n * 7 / 10, n - n*7/10} {
		var wg sync.WaitGroup
		const lines = 4
		for i := range lines {
			wg.Go(func() { s.blow(addr, rand.New(rand.NewPCG(uint64(phase), uint64(i))), share/lines, phase == 1) })
		}
		wg.Wait()
	}
	for i, said := range log.said {
		if i < 10 {
			t.Errorf("the server says: %.600s", said)
		}
	}
	var seen []string
	total := 0
	for status, count := range s.statuses {
		seen = append(seen, fmt.Sprintf("%d: %d", status, count))
		total += count
	}
	slices.Sort(seen)
	t.Logf("storm: %d requests in %v: %s; %d faults, %d errors logged", total, time.Since(begun).Round(time.Second), strings.Join(seen, ", "), s.faults, len(log.said))
	if s.statuses[200] < total/50 {
		t.Error("hardly anything was answered: the storm tests nothing")
	}
}

func (s *storm) blow(addr string, r *rand.Rand, n int, staffWrite bool) {
	l := &line{addr: addr}
	for i := range n {
		if i%200 == 0 { // who signed out, or was signed out, comes back
			s.mu.Lock()
			for _, role := range identity.Roles() {
				if who, err := s.f.w.Identity.Resume(context.Background(), s.sessions[role]); err != nil || who.Rights == nil {
					if in, err := s.f.w.Identity.Begin(context.Background(), s.f.account[role], "password", identity.Device{}); err == nil {
						s.sessions[role] = in.Secret
					}
				}
			}
			s.mu.Unlock()
		}
		q := s.shot(r, staffWrite)
		status, answer, err := l.send(q)
		s.mu.Lock()
		s.statuses[status]++
		leak := q.outside && !staffWrite && strings.Contains(strings.ToUpper(answer), canary)
		if _, wrong := url.ParseRequestURI(q.target); wrong != nil {
			err = nil // the server refuses such a line and hangs up; its answer may be lost on the way
		}
		if err != nil || status >= 500 && status != http.StatusNotImplemented || leak {
			if s.faults++; s.faults < 15 {
				s.f.t.Errorf("%d %v, leak %t: %.700q\n%.300s", status, err, leak, q.text(), answer)
			}
		}
		s.mu.Unlock()
	}
}
