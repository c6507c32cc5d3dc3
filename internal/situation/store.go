package situation

import (
	"encoding/json"
	"strconv"

	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func setting(tx *db.Tx, name string) (string, error) {
	var s string
	err := tx.Row(`SELECT value FROM setting WHERE name = $1`, name).Scan(&s)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return s, err
}

// registryVersion counts the changes of the constituency.
func registryVersion(tx *db.Tx) (int64, error) {
	s, err := setting(tx, "constituency.version")
	if err != nil || s == "" {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}

func constituents(tx *db.Tx, day event.Day) ([]Constituent, error) {
	var out []Constituent
	err := tx.Each(`SELECT c.id, c.ref, c.name, c.kind, c.sector, c.designation,
		CASE WHEN c.source = 'automatic' THEN 1 ELSE 0 END,
		CASE WHEN EXISTS (SELECT 1 FROM contact k WHERE k.constituent = c.id AND k.mail <> '' AND k.valid_from <= $1
		AND k.valid_until > $1) THEN 1 ELSE 0 END FROM constituent c ORDER BY c.id`, []any{int64(day)},
		func(scan func(...any) error) error {
			var c Constituent
			err := scan(&c.ID, &c.Ref, &c.Name, &c.Kind, &c.Sector, &c.Designation, &c.Automatic, &c.Contact)
			out = append(out, c)
			return err
		})
	return out, err
}

func sectorHash(tx *db.Tx) (uint64, error) {
	var h uint64 = 1
	err := tx.Each(`SELECT id, sector FROM constituent ORDER BY id`, nil, func(scan func(...any) error) error {
		var id int64
		var sector string
		if err := scan(&id, &sector); err != nil {
			return err
		}
		h = hashSector(h, id, sector)
		return nil
	})
	return h, err
}

// judgedDays are the letters of every feed's days: complete or not, with or without any report; "-" is no day of the feed.
func judgedDays(tx *db.Tx) (map[int64]feedDay, error) {
	out := map[int64]feedDay{}
	err := tx.Each(`SELECT feed, day, CASE WHEN types > 0 THEN 1 ELSE 0 END, complete FROM feed_day ORDER BY feed, day`, nil,
		func(scan func(...any) error) error {
			var feed int64
			var day event.Day
			var came, complete int
			if err := scan(&feed, &day, &came, &complete); err != nil {
				return err
			}
			d, ok := out[feed]
			if !ok {
				d.First = day
			}
			for event.Day(len(d.Days)) < day-d.First {
				d.Days += "-"
			}
			d.Days += [...]string{"n", "i", "e", "c"}[came+2*complete]
			out[feed] = d
			return nil
		})
	return out, err
}

const stateSetting = "situation.state"

func loadState(tx *db.Tx) (s state, err error) {
	text, err := setting(tx, stateSetting)
	if err != nil || text == "" {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

func saveState(tx *db.Tx, s state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		stateSetting, string(b))
	if err != nil {
		return err
	}
	return countChange(tx)
}

// changes tells whether the sums are the same as before.
func changes(tx *db.Tx) (string, error) { return setting(tx, changesSetting) }

const changesSetting = "situation.changes"

func countChange(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, '1')
		ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(setting.value AS BIGINT) + 1 AS TEXT)`, changesSetting)
	return err
}

// head is a report type with how far its sums are; mark is -1 before the first.
type head struct {
	id, feed, version, mark int64
	cutoff                  event.Day
}

func heads(tx *db.Tx) ([]head, error) {
	var out []head
	err := tx.Each(`SELECT t.id, t.feed, t.version, COALESCE(m.version, -1), t.cutoff FROM report_type t
		LEFT JOIN situation_mark m ON m.type = t.id ORDER BY t.id`, nil, func(scan func(...any) error) error {
		var h head
		err := scan(&h.id, &h.feed, &h.version, &h.mark, &h.cutoff)
		out = append(out, h)
		return err
	})
	return out, err
}

// behind tells whether any type changed since its sums were made.
func behind(tx *db.Tx) (bool, error) {
	var n int64
	err := tx.Row(`SELECT count(*) FROM report_type t LEFT JOIN situation_mark m ON m.type = t.id
		WHERE m.version IS NULL OR m.version <> t.version`).Scan(&n)
	return n > 0, err
}

func loadMark(tx *db.Tx, typ int64) (m mark, err error) {
	var text string
	err = tx.Row(`SELECT version, cutoff, reports FROM situation_mark WHERE type = $1`, typ).Scan(&m.version, &m.cutoff, &text)
	if fault.KindOf(err) == fault.NotFound {
		return mark{version: -1}, nil
	}
	if err != nil {
		return m, err
	}
	m.reports, err = decodeReports(text)
	return m, err
}

func markVersion(tx *db.Tx, typ int64) (int64, error) {
	m, err := loadMark(tx, typ)
	return m.version, err
}

func saveMark(tx *db.Tx, typ int64, m mark) error {
	b, err := json.Marshal(m.reports)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO situation_mark (type, version, cutoff, reports) VALUES ($1, $2, $3, $4)
		ON CONFLICT (type) DO UPDATE SET version = excluded.version, cutoff = excluded.cutoff, reports = excluded.reports`,
		typ, m.version, int64(m.cutoff), string(b))
	return err
}

func liveReports(tx *db.Tx, typ int64) (map[event.Day]int64, error) {
	out := map[event.Day]int64{}
	err := tx.Each(`SELECT day, id FROM report WHERE type = $1 AND live = 1`, []any{typ}, func(scan func(...any) error) error {
		var d event.Day
		var id int64
		err := scan(&d, &id)
		out[d] = id
		return err
	})
	return out, err
}

func scanFlow(scan func(...any) error, f *Flow, before ...any) error {
	return scan(append(before, &f.Events, &f.Fresh, &f.Ongoing, &f.Gone, &f.Reopened, &f.Transferred, &f.HandedOver)...)
}

const sums = `CAST(sum(events) AS BIGINT), CAST(sum(fresh) AS BIGINT), CAST(sum(ongoing) AS BIGINT), CAST(sum(gone) AS BIGINT),
	CAST(sum(reopened) AS BIGINT), CAST(sum(transferred) AS BIGINT), CAST(sum(handed_over) AS BIGINT)`

// addUp adds the daily counts of a type up by the sectors that owners are in now.
func addUp(tx *db.Tx, typ int64, from event.Day) (map[sumKey]Flow, error) {
	out := map[sumKey]Flow{}
	err := tx.Each(`SELECT d.day, COALESCE(c.sector, ''), CASE WHEN c.id IS NULL THEN 0 ELSE 1 END, `+sums+`
		FROM daily_count d LEFT JOIN constituent c ON c.id = d.owner WHERE d.type = $1 AND d.day >= $2
		GROUP BY d.day, COALESCE(c.sector, ''), CASE WHEN c.id IS NULL THEN 0 ELSE 1 END`, []any{typ, int64(from)},
		func(scan func(...any) error) error {
			var k sumKey
			var f Flow
			if err := scanFlow(scan, &f, &k.day, &k.sector, &k.owned); err != nil {
				return err
			}
			if f != (Flow{}) {
				out[k] = f
			}
			return nil
		})
	return out, err
}

func loadSums(tx *db.Tx, typ int64, from event.Day) (map[sumKey]Flow, error) {
	out := map[sumKey]Flow{}
	err := tx.Each(`SELECT day, sector, owned, events, fresh, ongoing, gone, reopened, transferred, handed_over
		FROM situation_count WHERE type = $1 AND day >= $2`, []any{typ, int64(from)}, func(scan func(...any) error) error {
		var k sumKey
		var f Flow
		err := scanFlow(scan, &f, &k.day, &k.sector, &k.owned)
		out[k] = f
		return err
	})
	return out, err
}

// saveSum writes a type's sum of a day, and adds what it changed to the sum over all types.
func saveSum(tx *db.Tx, typ int64, k sumKey, f, diff Flow) error {
	owned := 0
	if k.owned {
		owned = 1
	}
	var err error
	if f == (Flow{}) {
		_, err = tx.Prepared(`DELETE FROM situation_count WHERE type = $1 AND day = $2 AND sector = $3 AND owned = $4`,
			typ, int64(k.day), k.sector, owned)
	} else {
		_, err = tx.Prepared(`INSERT INTO situation_count (type, day, sector, owned, events, fresh, ongoing, gone, reopened,
			transferred, handed_over) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (type, day, sector, owned) DO UPDATE SET events = excluded.events, fresh = excluded.fresh,
			ongoing = excluded.ongoing, gone = excluded.gone, reopened = excluded.reopened, transferred = excluded.transferred,
			handed_over = excluded.handed_over`, typ, int64(k.day), k.sector, owned, f.Events, f.Fresh, f.Ongoing, f.Gone,
			f.Reopened, f.Transferred, f.HandedOver)
	}
	if err != nil {
		return err
	}
	_, err = tx.Prepared(`INSERT INTO situation_day (day, sector, owned, events, fresh, ongoing, gone, reopened, transferred,
		handed_over) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (day, sector, owned) DO UPDATE SET
		events = situation_day.events + excluded.events, fresh = situation_day.fresh + excluded.fresh,
		ongoing = situation_day.ongoing + excluded.ongoing, gone = situation_day.gone + excluded.gone,
		reopened = situation_day.reopened + excluded.reopened, transferred = situation_day.transferred + excluded.transferred,
		handed_over = situation_day.handed_over + excluded.handed_over`, int64(k.day), k.sector, owned, diff.Events, diff.Fresh,
		diff.Ongoing, diff.Gone, diff.Reopened, diff.Transferred, diff.HandedOver)
	return err
}

// sectorFlows reads what happened by day, and by sector over the recent days.
func sectorFlows(tx *db.Tx, from, to, recent event.Day, sc scope) (byDay map[event.Day]Flow, bySector map[string]Flow, err error) {
	byDay, bySector = map[event.Day]Flow{}, map[string]Flow{}
	err = tx.Each(`SELECT day, sector, owned, events, fresh, ongoing, gone, reopened, transferred, handed_over FROM situation_day
		WHERE day >= $1 AND day <= $2`, []any{int64(min(from, recent)), int64(to)}, func(scan func(...any) error) error {
		var k sumKey
		var f Flow
		if err := scanFlow(scan, &f, &k.day, &k.sector, &k.owned); err != nil {
			return err
		}
		if !sc.one || k.owned && k.sector == sc.sector {
			sum := byDay[k.day]
			sum.add(f)
			byDay[k.day] = sum
		}
		if k.owned && k.day >= recent {
			sum := bySector[k.sector]
			sum.add(f)
			bySector[k.sector] = sum
		}
		return nil
	})
	return byDay, bySector, err
}

// typeFlows reads what happened by report type over all days.
func typeFlows(tx *db.Tx, from, to event.Day, sc scope) (map[int64]Flow, error) {
	out := map[int64]Flow{}
	query, args := `SELECT type, `+sums+` FROM situation_count WHERE day >= $1 AND day <= $2 GROUP BY type`, []any{int64(from), int64(to)}
	if sc.one {
		query = `SELECT type, ` + sums + ` FROM situation_count WHERE day >= $1 AND day <= $2 AND sector = $3 AND owned = 1 GROUP BY type`
		args = append(args, sc.sector)
	}
	err := tx.Each(query, args, func(scan func(...any) error) error {
		var typ int64
		var f Flow
		err := scanFlow(scan, &f, &typ)
		out[typ] = f
		return err
	})
	return out, err
}

func ownerFlows(tx *db.Tx, owner int64, from, to event.Day) (map[event.Day]Flow, error) {
	out := map[event.Day]Flow{}
	err := tx.Each(`SELECT day, `+sums+` FROM daily_count WHERE owner = $1 AND day >= $2 AND day <= $3 GROUP BY day`,
		[]any{owner, int64(from), int64(to)}, func(scan func(...any) error) error {
			var d event.Day
			var f Flow
			err := scanFlow(scan, &f, &d)
			out[d] = f
			return err
		})
	return out, err
}

// gaps are the days on which a feed was not complete, the latest first.
func gaps(tx *db.Tx, from, to event.Day) ([]Gap, error) {
	var out []Gap
	err := tx.Each(`SELECT f.name, d.day, d.types, d.expected, d.missing FROM feed_day d JOIN feed f ON f.id = d.feed
		WHERE d.day >= $1 AND d.day <= $2 AND d.complete = 0 ORDER BY d.day DESC, f.name`, []any{int64(from), int64(to)},
		func(scan func(...any) error) error {
			var g Gap
			var missing string
			if err := scan(&g.Feed, &g.Day, &g.Types, &g.Expected, &missing); err != nil {
				return err
			}
			if missing != "" {
				if err := json.Unmarshal([]byte(missing), &g.Missing); err != nil {
					return err
				}
			}
			out = append(out, g)
			return nil
		})
	return out, err
}
