package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// arrival is how a request came.
type arrival struct {
	client  netip.Addr
	proxied bool // by a proxy that is trusted
	local   bool // from this machine, and by no proxy
	secure  bool // the client spoke TLS
}

type arrivalKey struct{}

// Client is the address of who sends a request: the peer's or, behind a trusted proxy, the one that the proxy tells. Nothing
// else may be believed about it, X-Forwarded-For least of all.
func Client(r *http.Request) netip.Addr { return arrivalOf(r).client }

// ClientCertificate is the SHA-256 fingerprint, in lower-case hexadecimal, of the certificate that the client proved to own
// and that an authority of --client-ca issued; ok is false without one.
func ClientCertificate(r *http.Request) (fingerprint string, ok bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return "", false
	}
	sum := sha256.Sum256(r.TLS.VerifiedChains[0][0].Raw)
	return hex.EncodeToString(sum[:]), true
}

func arrivalOf(r *http.Request) arrival {
	if a, ok := r.Context().Value(arrivalKey{}).(arrival); ok {
		return a
	}
	return arrival{client: peer(r)}
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// arrive finds out how a request came, and refuses those that pass by the proxy or that the proxy took without TLS.
func (s *Server) arrive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := peer(r)
		a := arrival{client: from, local: from.IsLoopback(), secure: r.TLS != nil}
		if s.isProxy(from) {
			client, proto := s.told(r)
			a = arrival{client: client, proxied: true, secure: proto == "https"}
			if s.secure && !a.secure && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
				s.insecure(w, r, proto)
				return
			}
		} else if len(s.options.Proxies) > 0 && !a.local {
			s.refuse(w, r, refusal{http.StatusForbidden, "proxy", "Tocsin answers to its reverse proxy only", 0})
			return
		}
		if a.secure && !a.local {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)))
	})
}

func (s *Server) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.options.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// insecure answers what came to the proxy by plain HTTP, or from a proxy that does not say how it came.
func (s *Server) insecure(w http.ResponseWriter, r *http.Request, proto string) {
	if proto == "http" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		s.redirect(w, r)
		return
	}
	say := "open " + s.publicURL.String() + " instead: Tocsin is reached by https only"
	if proto == "" {
		say = "the reverse proxy does not say that the client spoke https: let it set X-Forwarded-Proto"
		if s.options.Forwarded {
			say = "the reverse proxy does not say that the client spoke https: let it set Forwarded with for= and proto="
		}
	}
	s.refuse(w, r, refusal{http.StatusForbidden, "insecure", say, 0})
}

// redirect leads to the same page by https, and never to a host that the client made up.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, s.publicURL.String()+r.URL.RequestURI(), http.StatusPermanentRedirect)
}

// told is what the proxy tells: the client is the last address of the chain that is no proxy itself, because a client may
// have written everything before it; proto is how it reached the last proxy.
func (s *Server) told(r *http.Request) (client netip.Addr, proto string) {
	hops := forwardedFor(r.Header)
	proto = last(r.Header.Values("X-Forwarded-Proto"))
	if s.options.Forwarded {
		hops, proto = forwarded(r.Header)
	}
	client = peer(r)
	for _, hop := range slices.Backward(hops) {
		a, ok := node(hop)
		if !ok {
			break // "unknown", a hidden name or nonsense: what is known is who passed it on
		}
		client = a
		if !s.isProxy(a) {
			break
		}
	}
	return client, strings.ToLower(proto)
}

func forwardedFor(h http.Header) []string {
	return strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
}

func last(values []string) string {
	all := strings.Split(strings.Join(values, ","), ",")
	return strings.TrimSpace(all[len(all)-1])
}

// forwarded reads Forwarded (RFC 7239): the for of every element, and the proto of the last. A quote that a client left open
// would swallow what the proxy appended, so then there is nothing to believe.
func forwarded(h http.Header) (hops []string, proto string) {
	elements, whole := splitQuoted(strings.Join(h.Values("Forwarded"), ","), ',')
	if !whole {
		return nil, ""
	}
	for _, element := range elements {
		hop := ""
		proto = ""
		pairs, _ := splitQuoted(element, ';')
		for _, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "for":
				hop = value
			case "proto":
				proto = value
			}
		}
		hops = append(hops, hop)
	}
	return hops, proto
}

// splitQuoted splits at a separator that stands in no quoted string; whole is false when the last one does not end.
func splitQuoted(s string, sep byte) (parts []string, whole bool) {
	begin, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == sep:
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:]), !quoted
}

// node is the address of a hop: 203.0.113.7, 203.0.113.7:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711.
func node(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}
