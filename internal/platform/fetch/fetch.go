// Package fetch is the only HTTP client: it gets what the world outside offers, through the Net of its world. It bounds
// time and size, follows few redirects and none into a local network, tries again what may pass, and never tells an address's
// query or a header in an error, because they may hold secrets.
package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/spool"
)

// Options are the bounds of a client. Zero values have sensible defaults.
type Options struct {
	Version  string        // of Tocsin, for the user agent
	Spool    spool.Dir     // where File puts what it gets
	Stall    time.Duration // a connection that gives nothing for so long is given up; 0 is a minute
	MaxBytes int64         // of a body; 0 is 4 GiB
	Attempts int           // 0 is 4
	Gap      time.Duration // least time between two requests
	// Wait waits for d or until ctx ends; nil waits on the machine's clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// Client gets things. It is safe for concurrent use.
type Client struct {
	net    *egress.Net
	o      Options
	first  http.RoundTripper // where the configuration leads
	public http.RoundTripper // where a public server leads from there
	pace   *pace
}

const maxRedirects = 5

// New returns the client of a world's Net.
func New(n *egress.Net, o Options) *Client {
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 4 << 30
	}
	if o.Attempts == 0 {
		o.Attempts = 4
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	return &Client{n, o, transport(n, n.DialContext, o.Stall), transport(n, n.DialPublic, o.Stall), &pace{}}
}

// Paced is a client with a least time between two requests of its own, over the same connections.
func (c *Client) Paced(gap time.Duration) *Client {
	p := *c
	p.o.Gap, p.pace = gap, &pace{}
	return &p
}

func transport(n *egress.Net, dial func(context.Context, string, string) (net.Conn, error), stall time.Duration) *http.Transport {
	t := &http.Transport{
		DialContext: dial, TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: stall, IdleConnTimeout: 30 * time.Second,
		MaxIdleConnsPerHost: 4, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
	if p := n.Proxy(); p != nil {
		t.Proxy = http.ProxyURL(p)
	}
	return t
}

// Request is what to ask for.
type Request struct {
	Method       string // "" is GET; only a GET follows redirects
	URL          string
	Header       map[string]string // only sent to the host of URL
	Body         []byte
	ETag         string // of what is had already, as Response gave it
	LastModified string
	MaxBytes     int64 // 0: the client's
	Public       bool  // a stranger named the address: only public ones are dialled, whatever the policy allows
}

// Response is what came. Status is 200 to 299, or 304 when what is had already is the latest.
type Response struct {
	Status       int
	Name         string // a file name, by Content-Disposition or the address; no slashes, may be empty
	ETag         string
	LastModified string
	ContentType  string
}

// NotModified says that there is nothing new.
func (r Response) NotModified() bool { return r.Status == http.StatusNotModified }

// StatusError is an answer that is no success.
type StatusError struct {
	Status     int
	Place      string        // the address without its query
	Said       string        // the beginning of the body, when it is text
	RetryAfter time.Duration // 0: not said
}

// Error implements error.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s answered %d %s", e.Place, e.Status, http.StatusText(e.Status))
	if e.Said != "" {
		s += ": " + e.Said
	}
	return s
}

// Bytes gets a small body into memory: limit bytes at most.
func (c *Client) Bytes(ctx context.Context, q Request, limit int64) (body []byte, r Response, err error) {
	q.MaxBytes = limit
	err = c.again(ctx, q.URL, func(ctx context.Context) error {
		var b bytes.Buffer
		r, err = c.once(ctx, q, &b)
		body = b.Bytes()
		return err
	})
	return body, r, err
}

// File gets a body into a temporary file, whole or not at all; the caller closes it. With a 304 the file is nil.
func (c *Client) File(ctx context.Context, q Request) (f *spool.File, r Response, err error) {
	if q.MaxBytes == 0 {
		q.MaxBytes = c.o.MaxBytes
	}
	err = c.again(ctx, q.URL, func(ctx context.Context) error {
		f, err = c.o.Spool.Create(q.MaxBytes)
		if err != nil {
			return err
		}
		if r, err = c.once(ctx, q, f); err != nil || r.NotModified() {
			f.Close()
			f = nil
		}
		return err
	})
	return f, r, err
}

// once makes one request, redirects included, and copies the body.
func (c *Client) once(ctx context.Context, q Request, to io.Writer) (Response, error) {
	if err := c.pace.wait(ctx, c.o); err != nil {
		return Response{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.o.Stall, func() { cancel(errStalled) })
	defer watch.Stop()
	res, err := c.follow(ctx, q)
	if err != nil {
		return Response{}, because(ctx, err)
	}
	defer res.Body.Close()
	place := place(res.Request.URL)
	if res.StatusCode != http.StatusNotModified && res.StatusCode/100 != 2 {
		return Response{}, statusError(res, place)
	}
	r := Response{res.StatusCode, fileName(res), res.Header.Get("ETag"), res.Header.Get("Last-Modified"), res.Header.Get("Content-Type")}
	if r.NotModified() {
		return r, nil
	}
	if res.ContentLength > q.MaxBytes {
		return r, tooLarge(place, q.MaxBytes)
	}
	n, err := io.Copy(to, io.LimitReader(&kicking{res.Body, func() { watch.Reset(c.o.Stall) }}, q.MaxBytes+1))
	if err != nil {
		return r, fmt.Errorf("read %s: %w", place, because(ctx, err))
	}
	if n > q.MaxBytes {
		return r, tooLarge(place, q.MaxBytes)
	}
	return r, nil
}

func tooLarge(place string, limit int64) error {
	return fault.Invalidf("%s gives more than the limit of %d bytes", place, limit)
}

var errStalled = fault.New(fault.Unavailable, "the connection gave nothing for too long")

// because prefers the reason a context was ended with to the bare "canceled".
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause == errStalled {
		return errStalled
	}
	return err
}

// kicking keeps the watch from barking while bytes come.
type kicking struct {
	r    io.Reader
	kick func()
}

func (k *kicking) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if n > 0 {
		k.kick()
	}
	return n, err
}

func statusError(res *http.Response, place string) error {
	e := &StatusError{Status: res.StatusCode, Place: place}
	if n, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && n > 0 {
		e.RetryAfter = min(time.Duration(n)*time.Second, 10*time.Minute)
	}
	if t := res.Header.Get("Content-Type"); strings.HasPrefix(t, "text/plain") || strings.Contains(t, "json") {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		e.Said = strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "\uFFFD")), " ")
	}
	return e
}

// place is an address as it may stand in logs and errors.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// literalLocal says whether a host is an address that is not public; names are judged when they are dialled.
func literalLocal(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && !egress.Public(a)
}

// pace keeps a least time between requests.
type pace struct {
	mu   sync.Mutex
	next time.Time
}

func (p *pace) wait(ctx context.Context, o Options) error {
	if o.Gap <= 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := clock.Real().Now()
	at := now
	if p.next.After(now) {
		at = p.next
	}
	p.next = at.Add(o.Gap)
	p.mu.Unlock()
	if at.After(now) {
		return o.Wait(ctx, at.Sub(now))
	}
	return ctx.Err()
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
