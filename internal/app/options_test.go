package app_test

import (
	"net/netip"
	"strings"
	"testing"

	"tocsin/internal/app"
	"tocsin/internal/platform/fault"
)

func TestOnlyLoopbackIsServedWithoutTLS(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:80", ":8080", "203.0.113.7:80", "[::]:80", "example.org:80", "8080"} {
		if err := app.CheckListen(listen); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{"127.0.0.1:80", "[::1]:0", "localhost:8080", "127.9.9.9:1"} {
		if err := app.CheckListen(listen); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

func TestUnsafeOptionsAreRefused(t *testing.T) {
	acme := app.ACME{Domains: []string{"cert.example"}, AcceptTOS: true}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	public := []string{"https://cert.example"}
	for _, tt := range []struct {
		name string
		o    app.Options
		want string // "": allowed
	}{
		{"files", app.Options{Listen: ":443", CertFile: "c", KeyFile: "k"}, ""},
		{"acme", app.Options{Listen: ":443", ACME: acme}, ""},
		{"proxy", app.Options{Listen: ":80", Proxies: proxies, PublicURL: public}, ""},
		{"proxy that is spoken to by TLS", app.Options{Listen: ":443", CertFile: "c", KeyFile: "k", Proxies: proxies, PublicURL: public}, ""},
		{"no key", app.Options{Listen: ":443", CertFile: "c"}, "go together"},
		{"no certificate", app.Options{Listen: ":443", KeyFile: "k"}, "--tls-cert"},
		{"both", app.Options{Listen: ":443", CertFile: "c", KeyFile: "k", ACME: acme}, "exclude"},
		{"terms not accepted", app.Options{Listen: ":443", ACME: app.ACME{Domains: []string{"cert.example"}}}, "--acme-accept-tos"},
		{"wildcard", app.Options{Listen: ":443", ACME: app.ACME{Domains: []string{"*.example"}, AcceptTOS: true}}, "full host name"},
		{"address", app.Options{Listen: ":443", ACME: app.ACME{Domains: []string{"203.0.113.7"}, AcceptTOS: true}}, "full host name"},
		{"plain directory", app.Options{Listen: ":443", ACME: app.ACME{Domains: []string{"cert.example"}, AcceptTOS: true,
			Directory: "http://ca.example"}}, "https"},
		{"challenge without acme", app.Options{Listen: "127.0.0.1:80", ACME: app.ACME{HTTP: ":80"}}, "--acme-domain"},
		{"everybody is the proxy", app.Options{Listen: ":80", Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, PublicURL: public}, "everybody"},
		{"proxy without a name", app.Options{Listen: ":80", Proxies: proxies}, "--public-url"},
		{"proxy that browsers reach without TLS", app.Options{Listen: ":80", Proxies: proxies, PublicURL: []string{"http://cert.example"}}, "https"},
		{"public by a tunnel nobody named", app.Options{Listen: "127.0.0.1:80", PublicURL: public}, "--behind-proxy"},
		{"path", app.Options{Listen: ":443", ACME: acme, PublicURL: []string{"https://cert.example/tocsin"}}, "scheme and host"},
		{"password", app.Options{Listen: ":443", ACME: acme, PublicURL: []string{"https://u:p@cert.example"}}, "scheme and host"},
		{"other scheme", app.Options{Listen: ":443", ACME: acme, PublicURL: []string{"ftp://cert.example"}}, "scheme and host"},
		{"client certificates without TLS", app.Options{Listen: "127.0.0.1:80", ClientCAFile: "ca"}, "needs TLS"},
	} {
		err := tt.o.Check()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
