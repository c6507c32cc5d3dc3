package incident

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Bound is how much a reporter who is a stranger may add to a report.
type Bound struct {
	Files int
	Bytes int64
}

// Full says that a report can take no more.
func (b Bound) Full(number string, files int, bytes int64) error {
	return fault.Conflictf("the report %s has %d files already, of %d bytes, and takes %d of %d bytes at most: write to the CERT how to get the others",
		number, files, bytes, b.Files, b.Bytes)
}

// room tells whether what a stranger adds may stay beside what is there. It is asked within the transaction that keeps the file, its report
// locked: files that arrive at the same time are counted one after the other.
func (d *Desk) room(tx *db.Tx, f *File) error {
	if f.Bound == (Bound{}) {
		return nil
	}
	r, err := reportByID(tx, f.Report)
	if err != nil {
		return err
	}
	n, bytes, err := weight(tx, r.ID)
	if err != nil {
		return err
	}
	if n >= f.Bound.Files || bytes+f.Bytes > f.Bound.Bytes {
		return f.Bound.Full(r.Number, n, bytes)
	}
	if r.State != Draft {
		return nil
	}
	if bytes, err = weightOfDrafts(tx); err != nil {
		return err
	}
	if bytes+f.Bytes > d.MaxDrafts {
		return fault.New(fault.Unavailable, "the reports that strangers began and did not hand in hold %d bytes of files, and may hold %d: hand yours in and add the file then, or write to the CERT",
			bytes, d.MaxDrafts)
	}
	return nil
}
