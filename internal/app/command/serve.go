package command

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"tocsin/internal/app"
	"tocsin/internal/event"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type serveCmd struct {
	reachFlags  `embed:""`
	KeepEvents  int      `help:"Days for which event rows are kept; 0 is for ever. Findings and counts stay." default:"0"`
	KeepArchive int      `help:"Days for which source files are kept; 0 is for ever." default:"0"`
	AllowNet    []string `help:"Local networks that collectors may reach; public addresses they may." placeholder:"PREFIX"`
	Proxy       string   `help:"HTTP proxy for collectors." placeholder:"URL"`
	OIDC        string   `name:"oidc" help:"TOML file of the providers of single sign-on." type:"path" placeholder:"FILE"`
	mailFlags   `embed:""`
	imapFlags   `embed:""`
}

// Help is the command's long help.
func (serveCmd) Help() string {
	return `Ready when GET /healthz answers 200. SIGTERM stops it within ten seconds: requests under way finish, jobs give their leases
back; a second signal ends it at once.

SIGHUP reads the certificate again.

Examples:
  tocsin serve
  tocsin serve --data /var/lib/tocsin --listen :443 --tls-cert cert.pem --tls-key key.pem
  tocsin serve --listen :443 --acme-domain cert.example --acme-email cert@cert.example --acme-accept-tos
  tocsin serve --listen 10.0.0.5:8080 --behind-proxy 10.0.0.1 --public-url https://cert.example
  tocsin serve --database postgres://tocsin@db.example/tocsin`
}

// Run serves until a signal comes.
func (c *serveCmd) Run(e *Env) error {
	app.CollectSeldom()
	way, err := c.net()
	if err != nil {
		return usage(err)
	}
	o, err := c.options(way)
	if err != nil {
		return usage(err)
	}
	if c.OIDC != "" {
		if o.Providers, err = provider.Load(c.OIDC); err != nil {
			return usage(err)
		}
	}
	cfg := e.served(e.dir(), c.Listen)
	cfg.Retention = event.Retention{Events: c.KeepEvents, Archive: c.KeepArchive}
	cfg.Net = way
	if cfg.Mail, err = c.mail(); err != nil {
		return usage(err)
	}
	if cfg.IMAP, err = c.imap(); err != nil {
		return usage(err)
	}
	if cfg.Trust, err = c.trust(); err != nil {
		return usage(err)
	}
	return e.on(cfg, func(w *world.World) error { return e.serve(w, o) })
}

func (e *Env) serve(w *world.World, o app.Options) error {
	s, err := app.NewServer(e.Ctx, w, o, e.Log)
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ctx, cancel := context.WithCancel(e.Ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-hangup:
				s.Reload()
			case <-ctx.Done():
				return
			}
		}
	}()
	fmt.Fprintf(e.Err, "Tocsin is at %s. Ctrl-C stops it.\n", s.PublicURL())
	if empty, err := w.Identity.Empty(e.Ctx); err != nil {
		return errors.Join(err, s.Close())
	} else if empty {
		secret, err := w.Identity.First(e.Ctx)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		fmt.Fprintf(e.Err, "\nNobody has an account yet. The first administrator begins here, once, within a day:\n  %s\n\n", s.PublicURL().JoinPath("join", secret))
	}
	return s.Run(e.Ctx)
}

// net is the world's way out: public addresses, the local networks that were allowed, through the proxy if there is one.
func (c *serveCmd) net() (*egress.Net, error) {
	var p egress.Policy
	for _, s := range c.AllowNet {
		n, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fault.Invalidf("--allow-net %q: want a prefix such as 10.1.0.0/16", s)
		}
		p.Local = append(p.Local, n.Masked())
	}
	if c.Proxy != "" {
		u, err := url.Parse(c.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fault.Invalidf("--proxy: want http://HOST:PORT")
		}
		p.Proxy = u
	}
	return egress.Open(p), nil
}
