package nation

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const setting = "nation.profile"

// fallback is the profile in force until one is chosen.
const fallback = "nis2"

// Store keeps the profile that a world has chosen. It is safe for concurrent use.
type Store struct {
	db   *db.DB
	read atomic.Pointer[reading]
}

// reading is a profile with the text that it was read from: reading it costs more than anything that is done with it.
type reading struct {
	text    string
	profile *Profile
}

// NewStore returns the store of a world's profile.
func NewStore(d *db.DB) *Store { return &Store{db: d} }

// Load returns the profile in force, which must not be changed. Until one is chosen it is the generic one, and chosen is false.
func (s *Store) Load(ctx context.Context) (p *Profile, chosen bool, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		p, chosen, err = s.LoadIn(tx)
		return err
	})
	return p, chosen, err
}

// LoadIn is Load within a transaction.
func (s *Store) LoadIn(tx *db.Tx) (p *Profile, chosen bool, err error) {
	text, err := Text(tx)
	file := "the chosen nation profile"
	switch chosen = err == nil; {
	case fault.KindOf(err) == fault.NotFound:
		b, err := Shipped(fallback)
		if err != nil {
			return nil, false, err
		}
		text, file = string(b), fallback+".toml"
	case err != nil:
		return nil, false, err
	}
	if r := s.read.Load(); r != nil && r.text == text {
		return r.profile, chosen, nil
	}
	if p, err = Parse(file, []byte(text)); err == nil {
		s.read.Store(&reading{text, p})
	}
	return p, chosen, err
}

// Text is the chosen profile as it was given; a fault of kind NotFound before one is chosen.
func (s *Store) Text(ctx context.Context) (text string, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		text, err = Text(tx)
		return err
	})
	return text, err
}

// Text is the chosen profile's text within a transaction.
func Text(tx *db.Tx) (text string, err error) {
	err = tx.PreparedRow(`SELECT value FROM setting WHERE name = $1`, setting).Scan(&text)
	return text, err
}

// Set chooses a profile; choosing the one in force again does nothing. File names it in messages and in the audit.
func (s *Store) Set(ctx context.Context, actor act.Actor, file string, text []byte) (*Profile, error) {
	p, err := Parse(file, text)
	if err != nil {
		return nil, err
	}
	if now, err := s.Text(ctx); err == nil && now == string(text) {
		return p, nil
	}
	detail, err := json.Marshal(map[string]string{"file": file, "name": p.Name, "code": p.Code})
	if err != nil {
		return nil, err
	}
	a := act.Act{Actor: actor, Verb: "nation.set", Object: "nation:" + strings.ToLower(p.Code), Detail: string(detail)}
	return p, s.db.Act(ctx, a, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET value = excluded.value`, setting, string(text))
		return err
	})
}
