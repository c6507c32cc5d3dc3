package constituency

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/protect"
)

// SetKeys gives a contact that a person entered other keys, and says whether it may be written to in clear.
func (s *Store) SetKeys(ctx context.Context, actor act.Actor, contact int64, keys []Key, encrypt bool) error {
	return s.change(ctx, actor, "contact.keys", func(tx *db.Tx) (string, any, error) {
		var c *Contact
		if err := eachContact(tx, `WHERE id = $1`, []any{contact}, func(o Contact) { c = &o }); err != nil {
			return "", nil, err
		}
		if c == nil {
			return "", nil, fault.NotFoundf("there is no contact with the id %d", contact)
		}
		if c.Source != Manual {
			return "", nil, fault.Conflictf("this contact comes from %s, which knows no keys: enter one with the same address beside it, and give that the key", c.Origin)
		}
		before := c.Keys
		c.Keys, c.Encrypt = slices.Clone(keys), encrypt
		var v checks
		c.cleanKeys(v.bad)
		c.fresh(v.bad, s.clock.Now(), before)
		if err := v.err(); err != nil {
			return "", nil, err
		}
		ref, err := refOf(tx, c.Constituent)
		if err != nil {
			return "", nil, err
		}
		prints := make([]string, len(c.Keys))
		for i, k := range c.Keys {
			prints[i] = k.Fingerprint
		}
		return "constituent:" + ref, map[string]any{"contact": contact, "keys": prints, "encrypt": encrypt}, updateContact(tx, c)
	})
}

// Contact finds a contact by its id.
func (s *Store) Contact(ctx context.Context, id int64) (c Contact, err error) {
	found := false
	err = s.db.View(ctx, func(tx *db.Tx) error {
		return eachContact(tx, `WHERE id = $1`, []any{id}, func(o Contact) { c, found = o, true })
	})
	if err == nil && !found {
		err = fault.NotFoundf("there is no contact with the id %d", id)
	}
	return c, err
}

// HeldKey is a key of a contact that is valid today.
type HeldKey struct {
	KeyInfo
	Contact Contact
	Ref     string // of the constituent
	Name    string
}

// KeyFilter narrows a list of keys.
type KeyFilter struct {
	Trouble bool     // only what does not work, or will not in KeyWarning
	State   KeyState // "": any
	After   string   // HeldKey.Place of the last one on the page before
	Limit   int      // 100 when 0, at most 1,000
}

// Place is where the key stands in the list.
func (h HeldKey) Place() string {
	expires := h.Expires
	if expires == 0 {
		expires = 1<<62 - 1
	}
	return fmt.Sprintf("%d.%019d.%019d.%s", slices.Index(KeyStates(), h.State), expires, h.Contact.ID, h.Fingerprint)
}

// Keys lists the keys of all contacts, the worst first, and what expires first of those alike; more tells that there are others.
func (s *Store) Keys(ctx context.Context, f KeyFilter) (out []HeldKey, more bool, err error) {
	limit := min(f.Limit, 1000)
	if limit <= 0 {
		limit = 100
	}
	d, err := s.Directory(ctx)
	if err != nil {
		return nil, false, err
	}
	now := s.clock.Now()
	var all []HeldKey
	err = s.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return eachContact(tx, `WHERE (keys <> '' OR encrypt = 1) AND valid_from <= $1 AND valid_until > $1 ORDER BY id`, []any{int64(DayOf(now))}, func(c Contact) {
			l, _ := d.ByID(c.Constituent)
			for _, i := range s.keys.infos(c, now) {
				if f.Trouble && i.State == KeyGood || f.State != "" && i.State != f.State {
					continue
				}
				h := HeldKey{i, c, l.Ref, l.Name}
				if f.After == "" || h.Place() > f.After {
					all = append(all, h)
				}
			}
		})
	})
	slices.SortFunc(all, func(a, b HeldKey) int { return cmp.Compare(a.Place(), b.Place()) })
	if len(all) > limit {
		return all[:limit], true, err
	}
	return all, false, err
}

// Encryption is how a mail address is written to.
type Encryption struct {
	Required bool           // one of its contacts wants nothing in clear
	Keys     []*protect.Key // that can be used now, the one that lasts longest first
	Expired  int            // keys that could be used once
}

// EncryptionFor tells how a mail address is written to, by all contacts that have it today: those of one constituent, or of every
// one when it is 0.
func EncryptionFor(tx *db.Tx, constituent int64, address string, now time.Time) (e Encryption, err error) {
	var cs []Contact
	err = eachContact(tx, `WHERE lower(mail) = $1 AND (keys <> '' OR encrypt = 1) AND valid_from <= $2 AND valid_until > $2
		AND (CAST($3 AS BIGINT) = 0 OR constituent = $3) ORDER BY id LIMIT 100`, []any{strings.ToLower(address), int64(DayOf(now)), constituent},
		func(c Contact) { cs = append(cs, c) })
	seen := map[string]bool{}
	for _, c := range cs {
		e.Required = e.Required || c.Encrypt
		for _, k := range c.Keys {
			if k.Key == "" || seen[k.Fingerprint] {
				continue
			}
			seen[k.Fingerprint] = true
			p, perr := protect.ParseKey(k.Key)
			if perr != nil || p.Valid(now) != nil {
				e.Expired++
				continue
			}
			e.Keys = append(e.Keys, p)
		}
	}
	slices.SortStableFunc(e.Keys, func(a, b *protect.Key) int {
		if a.Expires.IsZero() != b.Expires.IsZero() {
			return map[bool]int{true: -1, false: 1}[a.Expires.IsZero()]
		}
		return b.Expires.Compare(a.Expires)
	})
	return e, err
}

// KeysBy are the keys of today's contacts with a mail address, or with a fingerprint, whichever is not empty: those that have expired too.
// They tell whose a signature is.
func KeysBy(tx *db.Tx, address, fingerprint string, now time.Time) (out []*protect.Key, err error) {
	if _, err := hex.DecodeString(fingerprint); err != nil {
		return nil, nil
	}
	seen := map[string]bool{}
	return out, eachContact(tx, `WHERE keys <> '' AND valid_from <= $1 AND valid_until > $1 AND (lower(mail) = $2 OR CAST($3 AS TEXT) <> '' AND keys LIKE '%' || $3 || '%')
		ORDER BY id LIMIT 100`, []any{int64(DayOf(now)), strings.ToLower(address), strings.ToUpper(fingerprint)}, func(c Contact) {
		for _, k := range c.Keys {
			if k.Key == "" || seen[k.Fingerprint] {
				continue
			}
			seen[k.Fingerprint] = true
			if p, err := protect.ParseKey(k.Key); err == nil {
				out = append(out, p)
			}
		}
	})
}
