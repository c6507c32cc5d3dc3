// Package provider says which providers of single sign-on a Tocsin trusts, and whom it lets in by them that has no account yet.
// The protocol is the room's.
package provider

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"tocsin/internal/identity"
	"tocsin/internal/platform/fault"
)

// Provider is one that people may sign in with by OpenID Connect.
type Provider struct {
	ID       string   // in addresses: "ministry"
	Title    string   // for people
	Issuer   string   // exactly as the provider calls itself
	ClientID string   // of this Tocsin at the provider
	Secret   string   // empty: a public client
	Scopes   []string // beyond "openid"; email and profile when empty
	// Role is given to an account that is made when somebody first comes whose mail address the provider has verified and
	// whose domain is one of Domains; "": nobody comes in without an invitation or a link.
	Role    identity.Role
	Domains []string
}

// Person is who a provider says has come.
type Person struct {
	Subject  string
	Name     string
	Mail     string
	Verified bool // the provider has verified the mail address
}

// Welcome tells whether somebody without an account gets one, and with which role.
func (p *Provider) Welcome(who Person) (identity.NewAccount, bool) {
	login, err := identity.Login(who.Mail)
	if p.Role == "" || !who.Verified || err != nil {
		return identity.NewAccount{}, false
	}
	if _, domain, _ := strings.Cut(login, "@"); !slices.Contains(p.Domains, domain) {
		return identity.NewAccount{}, false
	}
	name := strings.Join(strings.Fields(who.Name), " ")
	if name == "" || len(name) > 200 {
		name = login
	}
	return identity.NewAccount{Login: login, Name: name, Roles: []identity.Held{{Role: p.Role}}}, true
}

// entry is a provider as the file has it.
type entry struct {
	ID         string   `toml:"id"`
	Title      string   `toml:"title"`
	Issuer     string   `toml:"issuer"`
	ClientID   string   `toml:"client_id"`
	SecretFile string   `toml:"client_secret_file"`
	SecretEnv  string   `toml:"client_secret_env"`
	Scopes     []string `toml:"scopes"`
	Role       string   `toml:"auto_create_role"`
	Domains    []string `toml:"domains"`
}

const mostProviders = 20

// Load reads the file of providers and the secrets that it names. Every problem is told at once.
func Load(path string) ([]Provider, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the providers of single sign-on: %w", err)
	}
	list, err := Parse(b, func(file, env string) (string, error) {
		if env != "" {
			s := os.Getenv(env)
			if s == "" {
				return "", fmt.Errorf("the environment has no %s", env)
			}
			return s, nil
		}
		b, err := os.ReadFile(file)
		return strings.TrimSpace(string(b)), err
	})
	if ps, ok := err.(fault.Problems); ok {
		for i := range ps {
			ps[i].File = path
		}
	}
	return list, err
}

// Parse reads the providers; secret reads what a file or a variable of the environment holds.
func Parse(b []byte, secret func(file, env string) (string, error)) ([]Provider, error) {
	var doc struct {
		Providers []entry `toml:"providers"`
	}
	md, err := toml.Decode(string(b), &doc)
	if err != nil {
		p := fault.Problem{Message: err.Error()}
		if pe, ok := err.(toml.ParseError); ok {
			p.Line, p.Column, p.Message = int64(pe.Position.Line), pe.Position.Col, pe.Message
		}
		return nil, fault.Problems{p}
	}
	var ps fault.Problems
	for _, k := range md.Undecoded() {
		ps = append(ps, fault.Problem{Field: k.String(), Message: "there is no such setting"})
	}
	if len(doc.Providers) > mostProviders {
		ps = append(ps, fault.Problem{Field: "providers", Message: fmt.Sprintf("more than %d providers", mostProviders)})
		doc.Providers = doc.Providers[:mostProviders]
	}
	var list []Provider
	ids, issuers := map[string]bool{}, map[string]bool{}
	for i, e := range doc.Providers {
		complain := func(field, format string, args ...any) {
			ps = append(ps, fault.Problem{Field: fmt.Sprintf("providers[%d].%s", i, field), Message: fmt.Sprintf(format, args...)})
		}
		p := e.check(complain)
		if ids[p.ID] {
			complain("id", "there are two providers %q", p.ID)
		}
		if issuers[p.Issuer] {
			complain("issuer", "there are two providers of this issuer: a person would have two identities there")
		}
		ids[p.ID], issuers[p.Issuer] = true, true
		if e.SecretFile != "" && e.SecretEnv != "" {
			complain("client_secret_file", "give client_secret_file or client_secret_env, not both")
		} else if e.SecretFile != "" || e.SecretEnv != "" {
			if p.Secret, err = secret(e.SecretFile, e.SecretEnv); err != nil {
				complain("client_secret_file", "the client's secret cannot be read: %s", err)
			} else if p.Secret == "" {
				complain("client_secret_file", "the client's secret is empty")
			}
		}
		list = append(list, p)
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return list, nil
}

var identifier = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)

func (e entry) check(complain func(field, format string, args ...any)) Provider {
	p := Provider{ID: e.ID, Title: strings.TrimSpace(e.Title), Issuer: e.Issuer, ClientID: e.ClientID, Scopes: e.Scopes, Role: identity.Role(e.Role)}
	if !identifier.MatchString(p.ID) {
		complain("id", "want lower-case letters, digits and hyphens, at most 31")
	}
	if p.Title == "" || len(p.Title) > 100 {
		complain("title", "want the provider's name for people, at most 100 bytes")
	}
	if !trusted(p.Issuer) {
		complain("issuer", "want an address such as https://login.example, without query; http only on this machine")
	}
	if p.ClientID == "" {
		complain("client_id", "want what this Tocsin is called at the provider")
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{"email", "profile"}
	}
	for _, s := range p.Scopes {
		if s == "" || strings.ContainsAny(s, " \t\r\n\"\\") {
			complain("scopes", "%q is no scope", s)
		}
	}
	for _, d := range e.Domains {
		d = strings.ToLower(strings.TrimSpace(d))
		if d == "" || strings.ContainsAny(d, "@ *") {
			complain("domains", "%q is no mail domain: want one such as cert.example", d)
		}
		p.Domains = append(p.Domains, d)
	}
	switch {
	case p.Role == "":
	case len(p.Role.Permissions()) == 0:
		complain("auto_create_role", "there is no role %q", p.Role)
	case p.Role == identity.Administrator || p.Role.OfConstituent():
		complain("auto_create_role", "the role %s is given by a person, not by itself", p.Role)
	case len(p.Domains) == 0:
		complain("domains", "with auto_create_role name the mail domains whose people come in")
	}
	return p
}

// trusted tells whether an issuer is one whose answers nobody on the way can forge.
func trusted(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	if u.Scheme == "http" {
		a, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && a.IsLoopback()
	}
	return u.Scheme == "https"
}
