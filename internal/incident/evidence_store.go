package incident

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const fileColumns = `id, case_id, report, addition, name, type, bytes, sha256, path, at, by_name, note, owner, sender`

func scanFile(scan func(...any) error) (f File, err error) {
	return f, scan(&f.ID, &f.Case, &f.Report, &f.Addition, &f.Name, &f.Type, &f.Bytes, &f.SHA256, &f.path, &f.At, &f.By, &f.Note, &f.Owner, &f.Sender)
}

func insertFile(tx *db.Tx, f *File) error {
	return tx.Row(`INSERT INTO incident_file (case_id, report, addition, name, type, bytes, sha256, path, at, actor, by_name, note, owner, sender)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id`, f.Case, f.Report, f.Addition, f.Name, f.Type, f.Bytes, f.SHA256, f.path,
		f.At, tx.Actor().Subject(), f.By, f.Note, f.Owner, f.Sender).Scan(&f.ID)
}

func deleteFile(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM incident_file WHERE id = $1`, id)
	return err
}

// countFiles counts the files of a case, or of a report without one, but for what strangers mailed.
func countFiles(tx *db.Tx, caseID, report int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM incident_file WHERE sender = '' AND (($1 <> 0 AND case_id = $1) OR ($1 = 0 AND report = $2))`, caseID, report).Scan(&n)
}

// countMailed counts what strangers mailed to a case, or to a report without one, and what of it came from an address.
func countMailed(tx *db.Tx, caseID, report int64, sender string) (all, theirs int64, err error) {
	return all, theirs, tx.Row(`SELECT COUNT(*), COUNT(CASE WHEN sender = $3 THEN 1 END) FROM incident_file
		WHERE sender <> '' AND (($1 <> 0 AND case_id = $1) OR ($1 = 0 AND report = $2))`, caseID, report, sender).Scan(&all, &theirs)
}

// weight is how many files a report has, and their bytes, but for what strangers mailed.
func weight(tx *db.Tx, report int64) (n int, bytes int64, err error) {
	return n, bytes, tx.Row(`SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM incident_file WHERE report = $1 AND sender = ''`, report).Scan(&n, &bytes)
}

// weightOfDrafts are the bytes of the files of strangers' reports that are not handed in. One transaction at a time learns them, until it
// ends: they would all find room for what they keep at the same time. The lock is the row of a year that no case is of.
func weightOfDrafts(tx *db.Tx) (bytes int64, err error) {
	if _, err := tx.Exec(`INSERT INTO incident_year (year, last) VALUES (0, 0) ON CONFLICT (year) DO UPDATE SET last = incident_year.last`); err != nil {
		return 0, err
	}
	return bytes, tx.Row(`SELECT CAST(COALESCE(SUM(f.bytes), 0) AS BIGINT) FROM incident_file f JOIN incident_report r ON r.id = f.report
		WHERE r.state = $1 AND r.origin = $2`, string(Draft), string(FromPublic)).Scan(&bytes)
}

func fileByID(tx *db.Tx, id int64) (File, error) {
	f, err := scanFile(tx.Row(`SELECT `+fileColumns+` FROM incident_file WHERE id = $1`, id).Scan)
	if fault.KindOf(err) == fault.NotFound {
		return f, fault.NotFoundf("there is no file %d", id)
	}
	return f, err
}

// filesOfCase are the files of a case and of its reports.
func filesOfCase(tx *db.Tx, id int64) ([]File, error) {
	return eachFile(tx, `WHERE case_id = $1 OR report IN (SELECT id FROM incident_report WHERE case_id = $1) ORDER BY id LIMIT $2`, id, maxFiles+maxMailed)
}

func filesOfReport(tx *db.Tx, id int64) ([]File, error) {
	return eachFile(tx, `WHERE report = $1 ORDER BY id LIMIT $2`, id, maxFiles+maxMailed)
}

func eachFile(tx *db.Tx, rest string, args ...any) (out []File, err error) {
	err = tx.Each(`SELECT `+fileColumns+` FROM incident_file `+rest, args, func(scan func(...any) error) error {
		f, err := scanFile(scan)
		out = append(out, f)
		return err
	})
	return out, err
}

// moveFilesOfReport gives the files that came with a report to another case.
func moveFilesOfReport(tx *db.Tx, report, into int64) error {
	_, err := tx.Exec(`UPDATE incident_file SET case_id = $1 WHERE report = $2 AND case_id <> 0`, into, report)
	return err
}

func insertPending(tx *db.Tx, path string, lease int64) error {
	_, err := tx.Exec(`INSERT INTO incident_pending (path, lease) VALUES ($1, $2)`, path, lease)
	return err
}

func deletePending(tx *db.Tx, path string) error {
	_, err := tx.Exec(`DELETE FROM incident_pending WHERE path = $1`, path)
	return err
}

func pendingBefore(tx *db.Tx, now int64) (out []string, err error) {
	err = tx.Each(`SELECT path FROM incident_pending WHERE lease < $1 ORDER BY path LIMIT 1000`, []any{now}, func(scan func(...any) error) error {
		var p string
		err := scan(&p)
		out = append(out, p)
		return err
	})
	return out, err
}
