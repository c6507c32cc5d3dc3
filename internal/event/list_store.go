package event

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// listTypes reads all report types by id.
func listTypes(tx *db.Tx) ([]*listType, error) {
	var out []*listType
	err := tx.Each(`SELECT t.id, f.name, t.name, t.title, t.class, t.kind, t.identifier, t.severity, t.subject, t.closing, t.known,
		t.first_day, t.last_day, t.cutoff, t.version FROM report_type t JOIN feed f ON f.id = t.feed ORDER BY t.id`, nil,
		func(scan func(...any) error) error {
			t := new(listType)
			out = append(out, t)
			return scan(&t.id, &t.feed, &t.Name, &t.Title, &t.Class, &t.Kind, &t.Identifier, &t.Severity, &t.Subject, &t.Closing,
				&t.Known, &t.firstDay, &t.lastDay, &t.cutoff, &t.version)
		})
	return out, err
}

// registryVersion counts the changes of the constituency; 0 before the first.
func registryVersion(tx *db.Tx) (int64, error) {
	var s string
	err := tx.Row(`SELECT value FROM setting WHERE name = 'constituency.version'`).Scan(&s)
	if fault.KindOf(err) == fault.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(s, 10, 64)
}

// idColumn appends an id without its type to a block as it is scanned, without a copy in between.
type idColumn struct{ b *block }

// Scan takes the driver's bytes.
func (c idColumn) Scan(src any) error {
	id, ok := src.([]byte)
	if !ok || len(id) < 8 || len(c.b.ids)+len(id) > math.MaxUint32 {
		return fmt.Errorf("a finding's id is %T of %d bytes", src, len(id))
	}
	c.b.ids = append(c.b.ids, id[4:]...)
	c.b.ends = append(c.b.ends, uint32(len(c.b.ids)))
	return nil
}

// readBlock reads a type's findings. Days and small numbers come packed: what a driver does per column is most of the
// time this takes. Days up to the year 4840 fit in 20 bits; the last of these stands for "still there".
func readBlock(tx *db.Tx, typ, version int64, old *block) (*block, error) {
	b := &block{version: version, closed: map[uint32]Day{}}
	if old != nil {
		b.grow(old.len() + old.len()/16)
	}
	lo, hi := typeRange(typ)
	var days, mix int64
	rares := 0
	err := tx.Each(`SELECT id, (first_day * 1048576 + run_from) * 1048576 + CASE WHEN run_to > 1048575 THEN 1048575 ELSE run_to END,
		owner * 32 + severity * 4 + CASE WHEN closed_day >= 0 THEN 2 ELSE 0 END + CASE WHEN `+hasTextRow+` THEN 1 ELSE 0 END
		FROM finding WHERE id >= $1 AND id < $2 ORDER BY id`, []any{lo, hi}, func(scan func(...any) error) error {
		if err := scan(idColumn{b}, &days, &mix); err != nil {
			return err
		}
		if mix>>5 > math.MaxUint32 {
			return fmt.Errorf("the owner %d is beyond what a list can hold", mix>>5)
		}
		to := int32(days & 0xfffff)
		if to == 0xfffff {
			to = int32(stillThere)
		}
		flags := uint8(mix & 3 << 6)
		if flags != 0 {
			rares++
		}
		b.first = append(b.first, int32(days>>40))
		b.from = append(b.from, int32(days>>20&0xfffff))
		b.to = append(b.to, to)
		b.owner = append(b.owner, uint32(mix>>5))
		b.severity = append(b.severity, uint8(mix>>2&severityBits)|flags)
		return nil
	})
	if err == nil && rares > 0 {
		err = readRares(tx, b, lo, hi)
	}
	if err == nil {
		err = readRulings(tx, b, lo, hi)
	}
	return b, err
}

// hasTextRow is the condition of a row with a text; the transports are those with a number in the id.
const hasTextRow = `(name <> '' OR identifier <> '' OR transport NOT IN ('', 'tcp', 'udp', 'icmp', 'sctp', 'icmpv6', 'gre', 'esp'))`

func (b *block) grow(n int) {
	b.ids, b.ends = make([]byte, 0, n*8), make([]uint32, 0, n)
	b.first, b.from, b.to = make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n)
	b.owner, b.severity = make([]uint32, 0, n), make([]uint8, 0, n)
}

// readRares reads what the rows with a flag have besides the columns.
func readRares(tx *db.Tx, b *block, lo, hi []byte) error {
	row := 0
	return tx.Each(`SELECT closed_day, name, identifier, transport FROM finding WHERE id >= $1 AND id < $2 AND
		(closed_day >= 0 OR `+hasTextRow+`) ORDER BY id`, []any{lo, hi}, func(scan func(...any) error) error {
		for row < b.len() && b.severity[row]&(hasClosed|hasText) == 0 {
			row++
		}
		t := text{row: uint32(row)}
		var closed Day
		if err := scan(&closed, &t.name, &t.identifier, &t.transport); err != nil {
			return err
		}
		if b.severity[row]&hasClosed != 0 {
			b.closed[t.row] = closed
		}
		if b.severity[row]&hasText != 0 {
			t.name, t.identifier = strings.ToLower(t.name), strings.ToLower(t.identifier)
			b.texts = append(b.texts, t)
		}
		row++
		return nil
	})
}

// readOwners reads all constituents. One without a valid mail address of its own has no contact.
func readOwners(tx *db.Tx, version int64) (*owners, error) {
	var today Day
	if err := tx.Row(`SELECT COALESCE(MAX(last_day), 0) FROM report_type`).Scan(&today); err != nil {
		return nil, err
	}
	var list []ownerRow
	err := tx.Each(`SELECT c.id, c.ref, c.name, c.kind, c.sector, c.designation, COALESCE(c.parent, 0),
		CASE WHEN EXISTS (SELECT 1 FROM contact k WHERE k.constituent = c.id AND k.mail <> '' AND k.valid_from <= $1
		AND k.valid_until > $1) THEN 1 ELSE 0 END FROM constituent c`, []any{today}, func(scan func(...any) error) error {
		var r ownerRow
		err := scan(&r.ID, &r.Ref, &r.Name, &r.Kind, &r.Sector, &r.Designation, &r.parent, &r.contact)
		list = append(list, r)
		return err
	})
	return newOwners(version, list), err
}

const findingFields = `SELECT id, port, transport, name, identifier, severity, owner, first_seen, first_day, run_from, run_to,
	closed_day, explanation, COALESCE(r.disposition, ''), COALESCE(r.until, -1), COALESCE(r.reason, ''), COALESCE(r.assignee, 0),
	COALESCE(r.assignee_name, ''), COALESCE(r.act, 0) FROM finding LEFT JOIN finding_ruling r ON r.finding = id`

// scanFinding reads a row of findingFields.
func (ix *index) scanFinding(scan func(...any) error) (f Finding, err error) {
	var id []byte
	err = scan(&id, &f.Port, &f.Transport, &f.Name, &f.Identifier, &f.Severity, &f.Owner.ID, &f.FirstSeen, &f.FirstDay,
		&f.run.from, &f.run.to, &f.ClosedDay, &f.explanation, &f.Ruling.Disposition, &f.Ruling.Until, &f.Ruling.Reason, &f.Assignee.ID,
		&f.Assignee.Name, &f.Ruling.act)
	if err != nil {
		return f, err
	}
	f.ID = ID(id)
	f.TypeID = int64(binary.BigEndian.Uint32(id))
	f.Address = f.ID.address()
	f.run.owner, f.run.severity = f.Owner.ID, f.Severity
	ix.complete(&f)
	return f, nil
}

// readFinding reads one finding; ok is false when it is gone.
func (ix *index) readFinding(tx *db.Tx, id ID) (f Finding, ok bool, err error) {
	f, err = ix.scanFinding(tx.Row(findingFields+` WHERE id = $1`, []byte(id)).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return f, false, nil
	}
	return f, err == nil, err
}

// readFindings reads findings by id, at most a few thousand; those that are gone are missing.
func (ix *index) readFindings(tx *db.Tx, ids []ID) (map[ID]Finding, error) {
	out := make(map[ID]Finding, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	args := make([]any, len(ids))
	marks := make([]byte, 0, 6*len(ids))
	for i, id := range ids {
		args[i] = []byte(id)
		marks = strconv.AppendInt(append(marks, ',', '$'), int64(i+1), 10)
	}
	err := tx.Each(findingFields+` WHERE id IN (`+string(marks[1:])+`)`, args, func(scan func(...any) error) error {
		f, err := ix.scanFinding(scan)
		out[f.ID] = f
		return err
	})
	return out, err
}

// eachFact reads what findings are about, by id, some at a time: a statement with many values takes long to bind.
func (ix *index) eachFact(tx *db.Tx, ids []ID, fn func(Finding)) error {
	const some = 32
	var id db.Bytes // they are many: what is scanned into is there once, and of the types that database/sql knows
	var port, severity, owner, first int64
	var transport, name, identifier string
	for len(ids) > 0 {
		args := make([]any, some)
		for i := range args { // filled up: the text is always the same
			args[i] = []byte(ids[min(i, len(ids)-1)])
		}
		ids = ids[min(some, len(ids)):]
		err := tx.PreparedEach(`SELECT id, port, transport, name, identifier, severity, owner, first_day FROM finding WHERE id IN ($1, $2, $3, $4, $5, $6,
			$7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)`, args,
			func(scan func(...any) error) error {
				if err := scan(&id, &port, &transport, &name, &identifier, &severity, &owner, &first); err != nil {
					return err
				}
				f := Finding{ID: ID(id), Port: int32(port), Transport: transport, Name: name, Identifier: identifier, Severity: Severity(severity), FirstDay: Day(first)}
				f.Owner.ID = owner
				f.TypeID, f.Address = int64(binary.BigEndian.Uint32(id)), f.ID.address()
				ix.describe(&f)
				fn(f)
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func earlierRuns(tx *db.Tx, id ID) ([]run, error) {
	var out []run
	err := tx.Each(`SELECT run_from, run_to, owner, severity FROM finding_run WHERE finding = $1 ORDER BY run_from`,
		[]any{[]byte(id)}, func(scan func(...any) error) error {
			var r run
			err := scan(&r.from, &r.to, &r.owner, &r.severity)
			out = append(out, r)
			return err
		})
	return out, err
}

func explanationOf(tx *db.Tx, id int64) (string, error) {
	var body string
	err := tx.Row(`SELECT body FROM explanation WHERE id = $1`, id).Scan(&body)
	if fault.KindOf(err) == fault.NotFound {
		return "", nil
	}
	return body, err
}

// touchType makes a new version of a type, so that every process reads its findings again, and locks it as intake does.
func touchType(tx *db.Tx, typ int64) error {
	_, err := tx.Exec(`UPDATE report_type SET version = version + 1 WHERE id = $1`, typ)
	return err
}

// readRange calls fn for the findings from one id to another, both included, in the order of ids.
func (ix *index) readRange(tx *db.Tx, from, to ID, fn func(Finding) error) error {
	return tx.Each(findingFields+` WHERE id >= $1 AND id <= $2 ORDER BY id`, []any{[]byte(from), []byte(to)},
		func(scan func(...any) error) error {
			f, err := ix.scanFinding(scan)
			if err == nil {
				err = fn(f)
			}
			return err
		})
}

// dailyCounts sums the counts of days, types and owners by the columns asked for; the others are 0.
func dailyCounts(tx *db.Tx, q CountQuery, types, owners []int64, fn func(day Day, typ, owner int64, c Counts) error) error {
	var group []string
	column := func(wanted bool, name string) string {
		if !wanted {
			return "0"
		}
		group = append(group, name)
		return name
	}
	fields := []string{column(q.ByDay, "day"), column(q.ByType, "type"), column(q.ByOwner || q.BySector, "owner")}
	where := []string{"day >= $1", "day <= $2"}
	args := []any{q.From, q.Until}
	for name, ids := range map[string][]int64{"type": types, "owner": owners} {
		if ids == nil {
			continue
		}
		marks := []string{"-1"} // an empty list matches nothing
		for _, id := range ids {
			args = append(args, id)
			marks = append(marks, "$"+strconv.Itoa(len(args)))
		}
		where = append(where, name+" IN ("+strings.Join(marks, ", ")+")")
	}
	query := "SELECT " + strings.Join(fields, ", ") + `, CAST(SUM(events) AS BIGINT), CAST(SUM(fresh) AS BIGINT),
		CAST(SUM(ongoing) AS BIGINT), CAST(SUM(gone) AS BIGINT), CAST(SUM(reopened) AS BIGINT), CAST(SUM(transferred) AS BIGINT),
		CAST(SUM(handed_over) AS BIGINT) FROM daily_count WHERE ` + strings.Join(where, " AND ")
	if len(group) > 0 {
		query += " GROUP BY " + strings.Join(group, ", ") + " ORDER BY " + strings.Join(group, ", ")
	} else {
		query += " HAVING COUNT(*) > 0"
	}
	return tx.Each(query, args, func(scan func(...any) error) error {
		var day Day
		var typ, owner int64
		var c Counts
		err := scan(&day, &typ, &owner, &c.Events, &c.New, &c.Ongoing, &c.Gone, &c.Reopened, &c.Transferred, &c.HandedOver)
		if err != nil {
			return err
		}
		return fn(day, typ, owner, c)
	})
}
