package identity

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// TokenPrefix begins every token, so that scanners of source code know a leaked one.
const TokenPrefix = "tocsin_"

const (
	longestToken = 366 * 24 * time.Hour
	hintLength   = len(TokenPrefix) + 6
)

// Token lets a program act for an account, with some of its permissions and no others. Times are UTC microseconds.
type Token struct {
	ID      int64            `json:"id"`
	Account int64            `json:"account"`
	Name    string           `json:"name"`
	Hint    string           `json:"hint"` // its first characters
	Scope   []act.Permission `json:"scope"`
	Created int64            `json:"created"`
	Expires int64            `json:"expires"`
	Used    int64            `json:"used,omitempty"` // to the minute
	Revoked int64            `json:"revoked,omitempty"`
}

// tokenable are permissions that a token never carries: what changes accounts is done by people.
func tokenable(p act.Permission) bool {
	return p != Own && p != Write && p != Open && p != "identity.recover" && p != manage && p != "disclosure.override"
}

// Scopes lists the permissions that tokens of an account may be given, in order.
func (s *Store) Scopes(ctx context.Context, account int64) ([]act.Permission, error) {
	a, err := s.ByID(ctx, account)
	if err != nil {
		return nil, err
	}
	var out []act.Permission
	for _, h := range a.Roles {
		for _, p := range roles[h.Role] {
			if tokenable(p) {
				out = append(out, p)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Issue makes a token for an account; the secret is shown once and only its digest is kept. A person makes tokens of their
// own; identity.write those of a service.
func (s *Store) Issue(ctx context.Context, by act.Actor, account int64, name string, scope []act.Permission, expires time.Time) (secret string, t *Token, err error) {
	now := s.Real.Now()
	var ps fault.Problems
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		ps = append(ps, fault.Problem{Field: "name", Message: "say in at most 100 bytes what the token is for"})
	}
	if !expires.After(now) || expires.Sub(now) > longestToken {
		ps = append(ps, fault.Problem{Field: "expires", Message: "want a day from tomorrow to a year from now"})
	}
	may, err := s.Scopes(ctx, account)
	if err != nil {
		return "", nil, err
	}
	if len(scope) == 0 {
		ps = append(ps, fault.Problem{Field: "scope", Message: "choose what the token may do"})
	}
	for _, p := range scope {
		if !slices.Contains(may, p) {
			ps = append(ps, fault.Problem{Field: "scope", Message: fmt.Sprintf("the account cannot give the permission %s to a token", p)})
		}
	}
	if len(ps) > 0 {
		return "", nil, ps
	}
	raw, _ := newSecret()
	secret = TokenPrefix + raw
	scope = slices.Compact(slices.Sorted(slices.Values(scope)))
	t = &Token{Account: account, Name: name, Hint: secret[:hintLength], Scope: scope, Created: now.UnixMicro(), Expires: expires.UnixMicro()}
	err = s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.token", Object: object("account", account)}, func(tx *db.Tx) error {
		a, err := accountByID(tx, account)
		if err != nil {
			return err
		}
		own := by.Rights != nil && by.Rights.Account == account
		if !own && !(a.Kind == ServiceAccount && Allowed(by, Write)) {
			return fault.New(fault.Forbidden, "people make their own tokens; for a program make a service account")
		}
		if err := insertToken(tx, digestOf(secret), t); err != nil {
			return err
		}
		tx.Note("", detail(map[string]any{"token": t.ID, "name": t.Name, "scope": t.Scope, "expires": t.Expires}))
		return nil
	})
	return secret, t, err
}

// Tokens lists the tokens of an account that are neither revoked nor expired, the latest first.
func (s *Store) Tokens(ctx context.Context, account int64) (list []Token, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = tokensOf(tx, account, s.now()); return err })
	return list, err
}

// Revoke ends a token of an account at once.
func (s *Store) Revoke(ctx context.Context, by act.Actor, account, id int64) error {
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.revoke-token", Object: object("account", account), Detail: detail(map[string]int64{"token": id})},
		func(tx *db.Tx) error { return revokeToken(tx, account, id, s.now()) })
}

// Bearer is who shows a token. One that is unknown, revoked or expired, or whose account is disabled, is a fault of kind
// Forbidden that does not say which.
func (s *Store) Bearer(ctx context.Context, secret string) (act.Actor, error) {
	who, wrong := act.Anybody, fault.New(fault.Forbidden, "the token is unknown, revoked or expired")
	if !strings.HasPrefix(secret, TokenPrefix) || len(secret) > 100 {
		return who, wrong
	}
	var id, used int64
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		t, err := tokenByDigest(tx, digestOf(secret))
		if fault.KindOf(err) == fault.NotFound || err == nil && (t.Revoked != 0 || t.Expires < s.now()) {
			return wrong
		}
		if err != nil {
			return err
		}
		a, err := accountByID(tx, t.Account)
		if err != nil {
			return err
		}
		if a.Disabled {
			return wrong
		}
		id, used = t.ID, t.Used
		if who, err = s.actor(tx, a, 0); err != nil {
			return err
		}
		narrow(who.Rights, func(p act.Permission) bool { return slices.Contains(t.Scope, p) })
		who.Kind, who.Name = act.Service, a.Name+" ("+t.Name+")"
		return nil
	})
	if err != nil {
		return act.Anybody, err
	}
	if now := s.now(); now-used > seenEvery.Microseconds() {
		err = s.DB.Upkeep(ctx, func(tx *db.Tx) error { return touchToken(tx, id, now) })
	}
	return who, err
}

// narrow leaves a program only what programs may do, and of that what keep says.
func narrow(r *act.Rights, keep func(act.Permission) bool) {
	r.Manages = nil
	for p := range r.Permissions {
		if !tokenable(p) || !keep(p) {
			delete(r.Permissions, p)
		}
	}
}

// Certificate is a client certificate by which a partner's machine is known. TLS has checked that its key is there.
type Certificate struct {
	Fingerprint string `json:"fingerprint"` // SHA-256, hex
	Name        string `json:"name"`
	Created     int64  `json:"created"`
}

// Pin makes a client certificate one of a service account's, by the SHA-256 fingerprint of the whole certificate.
func (s *Store) Pin(ctx context.Context, by act.Actor, account int64, fingerprint, name string) error {
	f := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(fingerprint))
	if b, err := hex.DecodeString(f); err != nil || len(b) != 32 {
		return fault.Problems{{Field: "fingerprint", Message: "want the SHA-256 fingerprint: 64 hexadecimal digits, with or without colons"}}
	}
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.pin", Object: object("account", account), Detail: detail(map[string]string{"fingerprint": f})},
		func(tx *db.Tx) error {
			a, err := accountByID(tx, account)
			if err != nil {
				return err
			}
			if a.Kind != ServiceAccount {
				return fault.Invalidf("client certificates are for services; %s is a person", a.Login)
			}
			return insertCertificate(tx, account, Certificate{f, strings.TrimSpace(name), s.now()})
		})
}

// Unpin forgets a certificate.
func (s *Store) Unpin(ctx context.Context, by act.Actor, account int64, fingerprint string) error {
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.unpin", Object: object("account", account), Detail: detail(map[string]string{"fingerprint": fingerprint})},
		func(tx *db.Tx) error { return deleteCertificate(tx, account, fingerprint) })
}

// Certificates lists those of an account.
func (s *Store) Certificates(ctx context.Context, account int64) (list []Certificate, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = certificatesOf(tx, account); return err })
	return list, err
}

// Machine is the service whose client certificate has this fingerprint; act.Anybody without one. It may what its account may,
// but for what only people do.
func (s *Store) Machine(ctx context.Context, fingerprint string) (act.Actor, error) {
	who := act.Anybody
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		id, err := certificateAccount(tx, fingerprint)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := accountByID(tx, id)
		if err != nil || a.Disabled {
			return err
		}
		if who, err = s.actor(tx, a, 0); err == nil {
			narrow(who.Rights, func(act.Permission) bool { return true })
		}
		return err
	})
	return who, err
}

func scopeJSON(scope []act.Permission) (string, error) {
	b, err := json.Marshal(scope)
	return string(b), err
}
