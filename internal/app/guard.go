package app

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guardHost answers only to the names that Tocsin goes by. A page elsewhere can make its own name point here, and the browser
// would then take Tocsin for that page's own server.
func (s *Server) guardHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.named(r) {
			s.refuse(w, r, refusal{http.StatusMisdirectedRequest, "host", "Tocsin does not go by this name: open it as " + s.publicURL.String(), 0})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// named says whether a request asks for a name of this server: that of a public address or of its certificate; and from
// this machine, past any proxy, a loopback one.
func (s *Server) named(r *http.Request) bool {
	host := hostname(r.Host)
	switch {
	case slices.Contains(s.hosts, host):
		return true
	case loopbackHost(host):
		return arrivalOf(r).local
	}
	return s.certificates != nil && s.certificates.names(host)
}

// hostname is a Host header without its port, brackets and final dot.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

func loopbackHost(host string) bool {
	host = hostname(host)
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// guardContent gives every answer the headers of one that nothing is shown or run from; a page's own are less strict.
func guardContent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
