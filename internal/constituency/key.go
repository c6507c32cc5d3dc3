package constituency

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tocsin/internal/platform/mail/protect"
)

const maxKeys = 10 // of a contact

// cleanKeys brings the keys into canonical form. What is wrong with a key for good is reported, and a key of somebody else; that one
// has expired is not, for a registry that was exported can be imported later.
func (c *Contact) cleanKeys(bad wrong) {
	if len(c.Keys) > maxKeys {
		bad("keys", "at most %d keys", maxKeys)
		return
	}
	for i := range c.Keys {
		if err := c.Keys[i].clean(c.Mail); err != nil {
			bad("keys", "%v", err)
		}
	}
}

// fresh reports keys that cannot be used now, for who enters them; those that were there before may stay.
func (c *Contact) fresh(bad wrong, now time.Time, before []Key) {
	for _, k := range c.Keys {
		if k.Key == "" || slices.Contains(before, k) {
			continue
		}
		if p, err := protect.ParseKey(k.Key); err == nil && p.Valid(now) != nil {
			bad("keys", "%v", p.Valid(now))
		}
	}
}

func (k *Key) clean(mail string) error {
	k.Type, k.Key = strings.ToLower(line(k.Type)), text(k.Key)
	k.Fingerprint = strings.ToUpper(strings.NewReplacer(" ", "", ":", "").Replace(line(k.Fingerprint)))
	if _, err := hex.DecodeString(k.Fingerprint); err != nil {
		return fmt.Errorf("%q is no fingerprint in hexadecimal", k.Fingerprint)
	}
	if k.Key == "" {
		switch {
		case k.Type != string(protect.OpenPGP) && k.Type != string(protect.SMIME):
			return fmt.Errorf("%q is no type of key; write openpgp or smime", k.Type)
		case k.Fingerprint == "":
			return fmt.Errorf("a key needs its fingerprint or the key itself")
		}
		return nil
	}
	p, err := protect.ParseKey(k.Key)
	switch {
	case err != nil:
		return err
	case k.Type != "" && k.Type != string(p.Type):
		return fmt.Errorf("the key is %s, not %s", p.Type, k.Type)
	case k.Fingerprint != "" && k.Fingerprint != p.Fingerprint:
		return fmt.Errorf("the key has the fingerprint %s, not %s", p.Fingerprint, k.Fingerprint)
	case mail == "":
		return fmt.Errorf("a contact without a mail address needs no key")
	case !p.For(mail):
		return fmt.Errorf("the key is not for %s but for %s", mail, either(strings.Join(p.Addresses, ", "), "no mail address"))
	}
	k.Type, k.Fingerprint = string(p.Type), p.Fingerprint
	return nil
}

// KeyState is how far a contact can be written to in cipher.
type KeyState string

// The states, the worst first.
const (
	KeyNone     KeyState = "none" // nothing may be sent in clear, and there is no key that could be used
	KeyExpired  KeyState = "expired"
	KeyUnusable KeyState = "unusable" // kept from before keys were checked
	KeyLater    KeyState = "later"    // its time has not come
	KeyAbsent   KeyState = "absent"   // only its fingerprint is known
	KeyExpiring KeyState = "expiring" // within KeyWarning
	KeyGood     KeyState = "good"
)

// KeyStates lists the states, the worst first.
func KeyStates() []KeyState {
	return []KeyState{KeyNone, KeyExpired, KeyUnusable, KeyLater, KeyAbsent, KeyExpiring, KeyGood}
}

// KeyWarning is how long before its end a key is warned of.
const KeyWarning = 30 * 24 * time.Hour

// KeyInfo is a key as people read it.
type KeyInfo struct {
	Type        string
	Fingerprint string
	Holder      string // the name it gives itself
	Expires     int64  // UTC microseconds; 0: never, or not known
	State       KeyState
	Why         string // why it cannot be used
}

// Days is how many whole days are left until the key expires.
func (i KeyInfo) Days(now time.Time) int64 {
	return int64(time.UnixMicro(i.Expires).Sub(now) / (24 * time.Hour))
}

// ring remembers what keys say of themselves: reading one costs as much as a signature. It is bounded.
type ring struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]facts
}

// facts are what a key says of itself.
type facts struct {
	begins, expires time.Time
	holder          string
	err             error
}

const maxRing = 20_000

func (r *ring) read(text string) facts {
	sum := sha256.Sum256([]byte(text))
	r.mu.Lock()
	defer r.mu.Unlock()
	if f, ok := r.known[sum]; ok {
		return f
	}
	var f facts
	p, err := protect.ParseKey(text)
	if f.err = err; err == nil {
		f.begins, f.expires, f.holder = p.Begins, p.Expires, p.Holder
	}
	if r.known == nil {
		r.known = map[[sha256.Size]byte]facts{}
	}
	if len(r.known) >= maxRing {
		maps.DeleteFunc(r.known, func([sha256.Size]byte, facts) bool { return true })
	}
	r.known[sum] = f
	return f
}

// info judges a key at a time.
func (r *ring) info(k Key, now time.Time) KeyInfo {
	out := KeyInfo{Type: k.Type, Fingerprint: k.Fingerprint, State: KeyAbsent}
	if k.Key == "" {
		return out
	}
	f := r.read(k.Key)
	if f.err != nil {
		out.State, out.Why = KeyUnusable, f.err.Error()
		return out
	}
	out.Holder = f.holder
	if !f.expires.IsZero() {
		out.Expires = f.expires.UnixMicro()
	}
	valid := (&protect.Key{Begins: f.begins, Expires: f.expires}).Valid(now)
	switch {
	case valid == nil && out.Expires != 0 && f.expires.Sub(now) <= KeyWarning:
		out.State = KeyExpiring
	case valid == nil:
		out.State = KeyGood
	case now.Before(f.begins):
		out.State, out.Why = KeyLater, valid.Error()
	default:
		out.State, out.Why = KeyExpired, valid.Error()
	}
	return out
}

// KeyInfos tells how far a contact's keys can be used now. One that is written to in cipher only and has none that works has an entry
// that says so, the first.
func (s *Store) KeyInfos(c Contact) []KeyInfo { return s.keys.infos(c, s.clock.Now()) }

func (r *ring) infos(c Contact, now time.Time) []KeyInfo {
	var out []KeyInfo
	works := false
	for _, k := range c.Keys {
		i := r.info(k, now)
		works = works || i.State == KeyGood || i.State == KeyExpiring
		out = append(out, i)
	}
	if c.Encrypt && !works {
		out = append([]KeyInfo{{State: KeyNone}}, out...)
	}
	return out
}

// Keep is those keys whose fingerprints are named, and a new one unless its text is empty.
func Keep(keys []Key, fingerprints []string, text string) []Key {
	var out []Key
	for _, k := range keys {
		if slices.Contains(fingerprints, k.Fingerprint) {
			out = append(out, k)
		}
	}
	if line(text) != "" {
		out = append(out, Key{Key: text})
	}
	return out
}
