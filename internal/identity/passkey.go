package identity

import (
	"context"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Passkey is a public key that a person's device or security key signs in with (WebAuthn). Body is what the protocol's
// library keeps of it; this package does not look into it.
type Passkey struct {
	ID         int64  `json:"id"`
	Account    int64  `json:"-"`
	Credential []byte `json:"-"`
	Body       string `json:"-"`
	Name       string `json:"name"`
	Created    int64  `json:"created"`
	Used       int64  `json:"used,omitempty"`
}

// AddPasskey keeps a passkey of the actor's own account.
func (s *Store) AddPasskey(ctx context.Context, by act.Actor, credential []byte, body, name string) error {
	if by.Rights == nil || by.Rights.Account == 0 {
		return fault.New(fault.Forbidden, "only a signed-in person has passkeys")
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		return fault.Problems{{Field: "name", Message: "name the device in at most 100 bytes"}}
	}
	k := Passkey{Account: by.Rights.Account, Credential: credential, Body: body, Name: name, Created: s.now()}
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.passkey", Object: object("account", k.Account), Detail: detail(map[string]string{"name": name})},
		func(tx *db.Tx) error { return insertPasskey(tx, k) })
}

// RemovePasskey forgets one of the actor's passkeys. The last way to sign in stays.
func (s *Store) RemovePasskey(ctx context.Context, by act.Actor, id int64) error {
	if by.Rights == nil || by.Rights.Account == 0 {
		return fault.New(fault.Forbidden, "only a signed-in person has passkeys")
	}
	account := by.Rights.Account
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.passkey-removed", Object: object("account", account)}, func(tx *db.Tx) error {
		a, err := accountByID(tx, account)
		if err != nil {
			return err
		}
		ks, err := passkeysOf(tx, account)
		if err != nil {
			return err
		}
		is, err := providersOf(tx, account)
		if err != nil {
			return err
		}
		if a.password == "" && len(ks) == 1 && len(is) == 0 {
			return fault.Conflictf("this is your only way to sign in: set a password first")
		}
		return deletePasskey(tx, account, id)
	})
}

// Passkeys lists those of an account.
func (s *Store) Passkeys(ctx context.Context, account int64) (list []Passkey, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = passkeysOf(tx, account); return err })
	return list, err
}

// PasskeyUsed keeps what a sign-in changed of a passkey: its counter, and when.
func (s *Store) PasskeyUsed(ctx context.Context, account int64, credential []byte, body string) error {
	return s.DB.Upkeep(ctx, func(tx *db.Tx) error { return usePasskey(tx, account, credential, body, s.now()) })
}

// PasskeyCloned records that a passkey was refused because its counter went back: somebody may have a copy of its key.
func (s *Store) PasskeyCloned(ctx context.Context, k Passkey, d Device) error {
	return s.DB.Act(ctx, act.Act{Actor: act.Anybody, Verb: "identity.passkey-cloned", Object: object("account", k.Account),
		Detail: detail(map[string]any{"passkey": k.ID, "name": k.Name, "address": d.text()})}, func(*db.Tx) error { return nil })
}

// Link joins an identity at a provider of single sign-on to an account. Whoever has that identity signs in as the account, so it is
// its owner's to do; an administrator does it for who has no other way to sign in yet, or where the nation lets one administrator
// recover an account.
func (s *Store) Link(ctx context.Context, by act.Actor, account int64, issuer, subject string) error {
	foreign := false
	if by.Kind != act.Local && (by.Rights == nil || by.Rights.Account != account) {
		two, err := s.needsTwo(ctx)
		if err != nil {
			return err
		}
		foreign = two
	}
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.link-provider", Object: object("account", account), Detail: detail(map[string]string{"issuer": issuer, "subject": subject})},
		func(tx *db.Tx) error {
			if a, err := accountByID(tx, account); err != nil {
				return err
			} else if a.Kind != PersonAccount {
				return fault.Invalidf("single sign-on is for people; %s is a service", a.Login)
			} else if foreign {
				if err := s.unreachable(tx, a); err != nil {
					return err
				}
			}
			return insertProvider(tx, account, issuer, subject, s.now())
		})
}

// unreachable refuses an account that its owner can sign in with.
func (s *Store) unreachable(tx *db.Tx, a *Account) error {
	ks, err := passkeysOf(tx, a.ID)
	if err != nil {
		return err
	}
	is, err := providersOf(tx, a.ID)
	if err != nil {
		return err
	}
	if a.password != "" || len(ks) > 0 || len(is) > 0 {
		return fault.New(fault.Forbidden, "%s can sign in, and links the provider on their own page; who cannot any more is recovered by two administrators", a.Login)
	}
	return nil
}

// Admit makes an account for somebody whom a provider vouches for, already linked to their identity there.
func (s *Store) Admit(ctx context.Context, n NewAccount, issuer, subject string) (int64, error) {
	n.Kind, n.Password = PersonAccount, ""
	if err := n.check(); err != nil {
		return 0, err
	}
	var id int64
	err := s.DB.Act(ctx, act.Act{Actor: act.Machine, Verb: "identity.admit"}, func(tx *db.Tx) (err error) {
		if id, err = s.create(tx, n, ""); err != nil {
			return err
		}
		tx.Note(object("account", id), detail(map[string]any{"login": n.Login, "roles": n.Roles, "issuer": issuer, "subject": subject}))
		return insertProvider(tx, id, issuer, subject, s.now())
	})
	return id, err
}

// Stranger records that somebody came whom a provider knows and who has no account: from it an administrator links them.
func (s *Store) Stranger(ctx context.Context, issuer, subject string, d Device) error {
	return s.DB.Act(ctx, act.Act{Actor: act.Anybody, Verb: "identity.stranger", Object: "provider:" + issuer,
		Detail: detail(map[string]string{"subject": subject, "address": d.text()})}, func(*db.Tx) error { return nil })
}

// ByProvider is the account of an identity at a provider, by its issuer and subject; a mail address never counts, because
// providers let people choose it.
func (s *Store) ByProvider(ctx context.Context, issuer, subject string) (a *Account, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		id, err := providerAccount(tx, issuer, subject)
		if err == nil {
			a, err = accountByID(tx, id)
		}
		return err
	})
	return a, err
}

// Unlink separates an account from the identities at an issuer. The last way to sign in stays.
func (s *Store) Unlink(ctx context.Context, by act.Actor, account int64, issuer string) error {
	return s.DB.Act(ctx, act.Act{Actor: by, Verb: "identity.unlink-provider", Object: object("account", account), Detail: detail(map[string]string{"issuer": issuer})},
		func(tx *db.Tx) error {
			if err := deleteProvider(tx, account, issuer); err != nil {
				return err
			}
			a, err := accountByID(tx, account)
			if err != nil || a.password != "" {
				return err
			}
			ks, err := passkeysOf(tx, account)
			if err != nil || len(ks) > 0 {
				return err
			}
			is, err := providersOf(tx, account)
			if err == nil && len(is) == 0 {
				err = fault.Conflictf("this is the only way to sign in with this account: set a password or add a passkey first")
			}
			return err
		})
}

// Providers lists the issuers that an account signs in with.
func (s *Store) Providers(ctx context.Context, account int64) (list []string, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = providersOf(tx, account); return err })
	return list, err
}
