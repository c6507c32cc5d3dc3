package filing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/format/eml"
	"tocsin/internal/incident"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/mail/protect"
)

const (
	mailJob = "filing.mail" // keeps the files of a message that became a report, or was added to one

	viaMail     = "mail"            // of an addition whose sender is the one that we write to
	viaStranger = "mail-unverified" // of one that only bears the ticket
	kindMail    = "mail"            // of an entry of a case's timeline

	mostText = 190_000 // bytes of a mail's text that stand in a report; all of it is in the file
)

// Mailbox is what the mailbox is told of incidents.
func (c *Counter) Mailbox() mailbox.Incidents {
	return mailbox.Incidents{Known: c.known, Take: c.takeMail, Add: c.addMail}
}

// kept says where the files of a message belong.
type kept struct {
	Message  int64 `json:"message"`
	Report   int64 `json:"report,omitempty"`
	Case     int64 `json:"case,omitempty"`
	Addition int64 `json:"addition,omitempty"`
	Owner    int64 `json:"owner,omitempty"`
}

func (k kept) queue(tx *db.Tx, at time.Time) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return job.Enqueue(tx, mailJob, strconv.FormatInt(k.Message, 10), string(b), at)
}

func (c *Counter) known(tx *db.Tx, ticket string) (bool, error) {
	if number, ok := strings.CutPrefix(ticket, "T-R-"); ok {
		return isReport(tx, "R-"+number)
	}
	if number, ok := strings.CutPrefix(ticket, "T-I"); ok {
		id, err := caseID(tx, number)
		return id != 0, err
	}
	return false, nil
}

// takeMail makes a report of a letter. Its sender is whose it claims to be only when our own mail server vouches for it or it is signed
// with a key of theirs, and it is that of contacts of one constituent alone.
func (c *Counter) takeMail(ctx context.Context, tx *db.Tx, m *mailbox.Message) (ticket string, constituent int64, err error) {
	constituent, signed, err := c.sender(tx, m)
	if err != nil {
		return "", 0, err
	}
	f := c.filingOf(m)
	if signed && m.Authentic != mailbox.Proven { // the date is not signed
		f.Aware, f.Reported = c.arrived(m), c.arrived(m)
	}
	r, _, err := c.fileLinked(ctx, tx, incident.Reporter{Origin: incident.FromMail, Constituent: constituent}, f)
	if err != nil {
		return "", 0, err
	}
	said, err := json.Marshal(map[string]any{"number": r.Number, "origin": r.Origin, "constituent": constituent, "message": m.ID, "vouched": m.Authentic == mailbox.Proven, "signed": signed, "sha256": r.SHA256})
	if err != nil {
		return "", 0, err
	}
	if err := tx.Also("report.file", string(r.Ref()), string(said)); err != nil {
		return "", 0, err
	}
	return r.Ticket(), constituent, kept{Message: m.ID, Report: r.ID}.queue(tx, c.Clock.Now())
}

// sender is the constituent that a letter proves to come from, 0 when it proves nothing, and whether its signature is what proves it. A
// signature counts by the key of a contact of that very constituent with that very address: anybody can write any name into a key, and
// have it registered as their own. It counts once: whoever has a signed letter could else send what it says again under another subject and
// date, as a report of today.
func (c *Counter) sender(tx *db.Tx, m *mailbox.Message) (constituent int64, signed bool, err error) {
	p := m.Protection
	if signed, err = c.signed(tx, m); err != nil {
		return 0, false, err
	}
	forged := p != nil && (p.Signature == protect.SignatureFake || p.Signature == protect.KeyOfAnother)
	if slices.Contains(m.Flaws, eml.Senders) || forged || m.Authentic != mailbox.Proven && !signed {
		return 0, false, nil
	}
	day := constituency.DayOf(c.Clock.Now())
	if constituent, err = constituentOf(tx, m.From, int64(day)); err != nil || constituent == 0 || !signed {
		return constituent, false, err
	}
	contacts, err := constituency.Reach(tx, constituent, day)
	if err != nil {
		return 0, false, err
	}
	signed = slices.ContainsFunc(contacts, func(k constituency.Contact) bool {
		return strings.EqualFold(k.Mail, m.From) && slices.ContainsFunc(k.Keys, func(k constituency.Key) bool { return k.Fingerprint == p.Fingerprint })
	})
	if !signed && m.Authentic != mailbox.Proven {
		return 0, false, nil
	}
	return constituent, signed, nil
}

// signed tells whether a letter has a signature with a known key of its sender's that no letter had before, and remembers it.
func (c *Counter) signed(tx *db.Tx, m *mailbox.Message) (bool, error) {
	p := m.Protection
	if p == nil || p.Signature != protect.Verified || p.Content == "" {
		return false, nil
	}
	return claimSigned(tx, p.Fingerprint, p.Content, m.ID, c.Clock.Now().UnixMicro())
}

// arrived is when the mail server had a letter.
func (c *Counter) arrived(m *mailbox.Message) int64 {
	if now := c.Clock.Now().UnixMicro(); m.Received <= 0 || m.Received > now {
		return now
	}
	return m.Received
}

// filingOf is what a letter reports, in the bounds of a report. When the sender noticed it, it does not say: at the latest when it was sent.
func (c *Counter) filingOf(m *mailbox.Message) incident.Filing {
	now := c.Clock.Now().UnixMicro()
	sent := m.Sent
	if sent <= 0 || sent > now || sent < now-int64(365*24*time.Hour/time.Microsecond) {
		sent = now
	}
	f := incident.Filing{Title: oneLine(m.Subject, 190), Text: cut(m.Text, mostText), Aware: sent, Reported: sent, Name: oneLine(m.FromName, 190), Mail: address(m.From)}
	if f.Text == "" {
		f.Text = f.Title
	}
	if f.Text == "" {
		f.Text = "–"
	}
	return f
}

// addMail adds what a letter says to the report or the case that its ticket names.
func (c *Counter) addMail(ctx context.Context, tx *db.Tx, m *mailbox.Message) error {
	if _, err := c.signed(tx, m); err != nil {
		return err
	}
	own, _ := eml.Quoted(m.Text)
	if strings.TrimSpace(own) == "" {
		own = m.Text
	}
	own = c.Outbox.Concealed(cut(own, mostText))
	if own == "" {
		own = "–"
	}
	if number, ok := strings.CutPrefix(m.Ticket, "T-I"); ok {
		id, err := caseID(tx, number)
		if err != nil || id == 0 {
			return err
		}
		k, err := incident.LockStanding(tx, id) // the conversation goes on there
		if err != nil {
			return err
		}
		id = k.ID
		said, err := json.Marshal(map[string]any{"message": m.ID, "from": m.From, "verified": m.Verified})
		if err != nil {
			return err
		}
		e := incident.Entry{Case: id, At: m.Taken, Kind: kindMail, Text: own, Detail: string(said)}
		return errors.Join(c.Enter(tx, act.Machine, e), kept{Message: m.ID, Case: id, Owner: owner(m)}.queue(tx, c.Clock.Now()))
	}
	number, ok := strings.CutPrefix(m.Ticket, "T-R-")
	if !ok {
		return nil
	}
	id, mail, err := reportOf(tx, "R-"+number)
	if err != nil || id == 0 {
		return err
	}
	a := incident.Addition{Via: viaStranger, Text: own, Name: oneLine(m.From, 190)}
	if m.Verified || m.Authentic != mailbox.Denied && !slices.Contains(m.Flaws, eml.Senders) && mail != "" && strings.EqualFold(mail, m.From) {
		a.Via = viaMail
	}
	added, err := c.AddIn(ctx, tx, act.Machine, id, a)
	if k := fault.KindOf(err); err != nil && (k == fault.Invalid || k == fault.Conflict) { // too many: it stays in its conversation, where people read it
		return nil
	}
	if err != nil {
		return err
	}
	said, err := json.Marshal(map[string]any{"addition": added.ID, "via": added.Via, "message": m.ID, "sha256": added.SHA256})
	if err != nil {
		return err
	}
	if err := tx.Also("report.add", fmt.Sprintf("report:%d", id), string(said)); err != nil {
		return err
	}
	k := kept{Message: m.ID, Report: id, Addition: added.ID, Owner: owner(m)}
	if k.Owner == incident.Stranger && a.Via == viaMail && strings.EqualFold(mail, m.From) { // the reporter, who is of no constituent
		k.Owner = 0
	}
	return k.queue(tx, c.Clock.Now())
}

// owner is whose the files of a letter in a conversation are.
func owner(m *mailbox.Message) int64 {
	if m.Verified && m.Constituent != 0 {
		return m.Constituent
	}
	return incident.Stranger
}

// keepMail keeps the files of a message, and the message itself as it came. Done again it keeps what is not kept yet.
func (c *Counter) keepMail(ctx context.Context, j job.Job) error {
	var k kept
	if err := json.Unmarshal([]byte(j.Payload), &k); err != nil {
		return err
	}
	m, err := c.Box.ByID(ctx, k.Message)
	if err != nil {
		return err
	}
	if k.Case != 0 { // it may be part of another one by now, which has its files
		to, err := c.Standing(ctx, k.Case)
		if err != nil {
			return err
		}
		k.Case = to.ID
	}
	there, err := c.FilesOf(ctx, k.Case, k.Report)
	if err != nil {
		return err
	}
	keep := func(name, media, sum string, write func(io.Writer) error) error {
		if slices.ContainsFunc(there, func(f incident.File) bool { return f.SHA256 == sum && f.Addition == k.Addition }) {
			return nil
		}
		r := piped(write)
		defer r.Close() // ends the writer, however far it came
		f, err := c.Keep(ctx, act.Machine, incident.File{Report: k.Report, Case: k.Case, Addition: k.Addition, Name: name, Type: media, Owner: k.Owner, Sender: stranger(&m, k)}, r)
		there = append(there, f)
		return err
	}
	left := 0
	err = keep(fmt.Sprintf("message-%d.eml", m.ID), "message/rfc822", m.SHA256, func(w io.Writer) error { return c.Box.Original(ctx, m.ID, w) })
	full := fault.KindOf(err) == fault.Conflict
	if err != nil && !full {
		return err
	}
	if full {
		left++
	}
	for _, f := range m.Files {
		if f.URL != "" || f.Bytes == 0 {
			continue
		}
		if full {
			left++
			continue
		}
		_, write, err := c.Box.Attachment(ctx, m.ID, f.Number)
		if err != nil {
			return err
		}
		err = keep(f.Name, f.Type, f.SHA256, write)
		if kind := fault.KindOf(err); err != nil && (kind == fault.Conflict || kind == fault.Invalid) {
			c.Log.Warn("a file of a mail is in its message only", "message", m.ID, "file", f.Number, "error", err)
			full = kind == fault.Conflict
			left++
			continue
		}
		if err != nil {
			return err
		}
	}
	if left == 0 {
		return nil
	}
	return c.stayed(ctx, k, &m, left)
}

// piped reads what write writes.
func piped(write func(io.Writer) error) *io.PipeReader {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	return r
}

// address is a mail address as a report may have it; "" when it is none.
func address(s string) string {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > 254 {
		return ""
	}
	return s
}

// oneLine is a text on one line, of at most so many bytes.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return cut(strings.Join(strings.Fields(s), " "), most)
}

// cut is the beginning of a text, without what no text has.
func cut(s string, most int) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", ""))
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
