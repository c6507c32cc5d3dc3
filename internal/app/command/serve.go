package command

import (
	"fmt"

	"tocsin/internal/app"
	"tocsin/internal/world"
)

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
func (c *serveCmd) Run(e *Env) error {
	if err := app.CheckListen(c.Listen); err != nil {
		return usage(err)
	}
	cfg := world.Config{Dir: e.dir(), DatabaseURL: e.Database, Log: e.Log, Serve: "http://" + c.Listen}
	return e.on(cfg, func(w *world.World) error { return e.serve(w, c.Listen) })
}

func (e *Env) serve(w *world.World, listen string) error {
	s, err := app.NewServer(e.Ctx, w, listen, e.Log)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Err, "Tocsin is at %s (this machine only: there is no sign-in yet). Ctrl-C stops it.\n", s.URL())
	return s.Run(e.Ctx)
}
