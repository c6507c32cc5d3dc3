package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Session is a signed-in browser. Times are UTC microseconds.
type Session struct {
	ID      int64  `json:"id"`
	Account int64  `json:"-"`
	Half    bool   `json:"-"` // the second factor is still to come
	Method  string `json:"method"`
	Created int64  `json:"created"`
	Seen    int64  `json:"seen"`
	Address string `json:"address"`
	Agent   string `json:"agent"`
	Current bool   `json:"current"`
}

// Device is where a sign-in comes from.
type Device struct {
	Address netip.Addr
	Agent   string
}

// SignedIn is what a sign-in leads to. Secret is for the browser to keep; it is shown nowhere else.
type SignedIn struct {
	Secret  string
	Account *Account
	Second  bool // the second factor is still to come: SecondFactor
}

// SessionCookie is the cookie that a browser keeps a session's secret in.
const SessionCookie = "tocsin-session"

// newSecret is 256 bits that nobody can guess, and their digest, which is all that is kept. The secret needs no slow hash.
func newSecret() (secret string, digest []byte) {
	var b [32]byte
	rand.Read(b[:])
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	return secret, digestOf(secret)
}

func digestOf(secret string) []byte {
	d := sha256.Sum256([]byte(secret))
	return d[:]
}

// errSignIn is the one answer to a wrong login, a wrong password and an account that may not: who tries learns nothing.
func errSignIn() error {
	return fault.Problems{{Message: "the address or the password is wrong, or the account is locked for a while after failed attempts"}}
}

// Failures before an account waits, then the wait doubles with each, up to the longest.
const (
	freeFailures = 5
	firstWait    = 30 * time.Second
	longestWait  = time.Hour
)

func wait(failures int) time.Duration {
	if failures < freeFailures {
		return 0
	}
	return min(longestWait, firstWait<<min(failures-freeFailures, 20))
}

// SignIn checks a password. Every wrong one counts; after five an account waits, each time twice as long, and then even the
// right one is refused.
func (s *Store) SignIn(ctx context.Context, login, password string, d Device) (*SignedIn, error) {
	if len(password) > 4*maxPassword {
		return nil, errSignIn()
	}
	a, err := s.ByLogin(ctx, login)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	if a == nil || a.password == "" {
		s.Hasher.Matches("", password)
		return nil, s.turnedAway(ctx, a, d)
	}
	locked := a.LockedUntil > s.now()
	if right := s.Hasher.Matches(a.password, password); !right || locked || a.Disabled {
		if right || a.Disabled {
			return nil, s.turnedAway(ctx, a, d)
		}
		return nil, s.failed(ctx, a, d)
	}
	return s.begin(ctx, a, "password", a.HasTOTP, d)
}

// turnedAway records an attempt that counts for no account. It costs what one that counts does, so that the time does not tell
// who has an account; what was typed as the login is not kept, because now and then it is a password.
func (s *Store) turnedAway(ctx context.Context, a *Account, d Device) error {
	var id int64
	if a != nil {
		id = a.ID
	}
	err := s.DB.Act(ctx, act.Act{Actor: act.Anybody, Verb: "identity.sign-in-failed", Object: object("account", id), Detail: detail(map[string]string{"address": d.text()})},
		func(tx *db.Tx) error {
			if _, err := accountByID(tx, id); fault.KindOf(err) != fault.NotFound {
				return err
			}
			return nil
		})
	if err != nil {
		return err
	}
	return errSignIn()
}

// failed counts a failure; what was done in between counts too, so it is read again.
func (s *Store) failed(ctx context.Context, a *Account, d Device) error {
	err := s.DB.Act(ctx, act.Act{Actor: act.Anybody, Verb: "identity.sign-in-failed", Object: object("account", a.ID), Detail: detail(map[string]string{"address": d.text()})},
		func(tx *db.Tx) error {
			now, err := accountByID(tx, a.ID)
			if err != nil {
				return err
			}
			n := now.failures + 1
			until := now.LockedUntil
			if w := wait(n); w > 0 {
				until = s.now() + w.Microseconds()
			}
			return setFailures(tx, a.ID, n, until)
		})
	if err != nil {
		return err
	}
	return errSignIn()
}

func (d Device) text() string {
	if !d.Address.IsValid() {
		return ""
	}
	return d.Address.String()
}

// Begin opens a session for an account that has proved itself by other means: "passkey", "oidc". What proves possession and
// knowledge together needs no second factor.
func (s *Store) Begin(ctx context.Context, account int64, method string, d Device) (*SignedIn, error) {
	a, err := s.ByID(ctx, account)
	if err != nil {
		return nil, err
	}
	if a.Disabled {
		return nil, errSignIn()
	}
	return s.begin(ctx, a, method, false, d)
}

func (s *Store) begin(ctx context.Context, a *Account, method string, half bool, d Device) (*SignedIn, error) {
	verb := "identity.sign-in"
	if half {
		verb = "identity.sign-in-half"
	}
	var secret string
	who := act.Actor{Kind: act.Person, ID: fmt.Sprint(a.ID), Name: a.Name}
	err := s.DB.Act(ctx, act.Act{Actor: who, Verb: verb, Object: object("account", a.ID),
		Detail: detail(map[string]string{"method": method, "address": d.text()})}, func(tx *db.Tx) (err error) {
		if err := s.still(tx, a, method == "password"); err != nil {
			return err
		}
		secret, err = s.open(tx, a.ID, method, half, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &SignedIn{Secret: secret, Account: a, Second: half}, nil
}

// still refuses an account that was disabled, locked or given another password while what proves it was looked at: of many
// guesses at once no more count than of guesses one after the other.
func (s *Store) still(tx *db.Tx, a *Account, locks bool) error {
	now, err := accountByID(tx, a.ID)
	if err != nil {
		return err
	}
	if now.Disabled || locks && (now.LockedUntil > s.now() || now.password != a.password || now.totp != a.totp) {
		return errSignIn()
	}
	return nil
}

// open makes a session and tidies up those that ended.
func (s *Store) open(tx *db.Tx, account int64, method string, half bool, d Device) (string, error) {
	now := s.now()
	secret, digest := newSecret()
	if !half {
		if err := setSignedIn(tx, account, now); err != nil {
			return "", err
		}
	}
	if err := expireSessions(tx, now-s.Limits.Absolute.Microseconds(), now-s.Limits.Idle.Microseconds()); err != nil {
		return "", err
	}
	agent := strings.ToValidUTF8(strings.ReplaceAll(d.Agent, "\x00", ""), "")
	return secret, insertSession(tx, digest, Session{Account: account, Half: half, Method: method, Created: now, Seen: now, Address: d.text(), Agent: agent[:min(len(agent), 300)]})
}

// SecondFactor turns the half session of a right password into a whole one, under a new secret.
func (s *Store) SecondFactor(ctx context.Context, secret, code string, d Device) (*SignedIn, error) {
	var a *Account
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		half, err := s.live(tx, secret)
		if err != nil || !half.Half {
			return fault.New(fault.Forbidden, "sign in with your password first: it was too long ago")
		}
		a, err = accountByID(tx, half.Account)
		return err
	})
	if err != nil {
		return nil, err
	}
	step, right := s.checkTOTP(a, code)
	if a.LockedUntil > s.now() || a.Disabled || !right {
		if right {
			return nil, errSignIn()
		}
		if err := s.failed(ctx, a, d); fault.KindOf(err) != fault.Invalid {
			return nil, err
		}
		return nil, fault.Problems{{Field: "code", Message: "the code is not right: take the one that the app shows now"}}
	}
	out := &SignedIn{Account: a}
	who := act.Actor{Kind: act.Person, ID: fmt.Sprint(a.ID), Name: a.Name}
	err = s.DB.Act(ctx, act.Act{Actor: who, Verb: "identity.sign-in", Object: object("account", a.ID),
		Detail: detail(map[string]string{"method": "password+totp", "address": d.text()})}, func(tx *db.Tx) error {
		if err := s.still(tx, a, true); err != nil {
			return err
		}
		if fresh, err := takeStep(tx, a.ID, step); err != nil || !fresh {
			if err == nil {
				err = fault.Problems{{Field: "code", Message: "this code was used already: wait for the next one"}}
			}
			return err
		}
		if err := deleteSession(tx, digestOf(secret)); err != nil {
			return err
		}
		var err error
		out.Secret, err = s.open(tx, a.ID, "password+totp", false, d)
		return err
	})
	return out, err
}

// live is the session of a secret, unless it ended.
func (s *Store) live(tx *db.Tx, secret string) (*Session, error) {
	if len(secret) != 43 {
		return nil, fault.NotFoundf("no such session")
	}
	x, err := sessionByDigest(tx, digestOf(secret))
	if err != nil {
		return nil, err
	}
	now := s.now()
	if now-x.Created > s.Limits.Absolute.Microseconds() || now-x.Seen > s.Limits.Idle.Microseconds() ||
		x.Half && now-x.Created > (10*time.Minute).Microseconds() {
		return nil, fault.NotFoundf("the session has ended")
	}
	return x, nil
}

// seenEvery is how exactly the last use of a session or token is kept; a write for every request would cost more than it
// tells.
const seenEvery = time.Minute

// Resume is who holds the secret of a session; act.Anybody when there is none, it ended, or its account may not any more.
func (s *Store) Resume(ctx context.Context, secret string) (act.Actor, error) {
	who, seen := act.Anybody, int64(0)
	var id int64
	err := s.DB.View(ctx, func(tx *db.Tx) error {
		x, err := s.live(tx, secret)
		if fault.KindOf(err) == fault.NotFound || err == nil && x.Half {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := accountByID(tx, x.Account)
		if err != nil || a.Disabled {
			return err
		}
		id, seen = x.ID, x.Seen
		who, err = s.actor(tx, a, x.ID)
		return err
	})
	if err != nil {
		return act.Anybody, err
	}
	if now := s.now(); id != 0 && now-seen > seenEvery.Microseconds() {
		err = s.DB.Upkeep(ctx, func(tx *db.Tx) error { return touchSession(tx, id, now) })
	}
	return who, err
}

// SignOut ends the session of a secret.
func (s *Store) SignOut(ctx context.Context, by act.Actor, secret string) error {
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.sign-out", Object: "account:" + by.ID}, func(tx *db.Tx) error {
		return deleteSession(tx, digestOf(secret))
	})
}

// Sessions lists the live sessions of an account, the last used first; current is the caller's own.
func (s *Store) Sessions(ctx context.Context, account, current int64) (list []Session, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) {
		now := s.now()
		list, err = sessionsOf(tx, account, now-s.Limits.Absolute.Microseconds(), now-s.Limits.Idle.Microseconds())
		return err
	})
	for i := range list {
		list[i].Current = list[i].ID == current
	}
	return list, err
}

// EndSession ends one session of an account; 0 ends all but the one to keep (0: none).
func (s *Store) EndSession(ctx context.Context, by act.Actor, account, session, keep int64) error {
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.end-session", Object: object("account", account), Detail: detail(map[string]int64{"session": session})},
		func(tx *db.Tx) error {
			if session == 0 {
				return endSessions(tx, account, keep)
			}
			return endSession(tx, account, session)
		})
}

// SetPassword changes an account's own password and ends its other sessions. old is asked for when there is one.
func (s *Store) SetPassword(ctx context.Context, by act.Actor, old, fresh string) error {
	if by.Rights == nil || by.Rights.Account == 0 {
		return fault.New(fault.Forbidden, "only a signed-in person changes their password")
	}
	a, err := s.ByID(ctx, by.Rights.Account)
	if err != nil {
		return err
	}
	if a.LockedUntil > s.now() {
		return errSignIn()
	}
	if a.password != "" && !s.Hasher.Matches(a.password, old) {
		if err := s.failed(ctx, a, Device{}); fault.KindOf(err) != fault.Invalid {
			return err
		}
		return fault.Problems{{Field: "old", Message: "this is not your password"}}
	}
	if err := CheckPassword(fresh, a.Login, a.Name); err != nil {
		return err
	}
	hash := s.Hasher.Hash(fresh)
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.password", Object: object("account", a.ID)}, func(tx *db.Tx) error {
		if err := setPassword(tx, a.ID, hash); err != nil {
			return err
		}
		return endSessions(tx, a.ID, by.Rights.Session)
	})
}
