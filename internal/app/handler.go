package app

import (
	"context"
	"net/http"
	"time"

	"tocsin/internal/platform/clock"
)

// handler mounts the console, the REST interface, health and metrics.
func (s *Server) handler(ctx context.Context) (http.Handler, error) {
	console, err := s.console(ctx)
	if err != nil {
		return nil, err
	}
	rest, err := s.rest()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.scraped(s.metrics.Handler()))
	mux.HandleFunc("GET "+securityPath, s.security)
	mux.HandleFunc("GET /robots.txt", robots)
	mux.Handle("/api/", rest)
	mux.Handle("/", console)
	return patient(clock.Real(), guardContent(s.arrive(s.limit(s.guardHost(s.identify(s.metrics.Measure(mux))))))), nil
}

// health answers 200 when Tocsin can work: its database answers.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.world.DB().Ping(ctx); err != nil {
		s.log.Error("health", "error", err)
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	say(w, "ok\n")
}

// ready is health for a load balancer: it says no as soon as a stop was asked for.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	s.health(w, r)
}

func say(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write([]byte(text))
}
