// Package passkey holds the two ceremonies of WebAuthn: a signed-in person adds a passkey, and a passkey alone signs in. What
// was asked of the browser travels with the form, sealed and for a short time, so that any node can finish what another began.
package passkey

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

// valid is how long a ceremony may take.
const valid = 5 * time.Minute

// Config is what the ceremonies stand on.
type Config struct {
	Accounts  *identity.Store
	Seal      *identity.Seal
	Real      clock.Clock
	PublicURL string // where browsers reach Tocsin: its host is what passkeys are made for
	Title     string // of this Tocsin, as devices show it
}

// Keys runs the ceremonies. It is safe for concurrent use.
type Keys struct {
	cfg  Config
	host string
	auth *webauthn.WebAuthn // nil: passkeys cannot be offered here
	used *once
}

// New returns the ceremonies of the place that PublicURL names. Passkeys belong to a name; for an address of the internet
// protocol, or without a seal, they are not offered.
func New(c Config) (*Keys, error) {
	k := &Keys{cfg: c, used: newOnce(c.Real)}
	if c.PublicURL == "" || c.Seal == nil {
		return k, nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fault.Invalidf("public address %q: want https:// and a host name", c.PublicURL)
	}
	k.host = strings.ToLower(u.Hostname())
	_, err = netip.ParseAddr(k.host)
	if err == nil || u.Scheme == "http" && k.host != "localhost" {
		return k, nil
	}
	required := true
	k.auth, err = webauthn.New(&webauthn.Config{
		RPID: k.host, RPDisplayName: c.Title, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required,
			UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fault.Invalidf("public address %q cannot have passkeys: %w", c.PublicURL, err)
	}
	return k, nil
}

// Offered tells whether passkeys can be made and used here.
func (k *Keys) Offered() bool { return k.auth != nil }

func errNotOffered() error {
	return fault.New(fault.Unavailable, "passkeys need a host name: set the public address of this Tocsin to https:// and its name, not an IP address")
}

// Ceremony is what a page needs for one: Options for the browser, and State to be given back with its answer.
type Ceremony struct {
	Options string
	State   string
}

// state is what the server wants back, sealed.
type state struct {
	Session webauthn.SessionData `json:"session"`
	Until   int64                `json:"until"`
}

// user is an account as the protocol sees it. Its handle is the account's number and tells nobody who it is.
type user struct {
	account *identity.Account
	keys    []identity.Passkey
	parsed  []webauthn.Credential
}

func handle(account int64) []byte { return []byte(strconv.FormatInt(account, 10)) }

// WebAuthnID implements webauthn.User.
func (u *user) WebAuthnID() []byte { return handle(u.account.ID) }

// WebAuthnName implements webauthn.User.
func (u *user) WebAuthnName() string { return u.account.Login }

// WebAuthnDisplayName implements webauthn.User.
func (u *user) WebAuthnDisplayName() string { return u.account.Name }

// WebAuthnCredentials implements webauthn.User.
func (u *user) WebAuthnCredentials() []webauthn.Credential { return u.parsed }

func (k *Keys) user(ctx context.Context, account int64) (*user, error) {
	a, err := k.cfg.Accounts.ByID(ctx, account)
	if err != nil {
		return nil, err
	}
	u := &user{account: a}
	if u.keys, err = k.cfg.Accounts.Passkeys(ctx, account); err != nil {
		return nil, err
	}
	for _, key := range u.keys {
		var c webauthn.Credential
		if err := json.Unmarshal([]byte(key.Body), &c); err != nil {
			return nil, fmt.Errorf("read passkey %d: %w", key.ID, err)
		}
		u.parsed = append(u.parsed, c)
	}
	return u, nil
}

// owner is what the state of a registration is sealed to: one session of one account.
func owner(by act.Actor) (string, int64, error) {
	if by.Rights == nil || by.Rights.Account == 0 || by.Kind != act.Person {
		return "", 0, fault.New(fault.Forbidden, "only a signed-in person has passkeys")
	}
	return fmt.Sprintf("passkey-create:%d:%d", by.Rights.Account, by.Rights.Session), by.Rights.Account, nil
}

const signInOwner = "passkey-get"

func (k *Keys) begin(options any, s *webauthn.SessionData, owner string) (Ceremony, error) {
	o, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	b, err := json.Marshal(state{*s, k.cfg.Real.Now().Add(valid).UnixMicro()})
	if err != nil {
		return Ceremony{}, err
	}
	return Ceremony{string(o), k.cfg.Seal.Lock(string(b), owner)}, nil
}

func wrong(format string, args ...any) error {
	return fault.Problems{{Message: fmt.Sprintf(format, args...)}}
}

func errAgain() error {
	return wrong("this took longer than five minutes, was begun elsewhere, or was answered already: try again")
}

// resume opens the state of a ceremony.
func (k *Keys) resume(sealed, owner string) (*state, error) {
	text, err := k.cfg.Seal.Unlock(sealed, owner)
	if err != nil {
		return nil, errAgain()
	}
	var s state
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, errAgain()
	}
	if k.cfg.Real.Now().UnixMicro() >= s.Until {
		return nil, errAgain()
	}
	return &s, nil
}

// Create begins the registration of a passkey of the actor's own account.
func (k *Keys) Create(ctx context.Context, by act.Actor) (Ceremony, error) {
	if k.auth == nil {
		return Ceremony{}, errNotOffered()
	}
	o, account, err := owner(by)
	if err != nil {
		return Ceremony{}, err
	}
	u, err := k.user(ctx, account)
	if err != nil {
		return Ceremony{}, err
	}
	options, s, err := k.auth.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.parsed).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, err
	}
	return k.begin(options.Response, s, o)
}

// Created ends the registration with the browser's answer and keeps the passkey under a name.
func (k *Keys) Created(ctx context.Context, by act.Actor, sealed, answer, name string) error {
	if k.auth == nil {
		return errNotOffered()
	}
	o, account, err := owner(by)
	if err != nil {
		return err
	}
	if strings.TrimSpace(name) == "" {
		return fault.Problems{{Field: "name", Message: "name the device, so that you know it in the list"}}
	}
	if answer == "" {
		return wrong("the browser sent no passkey: this page needs JavaScript")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return wrong("the browser's answer cannot be read: %s", err)
	}
	s, err := k.resume(sealed, o)
	if err != nil {
		return err
	}
	u, err := k.user(ctx, account)
	if err != nil {
		return err
	}
	c, err := k.auth.CreateCredential(u, s.Session, parsed)
	if err != nil {
		return wrong("the passkey was not accepted: %s", err)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return k.cfg.Accounts.AddPasskey(ctx, by, c.ID, string(body), name)
}

// Get begins a sign-in. The browser offers the passkeys it has for this place; nobody says who they are before that.
func (k *Keys) Get() (Ceremony, error) {
	if k.auth == nil {
		return Ceremony{}, errNotOffered()
	}
	options, s, err := k.auth.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return k.begin(options.Response, s, signInOwner)
}

// Got ends a sign-in with the browser's answer. A passkey whose counter goes back is refused, and audit is told: there may be
// a copy of it.
func (k *Keys) Got(ctx context.Context, sealed, answer string, d identity.Device) (*identity.SignedIn, error) {
	if k.auth == nil {
		return nil, errNotOffered()
	}
	if answer == "" {
		return nil, wrong("the browser sent no passkey: this page needs JavaScript")
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return nil, wrong("the browser's answer cannot be read: %s", err)
	}
	s, err := k.resume(sealed, signInOwner)
	if err != nil {
		return nil, err
	}
	var who *user
	var trouble error
	_, c, err := k.auth.ValidatePasskeyLogin(func(_, h []byte) (webauthn.User, error) {
		id, err := strconv.ParseInt(string(h), 10, 64)
		if err != nil {
			return nil, err
		}
		if who, err = k.user(ctx, id); err != nil {
			if fault.KindOf(err) != fault.NotFound {
				trouble = err
			}
			return nil, err
		}
		return who, nil
	}, s.Session, parsed)
	if trouble != nil {
		return nil, trouble
	}
	refused := wrong("this passkey does not sign in here: it was removed, or its account may not any more")
	if err != nil || who.account.Disabled {
		return nil, refused
	}
	if fresh, err := k.used.take(s.Session.Challenge, s.Until); err != nil || !fresh {
		if err == nil {
			err = errAgain()
		}
		return nil, err
	}
	if c.Authenticator.CloneWarning {
		for _, key := range who.keys {
			if string(key.Credential) == string(c.ID) {
				if err := k.cfg.Accounts.PasskeyCloned(ctx, key, d); err != nil {
					return nil, err
				}
			}
		}
		return nil, wrong("this passkey was refused because its counter went back: there may be a copy of it; remove it and make a new one")
	}
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if err := k.cfg.Accounts.PasskeyUsed(ctx, who.account.ID, c.ID, string(body)); err != nil {
		return nil, err
	}
	return k.cfg.Accounts.Begin(ctx, who.account.ID, "passkey", d)
}
