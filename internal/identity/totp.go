package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const totpPeriod = 30 // seconds; RFC 6238, section 5.2

// NewTOTP is a fresh secret for an authenticator app, as text and as the otpauth address that its QR code holds. Nothing is
// kept until ConfirmTOTP.
func (s *Store) NewTOTP(issuer, login string) (secret, address string) {
	var b [20]byte
	rand.Read(b[:])
	secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
	return secret, s.TOTPAddress(issuer, login, secret)
}

// TOTPAddress is the otpauth address of a secret that NewTOTP made.
func (s *Store) TOTPAddress(issuer, login, secret string) string {
	q := url.Values{"secret": {secret}, "issuer": {issuer}, "period": {"30"}, "algorithm": {"SHA1"}, "digits": {"6"}}
	return (&url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + login, RawQuery: q.Encode()}).String()
}

// ConfirmTOTP keeps the secret once its first code is right. From then on a password alone no longer signs in. It takes the place
// of none that is there: who finds an open browser would have the owner's app replaced.
func (s *Store) ConfirmTOTP(ctx context.Context, by act.Actor, secret, code string) error {
	if s.Seal == nil {
		return fault.New(fault.Unavailable, "authenticator apps need the key file of the data directory")
	}
	if by.Rights == nil || by.Rights.Account == 0 {
		return fault.New(fault.Forbidden, "only a signed-in person has an authenticator app")
	}
	id := by.Rights.Account
	step, right := s.step(secret, code)
	if !right {
		return fault.Problems{{Field: "code", Message: "the code is not right: take the one that the app shows now, and check the clock of the phone"}}
	}
	sealed := s.Seal.Lock(secret, object("account", id))
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.totp", Object: object("account", id)}, func(tx *db.Tx) error {
		a, err := accountByID(tx, id)
		if err != nil {
			return err
		}
		if a.HasTOTP {
			return fault.Conflictf("there is an authenticator app already: remove it first, which asks for your password")
		}
		if err := setTOTP(tx, id, sealed, step); err != nil {
			return err
		}
		return endSessions(tx, id, by.Rights.Session)
	})
}

// RemoveTOTP takes the second factor away from one's own account; it asks for the password.
func (s *Store) RemoveTOTP(ctx context.Context, by act.Actor, password string) error {
	if by.Rights == nil || by.Rights.Account == 0 {
		return fault.New(fault.Forbidden, "only a signed-in person has an authenticator app")
	}
	a, err := s.ByID(ctx, by.Rights.Account)
	if err != nil {
		return err
	}
	if a.LockedUntil > s.now() {
		return errSignIn()
	}
	if !s.Hasher.Matches(a.password, password) {
		if err := s.failed(ctx, a, Device{}); fault.KindOf(err) != fault.Invalid {
			return err
		}
		return fault.Problems{{Field: "password", Message: "this is not your password"}}
	}
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.totp-removed", Object: object("account", a.ID)},
		func(tx *db.Tx) error { return setTOTP(tx, a.ID, "", 0) })
}

func (s *Store) checkTOTP(a *Account, code string) (step int64, right bool) {
	if s.Seal == nil || a.totp == "" {
		return 0, false
	}
	secret, err := s.Seal.Unlock(a.totp, object("account", a.ID))
	if err != nil {
		return 0, false
	}
	return s.step(secret, code)
}

// step finds the time step whose code this is: now, or one before or after for clocks that differ (RFC 6238, section 6).
func (s *Store) step(secret, code string) (int64, bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	if len(code) != 6 {
		return 0, false
	}
	now := s.Real.Now()
	for d := -1; d <= 1; d++ {
		at := now.Add(time.Duration(d) * totpPeriod * time.Second)
		ok, err := totp.ValidateCustom(code, secret, at, totp.ValidateOpts{Period: totpPeriod, Skew: 0, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && ok {
			return at.Unix() / totpPeriod, true
		}
	}
	return 0, false
}
