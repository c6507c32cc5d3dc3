package deadline

import (
	"encoding/json"
	"fmt"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// saveLaw keeps a law once and tells its number; fresh when it was not known.
func saveLaw(tx *db.Tx, l *Law, at int64) (id int64, sum string, fresh bool, err error) {
	const find = `SELECT id FROM clock_law WHERE sha256 = $1`
	body, sum := l.body()
	if err = tx.PreparedRow(find, sum).Scan(&id); fault.KindOf(err) != fault.NotFound {
		return id, sum, false, err
	}
	n, err := tx.Exec(`INSERT INTO clock_law (sha256, body, at) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING`, sum, body, at)
	if err == nil {
		err = tx.Row(find, sum).Scan(&id)
	}
	return id, sum, n > 0, err
}

// duty is a law that was looked at for a report, or for a constituent of a case.
type duty struct {
	id, report, origin, caseID, constituent, law int64
	designation                                  string
	aware                                        int64
	applies                                      bool
	why                                          string
	rules                                        *Law
}

func insertDuty(tx *db.Tx, u *duty) error {
	_, err := tx.Prepared(`INSERT INTO clock_duty (report, origin, case_id, constituent, law, designation, aware, applies, why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		u.report, u.origin, u.caseID, u.constituent, u.law, u.designation, u.aware, flag(u.applies), u.why)
	return err
}

func updateDuty(tx *db.Tx, u *duty) error {
	_, err := tx.Prepared(`UPDATE clock_duty SET applies = $1, why = $2 WHERE id = $3`, flag(u.applies), u.why, u.id)
	return err
}

// lockDuties lets others wait until what is done about a case, or a report, is committed.
func lockDuties(tx *db.Tx, column string, id int64) error {
	_, err := tx.Prepared(`UPDATE clock_duty SET law = law WHERE `+column+` = $1`, id)
	return err
}

// dutiesOf lists the duties of a case, or of a report, in the order in which they came. column is case_id or report.
func dutiesOf(tx *db.Tx, column string, id int64) (out []*duty, err error) {
	known := laws{}
	err = tx.PreparedEach(`SELECT d.id, d.report, d.origin, d.case_id, d.constituent, d.law, d.designation, d.aware, d.applies, d.why, l.body
		FROM clock_duty d JOIN clock_law l ON l.id = d.law WHERE d.`+column+` = $1 ORDER BY d.id LIMIT 10000`, []any{id}, func(scan func(...any) error) error {
		u := &duty{}
		var applies int32
		var body string
		err := scan(&u.id, &u.report, &u.origin, &u.caseID, &u.constituent, &u.law, &u.designation, &u.aware, &applies, &u.why, &body)
		if err != nil {
			return err
		}
		u.applies = applies == 1
		u.rules, err = known.read(body)
		out = append(out, u)
		return err
	})
	return out, err
}

// attachTo gives the clocks of a report to a case, or takes them out of one with 0.
func attachTo(tx *db.Tx, report, caseID int64) (n int64, err error) {
	n, err = tx.Prepared(`UPDATE clock_duty SET case_id = $1 WHERE report = $2 AND case_id <> $1`, caseID, report)
	if err == nil {
		_, err = tx.Prepared(`UPDATE clock SET case_id = $1 WHERE report = $2 AND case_id <> $1`, caseID, report)
	}
	return n, err
}

// joinCases gives the clocks of a case to another one.
func joinCases(tx *db.Tx, from, into int64) error {
	for _, q := range []string{
		`UPDATE clock_duty SET case_id = $1 WHERE case_id = $2`,
		`UPDATE clock SET case_id = $1 WHERE case_id = $2`,
	} {
		if _, err := tx.Exec(q, into, from); err != nil {
			return err
		}
	}
	return nil
}

const clockColumns = `c.id, c.report, c.case_id, c.constituent, c.regime, c.edition, c.step, c.owed, c.cause, c.triggered, c.started, c.due, c.alarms, c.stage, c.next,
	c.state, c.late, c.submitted, c.submitted_by, c.proof, c.decided, c.decided_by, c.reason, c.duty, c.law, l.body`

// laws are those that were read in one transaction, by what is kept of them: many clocks run by one law.
type laws map[string]*Law

func (ls laws) read(body string) (*Law, error) {
	if l := ls[body]; l != nil {
		return l, nil
	}
	l, err := readLaw(body)
	if err == nil {
		ls[body] = l
	}
	return l, err
}

func scanClock(scan func(...any) error, known laws) (c Clock, err error) {
	var alarms, body string
	err = scan(&c.ID, &c.Report, &c.Case, &c.Constituent, &c.Regime, &c.Edition, &c.Step, &c.Owed, &c.Cause, &c.Triggered, &c.Started, &c.Due, &alarms, &c.Stage,
		&c.next, &c.State, &c.LateAt, &c.Submitted, &c.SubmittedBy, &c.Proof, &c.Decided, &c.DecidedBy, &c.Reason, &c.duty, &c.law, &body)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal([]byte(alarms), &c.Alarms); err != nil {
		return c, fmt.Errorf("read the alarms of clock %d: %w", c.ID, err)
	}
	c.Law, err = known.read(body)
	return c, err
}

func insertClock(tx *db.Tx, c *Clock) error {
	return tx.PreparedRow(`INSERT INTO clock (duty, report, case_id, constituent, law, regime, edition, step, owed, cause, triggered, started, due, alarms, stage, next,
		state, live, late, submitted, submitted_by, proof, decided, decided_by, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, 0, '', '', 0, '', '') RETURNING id`,
		c.duty, c.Report, c.Case, c.Constituent, c.law, c.Regime, c.Edition, c.Step, c.Owed, c.Cause, c.Triggered, c.Started, c.Due, detail(c.Alarms),
		int32(c.Stage), c.next, string(c.State), flag(c.State.Live())).Scan(&c.ID)
}

// updateClock writes how far a clock is; its term is never written again.
func updateClock(tx *db.Tx, c *Clock) error {
	_, err := tx.Prepared(`UPDATE clock SET stage = $1, next = $2, state = $3, live = $4, late = $5, submitted = $6, submitted_by = $7, proof = $8, decided = $9,
		decided_by = $10, reason = $11 WHERE id = $12`, int32(c.Stage), c.next, string(c.State), flag(c.State.Live()), c.LateAt, c.Submitted, c.SubmittedBy,
		c.Proof, c.Decided, c.DecidedBy, c.Reason, c.ID)
	return err
}

const clocksWhere = `SELECT ` + clockColumns + ` FROM clock c JOIN clock_law l ON l.id = c.law WHERE `

func scanClocks(out *[]Clock) func(func(...any) error) error {
	known := laws{}
	return func(scan func(...any) error) error {
		c, err := scanClock(scan, known)
		*out = append(*out, c)
		return err
	}
}

// clocksOf lists the clocks of a case, or of a report, in the order in which they were started. column is case_id or report.
func clocksOf(tx *db.Tx, column string, id int64) (out []Clock, err error) {
	return out, tx.PreparedEach(clocksWhere+`c.`+column+` = $1 ORDER BY c.id LIMIT 10000`, []any{id}, scanClocks(&out))
}

func clockByID(tx *db.Tx, id int64) (Clock, error) {
	c, err := scanClock(tx.PreparedRow(clocksWhere+`c.id = $1`, id).Scan, laws{})
	if fault.KindOf(err) == fault.NotFound {
		return Clock{}, noClock(id)
	}
	return c, err
}

func noClock(id int64) error { return fault.NotFoundf("there is no clock %d", id) }

// lockClock reads a clock that is about to be changed; others wait until that is committed. A clock is locked by its duty.
func lockClock(tx *db.Tx, id int64) (Clock, error) {
	if _, err := tx.Exec(`UPDATE clock_duty SET law = law WHERE id IN (SELECT duty FROM clock WHERE id = $1)`, id); err != nil {
		return Clock{}, err
	}
	return clockByID(tx, id)
}

// dueClocks are those to which something happens by now, what was planned first first.
func dueClocks(tx *db.Tx, now int64, limit int) (out []Clock, err error) {
	return out, tx.PreparedEach(clocksWhere+`c.next > 0 AND c.next <= $1 ORDER BY c.next, c.id LIMIT $2`, []any{now, limit}, scanClocks(&out))
}

func listClocks(tx *db.Tx, f Filter, limit int) (out []Clock, err error) {
	var w []string
	var args []any
	add := func(condition string, v any) {
		args = append(args, v)
		w = append(w, fmt.Sprintf(condition, len(args)))
	}
	if f.State == "" {
		w = append(w, `c.live = 1`)
	} else {
		add(`c.state = $%d`, string(f.State))
	}
	if f.Regime != "" {
		add(`c.regime = $%d`, f.Regime)
	}
	if f.Owed != "" {
		add(`c.owed = $%d`, f.Owed)
	}
	if f.Sector != "" {
		add(`c.constituent IN (SELECT id FROM constituent WHERE sector = $%d)`, f.Sector)
	}
	if f.Constituents != nil {
		var in []string
		for _, id := range f.Constituents {
			args = append(args, id)
			in = append(in, fmt.Sprintf("$%d", len(args)))
		}
		w = append(w, `c.constituent IN (`+strings.Join(append(in, "0"), ", ")+`)`)
	}
	if f.AfterID != 0 {
		args = append(args, f.AfterDue, f.AfterID)
		w = append(w, fmt.Sprintf(`(c.due > $%d OR c.due = $%d AND c.id > $%d)`, len(args)-1, len(args)-1, len(args)))
	}
	args = append(args, limit)
	return out, tx.Each(clocksWhere+`c.id IN (SELECT c.id FROM clock c WHERE `+strings.Join(w, ` AND `)+fmt.Sprintf(` ORDER BY c.due, c.id LIMIT $%d) ORDER BY c.due, c.id`, len(args)),
		args, scanClocks(&out))
}

// countLive counts what is owed, each number up to MostCounted: all that runs, what of it is late, and what is due before a time. The
// orders are those of an index, which is read instead of the clocks.
func countLive(tx *db.Tx, before int64) (t Tally, err error) {
	count := func(condition string) string {
		return fmt.Sprintf(`(SELECT COUNT(*) FROM (SELECT 1 AS one FROM clock WHERE %s ORDER BY due, id LIMIT %d) c)`, condition, MostCounted+1)
	}
	err = tx.PreparedRow(`SELECT `+count(`live = 1`)+`, `+count(`state = 'late'`)+`, `+count(`state = 'running' AND due < $1`), before).Scan(&t.Live, &t.Late, &t.Soon)
	return t, err
}

// liveRegimes steps from one regime to the next in the index, however many clocks each has.
func liveRegimes(tx *db.Tx) (out []string, err error) {
	err = tx.PreparedEach(`WITH RECURSIVE v(regime) AS (
		SELECT MIN(regime) FROM clock WHERE live = 1
		UNION ALL SELECT (SELECT MIN(regime) FROM clock WHERE live = 1 AND regime > v.regime) FROM v WHERE v.regime IS NOT NULL)
		SELECT regime FROM v WHERE regime IS NOT NULL LIMIT 100`, nil, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		out = append(out, s)
		return err
	})
	return out, err
}

func insertAlarm(tx *db.Tx, a *Fired) error {
	return tx.Row(`INSERT INTO clock_alarm (clock, n, kind, planned, at, letters, overtaken, seen, seen_by) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '') RETURNING id`,
		a.Clock, int32(a.N), a.Kind, a.Planned, a.At, int32(a.Letters), flag(a.Overtaken)).Scan(&a.ID)
}

// alarmsWhere lists alarms that happened.
func alarmsWhere(tx *db.Tx, where string, args ...any) (out []Fired, err error) {
	err = tx.Each(`SELECT id, clock, n, kind, planned, at, letters, overtaken, seen, seen_by FROM clock_alarm WHERE `+where, args, func(scan func(...any) error) error {
		var a Fired
		var overtaken int32
		err := scan(&a.ID, &a.Clock, &a.N, &a.Kind, &a.Planned, &a.At, &a.Letters, &overtaken, &a.Seen, &a.SeenBy)
		a.Overtaken = overtaken == 1
		out = append(out, a)
		return err
	})
	return out, err
}

// unseenAlarms are those that nobody has seen, the latest first.
func unseenAlarms(tx *db.Tx, limit int) ([]Fired, error) {
	return alarmsWhere(tx, `seen = 0 AND overtaken = 0 ORDER BY id DESC LIMIT $1`, limit)
}

// seeAll notes the alarms of a clock as seen by who settled it.
func seeAll(tx *db.Tx, clock, at int64, name string) error {
	_, err := tx.Exec(`UPDATE clock_alarm SET seen = $1, seen_by = $2 WHERE clock = $3 AND seen = 0`, at, name, clock)
	return err
}

func markSeen(tx *db.Tx, id, at int64, name string) (int64, error) {
	return tx.Exec(`UPDATE clock_alarm SET seen = $1, seen_by = $2 WHERE id = $3 AND seen = 0`, at, name, id)
}

func saveRuling(tx *db.Tx, report, caseID int64, significant bool, reason string, at int64, name string) error {
	_, err := tx.Exec(`INSERT INTO clock_ruling (report, case_id, significant, reason, at, name) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (report, case_id) DO UPDATE SET significant = excluded.significant, reason = excluded.reason, at = excluded.at, name = excluded.name`,
		report, caseID, flag(significant), reason, at, name)
	return err
}

// rulingOf is what somebody said of a case, or of a report; said is false when nobody did.
func rulingOf(tx *db.Tx, report, caseID int64) (r Ruling, said bool, err error) {
	var significant int32
	err = tx.PreparedRow(`SELECT significant, reason, at, name FROM clock_ruling WHERE report = $1 AND case_id = $2`, report, caseID).Scan(&significant, &r.Reason, &r.At, &r.Name)
	if fault.KindOf(err) == fault.NotFound {
		return r, false, nil
	}
	r.Significant = significant == 1
	return r, err == nil, err
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
