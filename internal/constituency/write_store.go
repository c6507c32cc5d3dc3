package constituency

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

// Reattribute is the kind of the job that every change of the registry asks for: open findings find their owners anew.
const Reattribute = "finding.reattribute"

// lock makes writers of the registry wait for one another, so that what they read stays true until they commit.
func lock(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, '0') ON CONFLICT (name) DO UPDATE SET value = setting.value`,
		versionSetting)
	return err
}

// bump makes a new version of the registry.
func bump(tx *db.Tx, now time.Time) error {
	_, err := tx.Exec(`UPDATE setting SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = $1`, versionSetting)
	if err != nil {
		return err
	}
	return job.Enqueue(tx, Reattribute, "all", "", now)
}

func null(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func insertConstituent(tx *db.Tx, c *Constituent) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO constituent (ref, parent, name, kind, sector, designation, delegate, language, note, source,
		origin, valid_from, valid_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
		c.Ref, null(c.Parent), c.Name, string(c.Kind), c.Sector, string(c.Designation), null(c.Delegate), c.Language, c.Note,
		string(c.Source), c.Origin, int64(c.ValidFrom), int64(c.ValidUntil)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("insert constituent %s: %w", c.Ref, err)
	}
	return id, nil
}

func updateConstituent(tx *db.Tx, c *Constituent) error {
	_, err := tx.Prepared(`UPDATE constituent SET parent = $1, name = $2, kind = $3, sector = $4, designation = $5, delegate = $6,
		language = $7, note = $8, source = $9, origin = $10, valid_from = $11, valid_until = $12 WHERE id = $13`,
		null(c.Parent), c.Name, string(c.Kind), c.Sector, string(c.Designation), null(c.Delegate), c.Language, c.Note,
		string(c.Source), c.Origin, int64(c.ValidFrom), int64(c.ValidUntil), c.ID)
	if err != nil {
		return fmt.Errorf("update constituent %s: %w", c.Ref, err)
	}
	return nil
}

// The columns of a contact and of an asset, in the order of contactRow and assetRow.
const (
	contactColumns = "constituent, role, name, mail, phone, language, keys, encrypt, clearance, source, origin, valid_from, valid_until"
	assetColumns   = "constituent, kind, value, also_notify, source, origin, valid_from, valid_until"
)

func contactRow(c *Contact) []any {
	encrypt := int32(0)
	if c.Encrypt {
		encrypt = 1
	}
	return []any{c.Constituent, c.Role, c.Name, c.Mail, c.Phone, c.Language, keysText(c.Keys), encrypt, c.Clearance, string(c.Source),
		c.Origin, int64(c.ValidFrom), int64(c.ValidUntil)}
}

func insertContact(tx *db.Tx, c *Contact) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO contact (`+contactColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`, contactRow(c)...).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("insert a contact: %w", err)
	}
	return id, nil
}

func updateContact(tx *db.Tx, c *Contact) error {
	_, err := tx.Prepared(`UPDATE contact SET constituent = $1, role = $2, name = $3, mail = $4, phone = $5, language = $6,
		keys = $7, encrypt = $8, clearance = $9, source = $10, origin = $11, valid_from = $12, valid_until = $13 WHERE id = $14`,
		append(contactRow(c), c.ID)...)
	if err != nil {
		return fmt.Errorf("update contact %d: %w", c.ID, err)
	}
	return nil
}

func assetRow(a *Asset) []any {
	also := int32(0)
	if a.AlsoNotify {
		also = 1
	}
	return []any{a.Constituent, string(a.Kind), a.Value, also, string(a.Source), a.Origin, int64(a.ValidFrom), int64(a.ValidUntil)}
}

func insertAsset(tx *db.Tx, a *Asset) (id int64, err error) {
	err = tx.PreparedRow(`INSERT INTO asset (`+assetColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`, assetRow(a)...).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("insert asset %s: %w", a.Value, err)
	}
	return id, nil
}

func updateAsset(tx *db.Tx, a *Asset) error {
	_, err := tx.Prepared(`UPDATE asset SET constituent = $1, kind = $2, value = $3, also_notify = $4, source = $5, origin = $6,
		valid_from = $7, valid_until = $8 WHERE id = $9`, append(assetRow(a), a.ID)...)
	if err != nil {
		return fmt.Errorf("update asset %d: %w", a.ID, err)
	}
	return nil
}

// load writes many rows, PostgreSQL by its own path.
func load[T any](tx *db.Tx, table, columns string, rows []T, row func(*T) []any, insert func(*db.Tx, *T) (int64, error)) error {
	if tx.Engine() == db.PostgreSQL && len(rows) > 100 {
		i := 0
		return tx.Copy(table, strings.Split(columns, ", "), func() ([]any, error) {
			if i == len(rows) {
				return nil, nil
			}
			i++
			return row(&rows[i-1]), nil
		})
	}
	for i := range rows {
		if _, err := insert(tx, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func loadContacts(tx *db.Tx, rows []Contact) error {
	return load(tx, "contact", contactColumns, rows, contactRow, insertContact)
}

func loadAssets(tx *db.Tx, rows []Asset) error {
	return load(tx, "asset", assetColumns, rows, assetRow, insertAsset)
}

func addNational(tx *db.Tx, p netip.Prefix, origin string) error {
	_, err := tx.Prepared(`INSERT INTO national_prefix (prefix, origin) VALUES ($1, $2)
		ON CONFLICT (prefix) DO UPDATE SET origin = excluded.origin`, p.String(), origin)
	return err
}

func dropNational(tx *db.Tx, p netip.Prefix) error {
	_, err := tx.Prepared(`DELETE FROM national_prefix WHERE prefix = $1`, p.String())
	return err
}

// readHoldings reads the whole tree, and contacts and assets of one source (and origin, unless it is "*").
func readHoldings(tx *db.Tx, source Source, origin string) (*holdings, error) {
	h := &holdings{byRef: map[string]*Constituent{}, byID: map[int64]*Constituent{}, contacts: map[int64][]Contact{},
		assets: map[int64][]Asset{}, national: map[netip.Prefix]string{}}
	cs, err := readConstituents(tx)
	if err != nil {
		return nil, err
	}
	for i := range cs {
		h.byRef[cs[i].Ref], h.byID[cs[i].ID] = &cs[i], &cs[i]
	}
	err = eachContact(tx, `WHERE source = $1 AND ($2 = '*' OR origin = $2) ORDER BY id`, []any{string(source), origin}, func(c Contact) {
		h.contacts[c.Constituent] = append(h.contacts[c.Constituent], c)
	})
	if err != nil {
		return nil, err
	}
	err = eachAsset(tx, `WHERE source = $1 AND ($2 = '*' OR origin = $2) ORDER BY id`, []any{string(source), origin}, func(a Asset) {
		h.assets[a.Constituent] = append(h.assets[a.Constituent], a)
	})
	if err != nil {
		return nil, err
	}
	h.national, err = readNationalPrefixes(tx)
	return h, err
}

func readNationalPrefixes(tx *db.Tx) (map[netip.Prefix]string, error) {
	out := map[netip.Prefix]string{}
	return out, tx.Each(`SELECT prefix, origin FROM national_prefix`, nil, func(scan func(...any) error) error {
		var s, o string
		if err := scan(&s, &o); err != nil {
			return err
		}
		p, err := netip.ParsePrefix(s)
		out[p] = o
		return err
	})
}

func readConstituents(tx *db.Tx) (out []Constituent, err error) {
	err = tx.Each(`SELECT id, ref, COALESCE(parent, 0), name, kind, sector, designation, COALESCE(delegate, 0), language, note,
		source, origin, valid_from, valid_until FROM constituent ORDER BY id`, nil, func(scan func(...any) error) error {
		var c Constituent
		err := scan(&c.ID, &c.Ref, &c.Parent, &c.Name, &c.Kind, &c.Sector, &c.Designation, &c.Delegate, &c.Language, &c.Note,
			&c.Source, &c.Origin, &c.ValidFrom, &c.ValidUntil)
		out = append(out, c)
		return err
	})
	return out, err
}

func eachContact(tx *db.Tx, where string, args []any, fn func(Contact)) error {
	return tx.PreparedEach(`SELECT id, constituent, role, name, mail, phone, language, keys, encrypt, clearance, source, origin, valid_from,
		valid_until FROM contact `+where, args, func(scan func(...any) error) error {
		var c Contact
		var keys string
		var encrypt int64
		err := scan(&c.ID, &c.Constituent, &c.Role, &c.Name, &c.Mail, &c.Phone, &c.Language, &keys, &encrypt, &c.Clearance, &c.Source,
			&c.Origin, &c.ValidFrom, &c.ValidUntil)
		if err != nil {
			return err
		}
		c.Encrypt = encrypt != 0
		if keys != "" {
			if err := json.Unmarshal([]byte(keys), &c.Keys); err != nil {
				return fmt.Errorf("keys of contact %d: %w", c.ID, err)
			}
		}
		fn(c)
		return nil
	})
}

func eachAsset(tx *db.Tx, where string, args []any, fn func(Asset)) error {
	return tx.Each(`SELECT id, constituent, kind, value, also_notify, source, origin, valid_from, valid_until FROM asset `+where,
		args, func(scan func(...any) error) error {
			var a Asset
			var also int64
			if err := scan(&a.ID, &a.Constituent, &a.Kind, &a.Value, &also, &a.Source, &a.Origin, &a.ValidFrom, &a.ValidUntil); err != nil {
				return err
			}
			a.AlsoNotify = also != 0
			fn(a)
			return nil
		})
}

func refs(tx *db.Tx) (map[string]int64, error) {
	out := map[string]int64{}
	return out, tx.Each(`SELECT id, ref FROM constituent`, nil, func(scan func(...any) error) error {
		var id int64
		var ref string
		err := scan(&id, &ref)
		out[ref] = id
		return err
	})
}
