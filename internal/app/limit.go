package app

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/rate"
)

// DefaultLimits are what serve begins with: generous for people and programs, tight for guessing.
func DefaultLimits() Limits {
	return Limits{Requests: rate.PerMinute(1200, 300), Forms: rate.PerMinute(20, 20), Failures: rate.PerMinute(30, 30), Concurrent: 64}
}

// formBody bounds what somebody may send whom nobody knows yet.
const formBody = 1 << 20

// limits are the buckets of a server.
type limits struct {
	requests, forms, failures *rate.Limiter
	slots                     *rate.Slots
	refused                   *prometheus.CounterVec
}

func newLimits(l Limits, c clock.Clock) *limits {
	return &limits{requests: rate.New(l.Requests, c), forms: rate.New(l.Forms, c), failures: rate.New(l.Failures, c),
		slots: rate.NewSlots(l.Concurrent),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tocsin_http_refused_total",
			Help: "HTTP requests refused before they reached a page or operation, by reason."}, []string{"reason"})}
}

// limit answers 429 to a client that asks too often, for too much at once, or guesses.
func (s *Server) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := arrivalOf(r)
		if !a.local {
			if wait, ok := s.limits.requests.Take(a.client); !ok {
				s.refuse(w, r, tooMany("requests", "too many requests", wait))
				return
			}
			leave, ok := s.limits.slots.Enter(a.client)
			if !ok {
				s.refuse(w, r, tooMany("concurrent", "too many requests at once", time.Second))
				return
			}
			defer leave()
		}
		if s.form(r) || !a.local && anonymous(r) {
			if wait, ok := s.limits.forms.Take(a.client); !ok {
				s.refuse(w, r, tooMany("forms", "too many attempts", wait))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, s.formBody(r))
		}
		if !credentials(r) {
			next.ServeHTTP(w, r)
			return
		}
		if wait, ok := s.limits.failures.Look(a.client); !ok {
			s.refuse(w, r, tooMany("failures", "too many requests that were not let in", wait))
			return
		}
		st := &statusWriter{ResponseWriter: w}
		defer func() {
			if st.status == http.StatusUnauthorized {
				s.limits.failures.Take(a.client)
			}
		}()
		next.ServeHTTP(st, r)
	})
}

// formBody is how much a form of strangers may send: formBody, or what its room says of it.
func (s *Server) formBody(r *http.Request) int64 {
	if h, _ := s.large.Handler(r); h != nil {
		if b, ok := h.(bound); ok {
			return int64(b)
		}
	}
	return formBody
}

func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

// anonymous says whether a request sends something and does not even claim to be somebody's.
func anonymous(r *http.Request) bool {
	return writes(r) && !credentials(r) && r.Header.Get("Cookie") == ""
}

// form says whether a request sends something that nobody needs to be signed in for, whatever it claims.
func (s *Server) form(r *http.Request) bool {
	if !writes(r) {
		return false
	}
	for _, p := range s.forms {
		if r.URL.Path == p || strings.HasPrefix(r.URL.Path, p+"/") {
			return true
		}
	}
	return false
}

// credentials says whether a request shows what a program signs in with.
func credentials(r *http.Request) bool {
	_, cert := ClientCertificate(r)
	return cert || r.Header.Get("Authorization") != ""
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// refusal is an answer to a request that reaches no page and no operation.
type refusal struct {
	status int
	reason string // in the metrics
	say    string
	wait   time.Duration // 0: waiting does not help
}

func tooMany(reason, what string, wait time.Duration) refusal {
	wait = max(time.Duration(math.Ceil(wait.Seconds()))*time.Second, time.Second)
	return refusal{http.StatusTooManyRequests, reason, what + " from your network: try again in " + wait.String(), wait}
}

// refuse answers in the form that the asked-for path speaks.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, no refusal) {
	s.limits.refused.WithLabelValues(no.reason).Inc()
	w.Header().Set("Cache-Control", "no-store")
	if no.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(no.wait.Seconds())))
	}
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		http.Error(w, no.say, no.status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(no.status)
	json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(no.status), no.status, no.say})
}
