package constituency

import (
	"context"
	"encoding/json"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// ConfirmContacts notes that the actor, who acts for the constituent, says its contacts are right.
func (s *Store) ConfirmContacts(ctx context.Context, actor act.Actor, constituent int64) error {
	if !reaches(actor, constituent) {
		return noConstituent(constituent)
	}
	return s.db.Act(ctx, act.Act{Actor: actor, Verb: "contact.confirm"}, func(tx *db.Tx) error {
		ref, err := refOf(tx, constituent)
		if err != nil {
			return err
		}
		var valid int64
		today := int64(DayOf(s.clock.Now()))
		err = tx.Row(`SELECT COUNT(*) FROM contact WHERE constituent = $1 AND valid_from <= $2 AND valid_until > $2`, constituent, today).Scan(&valid)
		if err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]any{"contacts": valid})
		if err != nil {
			return err
		}
		tx.Note("constituent:"+ref, string(detail))
		_, err = tx.Exec(`INSERT INTO contact_confirmation (constituent, at, subject, name) VALUES ($1, $2, $3, $4)`, constituent,
			s.clock.Now().UnixMicro(), actor.Subject(), actor.Name)
		return err
	})
}

// Confirmations tells of each constituent when its contacts were last confirmed, in the order of their names; one that does
// not exist is left out.
func (s *Store) Confirmations(ctx context.Context, constituents []int64) (out []Confirmation, err error) {
	in, args := oneOf(constituents, nil)
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out, err = confirmations(tx, `WHERE c.id IN (`+in+`) ORDER BY c.name, c.id`, args)
		return err
	})
	return out, err
}

// DueConfirmations lists constituents that a person entered, that are valid and whose contacts nobody has confirmed for 90
// days: never confirmed ones first, then the longest ago; at most limit.
func (s *Store) DueConfirmations(ctx context.Context, now time.Time, limit int) (out []Confirmation, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out, err = confirmations(tx, `WHERE c.source = 'manual' AND c.valid_from <= $1 AND c.valid_until > $1 AND COALESCE(k.at, 0) <= $2
			ORDER BY COALESCE(k.at, 0), c.name, c.id LIMIT $3`,
			[]any{int64(DayOf(now)), now.Add(-ConfirmEvery).UnixMicro(), min(max(limit, 1), 1000)})
		return err
	})
	return out, err
}

func confirmations(tx *db.Tx, where string, args []any) (out []Confirmation, err error) {
	err = tx.Each(`SELECT c.id, c.ref, c.name, COALESCE(k.at, 0), COALESCE(k.name, '') FROM constituent c
		LEFT JOIN contact_confirmation k ON k.id = (SELECT l.id FROM contact_confirmation l WHERE l.constituent = c.id
			ORDER BY l.at DESC, l.id DESC LIMIT 1) `+where, args, func(scan func(...any) error) error {
		var c Confirmation
		err := scan(&c.Constituent, &c.Ref, &c.Title, &c.At, &c.By)
		out = append(out, c)
		return err
	})
	return out, err
}
