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
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

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
	world    *world.World
	metrics  *telemetry.Metrics
	log      *slog.Logger
	listener net.Listener
	http     *http.Server
	workers  int
	stopping atomic.Bool
}

// NewServer listens on the address, which must be a loopback one: until sign-in exists everybody who reaches Tocsin may do
// everything. Port 0 takes a free one; see URL.
func NewServer(ctx context.Context, w *world.World, listen string, log *slog.Logger) (*Server, error) {
	if err := CheckListen(listen); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "listen on %s: %w; choose another address with --listen", listen, err)
	}
	s := &Server{world: w, metrics: telemetry.NewMetrics(Release()), log: log, listener: l, workers: max(2, runtime.NumCPU())}
	s.metrics.World(w.Name()).MustRegister(&observer{w, log})
	h, err := s.handler(ctx)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("put the console together: %w", err)
	}
	s.http = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: headerLimit, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	return s, nil
}

// URL is where the console is.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Run serves and works off jobs until ctx ends, then stops: no new request is accepted, those under way finish, and jobs
// give their leases back.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("serving", "url", s.URL(), "world", s.world.Name(), "version", Release())
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var wg sync.WaitGroup
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
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		s.log.Info("stopped")
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// Close releases the address of a server that never ran.
func (s *Server) Close() error { return s.http.Close() }

// CheckListen refuses an address that is no loopback one.
func CheckListen(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fault.Invalidf("--listen %q: want HOST:PORT, such as 127.0.0.1:8080", listen)
	}
	if host == "localhost" {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().IsLoopback() {
		return nil
	}
	return fault.Invalidf("--listen %s: Tocsin has no sign-in yet, so it listens on loopback only; use 127.0.0.1:PORT, and an SSH tunnel to reach it from elsewhere", listen)
}
