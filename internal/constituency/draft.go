package constituency

import (
	"context"
	"errors"

	"tocsin/internal/platform/db"
)

var errDraft = errors.New("only a draft")

// Draft shows fn the registry as it would be with a document, and a resolver of it. Whatever fn sees or writes is taken back. A nil
// document is the registry as it is.
func (s *Store) Draft(ctx context.Context, doc *Document, o ImportOptions, fn func(tx *db.Tx, r *Resolver) error) (d Diff, err error) {
	if doc == nil {
		return d, s.db.View(ctx, func(tx *db.Tx) error {
			reg, err := loadRegistry(tx)
			if err != nil {
				return err
			}
			return fn(tx, build(reg))
		})
	}
	err = s.db.Upkeep(ctx, func(tx *db.Tx) error {
		if err := lock(tx); err != nil {
			return err
		}
		p, err := s.plan(tx, doc, o)
		if err != nil {
			return err
		}
		d = p.Diff
		if err := p.apply(tx); err != nil {
			return err
		}
		reg, err := loadRegistry(tx)
		if err != nil {
			return err
		}
		if err := fn(tx, build(reg)); err != nil {
			return err
		}
		return errDraft
	})
	if errors.Is(err, errDraft) {
		err = nil
	}
	return d, err
}
