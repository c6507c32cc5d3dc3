// Package signing keeps the team's own keys and protects its mail: everything is signed once there is a key for it, and encrypted when
// the contact it goes to has a key. What must be encrypted and cannot be is held back, never sent in clear.
package signing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/protect"
)

// Config is what a Store stands on.
type Config struct {
	DB    *db.DB
	Clock clock.Clock // the world's
	Seal  *identity.Seal
}

// Store keeps the team's keys. It is safe for concurrent use.
type Store struct {
	Config

	mu     sync.Mutex
	opened map[string]*protect.Signer // by what is sealed, those in use only
}

// New returns the keys of a world.
func New(c Config) *Store { return &Store{Config: c, opened: map[string]*protect.Signer{}} }

// Key is a key of the team, without its private half.
type Key struct {
	ID          int64
	Type        protect.Type
	Fingerprint string
	Holder      string
	Addresses   []string
	Begins      int64 // UTC microseconds, like all below
	Expires     int64 // 0: never
	Public      string
	At          int64
	Subject     string // who brought it
	Name        string
	Retired     int64 // 0: in use

	sealed string
}

// State is how far a key can be used.
type State string

// The states, the worst first.
const (
	Expired  State = "expired"
	Later    State = "later"    // its time has not come
	Expiring State = "expiring" // within Warning
	InUse    State = "in-use"
	Retired  State = "retired"
)

// States lists the states.
func States() []State { return []State{Expired, Later, Expiring, InUse, Retired} }

// Warning is how long before its end a key is warned of.
const Warning = constituency.KeyWarning

// State is how far the key can be used at a time.
func (k *Key) State(now time.Time) State {
	at := now.UnixMicro()
	switch {
	case k.Retired != 0:
		return Retired
	case k.Expires != 0 && at >= k.Expires:
		return Expired
	case at < k.Begins:
		return Later
	case k.Expires != 0 && k.Expires-at <= Warning.Microseconds():
		return Expiring
	}
	return InUse
}

// The life of a key that is generated.
const (
	DefaultLife = 2 * 365 * 24 * time.Hour
	minLife     = 24 * time.Hour
	maxLife     = 10 * 365 * 24 * time.Hour
)

// Import keeps a key that signs from now on: PEM with a private key, its certificate and those of the authorities above it, or an armored
// OpenPGP private key. One that was retired is in use again.
func (s *Store) Import(ctx context.Context, actor act.Actor, text string) (Key, error) {
	p, err := protect.ParseSigner(text)
	if err != nil {
		return Key{}, err
	}
	return s.keep(ctx, actor, "mail_key.import", text, p)
}

// Generate makes an OpenPGP key for a name and an address. Certificates for S/MIME come from an authority that mail programs trust.
func (s *Store) Generate(ctx context.Context, actor act.Actor, name, address string, life time.Duration) (Key, error) {
	a, err := netmail.ParseAddress(address)
	if err != nil || a.Address != address {
		return Key{}, fault.Invalidf("%q is no mail address", address)
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 200 || strings.ContainsAny(name, "()<>\x00\r\n") {
		return Key{}, fault.Invalidf("a key needs a name of at most 200 bytes, without brackets")
	}
	if life < minLife || life > maxLife {
		return Key{}, fault.Invalidf("a key lives from one day to ten years")
	}
	text, err := protect.GenerateOpenPGP(name, address, s.Clock.Now(), life)
	if err != nil {
		return Key{}, err
	}
	p, err := protect.ParseSigner(text)
	if err != nil {
		return Key{}, err
	}
	return s.keep(ctx, actor, "mail_key.generate", text, p)
}

func (s *Store) keep(ctx context.Context, actor act.Actor, verb, text string, p *protect.Signer) (k Key, err error) {
	now := s.Clock.Now()
	if err := p.Public.Valid(now); err != nil {
		return k, err
	}
	if len(p.Public.Addresses) == 0 {
		return k, fault.Invalidf("the key names no mail address: recipients could not tell whose it is")
	}
	public, err := p.Certificate()
	if err != nil {
		return k, err
	}
	k = Key{Type: p.Public.Type, Fingerprint: p.Public.Fingerprint, Holder: p.Public.Holder, Addresses: p.Public.Addresses, Begins: p.Public.Begins.UnixMicro(),
		Public: public, At: now.UnixMicro(), Subject: actor.Subject(), Name: actor.Name}
	if !p.Public.Expires.IsZero() {
		k.Expires = p.Public.Expires.UnixMicro()
	}
	k.sealed = s.Seal.Lock(text, owner(k.Fingerprint))
	detail, err := json.Marshal(map[string]any{"type": k.Type, "holder": k.Holder})
	if err != nil {
		return k, err
	}
	err = s.DB.Act(ctx, act.Act{Actor: actor, Verb: verb, Object: object(k.Fingerprint), Detail: string(detail)}, func(tx *db.Tx) (err error) {
		k.ID, err = upsert(tx, &k)
		return err
	})
	return k, err
}

func object(fingerprint string) string { return "mail_key:" + fingerprint }

// owner is what a sealed key is bound to.
func owner(fingerprint string) string { return "mail key " + fingerprint }

// Retire takes a key out of use and forgets its private half. Its public half stays, for what it signed.
func (s *Store) Retire(ctx context.Context, actor act.Actor, fingerprint string) error {
	fingerprint = Fingerprint(fingerprint)
	return s.DB.Act(ctx, act.Act{Actor: actor, Verb: "mail_key.retire", Object: object(fingerprint)}, func(tx *db.Tx) error {
		n, err := retire(tx, fingerprint, s.Clock.Now().UnixMicro())
		if err == nil && n == 0 {
			err = fault.NotFoundf("no key in use has the fingerprint %q", fingerprint)
		}
		return err
	})
}

// Fingerprint brings a fingerprint into the form in which keys have it.
func Fingerprint(s string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", ":", "").Replace(s))
}

// List gives all keys, those in use first, what expires first before the rest.
func (s *Store) List(ctx context.Context) (out []Key, err error) {
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		out, err = list(tx)
		return err
	})
	return out, err
}

// One finds a key by its fingerprint.
func (s *Store) One(ctx context.Context, fingerprint string) (k Key, err error) {
	fingerprint = Fingerprint(fingerprint)
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		k, err = one(tx, fingerprint)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		err = fault.NotFoundf("no key has the fingerprint %q", fingerprint)
	}
	return k, err
}

// Protect implements notify.Protector.
func (s *Store) Protect(ctx context.Context, all ...*notify.Plain) {
	now := s.Clock.Now()
	to := make([]constituency.Encryption, len(all))
	var keys []Key
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		for i, p := range all {
			if to[i], err = constituency.EncryptionFor(tx, p.Letter.Constituent, p.Letter.To, now); err != nil {
				return err
			}
		}
		keys, err = inUse(tx)
		return err
	})
	if err != nil && len(all) > 1 { // one may be at fault for all
		for _, p := range all {
			s.Protect(ctx, p)
		}
		return
	}
	for i, p := range all {
		if p.Err = err; err == nil {
			p.Message, p.Err = s.protect(&p.Letter, p.Message, to[i], keys, now)
		}
	}
}

func (s *Store) protect(l *notify.Letter, message []byte, to constituency.Encryption, keys []Key, now time.Time) ([]byte, error) {
	signers, err := s.signers(keys, message, now)
	if err != nil {
		return nil, err
	}
	required := to.Required || l.EncryptionRequired
	if len(to.Keys) == 0 {
		switch {
		case required && to.Expired > 0:
			return nil, &notify.Hold{Why: notify.HoldEncryption, Reason: "the letter must be encrypted, and the recipient's keys have expired or cannot be used: ask for a new one, then send again"}
		case required:
			return nil, &notify.Hold{Why: notify.HoldEncryption, Reason: "the letter must be encrypted, and the recipient has no key: enter one, then send again"}
		case len(signers) == 0:
			return message, nil
		}
		for _, t := range []protect.Type{protect.SMIME, protect.OpenPGP} { // most mail programs show the first by themselves
			if p := signers[t]; p != nil {
				return p.Sign(message, now)
			}
		}
	}
	best := to.Keys[0]
	for _, k := range to.Keys { // one of the kind that we can also sign with
		if signers[best.Type] == nil && signers[k.Type] != nil {
			best = k
		}
	}
	return protect.Encrypt(message, signers[best.Type], best, cover(l.Ticket), now)
}

// Enough tells whether a message that was protected before still is as protected as its letter must be: since then its recipient may
// have asked for nothing in clear.
func (s *Store) Enough(ctx context.Context, l notify.Letter, message []byte) (bool, error) {
	if encrypted(message) {
		return true, nil
	}
	var to constituency.Encryption
	err := s.DB.View(ctx, func(tx *db.Tx) (err error) {
		to, err = constituency.EncryptionFor(tx, l.Constituent, l.To, s.Clock.Now())
		return err
	})
	return err == nil && !to.Required && !l.EncryptionRequired, err
}

func encrypted(message []byte) bool {
	m, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return false
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	return err == nil && (kind == "multipart/encrypted" || kind == "application/pkcs7-mime" && strings.HasSuffix(strings.ToLower(params["smime-type"]), "enveloped-data"))
}

// cover is the subject that travels in clear. Replies are found by the ticket in it.
func cover(ticket string) string {
	if ticket == "" || len(ticket) > 100 || strings.ContainsFunc(ticket, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "[...]"
	}
	return "[...] " + ticket
}

// signers are the keys that may sign the message, by type, those that last longest. That there are keys and none that works is an error:
// who is used to signed mail must not get used to mail that is not.
func (s *Store) signers(keys []Key, message []byte, now time.Time) (map[protect.Type]*protect.Signer, error) {
	out := map[protect.Type]*protect.Signer{}
	if len(keys) == 0 {
		return out, nil
	}
	m, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return nil, fmt.Errorf("read the message to sign: %w", err)
	}
	from, err := netmail.ParseAddress(m.Header.Get("From"))
	if err != nil {
		return nil, fmt.Errorf("read the sender of the message to sign: %w", err)
	}
	for _, k := range keys {
		if st := k.State(now); st == Expired || st == Later || !slices.Contains(k.Addresses, strings.ToLower(from.Address)) {
			continue
		}
		p, err := s.open(k)
		if err != nil {
			return nil, err
		}
		if old := out[k.Type]; old == nil || !old.Public.Expires.IsZero() && (p.Public.Expires.IsZero() || p.Public.Expires.After(old.Public.Expires)) {
			out[k.Type] = p
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Unavailable, "no key of the team can sign as %s now: they have expired, or are for other addresses; import one (tocsin mail keys import), "+
			"or retire them to send unsigned", from.Address)
	}
	return out, nil
}

// open unseals a key; those in use are kept open.
func (s *Store) open(k Key) (*protect.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.opened[k.sealed]; p != nil {
		return p, nil
	}
	text, err := s.Seal.Unlock(k.sealed, owner(k.Fingerprint))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the team's mail key %s: %w", k.Fingerprint, err)
	}
	p, err := protect.ParseSigner(text)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the team's mail key %s", k.Fingerprint), err)
	}
	if len(s.opened) > 100 {
		clear(s.opened)
	}
	s.opened[k.sealed] = p
	return p, nil
}
