package incident

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/rsit"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Origin is the way by which a report came.
type Origin string

// The ways.
const (
	FromPortal  Origin = "portal"  // somebody of a constituent, signed in
	FromPublic  Origin = "public"  // the form for everybody
	FromREST    Origin = "rest"    // a constituent's program
	FromMail    Origin = "mail"    // the mailbox
	FromStaff   Origin = "staff"   // entered by the CERT: a call, a visit
	FromPartner Origin = "partner" // a CERT abroad
)

// ReportState is how far a report is.
type ReportState string

// The states of a report.
const (
	Draft       ReportState = "draft"       // being written; nobody but its writer sees it
	Unconfirmed ReportState = "unconfirmed" // handed in by somebody whose mail address is not confirmed yet
	Received    ReportState = "received"    // waits for triage
	Rejected    ReportState = "rejected"    // no incident, or none of ours
	Duplicate   ReportState = "duplicate"   // says again what another report said
	Merged      ReportState = "merged"      // became part of a case that was there
	Accepted    ReportState = "accepted"    // became a case
)

// ReportStates lists the states in the order of a report's life.
func ReportStates() []ReportState {
	return []ReportState{Draft, Unconfirmed, Received, Accepted, Merged, Duplicate, Rejected}
}

// Filing is what a reporter hands in. Its JSON, as Record writes it, is what the receipt's hash is of.
type Filing struct {
	Title        string    `json:"title"`
	Text         string    `json:"text"`
	Guess        string    `json:"type,omitempty"` // RSIT type, as the reporter sees it
	Happened     int64     `json:"happened,omitempty"`
	Aware        int64     `json:"aware"`              // UTC microseconds
	Reported     int64     `json:"reported,omitempty"` // of mail and calls: when it was sent or said
	Step         string    `json:"step,omitempty"`     // the statutory step that it takes: "early-warning"; "" none in particular
	Details      Details   `json:"details"`
	Name         string    `json:"name,omitempty"`
	Organisation string    `json:"organisation,omitempty"`
	Mail         string    `json:"mail,omitempty"`
	Phone        string    `json:"phone,omitempty"`
	Language     string    `json:"language,omitempty"`
	Label        tlp.Label `json:"tlp,omitempty"` // how far the reporter lets it travel; None is AMBER
}

// Details is what a reporter may say beyond the few fields that everybody fills in. Answers are "yes", "no" or "" for unknown.
type Details struct {
	Ongoing      string `json:"ongoing,omitempty"`
	Impact       string `json:"impact,omitempty"`  // what no longer works, for whom
	Systems      string `json:"systems,omitempty"` // what is affected: services, hosts, addresses
	Cause        string `json:"cause,omitempty"`
	Measures     string `json:"measures,omitempty"` // what was done
	Indicators   string `json:"indicators,omitempty"`
	Users        int64  `json:"users,omitempty"` // affected persons; 0: unknown
	PersonalData string `json:"personal_data,omitempty"`
	CrossBorder  string `json:"cross_border,omitempty"`
	Countries    string `json:"countries,omitempty"`
	Suspected    string `json:"suspected_unlawful,omitempty"` // suspected of being unlawful or malicious
	Police       string `json:"police,omitempty"`             // whether it was reported to the police
	Help         string `json:"help,omitempty"`               // what help is asked for
}

// Report is an incident as it was reported.
type Report struct {
	ID          int64       `json:"id"`
	Number      string      `json:"number"`
	Origin      Origin      `json:"origin"`
	State       ReportState `json:"state"`
	Constituent int64       `json:"constituent,omitempty"`
	Account     int64       `json:"-"`
	Filing
	Received  int64  `json:"received"`            // UTC microseconds
	Confirmed int64  `json:"-"`                   // when the reporter proved that the address is theirs
	Receipted int64  `json:"receipted,omitempty"` // when the receipt left
	SHA256    string `json:"sha256,omitempty"`
	Case      int64  `json:"case,omitempty"`
	SameAs    int64  `json:"same_as,omitempty"`
	Decided   int64  `json:"decided,omitempty"`
	DecidedBy string `json:"decided_by,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Version   int64  `json:"version"`
}

// The bounds of what a reporter may write. Longer texts are files.
const (
	maxTitle     = 200
	maxText      = 200_000
	maxDetail    = 20_000
	maxName      = 200
	maxAdditions = 500
	earliest     = 20 * 365 * 24 * time.Hour // before now: older incidents are typing errors
	ahead        = 5 * time.Minute           // a reporter's clock may be fast
)

var stepName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// Record is what was handed in, byte for byte: what the hash on the receipt is of.
func (f *Filing) Record() ([]byte, error) { return json.MarshalIndent(f, "", "  ") }

// Marking is how far a report may travel: it stays with the one who reported it and the CERT, unless the reporter said otherwise.
func (r *Report) Marking() disclosure.Marking {
	m := disclosure.Marking{Label: r.Label, Default: tlp.Amber, Named: []string{r.Reporter().Subject}}
	if r.Constituent != 0 {
		m.Owners = []int64{r.Constituent}
	}
	return m
}

// Ref implements disclosure.Item.
func (r *Report) Ref() disclosure.Ref { return disclosure.Ref(fmt.Sprintf("report:%d", r.ID)) }

// References implements disclosure.Item.
func (r *Report) References() []disclosure.Item { return nil }

// Reporter is who has the report's link, or reads the mail of its conversation, as the gate sees them: somebody of the public whom
// only this report names.
func (r *Report) Reporter() disclosure.Recipient {
	return disclosure.Recipient{Kind: disclosure.Public, Subject: fmt.Sprintf("reporter:%d", r.ID), Name: r.Number}
}

// Reachable says whether the report has a mail address that may be written to. One that somebody typed into the form for everybody may be
// somebody else's until it is confirmed.
func (r *Report) Reachable() bool {
	return r.Mail != "" && r.State != Unconfirmed && (r.Origin != FromPublic || r.Confirmed != 0)
}

// Ticket is what the mail of the conversation with the reporter bears.
func (r *Report) Ticket() string { return "T-" + r.Number }

// check says what is wrong with a filing. A draft may lack what is needed.
func (f *Filing) check(now time.Time, draft bool) error {
	var m mistakes
	m.line("title", &f.Title, maxTitle, !draft)
	m.text("text", &f.Text, maxText, !draft)
	if _, ok := rsit.ByName(f.Guess); f.Guess != "" && !ok {
		m.add("type", "%q is no type of the Reference Security Incident Taxonomy", f.Guess)
	}
	for _, t := range []struct {
		field string
		at    int64
		need  bool
	}{{"aware", f.Aware, !draft}, {"happened", f.Happened, false}, {"reported", f.Reported, false}} {
		at := time.UnixMicro(t.at)
		switch {
		case t.at == 0 && t.need:
			m.add(t.field, "is needed: when did you become aware of it?")
		case t.at != 0 && at.After(now.Add(ahead)):
			m.add(t.field, "lies in the future")
		case t.at != 0 && at.Before(now.Add(-earliest)):
			m.add(t.field, "lies more than twenty years back")
		}
	}
	if f.Happened != 0 && f.Aware != 0 && f.Happened > f.Aware {
		m.add("happened", "lies after the time at which you became aware of it")
	}
	if f.Step != "" && !stepName.MatchString(f.Step) {
		m.add("step", "%q is no id of a statutory step", f.Step)
	}
	f.Details.check(&m)
	m.line("name", &f.Name, maxName, false)
	m.line("organisation", &f.Organisation, maxName, false)
	m.line("phone", &f.Phone, 60, false)
	m.line("language", &f.Language, 35, false)
	if f.Mail = strings.TrimSpace(f.Mail); f.Mail != "" {
		if a, err := netmail.ParseAddress(f.Mail); err != nil || a.Address != f.Mail || len(f.Mail) > 254 {
			m.add("mail", "%.60q is no mail address", f.Mail)
		}
	}
	if f.Label == tlp.Red {
		m.add("tlp", "a report that the CERT may work with cannot be RED: choose AMBER+STRICT, and tell in person what nobody else may know")
	}
	return m.err()
}

func (d *Details) check(m *mistakes) {
	for _, t := range []struct {
		field string
		s     *string
	}{{"impact", &d.Impact}, {"systems", &d.Systems}, {"cause", &d.Cause}, {"measures", &d.Measures}, {"indicators", &d.Indicators}, {"help", &d.Help}} {
		m.text(t.field, t.s, maxDetail, false)
	}
	m.line("countries", &d.Countries, maxName, false)
	for _, t := range []struct {
		field string
		s     string
	}{{"ongoing", d.Ongoing}, {"personal_data", d.PersonalData}, {"cross_border", d.CrossBorder}, {"suspected_unlawful", d.Suspected}, {"police", d.Police}} {
		if !slices.Contains([]string{"", "yes", "no"}, t.s) {
			m.add(t.field, "%q is neither yes nor no; leave it empty when it is not known", t.s)
		}
	}
	if d.Users < 0 || d.Users > 100_000_000_000 {
		m.add("users", "%d is no number of persons", d.Users)
	}
}

// Reporter is on whose behalf a report is filed.
type Reporter struct {
	Origin      Origin
	Constituent int64
	Account     int64
	// Link gives the reporter a link by which the report is found again without signing in.
	Link bool
	// Confirm leaves the report unconfirmed until Confirm is called with the link's secret.
	Confirm bool
	// Draft begins a report that is not handed in yet.
	Draft bool
}

// File takes a report in. secret is that of the reporter's link, which is shown this once; "" without one.
func (d *Desk) File(ctx context.Context, by act.Actor, from Reporter, f Filing) (r Report, secret string, err error) {
	verb := "report.file"
	if from.Draft {
		verb = "report.draft"
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: verb}, func(tx *db.Tx) error {
		r, secret, err = d.FileIn(ctx, tx, from, f)
		return err
	})
	if err != nil {
		return r, "", fmt.Errorf("file a report: %w", err)
	}
	return r, secret, nil
}

// FileIn is File within the caller's act, which it gives its object and detail.
func (d *Desk) FileIn(ctx context.Context, tx *db.Tx, from Reporter, f Filing) (r Report, secret string, err error) {
	now := d.Clock.Now()
	if err := f.check(now, from.Draft); err != nil {
		return r, "", err
	}
	r = Report{Number: newNumber(), Origin: from.Origin, Constituent: from.Constituent, Account: from.Account, Filing: f, Received: now.UnixMicro(), Version: 1}
	if r.Reported == 0 {
		r.Reported = r.Received
	}
	switch {
	case from.Draft:
		r.State = Draft
	case from.Confirm:
		r.State = Unconfirmed
	default:
		r.State = Received
	}
	var token []byte
	if from.Link {
		secret = rand.Text()
		token = hashOf(secret)
	}
	if r.State != Draft {
		if err := r.hash(); err != nil {
			return r, "", err
		}
	}
	if err := insertReport(tx, &r, token); err != nil {
		return r, "", err
	}
	tx.Note(string(r.Ref()), detail(map[string]any{"number": r.Number, "origin": r.Origin, "constituent": r.Constituent, "state": r.State, "sha256": r.SHA256}))
	return r, secret, d.handedIn(ctx, tx, &r)
}

// handedIn tells the parts that a report came, when it is no draft.
func (d *Desk) handedIn(ctx context.Context, tx *db.Tx, r *Report) error {
	switch r.State {
	case Received:
		return d.received(ctx, tx, r)
	case Unconfirmed:
		return d.unconfirmed(ctx, tx, r)
	}
	return nil
}

func (r *Report) hash() error {
	b, err := r.Record()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	r.SHA256 = hex.EncodeToString(sum[:])
	return nil
}

// Save keeps what was written of a draft so far.
func (d *Desk) Save(ctx context.Context, by act.Actor, id int64, f Filing) (Report, error) {
	return d.redraft(ctx, by, "report.save", id, f, Draft)
}

// Submit hands a draft in. It then waits for triage, or first for the confirmation of its reporter's address.
func (d *Desk) Submit(ctx context.Context, by act.Actor, id int64, f Filing, confirm bool) (Report, error) {
	if confirm {
		return d.redraft(ctx, by, "report.file", id, f, Unconfirmed)
	}
	return d.redraft(ctx, by, "report.file", id, f, Received)
}

func (d *Desk) redraft(ctx context.Context, by act.Actor, verb string, id int64, f Filing, to ReportState) (r Report, err error) {
	now := d.Clock.Now()
	if err := f.check(now, to == Draft); err != nil {
		return r, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("report:%d", id)}, func(tx *db.Tx) error {
		if r, err = lockReport(tx, id); err != nil {
			return err
		}
		if r.State != Draft {
			return fault.Conflictf("the report %s is handed in already: add to it instead", r.Number)
		}
		r.Filing, r.State, r.Received = f, to, now.UnixMicro()
		if r.Reported == 0 {
			r.Reported = r.Received
		}
		if to != Draft {
			if err := r.hash(); err != nil {
				return err
			}
			tx.Note("", detail(map[string]any{"number": r.Number, "origin": r.Origin, "constituent": r.Constituent, "state": r.State, "sha256": r.SHA256}))
		}
		if err := updateFiling(tx, &r); err != nil {
			return err
		}
		return d.handedIn(ctx, tx, &r)
	})
	return r, err
}

// Confirm notes that the reporter's address is theirs: a report that nobody decided about waits for triage now. Confirming again changes
// nothing.
func (d *Desk) Confirm(ctx context.Context, by act.Actor, id int64) (r Report, err error) {
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "report.confirm", Object: fmt.Sprintf("report:%d", id)}, func(tx *db.Tx) error {
		if r, err = lockReport(tx, id); err != nil || r.State == Draft || r.Confirmed != 0 {
			return err
		}
		r.Confirmed = d.now()
		if err := markConfirmed(tx, id, r.Confirmed); err != nil || r.State != Unconfirmed {
			return err
		}
		r.State = Received
		if err := updateDecision(tx, &r); err != nil {
			return err
		}
		return d.received(ctx, tx, &r)
	})
	return r, err
}

func noReport(id int64) error { return fault.NotFoundf("there is no report %d", id) }

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// numberLetters are Crockford's: none is taken for another one over the telephone.
const numberLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newNumber is a number that cannot be guessed and can be spoken: 40 bits.
func newNumber() string {
	var b [8]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = numberLetters[b[i]&31]
	}
	return "R-" + string(b[:4]) + "-" + string(b[4:])
}
