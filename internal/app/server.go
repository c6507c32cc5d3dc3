// Package app is the process: it serves worlds over HTTP, runs their jobs, and starts and stops gracefully. What the
// console and the REST interface say is the capabilities'; how flags are read is config's.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/telemetry"
	"tocsin/internal/world"
)

const (
	// drain is how long requests under way may take after a stop was asked for. With the jobs' return it stays below the
	// ten seconds after which service managers kill.
	drain       = 6 * time.Second
	headerLimit = 64 << 10
)

// Server serves one world.
type Server struct {
	world     *world.World
	metrics   *telemetry.Metrics
	log       *slog.Logger
	options   Options
	listener  net.Listener
	http      *http.Server
	challenge *challenge // nil without --acme-http
	workers   int
	stopping  atomic.Bool

	certificates *certificates // nil without TLS
	limits       *limits
	declared     []Declared
	forms        []string      // the paths below which everybody may send something, signed in or not
	large        http.ServeMux // those of them that may send more than formBody
	publicURL    *url.URL      // how browsers reach it
	hosts        []string      // the names it goes by, besides those of its certificate
	secure       bool          // browsers reach it by https
}

// challenge is the plain listener for ACME.
type challenge struct {
	listener net.Listener
	http     *http.Server
}

// NewServer listens where the options say. See Options.Check for what it refuses.
func NewServer(ctx context.Context, w *world.World, o Options, log *slog.Logger) (*Server, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.MetricsTokenFile != "" {
		if _, err := readToken(o.MetricsTokenFile); err != nil {
			return nil, fault.Invalidf("--metrics-token-file: %w", err)
		}
	}
	real := clock.Real()
	s := &Server{world: w, metrics: telemetry.NewMetrics(Release()), log: log, options: o, workers: max(2, runtime.NumCPU()),
		limits: newLimits(o.Limits, real)}
	var err error
	if s.certificates, err = newCertificates(o, w.Dir(), real, log); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	if err := s.goBy(); err != nil {
		s.Close()
		return nil, err
	}
	w.Digest.URL = strings.TrimSuffix(s.publicURL.String(), "/")
	w.Filing.URL = w.Digest.URL
	w.Deadlines.URL = w.Digest.URL
	w.Yearly.URL = w.Digest.URL
	s.metrics.World(w.Name()).MustRegister(&observer{w, log})
	s.metrics.Process().MustRegister(s.limits.refused)
	h, err := s.handler(ctx)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("put the console together: %w", err)
	}
	s.http.Handler = h
	return s, nil
}

// listen takes the addresses.
func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.options.Listen)
	if err != nil {
		return fault.New(fault.Unavailable, "listen on %s: %w; choose another address with --listen", s.options.Listen, err)
	}
	s.listener, s.http = l, s.newHTTP(nil)
	if s.certificates != nil {
		s.http.TLSConfig = s.certificates.config()
	}
	if s.options.ACME.HTTP == "" {
		return nil
	}
	plain, err := net.Listen("tcp", s.options.ACME.HTTP)
	if err != nil {
		l.Close()
		return fault.New(fault.Unavailable, "listen on %s: %w; choose another address with --acme-http", s.options.ACME.HTTP, err)
	}
	h := s.certificates.acme.HTTPHandler(http.HandlerFunc(s.redirect))
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = hostname(r.Host) // a port in it is none of the challenge's business
		h.ServeHTTP(w, r)
	})
	s.challenge = &challenge{plain, s.newHTTP(patient(clock.Real(), guardContent(bare)))}
	return nil
}

func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: headerLimit, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
}

// goBy finds the names that the server goes by, and the address that it gives others.
func (s *Server) goBy() error {
	urls, err := s.options.public()
	if err != nil {
		return err
	}
	for _, u := range urls {
		s.hosts = append(s.hosts, hostname(u.Host))
	}
	for _, d := range s.options.ACME.Domains {
		s.hosts = append(s.hosts, strings.ToLower(d))
	}
	s.publicURL, s.secure = s.address(), s.certificates != nil
	if len(urls) > 0 {
		s.publicURL = urls[0]
		s.secure = urls[0].Scheme == "https"
	}
	return nil
}

// address is where the server listens, by the first name of its certificate.
func (s *Server) address() *url.URL {
	at := s.listener.Addr().String()
	if s.certificates == nil {
		return &url.URL{Scheme: "http", Host: at}
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		return &url.URL{Scheme: "https", Host: at}
	}
	name := s.certificates.first()
	switch {
	case name == "":
		return &url.URL{Scheme: "https", Host: at}
	case port == "443":
		return &url.URL{Scheme: "https", Host: name}
	}
	return &url.URL{Scheme: "https", Host: net.JoinHostPort(name, port)}
}

// URL is where the server listens.
func (s *Server) URL() string {
	scheme := "http://"
	if s.certificates != nil {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String()
}

// PublicURL is how browsers reach the server: for links in mail, and the name that passkeys are bound to.
func (s *Server) PublicURL() *url.URL { return s.publicURL }

// Run serves and works off jobs until ctx ends, then stops: no new request is accepted, those under way finish, and jobs
// give their leases back.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("serving", "url", s.URL(), "public", s.publicURL.String(), "world", s.world.Name(), "version", Release())
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var wg sync.WaitGroup
	if c := s.challenge; c != nil {
		wg.Go(func() {
			if err := c.http.Serve(c.listener); !errors.Is(err, http.ErrServerClosed) {
				s.log.Error("the listener for ACME", "error", err)
			}
		})
	}
	wg.Go(func() {
		if err := s.world.Work(work, s.workers); err != nil {
			s.log.Error("jobs", "error", err)
		}
	})
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		s.stopping.Store(true)
		s.log.Info("stopping")
		stopWork()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		if e := s.http.Shutdown(end); e != nil {
			s.log.Warn("requests were cut off", "error", e)
			s.http.Close()
		}
		cancel()
		err = <-served
	}
	stopWork()
	if s.challenge != nil {
		s.challenge.http.Close()
	}
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		s.log.Info("stopped")
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

func (s *Server) serve() error {
	if s.certificates != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// Close releases the addresses of a server that never ran.
func (s *Server) Close() error {
	err := errors.Join(s.http.Close(), s.listener.Close())
	if s.challenge != nil {
		err = errors.Join(err, s.challenge.listener.Close())
	}
	return err
}
