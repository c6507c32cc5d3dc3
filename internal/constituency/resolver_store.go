package constituency

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const versionSetting = "constituency.version"

// LoadResolver reads the registry and builds its resolver.
func LoadResolver(ctx context.Context, d *db.DB) (*Resolver, error) {
	var reg registry
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		reg, err = loadRegistry(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the registry for attribution: %w", err)
	}
	return build(reg), nil
}

func loadRegistry(tx *db.Tx) (reg registry, err error) {
	if reg.version, err = version(tx); err != nil {
		return reg, err
	}
	err = tx.Each(`SELECT id, ref, COALESCE(parent, 0), name, COALESCE(delegate, 0), valid_from, valid_until FROM constituent
		ORDER BY id`, nil, func(scan func(...any) error) error {
		var c Constituent
		if err := scan(&c.ID, &c.Ref, &c.Parent, &c.Name, &c.Delegate, &c.ValidFrom, &c.ValidUntil); err != nil {
			return err
		}
		reg.constituents = append(reg.constituents, c)
		return nil
	})
	if err != nil {
		return reg, err
	}
	err = tx.Each(`SELECT id, constituent, kind, value, also_notify, source, valid_from, valid_until FROM asset
		WHERE kind <> 'product' ORDER BY id`, nil, func(scan func(...any) error) error {
		var a Asset
		var also int64
		if err := scan(&a.ID, &a.Constituent, &a.Kind, &a.Value, &also, &a.Source, &a.ValidFrom, &a.ValidUntil); err != nil {
			return err
		}
		a.AlsoNotify = also != 0
		reg.assets = append(reg.assets, a)
		return nil
	})
	if err != nil {
		return reg, err
	}
	err = tx.Each(`SELECT prefix FROM national_prefix ORDER BY prefix`, nil, func(scan func(...any) error) error {
		var s string
		if err := scan(&s); err != nil {
			return err
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return fmt.Errorf("national prefix %q: %w", s, err)
		}
		reg.national = append(reg.national, p)
		return nil
	})
	return reg, err
}

// version counts the registry's changes; 0 before the first.
func version(tx *db.Tx) (int64, error) {
	var s string
	err := tx.PreparedRow(`SELECT value FROM setting WHERE name = $1`, versionSetting).Scan(&s)
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}
