package app

import (
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
)

// robots keeps search engines out: there is nothing here for them, and what is public has a place of its own.
func robots(w http.ResponseWriter, _ *http.Request) { say(w, "User-agent: *\nDisallow: /\n") }

const securityPath = "/.well-known/security.txt"

// securityValid is how long security.txt is valid: RFC 9116 recommends less than a year.
const securityValid = 180 * 24 * time.Hour

// security tells whom to tell about a weakness of this server: the team of the nation's profile (RFC 9116).
func (s *Server) security(w http.ResponseWriter, r *http.Request) {
	profile, _, err := s.world.Nation.Load(r.Context())
	if err != nil {
		s.log.Error("security.txt", "error", err)
		http.Error(w, "not available now", http.StatusServiceUnavailable)
		return
	}
	text := securityText(profile, s.publicURL, clock.Real().Now())
	if text == "" {
		http.Error(w, "the nation's profile names no contact", http.StatusNotFound)
		return
	}
	say(w, text)
}

// securityText is the file, "" when the profile names nobody to tell.
func securityText(p *nation.Profile, public *url.URL, now time.Time) string {
	var b strings.Builder
	for _, m := range p.Team.Mails {
		fmt.Fprintf(&b, "Contact: %s\n", &url.URL{Scheme: "mailto", Opaque: url.PathEscape(m)})
	}
	if phone := strings.Map(dialled, p.Team.Phone); len(phone) > 3 && strings.HasPrefix(phone, "+") {
		fmt.Fprintf(&b, "Contact: tel:%s\n", phone)
	}
	if b.Len() == 0 {
		return ""
	}
	fmt.Fprintf(&b, "Expires: %s\n", now.Add(securityValid).UTC().Truncate(24*time.Hour).Format(time.RFC3339))
	if len(p.Languages) > 0 {
		fmt.Fprintf(&b, "Preferred-Languages: %s\n", strings.Join(p.Languages, ", "))
	}
	if public.Scheme == "https" {
		fmt.Fprintf(&b, "Canonical: %s%s\n", public, securityPath)
	}
	return b.String()
}

func dialled(r rune) rune {
	if r >= '0' && r <= '9' || r == '+' || r == '-' {
		return r
	}
	if r == ' ' || r == '/' {
		return '-'
	}
	return -1
}

// scraped lets monitoring read the metrics: from this machine, or with the token.
func (s *Server) scraped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if arrivalOf(r).local || s.hasToken(r) {
			next.ServeHTTP(w, r)
			return
		}
		if s.options.MetricsTokenFile == "" {
			s.refuse(w, r, refusal{http.StatusForbidden, "metrics", "the metrics are read from this machine, or with the token of --metrics-token-file", 0})
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
		s.refuse(w, r, refusal{http.StatusUnauthorized, "metrics", "the metrics ask for the token of --metrics-token-file", 0})
	})
}

// hasToken reads the file every time, so that a new token counts at once.
func (s *Server) hasToken(r *http.Request) bool {
	shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || s.options.MetricsTokenFile == "" {
		return false
	}
	token, err := readToken(s.options.MetricsTokenFile)
	if err != nil {
		s.log.Error("metrics token", "error", err)
		return false
	}
	return subtle.ConstantTimeCompare([]byte(shown), []byte(token)) == 1
}

const minToken = 16

// readToken reads a token from a file; a short one could be guessed.
func readToken(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < minToken || strings.ContainsAny(token, "\r\n") {
		return "", fmt.Errorf("%s: want one line of at least %d characters", name, minToken)
	}
	return token, nil
}
