package fetch

import (
	"errors"
	"io"
	"net/http"
	"time"

	"tocsin/internal/platform/egress"
)

// Plain is an HTTP client for a library that brings its own requests: over the world's Net, following no redirect, within a
// time for the whole answer and a limit to its size.
func Plain(n *egress.Net, version string, limit int64, within time.Duration) *http.Client {
	return &http.Client{Timeout: within, Transport: &plain{transport(n, n.DialContext, within), version, limit},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type plain struct {
	next    http.RoundTripper
	version string
	limit   int64
}

func (p *plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "Tocsin/"+p.version)
	res, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &limited{res.Body, p.limit}
	return res, nil
}

var errTooLarge = errors.New("the answer is larger than its limit")

// limited gives an error, not an end, where a body is longer than it may be.
type limited struct {
	io.ReadCloser
	left int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		if n, err := l.ReadCloser.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	n, err := l.ReadCloser.Read(b[:min(int64(len(b)), l.left)])
	l.left -= int64(n)
	return n, err
}
