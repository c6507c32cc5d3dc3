package yearly

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const returnColumns = `id, year, constituent, state, no_incidents, downtime, cost, currency, note, submitted, submitted_by, changed, changed_by, version, incidents`

func scanReturn(scan func(...any) error) (r Return, err error) {
	var nothing int32
	var cost, year int64
	err = scan(&r.ID, &year, &r.Constituent, &r.State, &nothing, &r.Downtime, &cost, &r.Currency, &r.Note, &r.Submitted, &r.SubmittedBy,
		&r.Changed, &r.ChangedBy, &r.Version, &r.sum)
	r.Year, r.Nothing = int(year), nothing == 1
	if cost >= 0 {
		r.Cost = &cost
	}
	return r, err
}

// returnOf is the return of a constituent for a year; one that nobody began is empty.
func returnOf(tx *db.Tx, year int, constituent int64) (Return, error) {
	r, err := scanReturn(tx.Row(`SELECT `+returnColumns+` FROM yearly_return WHERE year = $1 AND constituent = $2`, int64(year), constituent).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return Return{Year: year, Constituent: constituent, State: None}, nil
	}
	if err != nil {
		return r, err
	}
	r.Counts, err = countsOf(tx, r.ID)
	return r, err
}

// lockReturn reads a return that is about to be changed; others wait until that is committed.
func lockReturn(tx *db.Tx, year int, constituent int64) (Return, error) {
	if _, err := tx.Exec(`UPDATE yearly_return SET version = version WHERE year = $1 AND constituent = $2`, int64(year), constituent); err != nil {
		return Return{}, err
	}
	return returnOf(tx, year, constituent)
}

func countsOf(tx *db.Tx, id int64) (out []Count, err error) {
	err = tx.Each(`SELECT class, severity, incidents FROM yearly_count WHERE return_id = $1 ORDER BY class, severity DESC LIMIT 1000`, []any{id},
		func(scan func(...any) error) error {
			var c Count
			var severity int32
			err := scan(&c.Class, &severity, &c.Incidents)
			c.Severity = int(severity)
			out = append(out, c)
			return err
		})
	return inOrder(out), err
}

// saveReturn writes a return and its counts, and keeps what it and its year add up to.
func saveReturn(tx *db.Tx, r *Return) error {
	cost, nothing := int64(-1), int32(0)
	change := map[Count]int64{} // of the year's sums, by class and severity
	if r.ID != 0 {
		if err := takeOff(tx, r.ID, change); err != nil {
			return err
		}
	}
	r.sum = 0
	for _, c := range r.Counts {
		r.sum += c.Incidents
		if r.State == Submitted {
			change[Count{Class: c.Class, Severity: c.Severity}] += c.Incidents
		}
	}
	if r.Cost != nil {
		cost = *r.Cost
	}
	if r.Nothing {
		nothing = 1
	}
	if r.ID == 0 {
		err := tx.Row(`INSERT INTO yearly_return (year, constituent, state, no_incidents, downtime, cost, currency, note, submitted, submitted_by, changed,
			changed_by, version, incidents) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING RETURNING id`,
			int64(r.Year), r.Constituent, string(r.State), nothing, r.Downtime, cost, r.Currency, r.Note, r.Submitted, r.SubmittedBy, r.Changed,
			r.ChangedBy, r.Version, r.sum).Scan(&r.ID)
		if fault.KindOf(err) == fault.NotFound {
			return fault.Conflictf("somebody else began the return for %d meanwhile: look at it again", r.Year)
		}
		if err != nil {
			return err
		}
	} else if _, err := tx.Exec(`UPDATE yearly_return SET state = $1, no_incidents = $2, downtime = $3, cost = $4, currency = $5, note = $6, submitted = $7,
		submitted_by = $8, changed = $9, changed_by = $10, version = $11, incidents = $12 WHERE id = $13`, string(r.State), nothing, r.Downtime, cost, r.Currency, r.Note,
		r.Submitted, r.SubmittedBy, r.Changed, r.ChangedBy, r.Version, r.sum, r.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM yearly_count WHERE return_id = $1`, r.ID); err != nil {
		return err
	}
	for _, c := range r.Counts {
		if _, err := tx.Exec(`INSERT INTO yearly_count (return_id, class, severity, incidents) VALUES ($1, $2, $3, $4)`, r.ID, c.Class,
			int32(c.Severity), c.Incidents); err != nil {
			return err
		}
	}
	return addUp(tx, r.Year, change)
}

// takeOff notes that what a return adds to its year's sums, as it is kept, is to go.
func takeOff(tx *db.Tx, id int64, change map[Count]int64) error {
	var state State
	if err := tx.Row(`SELECT state FROM yearly_return WHERE id = $1`, id).Scan(&state); err != nil || state != Submitted {
		return err
	}
	before, err := countsOf(tx, id)
	for _, c := range before {
		change[Count{Class: c.Class, Severity: c.Severity}] -= c.Incidents
	}
	return err
}

// addUp changes the sums of a year, in one order, so that nobody waits for somebody who waits.
func addUp(tx *db.Tx, year int, change map[Count]int64) error {
	for _, c := range slices.SortedFunc(maps.Keys(change), func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Severity, b.Severity))
	}) {
		if change[c] == 0 {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO yearly_sum (year, class, severity, incidents) VALUES ($1, $2, $3, $4)
			ON CONFLICT (year, class, severity) DO UPDATE SET incidents = yearly_sum.incidents + excluded.incidents`, int64(year), c.Class, int32(c.Severity), change[c]); err != nil {
			return err
		}
	}
	return nil
}

func insertCorrection(tx *db.Tx, id int64, c Correction) error {
	before, err := json.Marshal(c.Before)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO yearly_correction (return_id, at, name, reason, earlier) VALUES ($1, $2, $3, $4, $5)`, id, c.At, c.Name, c.Reason, string(before))
	return err
}

// correctionsOf lists the corrections of a return, the latest first.
func correctionsOf(tx *db.Tx, id int64) (out []Correction, err error) {
	err = tx.Each(`SELECT at, name, reason, earlier FROM yearly_correction WHERE return_id = $1 ORDER BY id DESC LIMIT 100`, []any{id},
		func(scan func(...any) error) error {
			var c Correction
			var before string
			if err := scan(&c.At, &c.Name, &c.Reason, &before); err != nil {
				return err
			}
			out = append(out, c)
			return json.Unmarshal([]byte(before), &out[len(out)-1].Before)
		})
	return out, err
}

// returnsOf lists the returns of a year by constituent, without their counts.
func returnsOf(tx *db.Tx, year int) (out []Return, err error) {
	err = tx.Each(`SELECT `+returnColumns+` FROM yearly_return WHERE year = $1 ORDER BY constituent LIMIT 100000`, []any{int64(year)},
		func(scan func(...any) error) error {
			r, err := scanReturn(scan)
			out = append(out, r)
			return err
		})
	return out, err
}

// countsIn has the counts of all returns of a year, by return.
func countsIn(tx *db.Tx, year int) (map[int64][]Count, error) {
	out := map[int64][]Count{}
	err := tx.Each(`SELECT c.return_id, c.class, c.severity, c.incidents FROM yearly_count c JOIN yearly_return r ON r.id = c.return_id WHERE r.year = $1
		ORDER BY c.return_id, c.class, c.severity DESC LIMIT 5000000`, []any{int64(year)}, func(scan func(...any) error) error {
		var id int64
		var c Count
		var severity int32
		err := scan(&id, &c.Class, &severity, &c.Incidents)
		c.Severity = int(severity)
		out[id] = append(out[id], c)
		return err
	})
	for id := range out {
		out[id] = inOrder(out[id])
	}
	return out, err
}

// sumsIn has the sums of a year by class and level, over what is submitted.
func sumsIn(tx *db.Tx, year int) (all []Count, err error) {
	err = tx.Each(`SELECT class, severity, incidents FROM yearly_sum WHERE year = $1 AND incidents <> 0 ORDER BY class, severity LIMIT 1000`, []any{int64(year)},
		func(scan func(...any) error) error {
			var c Count
			var severity int32
			err := scan(&c.Class, &severity, &c.Incidents)
			c.Severity = int(severity)
			all = append(all, c)
			return err
		})
	return all, err
}

// yearsOf lists the returns of constituents, the latest year first.
func yearsOf(tx *db.Tx, constituent int64) (out []Return, err error) {
	err = tx.Each(`SELECT `+returnColumns+` FROM yearly_return WHERE constituent = $1 ORDER BY year DESC LIMIT 100`, []any{constituent},
		func(scan func(...any) error) error {
			r, err := scanReturn(scan)
			out = append(out, r)
			return err
		})
	return out, err
}

// remindedOf has the reminders of a year, by constituent and kind.
func remindedOf(tx *db.Tx, year int) (map[int64][]Reminder, error) {
	out := map[int64][]Reminder{}
	err := tx.Each(`SELECT constituent, kind, at, letters FROM yearly_reminder WHERE year = $1 ORDER BY constituent, at, kind LIMIT 300000`, []any{int64(year)},
		func(scan func(...any) error) error {
			var id int64
			var r Reminder
			err := scan(&id, &r.Kind, &r.At, &r.Letters)
			out[id] = append(out[id], r)
			return err
		})
	return out, err
}

// insertReminder notes a reminder; false when it was noted before.
func insertReminder(tx *db.Tx, year int, constituent int64, r Reminder) (bool, error) {
	n, err := tx.Exec(`INSERT INTO yearly_reminder (year, constituent, kind, at, letters) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		int64(year), constituent, r.Kind, r.At, r.Letters)
	return n > 0, err
}

// totalsBefore has the sums of up to five years before one, the latest first.
func totalsBefore(tx *db.Tx, year int) ([]YearTotals, error) {
	out := []YearTotals{}
	err := tx.Each(`SELECT year, count(*), CAST(sum(incidents) AS BIGINT) FROM yearly_return WHERE year < $1 AND state = 'submitted' GROUP BY year ORDER BY year DESC LIMIT 5`, []any{int64(year)}, func(scan func(...any) error) error {
		var y int64
		var t YearTotals
		err := scan(&y, &t.Returned, &t.Incidents)
		t.Year = int(y)
		out = append(out, t)
		return err
	})
	return out, err
}
