// Package incident has the incidents of a nation: reports, which stay what the reporter said, and cases, which are what the CERT
// makes of them, with their timeline and evidence. What is told to those affected, what the law asks for by when, and the
// statistics stand in the folders below.
package incident

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// Config is what a desk stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's: when something was reported, opened, due
	Real         clock.Clock // leases
	Constituency *constituency.Store
	Nation       *nation.Store
	Gate         *disclosure.Gate
	Outbox       *notify.Outbox
	Findings     *event.Lister // the findings that cases are linked to, and the staff that looks after them
	Seal         *identity.Seal
	Files        file.Dir // where files are kept as they came
	Log          *slog.Logger

	// Account finds who signs in under a name; nobody is a fault of kind NotFound.
	Account func(ctx context.Context, login string) (Account, error)

	MaxFile   int64 // bytes; 0 is 4 GiB
	MaxDrafts int64 // bytes of the files of all reports that strangers began and did not hand in; 0 is 10 GiB

	// Step is called at every named step of keeping a file; the crash tests end there. It may be nil.
	Step func(name string)
}

// Desk is where a nation's incidents are dealt with. It is safe for concurrent use.
type Desk struct {
	Config
	signer signer
	ext    []Extension
}

// Extension is a part below this folder that takes part in the life of reports and cases, within the transaction of each act. Every
// function may be nil.
type Extension struct {
	// Unconfirmed is called when a report is handed in whose reporter must confirm their address first.
	Unconfirmed func(ctx context.Context, tx *db.Tx, r *Report) error
	// Received is called when a report is received: handed in, or confirmed.
	Received func(ctx context.Context, tx *db.Tx, r *Report) error
	// Added is called when a reporter says more.
	Added func(ctx context.Context, tx *db.Tx, r *Report, a *Addition) error
	// Decided is called when triage decided about a report.
	Decided func(ctx context.Context, tx *db.Tx, r *Report) error
	// Closing is called before a case is closed, and can keep it from that.
	Closing func(ctx context.Context, tx *db.Tx, c *Case) error
	// Changed is called when a case was opened or anything of it changed.
	Changed func(ctx context.Context, tx *db.Tx, c *Case) error
	// Joined is called when a case becomes part of another one, which has its number in from.MergedInto by then.
	Joined func(ctx context.Context, tx *db.Tx, from, into *Case) error
	// Split is called when a report left a case for one of its own, before Decided is called of the report.
	Split func(ctx context.Context, tx *db.Tx, from, into *Case) error
}

// New returns the desk of a world.
func New(c Config) (*Desk, error) {
	if c.MaxFile == 0 {
		c.MaxFile = 4 << 30
	}
	if c.MaxDrafts == 0 {
		c.MaxDrafts = 10 << 30
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	d := &Desk{Config: c}
	d.ext = []Extension{indexing(), d.finding()}
	var err error
	d.signer, err = newSigner(c.Seal)
	return d, err
}

// Extend adds a part. It is called while the world is wired, before anything is filed.
func (d *Desk) Extend(e Extension) { d.ext = append(d.ext, e) }

func (d *Desk) received(ctx context.Context, tx *db.Tx, r *Report) error {
	for _, e := range d.ext {
		if e.Received != nil {
			if err := e.Received(ctx, tx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) unconfirmed(ctx context.Context, tx *db.Tx, r *Report) error {
	for _, e := range d.ext {
		if e.Unconfirmed != nil {
			if err := e.Unconfirmed(ctx, tx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) added(ctx context.Context, tx *db.Tx, r *Report, a *Addition) error {
	for _, e := range d.ext {
		if e.Added != nil {
			if err := e.Added(ctx, tx, r, a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) decided(ctx context.Context, tx *db.Tx, r *Report) error {
	for _, e := range d.ext {
		if e.Decided != nil {
			if err := e.Decided(ctx, tx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) closing(ctx context.Context, tx *db.Tx, c *Case) error {
	for _, e := range d.ext {
		if e.Closing != nil {
			if err := e.Closing(ctx, tx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) changed(ctx context.Context, tx *db.Tx, c *Case) error {
	for _, e := range d.ext {
		if e.Changed != nil {
			if err := e.Changed(ctx, tx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReadCase reads a case in the transaction of a part's act.
func ReadCase(tx *db.Tx, id int64) (Case, error) { return caseByID(tx, id) }

// LockCase is ReadCase, and nobody changes the case before the act is over.
func LockCase(tx *db.Tx, id int64) (Case, error) { return lockCase(tx, id) }

// ReadReport reads a report in the transaction of a part's act.
func ReadReport(tx *db.Tx, id int64) (Report, error) { return reportByID(tx, id) }

// LockReport is ReadReport, and nobody changes the report before the act is over. Who locks reports and cases locks the reports first.
func LockReport(tx *db.Tx, id int64) (Report, error) { return lockReport(tx, id) }

// ReadReports reads the reports of a case in the transaction of a part's act, the first one first, at most 1,000.
func ReadReports(tx *db.Tx, caseID int64) ([]Report, error) { return reportsOfCase(tx, caseID) }

// ReadAdditions reads what a reporter said later in the transaction of a part's act, the first first, at most 500.
func ReadAdditions(tx *db.Tx, report int64) ([]Addition, error) { return additionsOf(tx, report) }

func (d *Desk) now() int64 { return d.Clock.Now().UnixMicro() }

// detail is what an act says of what it wrote.
func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// staff refuses everybody who is not of the CERT: the rooms ask for permissions, and this is the second lock.
func staff(by act.Actor) error {
	if by.Kind == act.Local || by.Kind == act.System || by.Rights != nil && by.Rights.Staff {
		return nil
	}
	return fault.New(fault.Forbidden, "only the staff of the CERT may do this")
}

// mistakes gathers what is wrong with an input.
type mistakes struct{ fault.Problems }

func (m *mistakes) add(field, format string, args ...any) {
	m.Problems = append(m.Problems, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// line cuts white space and checks a text of one line.
func (m *mistakes) line(field string, s *string, most int, need bool) {
	*s = strings.TrimSpace(*s)
	switch {
	case need && *s == "":
		m.add(field, "is needed")
	case len(*s) > most:
		m.add(field, "is longer than %d bytes", most)
	case !utf8.ValidString(*s) || strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		m.add(field, "must be one line of text")
	}
}

// text cuts white space and checks a text of many lines.
func (m *mistakes) text(field string, s *string, most int, need bool) {
	*s = strings.TrimSpace(strings.ReplaceAll(*s, "\r\n", "\n"))
	switch {
	case need && *s == "":
		m.add(field, "is needed")
	case len(*s) > most:
		m.add(field, "is longer than %d bytes; attach it as a file", most)
	case !utf8.ValidString(*s) || strings.ContainsRune(*s, 0):
		m.add(field, "is no text in UTF-8")
	}
}

func (m *mistakes) err() error {
	if len(m.Problems) == 0 {
		return nil
	}
	return m.Problems
}
