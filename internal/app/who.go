package app

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type whoKey struct{}

// actor is who sends a request, as identify found out.
func actor(r *http.Request) act.Actor {
	if a, ok := r.Context().Value(whoKey{}).(act.Actor); ok {
		return a
	}
	return act.Anybody
}

// identify finds out once who sends a request: the bearer of a token, the machine of a client certificate, the browser of a
// session, or anybody. A wrong token is refused instead of counting as nobody's, so that a script notices.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if alike(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		who, err := s.who(r)
		switch {
		case fault.KindOf(err) == fault.Forbidden && err != nil:
			w.Header().Set("WWW-Authenticate", `Bearer realm="tocsin", error="invalid_token"`)
			refuse(w, http.StatusUnauthorized, "Not signed in", err.Error())
			return
		case err != nil && r.Context().Err() != nil:
			return
		case err != nil:
			s.log.Error("who asks", "error", err)
			w.Header().Set("Retry-After", "10")
			refuse(w, http.StatusServiceUnavailable, "Not available now", "the records do not answer: try again")
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, who)))
	})
}

// alike are paths that answer everybody alike.
func alike(path string) bool {
	return strings.HasPrefix(path, "/assets/") || path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/api/docs" ||
		path == "/api/docs.css" || strings.HasPrefix(path, "/api/openapi")
}

func (s *Server) who(r *http.Request) (act.Actor, error) {
	ids := s.world.Identity
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return act.Anybody, fault.New(fault.Forbidden, "the authorization scheme is Bearer, with a token of Tocsin's")
		}
		return ids.Bearer(r.Context(), strings.TrimSpace(token))
	}
	if fingerprint, ok := ClientCertificate(r); ok {
		if who, err := ids.Machine(r.Context(), fingerprint); err != nil || who.Kind != act.Public {
			return who, err
		}
	}
	if secret := web.CookieOf(r, identity.SessionCookie, s.secure); secret != "" {
		return ids.Resume(r.Context(), secret)
	}
	return act.Anybody, nil
}

func refuse(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "/api/docs#forbidden", "title": title, "status": status, "detail": detail})
}
