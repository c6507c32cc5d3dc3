package command

import (
	"net/netip"
	"strings"

	"tocsin/internal/app"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/rate"
)

// reachFlags say how browsers and programs reach the server.
type reachFlags struct {
	Listen    string   `help:"Address to listen on; one that is not loopback needs TLS or --behind-proxy." default:"127.0.0.1:8080" placeholder:"HOST:PORT" group:"Reach"`
	PublicURL []string `name:"public-url" help:"Address by which browsers reach Tocsin, such as https://cert.example; the first is for links in mail." placeholder:"URL" group:"Reach"`

	TLSCert  string `name:"tls-cert" help:"Certificate chain, PEM; read again when it changes, or on SIGHUP." placeholder:"FILE" group:"Reach"`
	TLSKey   string `name:"tls-key" help:"Its key, PEM." placeholder:"FILE" group:"Reach"`
	ClientCA string `name:"client-ca" help:"Authorities, PEM, of the certificates that partners' machines may show." placeholder:"FILE" group:"Reach"`

	ACMEDomain    []string `name:"acme-domain" help:"Names for which to get certificates by ACME." placeholder:"NAME" group:"Reach"`
	ACMEEmail     string   `name:"acme-email" help:"Whom the certificate authority tells about trouble." placeholder:"ADDRESS" group:"Reach"`
	ACMEDirectory string   `name:"acme-directory" help:"The authority's directory (default: Let's Encrypt's)." placeholder:"URL" group:"Reach"`
	ACMECA        string   `name:"acme-ca" help:"Authorities, PEM, of the directory's own certificate (default: the system's)." placeholder:"FILE" group:"Reach"`
	ACMEHTTP      string   `name:"acme-http" help:"Listener for HTTP-01, such as :80, which redirects the rest; without it TLS-ALPN-01 is used." placeholder:"HOST:PORT" group:"Reach"`
	ACMEAcceptTOS bool     `name:"acme-accept-tos" help:"Accept the terms of the certificate authority." group:"Reach"`

	BehindProxy []string `help:"Reverse proxies that are trusted; others are refused. Tocsin speaks plain HTTP to them, unless it has a certificate." placeholder:"CIDR" group:"Reach"`
	ProxyHeader string   `help:"The header in which the proxy tells about the client, overwriting what came: ${enum}." enum:"x-forwarded-for,forwarded" default:"x-forwarded-for" group:"Reach"`

	MetricsTokenFile string `help:"File with the token that reads /metrics from elsewhere; without one only this machine does." placeholder:"FILE" group:"Reach"`
	LimitRequests    int    `help:"Requests a minute from one address (for IPv6 one /64); 0 is no limit." default:"1200" group:"Reach"`
	LimitForms       int    `help:"Sign-ins and public forms sent a minute from one address; 0 is no limit." default:"20" group:"Reach"`
	LimitFailures    int    `help:"Wrong tokens a minute from one address; 0 is no limit." default:"30" group:"Reach"`
	LimitConcurrent  int    `help:"Requests under way at once from one address; 0 is no limit." default:"64" group:"Reach"`
}

func (c *reachFlags) options(way *egress.Net) (app.Options, error) {
	o := app.Options{Listen: c.Listen, CertFile: c.TLSCert, KeyFile: c.TLSKey, ClientCAFile: c.ClientCA, PublicURL: c.PublicURL,
		ACME: app.ACME{Domains: c.ACMEDomain, Email: c.ACMEEmail, Directory: c.ACMEDirectory, CAFile: c.ACMECA, HTTP: c.ACMEHTTP,
			AcceptTOS: c.ACMEAcceptTOS},
		Forwarded: c.ProxyHeader == "forwarded", MetricsTokenFile: c.MetricsTokenFile, Net: way,
		Limits: app.Limits{Requests: rate.PerMinute(c.LimitRequests, c.LimitRequests/4), Forms: rate.PerMinute(c.LimitForms, c.LimitForms),
			Failures: rate.PerMinute(c.LimitFailures, c.LimitFailures), Concurrent: c.LimitConcurrent}}
	for _, s := range c.BehindProxy {
		p, err := prefixOf(s)
		if err != nil {
			return o, fault.Invalidf("--behind-proxy %q: want an address or a network such as 10.1.0.0/24", s)
		}
		o.Proxies = append(o.Proxies, p)
	}
	return o, o.Check()
}

// prefixOf reads a network; an address is a network of one.
func prefixOf(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
