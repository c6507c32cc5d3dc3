package identity

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// LinkKind says what a one-time link does.
type LinkKind string

// The kinds of link.
const (
	FirstLink      LinkKind = "first"      // makes the first administrator
	InvitationLink LinkKind = "invitation" // makes an account
	RecoveryLink   LinkKind = "recovery"   // gives an account back to its owner
)

// Link is a one-time link. Its secret is known only to who was given it. Times are UTC microseconds.
type Link struct {
	ID          int64    `json:"id"`
	Kind        LinkKind `json:"kind"`
	Account     int64    `json:"account,omitempty"`
	Login       string   `json:"login"`
	Name        string   `json:"name"`
	Role        Role     `json:"role"`
	Constituent int64    `json:"constituent,omitempty"`
	Inviter     string   `json:"inviter"`
	Created     int64    `json:"created"`
	Expires     int64    `json:"expires"`
	Used        int64    `json:"used,omitempty"`
}

// Invitation is whom to invite.
type Invitation struct {
	Login       string
	Name        string
	Role        Role
	Constituent int64
}

// Invite makes a one-time link with which somebody joins. Staff with identity.write invite anybody; the manager of a
// constituent invites managers and members of it.
func (s *Store) Invite(ctx context.Context, by act.Actor, in Invitation) (secret string, l *Link, err error) {
	n := NewAccount{Kind: PersonAccount, Login: in.Login, Name: in.Name, Roles: []Held{{in.Role, in.Constituent}}}
	if err := n.check(); err != nil {
		return "", nil, err
	}
	if err := mayGive(by, in.Role, in.Constituent); err != nil {
		return "", nil, err
	}
	now := s.now()
	l = &Link{Kind: InvitationLink, Login: n.Login, Name: n.Name, Role: in.Role, Constituent: in.Constituent, Inviter: by.Subject(),
		Created: now, Expires: now + s.Limits.Invite.Microseconds()}
	var digest []byte
	secret, digest = newSecret()
	err = s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.invite"}, func(tx *db.Tx) error {
		if _, err := accountByLogin(tx, n.Login); fault.KindOf(err) != fault.NotFound {
			if err == nil {
				err = fault.Problems{{Field: "login", Message: "there is an account with this address already"}}
			}
			return err
		}
		if in.Constituent != 0 {
			if err := constituentExists(tx, in.Constituent); err != nil {
				return err
			}
		}
		if err := insertLink(tx, digest, l); err != nil {
			return err
		}
		tx.Note(object("link", l.ID), detail(map[string]any{"login": l.Login, "role": l.Role, "constituent": l.Constituent}))
		return nil
	})
	return secret, l, err
}

// mayGive tells whether somebody may hand out a role.
func mayGive(by act.Actor, r Role, constituent int64) error {
	if Allowed(by, Write) {
		return nil
	}
	if Allowed(by, manage) && r.given() && slices.Contains(by.Manages(), constituent) {
		return nil
	}
	return fault.New(fault.Forbidden, "you may not give the role %s", r)
}

// First makes the link for the first administrator, in place of earlier ones; a fault of kind Conflict when somebody has an
// account already.
func (s *Store) First(ctx context.Context) (secret string, err error) {
	var digest []byte
	secret, digest = newSecret()
	now := s.now()
	err = s.DB.Act(ctx, act.Act{Actor: LocalActor, Verb: "identity.first-link", Object: "link:first"}, func(tx *db.Tx) error {
		empty, err := noAccounts(tx)
		if err != nil {
			return err
		}
		if !empty {
			return fault.Conflictf("there are accounts already: an administrator invites the others, or tocsin user recover helps one")
		}
		if err := spendLinks(tx, FirstLink, now); err != nil {
			return err
		}
		return insertLink(tx, digest, &Link{Kind: FirstLink, Role: Administrator, Inviter: LocalActor.Subject(), Created: now,
			Expires: now + s.Limits.Recover.Microseconds()})
	})
	return secret, err
}

// LinkOf is the link of a secret; one that was used or has expired is a fault of kind NotFound.
func (s *Store) LinkOf(ctx context.Context, secret string) (l *Link, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { l, err = s.liveLink(tx, secret); return err })
	return l, err
}

func (s *Store) liveLink(tx *db.Tx, secret string) (*Link, error) {
	l, err := linkByDigest(tx, digestOf(secret))
	if fault.KindOf(err) == fault.NotFound || err == nil && (l.Used != 0 || l.Expires < s.now()) {
		return nil, errLink()
	}
	if err != nil || l.Kind != InvitationLink {
		return l, err
	}
	return l, s.stands(tx, l)
}

func errLink() error {
	return fault.NotFoundf("this link was used already or has expired: ask for a new one")
}

// stands refuses an invitation whose inviter could not give it any more: who is sent away lets nobody in afterwards.
func (s *Store) stands(tx *db.Tx, l *Link) error {
	kind, name, _ := strings.Cut(l.Inviter, ":")
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil || act.Kind(kind) != act.Person {
		return nil // the command line, or Tocsin itself
	}
	a, err := accountByID(tx, id)
	if err != nil {
		return err
	}
	by, err := s.actor(tx, a, 0)
	if err != nil {
		return err
	}
	if a.Disabled || mayGive(by, l.Role, l.Constituent) != nil {
		return errLink()
	}
	return nil
}

// Joining is what somebody with a link says of themselves. Login and Name count only for the first administrator.
type Joining struct {
	Login    string
	Name     string
	Language string
	Password string
}

// Join uses a link up: it makes the account, or gives a recovered one a new password and takes all else away by which somebody
// could still come in: second factors, passkeys, single sign-on, tokens and sessions. The password may be empty for who will sign in by a passkey or a provider only; then the session that
// begins here is the one to set that up in.
func (s *Store) Join(ctx context.Context, secret string, j Joining, d Device) (*SignedIn, error) {
	l, err := s.LinkOf(ctx, secret)
	if err != nil {
		return nil, err
	}
	if l.Kind != FirstLink {
		j.Login, j.Name = l.Login, l.Name
	}
	n := NewAccount{Kind: PersonAccount, Login: j.Login, Name: j.Name, Language: j.Language, Password: j.Password}
	if l.Role != "" {
		n.Roles = []Held{{l.Role, l.Constituent}}
	}
	if strings.TrimSpace(j.Password) == "" {
		return nil, fault.Problems{{Field: "password", Message: "this is needed"}}
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	hash := s.Hasher.Hash(n.Password)
	out := &SignedIn{}
	who := act.Actor{Kind: act.Public, ID: "link", Name: n.Name}
	err = s.DB.Act(ctx, act.Act{Actor: who, Verb: "identity.join"}, func(tx *db.Tx) error {
		l, err := s.liveLink(tx, secret)
		if err != nil {
			return err
		}
		if used, err := spendLink(tx, l.ID, s.now()); err != nil || !used {
			if err == nil {
				err = fault.Conflictf("this link was used just now")
			}
			return err
		}
		id := l.Account
		if l.Kind == RecoveryLink {
			err = s.recovered(tx, id, hash)
		} else {
			if empty, e := noAccounts(tx); e != nil || l.Kind == FirstLink && !empty {
				if e == nil {
					e = fault.Conflictf("there is an administrator already")
				}
				return e
			}
			id, err = s.create(tx, n, hash)
		}
		if err != nil {
			return err
		}
		tx.Note(object("account", id), detail(map[string]any{"link": l.ID, "kind": l.Kind, "inviter": l.Inviter}))
		if out.Account, err = accountByID(tx, id); err != nil {
			return err
		}
		out.Secret, err = s.open(tx, id, "link", false, d)
		return err
	})
	return out, err
}

func (s *Store) recovered(tx *db.Tx, id int64, hash string) error {
	if err := setPassword(tx, id, hash); err != nil {
		return err
	}
	if err := setTOTP(tx, id, "", 0); err != nil {
		return err
	}
	if err := deletePasskeys(tx, id); err != nil {
		return err
	}
	if err := deleteProviders(tx, id); err != nil {
		return err
	}
	if err := revokeTokens(tx, id, s.now()); err != nil {
		return err
	}
	return endSessions(tx, id, 0)
}

// Invitations lists those that are open, the latest first; of the given constituents only, nil: all.
func (s *Store) Invitations(ctx context.Context, constituents []int64) (list []Link, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = openLinks(tx, constituents, s.now()); return err })
	return list, err
}

// Withdraw makes an invitation useless. constituents narrows to those, and to what their managers give; nil: any.
func (s *Store) Withdraw(ctx context.Context, by act.Actor, id int64, constituents []int64) error {
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.withdraw", Object: object("link", id)}, func(tx *db.Tx) error {
		l, err := linkByID(tx, id)
		if err != nil || constituents != nil && !(slices.Contains(constituents, l.Constituent) && l.Role.given()) || l.Kind != InvitationLink {
			return fault.NotFoundf("there is no open invitation %d", id)
		}
		used, err := spendLink(tx, id, s.now())
		if err == nil && !used {
			err = fault.NotFoundf("there is no open invitation %d", id)
		}
		return err
	})
}

// Recovery is a request to give an account back to its owner, which another administrator decides.
type Recovery struct {
	ID       int64  `json:"id"`
	Account  int64  `json:"account"`
	Login    string `json:"login"`
	Name     string `json:"name"`
	Reason   string `json:"reason"`
	AskedBy  int64  `json:"asked_by"`
	Asker    string `json:"asker"`
	Asked    int64  `json:"asked"`
	Mine     bool   `json:"mine"` // asked by who looks, so that somebody else has to approve it
	decided  int64
	approved bool
}

// AskRecovery is the first of the two administrators: says whose account and why.
func (s *Store) AskRecovery(ctx context.Context, by act.Actor, account int64, reason string) (id int64, err error) {
	if reason = strings.TrimSpace(reason); reason == "" {
		return 0, fault.Problems{{Field: "reason", Message: "say how you know that it is the owner who asks"}}
	}
	if by.Rights == nil || by.Rights.Account == 0 {
		return 0, fault.New(fault.Forbidden, "recovery is asked for by a signed-in administrator")
	}
	err = s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.ask-recovery", Object: object("account", account), Detail: detail(map[string]string{"reason": reason})},
		func(tx *db.Tx) (err error) {
			if _, err = accountByID(tx, account); err == nil {
				id, err = insertRecovery(tx, account, reason, by.Rights.Account, s.now())
			}
			return err
		})
	return id, err
}

// Recoveries lists the requests that nobody has decided.
func (s *Store) Recoveries(ctx context.Context, by act.Actor) (list []Recovery, err error) {
	two, err := s.needsTwo(ctx)
	if err != nil {
		return nil, err
	}
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = openRecoveries(tx); return err })
	for i := range list {
		list[i].Mine = two && by.Rights != nil && list[i].AskedBy == by.Rights.Account
	}
	return list, err
}

// needsTwo tells whether the nation wants two administrators to recover an account.
func (s *Store) needsTwo(ctx context.Context) (bool, error) {
	if s.NeedsTwo == nil {
		return true, nil
	}
	return s.NeedsTwo(ctx, "identity.recover")
}

// DecideRecovery is the second administrator, or the same one where the nation's profile wants no two. Approved, it returns the secret of a one-time link to hand to the owner.
func (s *Store) DecideRecovery(ctx context.Context, by act.Actor, id int64, approve bool) (secret string, err error) {
	if by.Rights == nil || by.Rights.Account == 0 {
		return "", fault.New(fault.Forbidden, "recovery is decided by a signed-in administrator")
	}
	two, err := s.needsTwo(ctx)
	if err != nil {
		return "", err
	}
	verb := "identity.refuse-recovery"
	if approve {
		verb = "identity.approve-recovery"
	}
	err = s.DB.Act(ctx, act.Act{Actor: by, Verb: verb}, func(tx *db.Tx) error {
		r, err := recoveryByID(tx, id)
		if err != nil {
			return err
		}
		switch {
		case r.decided != 0:
			return fault.Conflictf("this request is decided already")
		case approve && two && r.AskedBy == by.Rights.Account:
			return fault.New(fault.Forbidden, "it takes a second administrator to approve what you asked for")
		case approve && r.Account == by.Rights.Account:
			return fault.New(fault.Forbidden, "nobody approves the recovery of their own account")
		}
		if err := decideRecovery(tx, id, by.Rights.Account, s.now(), approve); err != nil {
			return err
		}
		tx.Note(object("account", r.Account), detail(map[string]any{"recovery": id, "reason": r.Reason}))
		if approve {
			secret, err = s.recoveryLink(tx, by, r.Account)
		}
		return err
	})
	return secret, err
}

// Recover makes a recovery link without a second administrator: for the command line, whose user has the data in hand.
func (s *Store) Recover(ctx context.Context, by act.Actor, login string) (secret string, err error) {
	if by.Kind != act.Local {
		return "", fault.New(fault.Forbidden, "recovery takes two administrators, or the command line")
	}
	err = s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.recover"}, func(tx *db.Tx) error {
		a, err := accountByLogin(tx, strings.ToLower(strings.TrimSpace(login)))
		if err != nil {
			return err
		}
		if a.Kind != PersonAccount {
			return fault.Invalidf("%s is a service: it has tokens, not a password", a.Login)
		}
		tx.Note(object("account", a.ID), "")
		secret, err = s.recoveryLink(tx, by, a.ID)
		return err
	})
	return secret, err
}

func (s *Store) recoveryLink(tx *db.Tx, by act.Actor, account int64) (string, error) {
	a, err := accountByID(tx, account)
	if err != nil {
		return "", err
	}
	if a.Disabled {
		return "", fault.Conflictf("the account is disabled: enable it first")
	}
	secret, digest := newSecret()
	now := s.now()
	err = insertLink(tx, digest, &Link{Kind: RecoveryLink, Account: account, Login: a.Login, Name: a.Name, Inviter: by.Subject(), Created: now,
		Expires: now + s.Limits.Recover.Microseconds()})
	if err != nil {
		err = fmt.Errorf("make a recovery link: %w", err)
	}
	return secret, err
}
