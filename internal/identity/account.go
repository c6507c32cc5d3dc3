package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// AccountKind tells people from programs.
type AccountKind string

// The kinds of account.
const (
	PersonAccount  AccountKind = "person"
	ServiceAccount AccountKind = "service" // has no password: tokens and client certificates only
)

// Held is a role that an account has, for a constituent where the role is of one.
type Held struct {
	Role        Role  `json:"role"`
	Constituent int64 `json:"constituent,omitempty"`
}

// Account is a person or a program that may sign in. Times are UTC microseconds, 0 is never.
type Account struct {
	ID          int64       `json:"id"`
	Kind        AccountKind `json:"kind"`
	Login       string      `json:"login"`
	Name        string      `json:"name"`
	Language    string      `json:"language,omitempty"`
	Disabled    bool        `json:"disabled,omitempty"`
	HasPassword bool        `json:"has_password"`
	HasTOTP     bool        `json:"has_totp"`
	LockedUntil int64       `json:"locked_until,omitempty"`
	Created     int64       `json:"created"`
	SignedIn    int64       `json:"signed_in,omitempty"`
	Roles       []Held      `json:"roles"`

	password string
	totp     string
	totpStep int64
	failures int
}

// Staff tells whether the account is of the CERT itself.
func (a *Account) Staff() bool {
	return slices.ContainsFunc(a.Roles, func(h Held) bool { return h.Role.Staff() })
}

// Has tells whether the account has the role, for whomever.
func (a *Account) Has(r Role) bool {
	return slices.ContainsFunc(a.Roles, func(h Held) bool { return h.Role == r })
}

// Config is what a Store stands on.
type Config struct {
	DB     *db.DB
	Real   clock.Clock // sessions and locks run on the real clock, whatever an exercise does to the world's
	Seal   *Seal       // for secrets that must be read back; nil: there are no authenticator apps
	Hasher *Hasher
	Limits Limits
	// NeedsTwo tells whether an act needs two people in this nation; nil: all of them do.
	NeedsTwo func(ctx context.Context, act string) (bool, error)
	// Branch are the constituents that a sector CERT looks after, itself among them; nil: only itself.
	Branch func(tx *db.Tx, constituent int64) ([]int64, error)
}

// Limits are the times of sessions and links. Zero values are filled in.
type Limits struct {
	Idle     time.Duration // a session that was not used ends; 2 h
	Absolute time.Duration // and any after; 12 h, a shift
	Invite   time.Duration // 7 days
	Recover  time.Duration // 24 h, also for the first administrator's link
}

// Store keeps accounts and all that belongs to them. It is safe for concurrent use.
type Store struct {
	Config
}

// NewStore returns the store.
func NewStore(c Config) *Store {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Limits.Idle, 2*time.Hour)
	set(&c.Limits.Absolute, 12*time.Hour)
	set(&c.Limits.Invite, 7*24*time.Hour)
	set(&c.Limits.Recover, 24*time.Hour)
	if c.Hasher == nil {
		c.Hasher = NewHasher(2)
	}
	return &Store{c}
}

func (s *Store) now() int64 { return s.Real.Now().UnixMicro() }

func object(kind string, id int64) string { return fmt.Sprintf("%s:%d", kind, id) }

func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// NewAccount is what an account begins with. Password is empty for one that signs in by other means.
type NewAccount struct {
	Kind     AccountKind
	Login    string
	Name     string
	Language string
	Password string
	Roles    []Held
}

var serviceName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,62}$`)

// Login is the canonical form of what people sign in with: a mail address in lower case.
func Login(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 || strings.ContainsAny(s, " \t\r\n<>\"") {
		return "", fault.Problems{{Field: "login", Message: "want a mail address such as ana@cert.example"}}
	}
	return s, nil
}

func (n *NewAccount) check() error {
	var ps fault.Problems
	if n.Name = strings.TrimSpace(n.Name); n.Name == "" || len(n.Name) > 200 || strings.ContainsFunc(n.Name, func(r rune) bool { return r < ' ' }) {
		ps = append(ps, fault.Problem{Field: "name", Message: "want a name of at most 200 bytes in one line"})
	}
	if n.Kind == ServiceAccount {
		if !serviceName.MatchString(n.Login) {
			ps = append(ps, fault.Problem{Field: "login", Message: "the name of a service has lower-case letters, digits, dots and hyphens, such as siem-export"})
		}
	} else if l, err := Login(n.Login); err != nil {
		ps = append(ps, err.(fault.Problems)...)
	} else {
		n.Login = l
	}
	if n.Password != "" {
		if err := CheckPassword(n.Password, n.Login, n.Name); err != nil {
			ps = append(ps, err.(fault.Problems)...)
		}
	}
	ps = append(ps, checkRoles(n.Roles)...)
	if len(ps) > 0 {
		return ps
	}
	return nil
}

func checkRoles(hs []Held) fault.Problems {
	var ps fault.Problems
	inside, outside := false, false
	for _, h := range hs {
		switch {
		case roles[h.Role] == nil:
			ps = append(ps, fault.Problem{Field: "role", Message: fmt.Sprintf("there is no role %q", h.Role)})
		case h.Role.OfConstituent() && h.Constituent == 0:
			ps = append(ps, fault.Problem{Field: "constituent", Message: fmt.Sprintf("the role %s is held for a constituent: name it", h.Role)})
		case !h.Role.OfConstituent() && h.Constituent != 0:
			ps = append(ps, fault.Problem{Field: "constituent", Message: fmt.Sprintf("the role %s is not held for a constituent", h.Role)})
		}
		inside = inside || h.Role.Staff()
		outside = outside || !h.Role.Staff()
	}
	if inside && outside {
		ps = append(ps, fault.Problem{Field: "role", Message: "an account is of the CERT or from outside, not both: make a second one"})
	}
	return ps
}

// Create makes an account. A login that is taken is a fault of kind Conflict.
func (s *Store) Create(ctx context.Context, by act.Actor, n NewAccount) (int64, error) {
	if n.Kind == "" {
		n.Kind = PersonAccount
	}
	if err := n.check(); err != nil {
		return 0, err
	}
	hash := ""
	if n.Password != "" {
		hash = s.Hasher.Hash(n.Password)
	}
	var id int64
	err := s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.create"}, func(tx *db.Tx) (err error) {
		if id, err = s.create(tx, n, hash); err == nil {
			tx.Note(object("account", id), detail(map[string]any{"login": n.Login, "roles": n.Roles}))
		}
		return err
	})
	return id, err
}

func (s *Store) create(tx *db.Tx, n NewAccount, hash string) (int64, error) {
	if _, err := accountByLogin(tx, n.Login); fault.KindOf(err) != fault.NotFound {
		if err == nil {
			err = fault.Conflictf("there is an account %s already", n.Login)
		}
		return 0, err
	}
	for _, h := range n.Roles {
		if h.Constituent != 0 {
			if err := constituentExists(tx, h.Constituent); err != nil {
				return 0, err
			}
		}
	}
	id, err := insertAccount(tx, n, hash, s.now())
	if err != nil {
		return 0, err
	}
	return id, replaceRoles(tx, id, n.Roles)
}

// ByID is one account with its roles.
func (s *Store) ByID(ctx context.Context, id int64) (a *Account, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error { a, err = accountByID(tx, id); return err })
	return a, err
}

// ByLogin is the account of a login.
func (s *Store) ByLogin(ctx context.Context, login string) (a *Account, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		a, err = accountByLogin(tx, strings.ToLower(strings.TrimSpace(login)))
		return err
	})
	return a, err
}

// Filter narrows a list of accounts.
type Filter struct {
	Role         Role
	Constituents []int64 // only accounts with a role for one of them; nil: all
	Query        string  // in the name or login
	After        string  // the login after which the list goes on
	Limit        int     // 0: 50; at most 1,000
}

// List gives accounts by login.
func (s *Store) List(ctx context.Context, f Filter) (list []Account, next string, err error) {
	if f.Limit <= 0 || f.Limit > 1000 {
		f.Limit = 50
	}
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, next, err = listAccounts(tx, f); return err })
	return list, next, err
}

// Empty tells whether nobody has an account yet.
func (s *Store) Empty(ctx context.Context) (empty bool, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { empty, err = noAccounts(tx); return err })
	return empty, err
}

// SetRoles gives an account these roles and no others. The last administrator stays one. Its sessions end, so that what it
// may do no longer ends at once.
func (s *Store) SetRoles(ctx context.Context, by act.Actor, id int64, hs []Held) error {
	if ps := checkRoles(hs); len(ps) > 0 {
		return ps
	}
	return s.change(ctx, by, "identity.roles", id, hs, func(tx *db.Tx, a *Account) error {
		for _, h := range hs {
			if h.Constituent != 0 {
				if err := constituentExists(tx, h.Constituent); err != nil {
					return err
				}
			}
		}
		if err := replaceRoles(tx, id, hs); err != nil {
			return err
		}
		return s.leaveAdministrator(tx, a)
	})
}

// Leave takes the roles of a manager and a member that an account holds for these constituents; one that holds none for them is
// a fault of kind NotFound. What only the CERT gives, only the CERT takes. Nobody removes themselves, so that a constituent keeps
// its manager.
func (s *Store) Leave(ctx context.Context, by act.Actor, id int64, constituents []int64) error {
	if by.Rights != nil && by.Rights.Account == id {
		return fault.Conflictf("nobody removes themselves: another manager does")
	}
	return s.change(ctx, by, "identity.leave", id, constituents, func(tx *db.Tx, a *Account) error {
		held := func(h Held) bool { return h.Constituent != 0 && slices.Contains(constituents, h.Constituent) }
		kept := slices.DeleteFunc(slices.Clone(a.Roles), func(h Held) bool { return held(h) && h.Role.given() })
		switch {
		case len(kept) < len(a.Roles):
			return replaceRoles(tx, id, kept)
		case slices.ContainsFunc(a.Roles, held):
			return fault.New(fault.Forbidden, "the CERT gave this role: ask it to take it back")
		}
		return fault.NotFoundf("there is no account %d", id)
	})
}

// Disable ends an account: it cannot sign in, its sessions end and its tokens stop. Enable brings it back without them.
func (s *Store) Disable(ctx context.Context, by act.Actor, id int64) error {
	return s.change(ctx, by, "identity.disable", id, nil, func(tx *db.Tx, a *Account) error {
		if err := setState(tx, id, "disabled"); err != nil {
			return err
		}
		if err := revokeTokens(tx, id, s.now()); err != nil {
			return err
		}
		return s.leaveAdministrator(tx, a)
	})
}

// Enable lets a disabled account sign in again.
func (s *Store) Enable(ctx context.Context, by act.Actor, id int64) error {
	return s.change(ctx, by, "identity.enable", id, nil, func(tx *db.Tx, _ *Account) error { return setState(tx, id, "active") })
}

// Rename changes the name and language of an account.
func (s *Store) Rename(ctx context.Context, by act.Actor, id int64, name, language string) error {
	n := NewAccount{Kind: ServiceAccount, Login: "x1", Name: name}
	if err := n.check(); err != nil {
		return err
	}
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.rename", Object: object("account", id), Detail: detail(map[string]string{"name": n.Name})},
		func(tx *db.Tx) error { return setName(tx, id, n.Name, language) })
}

// change is an act on an account that ends its sessions.
func (s *Store) change(ctx context.Context, by act.Actor, verb string, id int64, what any, fn func(*db.Tx, *Account) error) error {
	a := act.Act{Actor: by, Verb: verb, Object: object("account", id)}
	if what != nil {
		a.Detail = detail(what)
	}
	return s.DB.Act(ctx, a, func(tx *db.Tx) error {
		acc, err := accountByID(tx, id)
		if err != nil {
			return err
		}
		if err := fn(tx, acc); err != nil {
			return err
		}
		return endSessions(tx, id, 0)
	})
}

// leaveAdministrator refuses what leaves nobody to let others in.
func (s *Store) leaveAdministrator(tx *db.Tx, changed *Account) error {
	if !changed.Has(Administrator) {
		return nil
	}
	n, err := administrators(tx)
	if err == nil && n == 0 {
		return fault.Conflictf("this would leave no administrator: make another one first")
	}
	return err
}

// rights are what an account may do now.
func (s *Store) rights(tx *db.Tx, a *Account, session int64) (*act.Rights, error) {
	r := &act.Rights{Permissions: map[act.Permission]bool{}, Account: a.ID, Session: session, Staff: a.Staff()}
	for _, h := range a.Roles {
		r.Roles = append(r.Roles, string(h.Role))
		for _, p := range roles[h.Role] {
			r.Permissions[p] = true
		}
		if h.Constituent == 0 {
			continue
		}
		branch := []int64{h.Constituent}
		if h.Role == SectorCERT && s.Branch != nil {
			var err error
			if branch, err = s.Branch(tx, h.Constituent); err != nil {
				return nil, fmt.Errorf("the branch of constituent %d: %w", h.Constituent, err)
			}
		}
		r.Constituents = append(r.Constituents, branch...)
		if slices.Contains(roles[h.Role], manage) {
			r.Manages = append(r.Manages, branch...)
		}
	}
	slices.Sort(r.Constituents)
	r.Constituents = slices.Compact(r.Constituents)
	slices.Sort(r.Manages)
	r.Manages = slices.Compact(r.Manages)
	slices.Sort(r.Roles)
	r.Roles = slices.Compact(r.Roles)
	return r, nil
}

func (s *Store) actor(tx *db.Tx, a *Account, session int64) (act.Actor, error) {
	r, err := s.rights(tx, a, session)
	kind := act.Person
	if a.Kind == ServiceAccount {
		kind = act.Service
	}
	return act.Actor{Kind: kind, ID: fmt.Sprint(a.ID), Name: a.Name, Rights: r}, err
}
