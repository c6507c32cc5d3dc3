package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Day is what is known of one day of a feed. A day without one is a gap: nothing came.
type Day struct {
	Feed     int64    `json:"feed"`
	Day      int64    `json:"day"` // days since 1970-01-01
	Types    int      `json:"types"`
	Expected int      `json:"expected"`
	Missing  []string `json:"missing"`
	Complete bool     `json:"complete"`
	Listing  []string `json:"listing,omitempty"` // by the feed's own listing; nil without one
	Ruled    *bool    `json:"ruled,omitempty"`   // what a person said; nil: nobody did
}

// Date is the day as YYYY-MM-DD.
func (d Day) Date() string { return Date(d.Day) }

// Date writes a day as YYYY-MM-DD.
func Date(day int64) string { return time.Unix(day*86_400, 0).UTC().Format(time.DateOnly) }

const lastDay = 2_932_896 // 9999-12-31

func checkDay(day int64) error {
	if day < 0 || day > lastDay {
		return fault.Invalidf("day %d is out of range: use a date from 1970-01-01 to 9999-12-31", day)
	}
	return nil
}

// Days gives the known days of a feed from the first to the last, both included, the oldest first.
func (s *Store) Days(ctx context.Context, feed, from, to int64) (days []Day, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		days, err = DaysTx(tx, feed, from, to)
		return err
	})
	return days, err
}

// DaysTx is Days in the caller's transaction.
func DaysTx(tx *db.Tx, feed, from, to int64) ([]Day, error) {
	var days []Day
	err := tx.Each(`SELECT feed, day, types, expected, missing, complete, listing, ruled FROM feed_day
		WHERE feed = $1 AND day BETWEEN $2 AND $3 ORDER BY day LIMIT 4000`, []any{feed, from, to}, func(scan func(...any) error) error {
		d, err := scanDay(scan)
		days = append(days, d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the days of feed %d: %w", feed, err)
	}
	return days, nil
}

// FirstDays gives the first known day of every feed that has one, by the feed's id.
func (s *Store) FirstDays(ctx context.Context) (first map[int64]int64, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		first = map[int64]int64{}
		return tx.Each(`SELECT feed, min(day) FROM feed_day GROUP BY feed`, nil, func(scan func(...any) error) error {
			var feed, day int64
			err := scan(&feed, &day)
			first[feed] = day
			return err
		})
	})
	return first, err
}

func scanDay(scan func(...any) error) (d Day, err error) {
	var missing, listing string
	var complete, ruled int
	if err := scan(&d.Feed, &d.Day, &d.Types, &d.Expected, &missing, &complete, &listing, &ruled); err != nil {
		return d, err
	}
	d.Complete = complete != 0
	if ruled >= 0 {
		yes := ruled != 0
		d.Ruled = &yes
	}
	if err := json.Unmarshal([]byte(missing), &d.Missing); err != nil {
		return d, fmt.Errorf("read what is missing on %s: %w", d.Date(), err)
	}
	if listing != "" {
		if err := json.Unmarshal([]byte(listing), &d.Listing); err != nil {
			return d, fmt.Errorf("read the listing of %s: %w", d.Date(), err)
		}
	}
	return d, nil
}

// RuleDay records that a person says a day is complete or incomplete, or takes that back (nil).
func (s *Store) RuleDay(ctx context.Context, actor act.Actor, feed string, day int64, complete *bool) error {
	if err := checkDay(day); err != nil {
		return err
	}
	ruled, said := -1, "null"
	if complete != nil {
		ruled, said = flag(*complete), fmt.Sprint(*complete)
	}
	a := act.Act{Actor: actor, Verb: "feed.rule-day", Object: "feed:" + feed, Detail: fmt.Sprintf(`{"day":%q,"complete":%s}`, Date(day), said)}
	return s.db.Act(ctx, a, func(tx *db.Tx) error {
		f, err := ByNameTx(tx, feed)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO feed_day (feed, day, types, expected, missing, complete, listing, ruled)
			VALUES ($1, $2, 0, 0, '[]', 0, '', $3) ON CONFLICT (feed, day) DO UPDATE SET ruled = excluded.ruled`, f.ID, day, ruled)
		if err != nil {
			return err
		}
		return settle(tx, feed)
	})
}

// SetListing stores the report types that the feed itself lists for a day. When the listing is what was stored already,
// nothing is written.
func (s *Store) SetListing(ctx context.Context, actor act.Actor, feed string, day int64, types []string) error {
	text, err := listing(day, types)
	if err != nil {
		return err
	}
	same := false
	err = s.db.View(ctx, func(tx *db.Tx) error {
		f, err := ByNameTx(tx, feed)
		if err != nil {
			return err
		}
		var old string
		err = tx.Row(`SELECT listing FROM feed_day WHERE feed = $1 AND day = $2`, f.ID, day).Scan(&old)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		same = err == nil && old == text
		return err
	})
	if err != nil || same {
		return err
	}
	a := act.Act{Actor: actor, Verb: "feed.list-day", Object: "feed:" + feed, Detail: fmt.Sprintf(`{"day":%q,"types":%d}`, Date(day), len(types))}
	return s.db.Act(ctx, a, func(tx *db.Tx) error { return SetListingTx(tx, feed, day, types) })
}

// SetListingTx is SetListing in the caller's transaction; it always writes.
func SetListingTx(tx *db.Tx, feed string, day int64, types []string) error {
	text, err := listing(day, types)
	if err != nil {
		return err
	}
	f, err := ByNameTx(tx, feed)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO feed_day (feed, day, types, expected, missing, complete, listing, ruled)
		VALUES ($1, $2, 0, 0, '[]', 0, $3, -1) ON CONFLICT (feed, day) DO UPDATE SET listing = excluded.listing`, f.ID, day, text)
	if err != nil {
		return err
	}
	return settle(tx, feed)
}

// listing is the stored text: sorted, each type once, so that equal listings are equal text.
func listing(day int64, types []string) (string, error) {
	if err := checkDay(day); err != nil {
		return "", err
	}
	if len(types) > maxListedTypes {
		return "", fault.Invalidf("a listing of %d report types is too long: at most %d", len(types), maxListedTypes)
	}
	ts := slices.Compact(slices.Sorted(slices.Values(types)))
	if ts == nil {
		ts = []string{}
	}
	b, err := json.Marshal(ts)
	return string(b), err
}
