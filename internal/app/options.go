package app

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/rate"
)

// Options say how a Server is reached. The zero value of everything but Listen serves plain HTTP on loopback.
type Options struct {
	Listen string // HOST:PORT; port 0 takes a free one

	// CertFile and KeyFile are PEM files, read again when they change.
	CertFile, KeyFile string
	ACME              ACME
	// ClientCAFile holds the authorities, as PEM, of the certificates that partners' machines may show.
	ClientCAFile string

	// Proxies are the networks of the reverse proxies that Tocsin stands behind. Who is no proxy, nor on this machine, is
	// refused.
	Proxies []netip.Prefix
	// Forwarded says that the proxies tell about the client in Forwarded (RFC 7239), and not in X-Forwarded-For and
	// X-Forwarded-Proto. Only what they overwrite can be believed, so it is one or the other.
	Forwarded bool

	// PublicURL are the addresses by which browsers reach Tocsin, the first for links in mail. Without one it is made of the
	// certificate's name or the listening address.
	PublicURL []string

	Limits           Limits
	MetricsTokenFile string      // whoever shows the token in it may read /metrics; without one only this machine may
	Net              *egress.Net // the way to the ACME directory and to providers of single sign-on

	Providers []provider.Provider // of single sign-on
}

// ACME says where certificates come from by the protocol of RFC 8555.
type ACME struct {
	Domains   []string // none: no ACME
	Email     string   // whom the authority tells about trouble
	Directory string   // "" is Let's Encrypt's
	CAFile    string   // PEM authorities of the directory's own certificate; "" are the system's
	HTTP      string   // HOST:PORT that answers HTTP-01 challenges and redirects the rest; "" leaves TLS-ALPN-01
	AcceptTOS bool
}

// Limits bound what one client address may do. The zero value limits nothing.
type Limits struct {
	Requests   rate.Limit // all, except those of this machine
	Forms      rate.Limit // what is sent by nobody yet: sign-in, recovery, public forms
	Failures   rate.Limit // requests with a token or certificate that is refused
	Concurrent int        // under way at once, except those of this machine
}

// tls says whether Tocsin itself speaks TLS.
func (o Options) tls() bool { return o.CertFile != "" || len(o.ACME.Domains) > 0 }

// CheckListen refuses an address that is no loopback one.
func CheckListen(listen string) error { return Options{Listen: listen}.Check() }

// Check refuses what would be unsafe or makes no sense, before anything is opened.
func (o Options) Check() error {
	host, _, err := net.SplitHostPort(o.Listen)
	switch {
	case err != nil:
		return fault.Invalidf("--listen %q: want HOST:PORT, such as 127.0.0.1:8080", o.Listen)
	case !loopbackHost(host) && !o.tls() && len(o.Proxies) == 0:
		return fault.Invalidf("--listen %s is reachable from elsewhere: give --tls-cert and --tls-key, or --acme-domain, or --behind-proxy; or listen on 127.0.0.1", o.Listen)
	case (o.CertFile == "") != (o.KeyFile == ""):
		return fault.Invalidf("--tls-cert and --tls-key go together")
	case o.CertFile != "" && len(o.ACME.Domains) > 0:
		return fault.Invalidf("--tls-cert and --acme-domain exclude each other: the certificate comes from files or from ACME")
	case o.ClientCAFile != "" && !o.tls():
		return fault.Invalidf("--client-ca needs TLS: give --tls-cert and --tls-key, or --acme-domain")
	}
	for _, p := range o.Proxies {
		if p.Bits() == 0 {
			return fault.Invalidf("--behind-proxy %s trusts everybody: name the proxy's address or network", p)
		}
	}
	if err := o.ACME.check(); err != nil {
		return err
	}
	return o.checkPublic()
}

func (a ACME) check() error {
	if len(a.Domains) == 0 {
		if a.HTTP != "" {
			return fault.Invalidf("--acme-http needs --acme-domain")
		}
		return nil
	}
	for _, d := range a.Domains {
		if _, err := netip.ParseAddr(d); err == nil || !strings.Contains(d, ".") || strings.ContainsAny(d, "*/: ") {
			return fault.Invalidf("--acme-domain %q: want a full host name such as cert.example", d)
		}
	}
	if !a.AcceptTOS {
		return fault.Invalidf("--acme-domain: read the terms of the certificate authority and accept them with --acme-accept-tos")
	}
	if _, _, err := net.SplitHostPort(a.HTTP); a.HTTP != "" && err != nil {
		return fault.Invalidf("--acme-http %q: want HOST:PORT, such as :80", a.HTTP)
	}
	if a.Directory == "" {
		return nil
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		return fault.Invalidf("--acme-directory %q: want an https address", a.Directory)
	}
	return nil
}

func (o Options) checkPublic() error {
	urls, err := o.public()
	if err != nil {
		return err
	}
	if len(o.Proxies) > 0 && len(urls) == 0 {
		return fault.Invalidf("--behind-proxy needs --public-url: the address by which browsers reach the proxy, such as https://cert.example")
	}
	for _, u := range urls {
		switch {
		case u.Scheme == "http" && (!loopbackHost(u.Host) || o.tls()):
			return fault.Invalidf("--public-url %s: browsers must reach Tocsin by https", u)
		case u.Scheme == "https" && !o.tls() && len(o.Proxies) == 0:
			return fault.Invalidf("--public-url %s needs TLS or --behind-proxy", u)
		}
	}
	return nil
}

func (o Options) public() ([]*url.URL, error) {
	var urls []*url.URL
	for _, s := range o.PublicURL {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.User != nil ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fault.Invalidf("--public-url %q: want scheme and host only, such as https://cert.example", s)
		}
		urls = append(urls, &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)})
	}
	return urls, nil
}
