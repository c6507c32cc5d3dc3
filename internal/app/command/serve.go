package command

import (
	"errors"
	"fmt"
	"path/filepath"

	"tocsin/internal/app"
	"tocsin/internal/platform/config"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

// dir is the data directory.
func (e *Env) dir() string {
	if e.Data != "" {
		return e.Data
	}
	abs, err := filepath.Abs(config.DataDir)
	if err != nil {
		return config.DataDir
	}
	return abs
}

// open opens the world beside a server that may run.
func (e *Env) open() (*world.World, error) {
	return world.Open(e.Ctx, world.Config{Dir: e.dir(), DatabaseURL: e.Database, Log: e.Log})
}

// existing opens a world that is there: a command that only reads must not make an empty one out of a misspelt directory.
func (e *Env) existing() (*world.World, error) {
	if !world.Exists(e.dir()) {
		return nil, fault.NotFoundf("there is no data directory %s: name it with --data, or make one with tocsin serve or tocsin ingest", e.dir())
	}
	return e.open()
}

type serveCmd struct {
	Listen string `help:"Address to listen on, a loopback one until sign-in exists." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
}

// Help is the command's long help.
func (serveCmd) Help() string {
	return `Ready when GET /healthz answers 200. SIGTERM stops it within ten seconds: requests under way finish, jobs give their leases
back; a second signal ends it at once.

Examples:
  tocsin serve
  tocsin serve --data /var/lib/tocsin --listen 127.0.0.1:9000
  tocsin serve --database postgres://tocsin@db.example/tocsin`
}

// Run serves until a signal comes.
func (c *serveCmd) Run(e *Env) (err error) {
	w, err := world.Open(e.Ctx, world.Config{Dir: e.dir(), DatabaseURL: e.Database, Log: e.Log, Serve: "http://" + c.Listen})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	s, err := app.NewServer(w, c.Listen, e.Log)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Err, "Tocsin is at %s (this machine only: there is no sign-in yet). Ctrl-C stops it.\n", s.URL())
	return s.Run(e.Ctx)
}
