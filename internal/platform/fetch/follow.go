package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// follow makes the request and follows its redirects. From the first public server on, only public addresses are dialled:
// a server outside must not make Tocsin ask machines inside.
func (c *Client) follow(ctx context.Context, q Request) (*http.Response, error) {
	at, err := url.Parse(q.URL)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" {
		return nil, fault.Invalidf("the address to fetch is no web address: use https://host/path")
	}
	via, header := c.first, q.Header
	if q.Public {
		if via = c.public; literalLocal(at) {
			return nil, fmt.Errorf("ask %s: %w", at.Host, egress.ErrLocal)
		}
	}
	for hop := 0; ; hop++ {
		res, public, err := c.ask(ctx, via, q, at, header)
		if err != nil {
			return nil, err
		}
		if !redirect(res.StatusCode) || q.Method != "" && q.Method != http.MethodGet {
			return res, nil
		}
		next, err := res.Location()
		res.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("%s redirects to nowhere: %w", place(at), errFinal)
		}
		switch {
		case hop == maxRedirects:
			return nil, fmt.Errorf("%s redirects more than %d times: %w", q.place(), maxRedirects, errFinal)
		case next.Scheme != "http" && next.Scheme != "https":
			return nil, fmt.Errorf("%s redirects to %s, which is not the web: %w", place(at), next.Scheme, errFinal)
		case at.Scheme == "https" && next.Scheme == "http":
			return nil, fmt.Errorf("%s redirects from https to http: %w", place(at), errFinal)
		}
		if public {
			via = c.public
			if literalLocal(next) {
				return nil, fmt.Errorf("%s redirects to %s: %w", place(at), next.Host, egress.ErrLocal)
			}
		}
		if next.Host != at.Host || next.Scheme != at.Scheme {
			header = nil // what was meant for one server is not shown to another
		}
		at = next
	}
}

// errFinal marks what trying again does not mend.
var errFinal = errors.New("not followed")

func redirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// ask makes one request; public tells whether a public server answered it.
func (c *Client) ask(ctx context.Context, via http.RoundTripper, q Request, at *url.URL, header map[string]string) (res *http.Response, public bool, err error) {
	public = c.net.Proxy() != nil && !literalLocal(at) // behind a proxy the name is all there is to judge
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if t, ok := i.Conn.RemoteAddr().(*net.TCPAddr); ok && c.net.Proxy() == nil {
			a, _ := netip.AddrFromSlice(t.IP)
			public = egress.Public(a)
		}
	}}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), q.Method, at.String(), bytes.NewReader(q.Body))
	if err != nil {
		return nil, false, fault.Invalidf("the request to %s cannot be made", place(at))
	}
	if len(q.Body) == 0 {
		req.Body = nil
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	version := c.o.Version
	if version == "" {
		version = "dev"
	}
	req.Header.Set("User-Agent", "Tocsin/"+version)
	if q.ETag != "" {
		req.Header.Set("If-None-Match", q.ETag)
	}
	if q.LastModified != "" {
		req.Header.Set("If-Modified-Since", q.LastModified)
	}
	res, err = via.RoundTrip(req)
	if err != nil {
		return nil, false, fmt.Errorf("ask %s: %w", place(at), err)
	}
	return res, public, nil
}

func (q Request) place() string {
	u, err := url.Parse(q.URL)
	if err != nil {
		return "the address"
	}
	return place(u)
}

// fileName is the base name that the server gives, else the last part of the address; never a path.
func fileName(res *http.Response) string {
	if _, params, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err == nil {
		if n := baseName(params["filename"]); n != "" {
			return n
		}
	}
	return baseName(res.Request.URL.Path)
}

func baseName(s string) string {
	s = path.Base(strings.ReplaceAll(strings.ToValidUTF8(s, "_"), `\`, "/"))
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if s == "." || s == ".." || s == "/" || len(s) > 255 {
		return ""
	}
	return s
}

// passing says whether an error may be gone at the next try.
func passing(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Status == http.StatusTooManyRequests || status.Status == http.StatusRequestTimeout || status.Status >= 500 && status.Status != http.StatusNotImplemented
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, errors.Is(err, errFinal), errors.Is(err, egress.ErrSealed), errors.Is(err, egress.ErrLocal):
		return false
	case fault.KindOf(err) == fault.Invalid:
		return false
	case errors.Is(err, io.ErrUnexpectedEOF), fault.KindOf(err) == fault.Unavailable:
		return true
	}
	var network net.Error
	var op *net.OpError
	return errors.As(err, &network) || errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, http.ErrServerClosed)
}
