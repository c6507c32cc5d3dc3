package command

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tocsin/internal/app"
	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/generate"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/world"
)

type demoCmd struct {
	Listen string `help:"Address to listen on, a loopback one." default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	Days   int    `help:"Days of reports, ending yesterday." default:"30"`
	Rows   int    `help:"Rows a day." default:"5000"`
	Types  int    `help:"Report types." default:"60"`
	Seed   uint64 `help:"Another seed is another month." default:"1"`

	Password string `help:"Password of the demo's accounts (default: a random one, printed)." placeholder:"TEXT"`
}

// Help is the command's long help.
func (demoCmd) Help() string {
	return `Makes Ruritania: 40 constituents in 8 sectors, 2,000 prefixes and 30 days of reports, taken in through the ordinary way. Without
--data it lives in a temporary directory that is deleted at the end; with --data it stays, and is served again next time.

Examples:
  tocsin demo
  tocsin demo --listen 127.0.0.1:9000 --data ./ruritania`
}

// Run makes the demo and serves it.
func (c *demoCmd) Run(e *Env) (err error) {
	if err := app.CheckListen(c.Listen); err != nil {
		return usage(err)
	}
	dir := e.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "tocsin-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	cfg := e.served(dir, c.Listen)
	return e.on(cfg, func(w *world.World) error {
		_, chosen, err := w.Nation.Load(e.Ctx)
		if err != nil {
			return err
		}
		if !chosen {
			if err := c.make(e, w); err != nil {
				return err
			}
		}
		return e.serve(w, app.Options{Listen: c.Listen})
	})
}

// make fills the world with the fictional nation.
func (c *demoCmd) make(e *Env, w *world.World) error {
	watch := clock.Start()
	today := event.DayOf(w.Clock().Now().UnixMicro())
	g, err := generate.New(generate.Spec{From: today - event.Day(c.Days), Days: c.Days, Rows: c.Rows, Types: c.Types, Seed: c.Seed})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Err, "Making Ruritania: %d days of %s rows …\n", c.Days, count(int64(c.Rows)))
	profile, err := nation.Shipped("ruritania")
	if err != nil {
		return err
	}
	if _, err := w.Nation.Set(e.Ctx, identity.LocalActor, "ruritania.toml", profile); err != nil {
		return err
	}
	data, err := json.Marshal(g.Constituency())
	if err != nil {
		return err
	}
	doc, err := constituency.Read("constituency.json", constituency.JSON, bytes.NewReader(data))
	if err != nil {
		return err
	}
	if _, err := w.Constituency.Import(e.Ctx, identity.LocalActor, doc, constituency.ImportOptions{}); err != nil {
		return err
	}
	sum, err := c.takeIn(e, w, g)
	if err != nil {
		return err
	}
	if err := w.Drain(e.Ctx); err != nil {
		return err
	}
	fmt.Fprintf(e.Err, "%s rows of %d files were taken in; ready after %.1f s.\n", count(sum.Rows), sum.Files, watch.Elapsed().Seconds())
	return c.people(e, w)
}

// people makes somebody to be, on either side of the counter.
func (c *demoCmd) people(e *Env, w *world.World) error {
	d, err := w.Constituency.Directory(e.Ctx)
	if err != nil {
		return err
	}
	password := c.Password
	if password == "" {
		password = strings.ToLower(rand.Text()[:16])
	}
	type person struct{ login, name, what string }
	make := func(p person, h identity.Held) (int64, error) {
		id, err := w.Identity.Create(e.Ctx, identity.LocalActor, identity.NewAccount{Login: p.login, Name: p.name, Password: password, Roles: []identity.Held{h}})
		if err == nil {
			fmt.Fprintf(e.Err, "  %-36s %s\n", p.login, p.what)
		}
		return id, err
	}
	fmt.Fprintf(e.Err, "Sign in with the password %s as\n", password)
	for _, p := range []struct {
		person
		role identity.Role
	}{{person{"head@cert.ruritania.example", "Head of the team", "the administrator"}, identity.Administrator},
		{person{"duty@cert.ruritania.example", "Duty officer", "the duty officer"}, identity.Duty}} {
		id, err := make(p.person, identity.Held{Role: p.role})
		if err != nil {
			return err
		}
		if p.role == identity.Duty {
			if err := c.incidents(e, w, id); err != nil {
				return err
			}
		}
	}
	o, err := d.ByRef(hospital)
	if err != nil {
		return err
	}
	_, err = make(person{"security@" + o.Ref + ".example", "Security, " + o.Name, "the manager of " + o.Name}, identity.Held{Role: identity.Manager, Constituent: o.ID})
	return err
}

// takeIn takes the reports in as they are generated; the source files are kept in the archive only.
func (c *demoCmd) takeIn(e *Env, w *world.World, g *generate.Generator) (event.Summary, error) {
	var sources []event.Source
	for _, day := range g.Days() {
		for _, f := range g.Files(day) {
			sources = append(sources, event.Source{Name: f.Name, Issued: (day + 1).Time(), Open: func() (io.ReadCloser, error) {
				return generated(g, day, f.Type), nil
			}})
		}
	}
	bar := e.bar()
	defer bar.end()
	return w.Intake.Take(e.Ctx, identity.LocalActor, "shadowserver", sources, func(p event.Progress) {
		bar.show(int64(p.FilesDone), int64(p.Files), fmt.Sprintf("%d of %d files, %s rows", p.FilesDone, p.Files, count(p.Rows)))
	})
}

// generated is a report as a stream.
func generated(g *generate.Generator, day event.Day, typ string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := g.WriteReport(w, day, typ)
		w.CloseWithError(err) // closing r ends the writer too
	}()
	return r
}

// served is the configuration of a world that this process serves.
func (e *Env) served(dir, listen string) world.Config {
	return world.Config{Dir: dir, DatabaseURL: e.Database, Log: e.Log, Version: app.Release(), Serve: "http://" + listen}
}
