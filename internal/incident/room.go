package incident

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// What strangers mail to a case whose ticket they know or guessed is kept beside what the staff keeps, and takes no room from it.
const (
	maxMailed   = 200 // files of a case, or of a report without one
	maxOfSender = 50  // of those from one address, which they may make up
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

// mailed tells whether there is room for what came by a mail that nobody vouches for. The mail that became a report is the report.
func mailed(tx *db.Tx, f *File) error {
	if f.Case == 0 && f.Addition == 0 {
		f.Sender = ""
		return nil
	}
	all, theirs, err := countMailed(tx, f.Case, f.Report, f.Sender)
	if err == nil && (all >= maxMailed || theirs >= maxOfSender) {
		err = fault.Conflictf("there are %d files already that were mailed by nobody we know, %d of them from %q: the file stays in its message", all, theirs, f.Sender)
	}
	return err
}

// room tells whether what a stranger adds may stay beside what is there. It is asked within the transaction that keeps the file, its report
// locked: files that arrive at the same time are counted one after the other.
func (d *Desk) room(tx *db.Tx, f *File) error {
	if f.Sender != "" {
		return mailed(tx, f)
	}
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
