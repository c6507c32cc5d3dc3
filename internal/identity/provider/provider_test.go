package provider_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/identity"
	"tocsin/internal/identity/provider"
	"tocsin/internal/platform/fault"
)

const good = `
[[providers]]
id = "ministry"
title = "Ministry"
issuer = "https://login.example/realms/gov"
client_id = "tocsin"
client_secret_file = "secret"
auto_create_role = "reader"
domains = ["CERT.example"]

[[providers]]
id = "lab"
title = "Lab"
issuer = "http://127.0.0.1:9998"
client_id = "tocsin"
scopes = ["email"]
`

func noSecrets(string, string) (string, error) { return "sesame", nil }

func TestProvidersAreReadWithTheirSecrets(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	file := filepath.Join(dir, "oidc.toml")
	if err := errors.Join(os.WriteFile(secret, []byte("sesame\n"), 0o600),
		os.WriteFile(file, []byte(strings.Replace(good, `"secret"`, `"`+secret+`"`, 1)), 0o600)); err != nil {
		t.Fatal(err)
	}
	list, err := provider.Load(file)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	if p := list[0]; p.Secret != "sesame" || p.Role != identity.Reader || p.Domains[0] != "cert.example" || strings.Join(p.Scopes, " ") != "email profile" {
		t.Errorf("%+v", p)
	}
	if p := list[1]; p.Secret != "" || p.Role != "" || strings.Join(p.Scopes, " ") != "email" {
		t.Errorf("%+v", p)
	}
}

func TestEveryProblemOfTheFileIsTold(t *testing.T) {
	for change, want := range map[string]string{
		`id = "ministry"` + "\x00" + `id = "Min istry"`:                                                    "providers[0].id: want lower-case",
		`id = "lab"` + "\x00" + `id = "ministry"`:                                                          `providers[1].id: there are two providers "ministry"`,
		`title = "Lab"` + "\x00" + `titel = "Lab"`:                                                         "providers.titel: there is no such setting",
		`"http://127.0.0.1:9998"` + "\x00" + `"http://login.example"`:                                      "providers[1].issuer: want an address",
		`"http://127.0.0.1:9998"` + "\x00" + `"https://login.example/realms/gov"`:                          "providers[1].issuer: there are two",
		`"reader"` + "\x00" + `"administrator"`:                                                            "is given by a person",
		`"reader"` + "\x00" + `"manager"`:                                                                  "is given by a person",
		`"reader"` + "\x00" + `"king"`:                                                                     `there is no role "king"`,
		`domains = ["CERT.example"]` + "\x00":                                                              "providers[0].domains: with auto_create_role",
		`["CERT.example"]` + "\x00" + `["*.example"]`:                                                      "is no mail domain",
		`client_id = "tocsin"` + "\x00":                                                                    "providers[0].client_id: want",
		`client_secret_file = "secret"` + "\x00" + `client_secret = "sesame"`:                              "providers.client_secret: there is no such setting",
		`= ["email"]` + "\x00" + `= ["email profile"]`:                                                     "is no scope",
		`client_secret_file = "secret"` + "\x00" + "client_secret_file = \"a\"\nclient_secret_env = \"B\"": "not both",
		`title = "Lab"` + "\x00" + `title = Lab`:                                                           ":13:9: ",
	} {
		old, fresh, _ := strings.Cut(change, "\x00")
		text := strings.Replace(good, old, fresh, 1)
		if text == good {
			t.Fatalf("%q changes nothing", old)
		}
		_, err := provider.Parse([]byte(text), noSecrets)
		var ps fault.Problems
		if !errors.As(err, &ps) {
			t.Errorf("%q is accepted: %v", fresh, err)
			continue
		}
		for i := range ps {
			ps[i].File = "f"
		}
		if !strings.Contains(ps.Error(), want) {
			t.Errorf("%q: want %q in %q", fresh, want, ps.Error())
		}
	}
	if _, err := provider.Parse([]byte(good), func(string, string) (string, error) { return "", os.ErrNotExist }); err == nil {
		t.Error("a secret that is not there is no problem")
	}
}

func TestOnlyVerifiedAddressesOfNamedDomainsAreWelcome(t *testing.T) {
	p := provider.Provider{Role: identity.Reader, Domains: []string{"cert.example"}}
	ana := provider.Person{Subject: "1", Name: " Ana\n Anić ", Mail: "Ana@CERT.example", Verified: true}
	if n, ok := p.Welcome(ana); !ok || n.Login != "ana@cert.example" || n.Name != "Ana Anić" || len(n.Roles) != 1 {
		t.Errorf("%+v %v", n, ok)
	}
	for why, who := range map[string]provider.Person{
		"not verified":  {Mail: "ana@cert.example"},
		"no address":    {Verified: true},
		"subdomain":     {Mail: "ana@x.cert.example", Verified: true},
		"other domain":  {Mail: "ana@notcert.example", Verified: true},
		"two addresses": {Mail: "ana@cert.example, eve@elsewhere.example", Verified: true},
		"quoted":        {Mail: `"a@elsewhere.example"@cert.example`, Verified: true},
	} {
		if n, ok := p.Welcome(who); ok {
			t.Errorf("%s: %+v", why, n)
		}
	}
	p.Role = ""
	if _, ok := p.Welcome(ana); ok {
		t.Error("welcome without a role")
	}
}

// FuzzParse holds what was accepted to what the room relies on.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[[providers]]\nid = 3"))
	f.Add([]byte("providers = []"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := provider.Parse(b, noSecrets)
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		for _, p := range list {
			if p.ID == "" || strings.ContainsAny(p.ID, "/?#%{}") || p.ClientID == "" || p.Role != "" && (len(p.Domains) == 0 || p.Role == identity.Administrator) ||
				!strings.HasPrefix(p.Issuer, "https://") && !strings.HasPrefix(p.Issuer, "http://") && !strings.HasPrefix(strings.ToLower(p.Issuer), "http") {
				t.Errorf("accepted %+v", p)
			}
		}
	})
}
