package view

import "tocsin/internal/platform/db"

func list(tx *db.Tx, owner int64) (out []View, err error) {
	scan := func(scan func(...any) error) error {
		var v View
		var o, shared int64
		err := scan(&v.ID, &o, &v.Name, &v.Path, &v.Query, &shared)
		v.Shared, v.Mine = shared != 0, o == owner
		out = append(out, v)
		return err
	}
	err = tx.Each(`SELECT id, owner, name, path, query, shared FROM saved_view WHERE owner = $1 ORDER BY place, id LIMIT $2`,
		[]any{owner, Most}, scan)
	if err != nil {
		return nil, err
	}
	return out, tx.Each(`SELECT id, owner, name, path, query, shared FROM saved_view WHERE owner <> $1 AND shared = 1
		ORDER BY name, id LIMIT $2`, []any{owner, Most}, scan)
}

func count(tx *db.Tx, owner int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM saved_view WHERE owner = $1`, owner).Scan(&n)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func insert(tx *db.Tx, owner int64, v View) (id int64, err error) {
	err = tx.Row(`INSERT INTO saved_view (owner, name, path, query, shared, place) VALUES ($1, $2, $3, $4, $5,
		(SELECT COALESCE(MAX(place), 0) + 1 FROM saved_view WHERE owner = $1)) RETURNING id`, owner, v.Name, v.Path, v.Query,
		flag(v.Shared)).Scan(&id)
	return id, err
}

func update(tx *db.Tx, owner, id int64, name string, shared bool) (int64, error) {
	return tx.Exec(`UPDATE saved_view SET name = $1, shared = $2 WHERE id = $3 AND owner = $4`, name, flag(shared), id, owner)
}

func remove(tx *db.Tx, owner, id int64) (int64, error) {
	return tx.Exec(`DELETE FROM saved_view WHERE id = $1 AND owner = $2`, id, owner)
}
