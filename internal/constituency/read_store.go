package constituency

import (
	"context"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func loadDirectory(tx *db.Tx, version int64, day Day) (*Directory, error) {
	cs, err := readConstituents(tx)
	if err != nil {
		return nil, err
	}
	d := newDirectory(version, day, cs)
	err = tx.Each(`SELECT constituent, COUNT(*), CAST(SUM(CASE WHEN mail <> '' THEN 1 ELSE 0 END) AS BIGINT) FROM contact
		WHERE valid_from <= $1 AND valid_until > $1 GROUP BY constituent`, []any{int64(day)}, func(scan func(...any) error) error {
		var id, n, mails int64
		if err := scan(&id, &n, &mails); err != nil {
			return err
		}
		if i, ok := d.byID[id]; ok {
			d.all[i].Contacts, d.all[i].Reachable = int(n), mails > 0
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d, tx.Each(`SELECT constituent, COUNT(*) FROM asset WHERE valid_from <= $1 AND valid_until > $1 GROUP BY constituent`,
		[]any{int64(day)}, func(scan func(...any) error) error {
			var id, n int64
			if err := scan(&id, &n); err != nil {
				return err
			}
			if i, ok := d.byID[id]; ok {
				d.all[i].Assets = int(n)
			}
			return nil
		})
}

func refOf(tx *db.Tx, id int64) (ref string, err error) {
	err = tx.Row(`SELECT ref FROM constituent WHERE id = $1`, id).Scan(&ref)
	if fault.KindOf(err) == fault.NotFound {
		return "", noConstituent(id)
	}
	return ref, err
}

// endAll ends on a day whatever of a constituent has no earlier end.
func endAll(tx *db.Tx, id int64, day Day) error {
	for _, table := range []string{"contact", "asset"} {
		_, err := tx.Exec(`UPDATE `+table+` SET valid_until = CASE WHEN valid_from > $1 THEN valid_from ELSE $1 END
			WHERE constituent = $2 AND valid_until > $1`, int64(day), id)
		if err != nil {
			return fmt.Errorf("end what constituent %d has: %w", id, err)
		}
	}
	return nil
}

// Contacts lists the contacts of a constituent, at most 1,000: people's first, those that have ended last.
func (s *Store) Contacts(ctx context.Context, constituent int64) (out []Contact, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return eachContact(tx, `WHERE constituent = $1 ORDER BY valid_until DESC, source DESC, role, id LIMIT 1000`,
			[]any{constituent}, func(c Contact) { out = append(out, c) })
	})
	return out, err
}

// AssetFilter narrows a list of assets.
type AssetFilter struct {
	Constituent int64
	Kind        AssetKind
	Text        string // in the value
	Ended       bool   // those that have ended too
	After       int64  // id of the last one on the page before
	Limit       int    // 100 when 0, at most 1,000
}

// Assets lists the assets of a constituent in the order they came; more tells that there are others after the last.
func (s *Store) Assets(ctx context.Context, f AssetFilter) (out []Asset, more bool, err error) {
	limit := min(f.Limit, 1000)
	if limit <= 0 {
		limit = 100
	}
	like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(line(f.Text))) + "%"
	day := int64(-1)
	if !f.Ended {
		day = int64(DayOf(s.clock.Now()))
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		return eachAsset(tx, `WHERE constituent = $1 AND id > $2 AND (CAST($3 AS TEXT) = '' OR kind = $3)
			AND lower(value) LIKE $4 ESCAPE '\' AND valid_until > $5 ORDER BY id LIMIT $6`,
			[]any{f.Constituent, f.After, string(f.Kind), like, day, limit + 1}, func(a Asset) { out = append(out, a) })
	})
	if len(out) > limit {
		return out[:limit], true, err
	}
	return out, false, err
}
