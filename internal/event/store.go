package event

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Store reads and writes what intake knows: report types, reports, findings and counts.
type Store struct{ db *db.DB }

// NewStore returns the store over a world's records.
func NewStore(d *db.DB) *Store { return &Store{d} }

// typeState is a report type as it is recorded.
type typeState struct {
	ReportType
	id   int64
	feed int64
}

// ensureType records the type if it is new. It counts no change and locks nothing that is there.
func ensureType(tx *db.Tx, f feed.Feed, t ReportType) error {
	_, err := tx.Prepared(`INSERT INTO report_type (id, feed, name, title, class, kind, identifier, severity, subject, closing,
		known, first_day, last_day, cutoff, closed_on, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, -1, -1, -1, -1, 0) ON CONFLICT (id) DO NOTHING`,
		TypeID(f.Name, t.Name), f.ID, t.Name, t.Title, t.Class, t.Kind, t.Identifier, int(t.Severity), string(t.Subject),
		string(t.Closing), flag(t.Known))
	if err != nil {
		return fmt.Errorf("record report type %s: %w", t.Name, err)
	}
	return nil
}

// lockType records the type if it is new, brings what is known of it up to date, and locks it until the transaction ends:
// reports of one type are compared one after the other.
func lockType(tx *db.Tx, f feed.Feed, t ReportType) (typeState, error) {
	st := typeState{ReportType: t, id: TypeID(f.Name, t.Name), feed: f.ID}
	if err := ensureType(tx, f, t); err != nil {
		return st, err
	}
	_, err := tx.Prepared(`UPDATE report_type SET version = version + 1, title = $1, class = $2, kind = $3, severity = $4, known = $5
		WHERE id = $6`, t.Title, t.Class, t.Kind, int(t.Severity), flag(t.Known), st.id)
	if err != nil {
		return st, fmt.Errorf("lock report type %s: %w", t.Name, err)
	}
	var feedID int64
	var name, sub, closing string
	err = tx.Row(`SELECT feed, name, identifier, subject, closing FROM report_type WHERE id = $1`, st.id).
		Scan(&feedID, &name, &st.Identifier, &sub, &closing)
	if err != nil {
		return st, err
	}
	if feedID != f.ID || name != t.Name {
		return st, fmt.Errorf("report types %q and %q have the same number %d", name, t.Name, st.id)
	}
	// Identity must not change under recorded findings: subject, closing and identifier stay what they were at first.
	st.Subject, st.Closing = Subject(sub), Closing(closing)
	return st, nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reportDays are the days of a type's live reports, ascending, the full ones and those that only add.
func reportDays(tx *db.Tx, typ int64) (full, delta []Day, err error) {
	err = tx.Each(`SELECT day, delta FROM report WHERE type = $1 AND live = 1 ORDER BY day`, []any{typ},
		func(scan func(...any) error) error {
			var d Day
			var isDelta bool
			if err := scan(&d, &isDelta); err != nil {
				return err
			}
			if isDelta {
				delta = append(delta, d)
			} else {
				full = append(full, d)
			}
			return nil
		})
	return full, delta, err
}

// storedDays are the feed's days as they were last judged: what the counts are made with.
func storedDays(tx *db.Tx, feedID int64) ([]feedDay, error) {
	var out []feedDay
	err := tx.Each(`SELECT day, types, expected, missing, complete FROM feed_day WHERE feed = $1 ORDER BY day`, []any{feedID},
		func(scan func(...any) error) error {
			var d feedDay
			var missing string
			if err := scan(&d.day, &d.types, &d.expected, &missing, &d.complete); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(missing), &d.missing); err != nil {
				return fmt.Errorf("the missing types of %s: %w", d.day, err)
			}
			out = append(out, d)
			return nil
		})
	return out, err
}

func loadTimeline(tx *db.Tx, st typeState, days []feedDay) (*timeline, error) {
	full, delta, err := reportDays(tx, st.id)
	if err != nil {
		return nil, fmt.Errorf("days of %s: %w", st.Name, err)
	}
	return &timeline{closing: st.Closing, full: full, delta: delta, ticks: ticksOf(st.Closing, days, delta)}, nil
}

func saveTimeline(tx *db.Tx, st typeState, t *timeline) error {
	x, on := t.cutoff()
	first := Day(-1)
	if len(t.full) > 0 {
		first = t.full[0]
	}
	_, err := tx.Exec(`UPDATE report_type SET first_day = $1, last_day = $2, cutoff = $3, closed_on = $4 WHERE id = $5`,
		first, t.last(), x, on, st.id)
	return err
}

func loadPresence(tx *db.Tx, typ int64) ([]present, error) {
	var out []present
	err := tx.Each(`SELECT ids FROM presence WHERE type = $1 ORDER BY part`, []any{typ}, func(scan func(...any) error) error {
		var b []byte
		if err := scan(&b); err != nil {
			return err
		}
		out = slices.Grow(out, len(b)/14)
		return decodePresence(typ, b, func(p present) { out = append(out, p) })
	})
	return out, err
}

func savePresence(tx *db.Tx, typ int64, list []present) error {
	parts := encodePresence(slices.Values(list))
	for i, p := range parts {
		_, err := tx.Prepared(`INSERT INTO presence (type, part, ids) VALUES ($1, $2, $3)
			ON CONFLICT (type, part) DO UPDATE SET ids = excluded.ids`, typ, i, p)
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(`DELETE FROM presence WHERE type = $1 AND part >= $2`, typ, len(parts))
	return err
}

const addToCounts = ` ON CONFLICT (type, day, owner) DO UPDATE SET
	events = daily_count.events + excluded.events, fresh = daily_count.fresh + excluded.fresh,
	ongoing = daily_count.ongoing + excluded.ongoing, gone = daily_count.gone + excluded.gone,
	reopened = daily_count.reopened + excluded.reopened, transferred = daily_count.transferred + excluded.transferred,
	handed_over = daily_count.handed_over + excluded.handed_over`

// addCounts adds to the daily counts of a type; numbers may be negative.
func addCounts(tx *db.Tx, typ int64, ts countSheet) error {
	row := func(k countKey, t *dayCount) []any {
		return []any{typ, int64(k.day), k.owner, t.events, t.fresh, t.ongoing, t.gone, t.reopened, t.transferred, t.handedOver}
	}
	if tx.Engine() == db.PostgreSQL {
		return copyCounts(tx, ts, row)
	}
	for k, t := range ts {
		_, err := tx.Prepared(`INSERT INTO daily_count (type, day, owner, events, fresh, ongoing, gone, reopened, transferred, handed_over)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`+addToCounts, row(k, t)...)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
	}
	return nil
}

func copyCounts(tx *db.Tx, ts countSheet, row func(countKey, *dayCount) []any) error {
	if len(ts) == 0 {
		return nil
	}
	columns := []string{"type", "day", "owner", "events", "fresh", "ongoing", "gone", "reopened", "transferred", "handed_over"}
	next, stop := iter.Pull2(maps.All(ts))
	defer stop()
	err := tx.Stage("counted", strings.Join(columns, " BIGINT, ")+" BIGINT", columns, func() ([]any, error) {
		k, t, ok := next()
		if !ok {
			return nil, nil
		}
		return row(k, t), nil
	})
	if err == nil {
		list := strings.Join(columns, ", ")
		_, err = tx.Exec(`INSERT INTO daily_count (` + list + `) SELECT ` + list + ` FROM counted` + addToCounts)
	}
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

// loadCounts reads all counts of a type.
func loadCounts(tx *db.Tx, typ int64) (countSheet, error) {
	ts := countSheet{}
	err := tx.Each(`SELECT day, owner, events, fresh, ongoing, gone, reopened, transferred, handed_over FROM daily_count
		WHERE type = $1`, []any{typ}, func(scan func(...any) error) error {
		var k countKey
		var t dayCount
		if err := scan(&k.day, &k.owner, &t.events, &t.fresh, &t.ongoing, &t.gone, &t.reopened, &t.transferred, &t.handedOver); err != nil {
			return err
		}
		ts[k] = &t
		return nil
	})
	return ts, err
}

// replaceCounts makes the stored counts of a type those in ts, writing only what differs.
func replaceCounts(tx *db.Tx, typ int64, ts countSheet) error {
	old, err := loadCounts(tx, typ)
	if err != nil {
		return err
	}
	diff := countSheet{}
	for k, t := range ts {
		if o := old[k]; o == nil {
			diff[k] = t
		} else if *o != *t {
			diff[k] = &dayCount{t.events - o.events, t.fresh - o.fresh, t.ongoing - o.ongoing, t.gone - o.gone,
				t.reopened - o.reopened, t.transferred - o.transferred, t.handedOver - o.handedOver}
		}
	}
	if err := addCounts(tx, typ, diff); err != nil {
		return err
	}
	for k := range old {
		if t := ts[k]; t == nil || *t == (dayCount{}) {
			if _, err := tx.Prepared(`DELETE FROM daily_count WHERE type = $1 AND day = $2 AND owner = $3`, typ, k.day, k.owner); err != nil {
				return err
			}
		}
	}
	return nil
}

// cameDays are the report types that came on each day of a feed.
func cameDays(tx *db.Tx, feedID int64) (map[Day][]string, error) {
	came := map[Day][]string{}
	err := tx.Each(`SELECT r.day, t.name FROM report r JOIN report_type t ON t.id = r.type
		WHERE t.feed = $1 AND r.live = 1 ORDER BY r.day, t.name`, []any{feedID}, func(scan func(...any) error) error {
		var d Day
		var name string
		if err := scan(&d, &name); err != nil {
			return err
		}
		came[d] = append(came[d], name)
		return nil
	})
	return came, err
}

func saveDay(tx *db.Tx, feedID int64, d feedDay) error {
	missing := d.missing
	if missing == nil {
		missing = []string{}
	}
	b, err := json.Marshal(missing)
	if err != nil {
		return err
	}
	_, err = tx.Prepared(`INSERT INTO feed_day (feed, day, types, expected, missing, complete, listing, ruled)
		VALUES ($1, $2, $3, $4, $5, $6, '', -1) ON CONFLICT (feed, day) DO UPDATE SET types = excluded.types,
		expected = excluded.expected, missing = excluded.missing, complete = excluded.complete`,
		feedID, d.day, d.types, d.expected, string(b), flag(d.complete))
	return err
}

// lockFeed locks a feed's days until the transaction ends.
func lockFeed(tx *db.Tx, name string) (feed.Feed, error) {
	if _, err := tx.Exec(`UPDATE feed SET enabled = enabled WHERE name = $1`, name); err != nil {
		return feed.Feed{}, err
	}
	return feed.ByNameTx(tx, name)
}

func typesOf(tx *db.Tx, feedID int64) ([]typeState, error) {
	var out []typeState
	err := tx.Each(`SELECT id, name, title, class, kind, identifier, severity, subject, closing, known FROM report_type
		WHERE feed = $1 ORDER BY id`, []any{feedID}, func(scan func(...any) error) error {
		st := typeState{feed: feedID}
		if err := scan(&st.id, &st.Name, &st.Title, &st.Class, &st.Kind, &st.Identifier, &st.Severity, &st.Subject, &st.Closing,
			&st.Known); err != nil {
			return err
		}
		out = append(out, st)
		return nil
	})
	return out, err
}

// typeByID reads one report type.
func typeByID(tx *db.Tx, id int64) (typeState, error) {
	st := typeState{id: id}
	err := tx.Row(`SELECT feed, name, title, class, kind, identifier, severity, subject, closing, known FROM report_type
		WHERE id = $1`, id).Scan(&st.feed, &st.Name, &st.Title, &st.Class, &st.Kind, &st.Identifier, &st.Severity, &st.Subject,
		&st.Closing, &st.Known)
	if fault.KindOf(err) == fault.NotFound {
		return st, fault.NotFoundf("there is no report type %d", id)
	}
	return st, err
}

// gone counts by owner the findings of a type whose latest run ended after x and not later than y.
func gone(tx *db.Tx, typ int64, x, y Day, fn func(owner, n int64)) error {
	return tx.Each(`SELECT owner, count(*) FROM finding WHERE type = $1 AND run_to > $2 AND run_to <= $3 AND run_to < 9999999
		GROUP BY owner`, []any{typ, x, y}, func(scan func(...any) error) error {
		var owner, n int64
		if err := scan(&owner, &n); err != nil {
			return err
		}
		fn(owner, n)
		return nil
	})
}
