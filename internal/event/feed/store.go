package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

// SettleJob is the kind of job that works out a feed's days again; its payload and unique key are the feed's name. event
// handles it.
const SettleJob = "event.settle"

// Store keeps feeds, their days and what is known of their files.
type Store struct{ db *db.DB }

// NewStore returns the store over a world's records.
func NewStore(d *db.DB) *Store { return &Store{d} }

// Ensure makes the built-in feed on the first start of a world.
func (s *Store) Ensure(ctx context.Context) error {
	_, err := s.ByName(ctx, Shadowserver().Name)
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	_, err = s.Save(ctx, act.Machine, Shadowserver())
	if fault.KindOf(err) == fault.Conflict { // another node was faster
		return nil
	}
	return err
}

const feedColumns = `id, name, format, title, marking, audience, collector, settings, enabled`

func scanFeed(scan func(...any) error) (f Feed, err error) {
	var collector, settings string
	var enabled int
	if err := scan(&f.ID, &f.Name, &f.Format, &f.Title, &f.Marking, &f.Audience, &collector, &settings, &enabled); err != nil {
		return f, err
	}
	f.Enabled = enabled != 0
	if err := json.Unmarshal([]byte(collector), &f.Collector); err != nil {
		return f, fmt.Errorf("read the collector of feed %s: %w", f.Name, err)
	}
	if err := json.Unmarshal([]byte(settings), &f.Settings); err != nil {
		return f, fmt.Errorf("read the settings of feed %s: %w", f.Name, err)
	}
	return f, nil
}

// List gives all feeds by name.
func (s *Store) List(ctx context.Context) (feeds []Feed, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		feeds, err = ListTx(tx)
		return err
	})
	return feeds, err
}

// ListTx is List in the caller's transaction.
func ListTx(tx *db.Tx) ([]Feed, error) {
	var feeds []Feed
	err := tx.Each(`SELECT `+feedColumns+` FROM feed ORDER BY name LIMIT 1000`, nil, func(scan func(...any) error) error {
		f, err := scanFeed(scan)
		feeds = append(feeds, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list feeds: %w", err)
	}
	return feeds, nil
}

// ByName finds a feed; an unknown name is a fault of kind NotFound.
func (s *Store) ByName(ctx context.Context, name string) (f Feed, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		f, err = ByNameTx(tx, name)
		return err
	})
	return f, err
}

// ByNameTx is ByName in the caller's transaction.
func ByNameTx(tx *db.Tx, name string) (Feed, error) {
	f, err := scanFeed(tx.Row(`SELECT `+feedColumns+` FROM feed WHERE name = $1`, name).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return f, fault.NotFoundf("there is no feed %q", name)
	}
	return f, err
}

// ByID finds a feed; an unknown id is a fault of kind NotFound.
func (s *Store) ByID(ctx context.Context, id int64) (f Feed, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		f, err = ByIDTx(tx, id)
		return err
	})
	return f, err
}

// ByIDTx is ByID in the caller's transaction.
func ByIDTx(tx *db.Tx, id int64) (Feed, error) {
	f, err := scanFeed(tx.Row(`SELECT `+feedColumns+` FROM feed WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return f, fault.NotFoundf("there is no feed with the id %d", id)
	}
	return f, err
}

// Save makes a feed (ID 0) or changes one. A name never changes, and a format only while nothing was taken in, because
// report types are keyed by the name and findings by what the format made of the rows.
func (s *Store) Save(ctx context.Context, actor act.Actor, f Feed) (Feed, error) {
	f.Title = strings.TrimSpace(f.Title)
	f.Settings.UsualTypes = slices.Compact(slices.Sorted(slices.Values(f.Settings.UsualTypes)))
	if err := f.Validate(); err != nil {
		return f, err
	}
	collector, err := json.Marshal(f.Collector)
	if err != nil {
		return f, err
	}
	settings, err := json.Marshal(f.Settings)
	if err != nil {
		return f, err
	}
	id, verb := f.ID, "feed.change"
	if id == 0 {
		verb = "feed.create"
	}
	detail := fmt.Sprintf(`{"collector":%s,"settings":%s,"enabled":%t}`, collector, settings, f.Enabled)
	err = s.db.Act(ctx, act.Act{Actor: actor, Verb: verb, Object: "feed:" + f.Name, Detail: detail}, func(tx *db.Tx) error {
		f.ID = id // fn may run again
		if f.ID == 0 {
			f.ID, err = create(tx, f, string(collector), string(settings))
		} else {
			err = change(tx, f, string(collector), string(settings))
		}
		if err != nil {
			return err
		}
		return settle(tx, f.Name)
	})
	return f, err
}

func create(tx *db.Tx, f Feed, collector, settings string) (id int64, err error) {
	err = tx.Row(`INSERT INTO feed (name, format, title, marking, audience, collector, settings, enabled)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING RETURNING id`,
		f.Name, f.Format, f.Title, f.Marking, string(f.Audience), collector, settings, flag(f.Enabled)).Scan(&id)
	if fault.KindOf(err) == fault.NotFound {
		return 0, fault.Conflictf("there is a feed %q already: choose another name", f.Name)
	}
	return id, err
}

func change(tx *db.Tx, f Feed, collector, settings string) error {
	old, err := ByIDTx(tx, f.ID)
	if err != nil {
		return err
	}
	if old.Name != f.Name {
		return fault.Invalidf("the feed's name is %q and cannot change: make a new feed", old.Name)
	}
	if old.Format != f.Format {
		if used, err := used(tx, f.ID); err != nil {
			return err
		} else if used {
			return fault.Conflictf("files of feed %q were taken in as %s, so its format cannot change: make a new feed", f.Name, old.Format)
		}
	}
	_, err = tx.Exec(`UPDATE feed SET format = $1, title = $2, marking = $3, audience = $4, collector = $5, settings = $6,
		enabled = $7 WHERE id = $8`,
		f.Format, f.Title, f.Marking, string(f.Audience), collector, settings, flag(f.Enabled), f.ID)
	return err
}

// used says whether anything was ever taken in from the feed.
func used(tx *db.Tx, id int64) (bool, error) {
	var n int
	err := tx.Row(`SELECT count(*) FROM (SELECT id FROM source_file WHERE feed = $1 LIMIT 1) AS f`, id).Scan(&n)
	return n > 0, err
}

// Delete removes a feed that nothing was taken in from; any other is a fault of kind Conflict: disable it.
func (s *Store) Delete(ctx context.Context, actor act.Actor, name string) error {
	return s.db.Act(ctx, act.Act{Actor: actor, Verb: "feed.delete", Object: "feed:" + name}, func(tx *db.Tx) error {
		f, err := ByNameTx(tx, name)
		if err != nil {
			return err
		}
		var types int
		if err := tx.Row(`SELECT count(*) FROM report_type WHERE feed = $1`, f.ID).Scan(&types); err != nil {
			return err
		}
		if used, err := used(tx, f.ID); err != nil {
			return err
		} else if used || types > 0 {
			return fault.Conflictf("files of feed %q were taken in, so it cannot be removed: disable it", name)
		}
		if _, err := tx.Exec(`DELETE FROM feed_day WHERE feed = $1`, f.ID); err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM feed WHERE id = $1`, f.ID)
		return err
	})
}

// settle asks for the feed's days to be worked out again, at once.
func settle(tx *db.Tx, feed string) error {
	return job.Enqueue(tx, SettleJob, feed, feed, time.UnixMicro(0))
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
