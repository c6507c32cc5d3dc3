package constituency

import (
	"context"
	"sync"
	"time"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
)

// Store keeps the registry of a world. Every write is an act that makes a new version of the registry and asks for the
// open findings to be attributed anew.
type Store struct {
	db    *db.DB
	clock clock.Clock

	resolving sync.Mutex // held while the resolver is loaded
	resolver  *Resolver
	listing   sync.Mutex // held while the directory is loaded
	directory *Directory
	keys      ring
}

// NewStore returns the registry of a world.
func NewStore(d *db.DB, c clock.Clock) *Store { return &Store{db: d, clock: c} }

// Now is the time of the world.
func (s *Store) Now() time.Time { return s.clock.Now() }

// Version counts the changes of the registry.
func (s *Store) Version(ctx context.Context) (n int64, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		n, err = version(tx)
		return err
	})
	return n, err
}

// Resolver returns the resolver of the registry as it is now; it is loaded anew only after a change.
func (s *Store) Resolver(ctx context.Context) (*Resolver, error) {
	var now int64
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		now, err = version(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.resolving.Lock()
	defer s.resolving.Unlock()
	if s.resolver != nil && s.resolver.version == now {
		return s.resolver, nil
	}
	r, err := LoadResolver(ctx, s.db)
	if err != nil {
		return nil, err
	}
	s.resolver = r
	return r, nil
}
