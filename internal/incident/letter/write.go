package letter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// Draft is a letter as somebody writes it.
type Draft struct {
	To string // the key of a party, "constituent" or "address"; "" for who wrote the message that Reply names

	Constituent string // with "constituent": its reference; each contact of the role gets a letter
	Role        string // "" all of them

	Address  string // with "address"
	Language string
	Why      string // it is written to

	Reply int64 // the message that is answered; 0: none
	Quote bool  // that message below the text

	Subject string // "" of an answer: that of the message
	Text    string
	Label   tlp.Label // None: as the case, as far as mail may carry
	Lowered string    // why it may travel further than the case; needed when it does
	Files   []int64   // of the evidence, attached

	message *mailbox.Message
}

const (
	maxLine  = 200
	maxText  = 100_000
	maxWhy   = 20_000
	maxFiles = 18 << 20 // together; in the outbox a letter has 20 MiB
	earlier  = 20       // references that a letter carries
)

// Prepared is a letter before it is sent.
type Prepared struct {
	Party
	TLP      string          `json:"tlp"`
	Subject  string          `json:"subject"`
	Text     string          `json:"text"`
	Files    []incident.File `json:"files,omitempty"`
	Withheld string          `json:"withheld,omitempty"` // why it cannot leave

	letter notify.Letter
}

// Begin is the draft that a letter begins with: an answer, when a message is named.
func (d *Desk) Begin(ctx context.Context, a About, reply int64) (Draft, *mailbox.Message, error) {
	m, err := d.Matter(ctx, a)
	if err != nil {
		return Draft{}, nil, err
	}
	dr := Draft{Label: min(m.Label, tlp.AmberStrict), Reply: reply, Quote: reply != 0}
	if err := d.answers(ctx, m, &dr); err != nil || dr.message == nil {
		return dr, nil, err
	}
	dr.Subject = dr.message.Reply()
	return dr, dr.message, nil
}

// answers finds the message that a draft answers.
func (d *Desk) answers(ctx context.Context, m *Matter, dr *Draft) error {
	if dr.Reply == 0 {
		return nil
	}
	msg, err := d.box.ByID(ctx, dr.Reply)
	switch {
	case err != nil:
		return err
	case !slices.Contains(m.tickets(), msg.Ticket):
		return fault.NotFoundf("the message %d is in no conversation of %s", dr.Reply, m.Number)
	case !msg.Answerable():
		return fault.Conflictf("the message %d was not written by a person: nobody reads an answer", dr.Reply)
	case dr.To != "":
		return fault.Problems{{Field: "to", Message: "an answer goes to who wrote the message"}}
	}
	dr.message = &msg
	return nil
}

func (dr *Draft) check(m *Matter) error {
	var ps fault.Problems
	line := func(field string, s *string, need bool) {
		*s = strings.TrimSpace(*s)
		switch {
		case need && *s == "":
			ps.Add(field, "is needed")
		case len(*s) > maxLine || !utf8.ValidString(*s) || strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r == 0x7f }):
			ps.Add(field, "must be one line of at most %d bytes", maxLine)
		}
	}
	words := func(field string, s *string, most int, need bool) {
		*s = strings.TrimSpace(strings.ReplaceAll(*s, "\r\n", "\n"))
		switch {
		case need && *s == "":
			ps.Add(field, "is needed")
		case len(*s) > most || !utf8.ValidString(*s) || strings.ContainsRune(*s, 0):
			ps.Add(field, "must be text of at most %d bytes", most)
		}
	}
	if dr.Subject == "" && dr.message != nil {
		dr.Subject = dr.message.Reply()
		for len(dr.Subject) > maxLine {
			_, n := utf8.DecodeLastRuneInString(dr.Subject)
			dr.Subject = dr.Subject[:len(dr.Subject)-n]
		}
	}
	line("subject", &dr.Subject, true)
	line("language", &dr.Language, false)
	line("address", &dr.Address, false)
	line("constituent", &dr.Constituent, false)
	line("role", &dr.Role, false)
	words("text", &dr.Text, maxText, true)
	words("why", &dr.Why, maxWhy, false)
	words("lowered", &dr.Lowered, maxWhy, false)
	if dr.Label == tlp.None {
		dr.Label = min(m.Label, tlp.AmberStrict)
	}
	switch {
	case dr.Label < tlp.Clear || dr.Label > tlp.AmberStrict:
		ps.Add("tlp", "a letter by mail needs a label from CLEAR to AMBER+STRICT; RED is told in person")
	case dr.Label < m.Label && dr.Lowered == "":
		ps.Add("lowered", "%s is %s: say why this letter may travel further", m.Number, m.Label)
	}
	return ps.Err()
}

// Preview writes the letters of a draft without sending them.
func (d *Desk) Preview(ctx context.Context, a About, dr Draft) ([]Prepared, error) {
	_, out, err := d.prepare(ctx, a, &dr)
	return out, err
}

// Send sends the letters of a draft, all or none, and notes them on the case's timeline. The same letter to the same address leaves
// once, unless it was cancelled or given up.
func (d *Desk) Send(ctx context.Context, by act.Actor, a About, dr Draft) (letters []int64, err error) {
	if !identity.Allowed(by, "incident.write") {
		return nil, fault.New(fault.Forbidden, "this asks for the permission incident.write, which you do not have")
	}
	m, ps, err := d.prepare(ctx, a, &dr)
	if err != nil {
		return nil, err
	}
	if dr.Label < m.Label && !identity.Allowed(by, "incident.rule") {
		return nil, fault.New(fault.Forbidden, "the letter would travel further than %s (%s): a duty officer may send it, with the permission incident.rule", m.Number, m.Label)
	}
	var bad fault.Problems
	for _, p := range ps {
		if p.Withheld != "" {
			bad.Add("to", "%s", p.Withheld)
		}
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return d.deliver(ctx, by, m, &dr, ps)
}

// deliver sends letters that were written, if what they are about is still as it was then.
func (d *Desk) deliver(ctx context.Context, by act.Actor, m *Matter, dr *Draft, ps []Prepared) (letters []int64, err error) {
	attached, err := d.attach(ctx, by, ps[0].Files)
	if err != nil {
		return nil, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "letter.send", Object: string(m.Ref)}, func(tx *db.Tx) error {
		letters = nil
		if err := m.stands(tx, ps); err != nil {
			return err
		}
		var said []map[string]any
		for _, p := range ps {
			p.letter.Content.Attachments = attached
			one, err := d.post(tx, by, m, dr, &p)
			if err != nil {
				return err
			}
			letters, said = append(letters, one["letter"].(int64)), append(said, one)
		}
		tx.Note("", detail(map[string]any{"letters": said, "tlp": dr.Label, "of": m.Label, "lowered": dr.Lowered, "why": dr.Why, "reply": dr.Reply}))
		if dr.message == nil {
			return nil
		}
		return d.box.Answered(tx, dr.Reply, letters[0])
	})
	return letters, err
}

// KindLetter is the kind of entry that this package writes on a case's timeline.
const KindLetter = "letter"

// post writes one letter down, and tells what was written to whom.
func (d *Desk) post(tx *db.Tx, by act.Actor, m *Matter, dr *Draft, p *Prepared) (map[string]any, error) {
	if err := d.Outbox.Anew(tx, &p.letter); err != nil {
		return nil, err
	}
	refs, err := d.references(tx, dr, p)
	if err != nil {
		return nil, err
	}
	p.letter.Content.References = refs
	number, err := d.Outbox.Enqueue(tx, p.letter)
	if err != nil {
		return nil, err
	}
	var files []int64
	for _, f := range p.Files {
		files = append(files, f.ID)
	}
	said := map[string]any{"letter": number, "to": p.Mail, "name": p.Name, "party": p.Kind, "role": p.Role, "subject": dr.Subject, "files": files, "ticket": p.letter.Ticket}
	if m.inCase == 0 {
		return said, nil
	}
	return said, d.Enter(tx, by, incident.Entry{Case: m.inCase, Kind: KindLetter, Text: dr.Text, Detail: detail(said)})
}

// references are the Message-IDs of the conversation that a letter goes on with.
func (d *Desk) references(tx *db.Tx, dr *Draft, p *Prepared) (out []string, err error) {
	if dr.message != nil {
		return dr.message.References(), nil
	}
	ls, err := d.Outbox.ByTicket(tx, p.letter.Ticket)
	for _, l := range ls {
		if l.MessageID != "" && strings.EqualFold(l.To, p.Mail) {
			out = append(out, l.MessageID)
		}
	}
	return out[max(0, len(out)-earlier):], err
}

// attach reads files of the evidence as attachments; that they were taken stands in the audit log.
func (d *Desk) attach(ctx context.Context, by act.Actor, files []incident.File) (out []mail.Attachment, err error) {
	for _, f := range files {
		_, r, err := d.Take(ctx, by, f.ID)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(r, f.Bytes+1))
		r.Close()
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != f.SHA256 {
			return nil, fmt.Errorf("the content of file %d is not what came", f.ID)
		}
		kind := f.Type
		if strings.HasPrefix(kind, "message/") || strings.HasPrefix(kind, "multipart/") { // may not be encoded in mail
			kind = "application/octet-stream"
		}
		out = append(out, mail.Attachment{Name: f.Name, Type: kind, Bytes: b})
	}
	return out, nil
}

// prepare writes the letters of a draft.
func (d *Desk) prepare(ctx context.Context, a About, dr *Draft) (*Matter, []Prepared, error) {
	m, err := d.Matter(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	if m.Over {
		return nil, nil, m.joined()
	}
	if err := d.answers(ctx, m, dr); err != nil {
		return nil, nil, err
	}
	if err := dr.check(m); err != nil {
		return nil, nil, err
	}
	to, err := d.whom(ctx, m, dr)
	if err != nil {
		return nil, nil, err
	}
	files, err := d.chosen(ctx, m, dr)
	if err != nil {
		return nil, nil, err
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, nil, err
	}
	shared := map[int64]bool{}
	if m.Case != 0 {
		if shared, err = d.SharedFiles(ctx, m.Case); err != nil {
			return nil, nil, err
		}
	}
	var out []Prepared
	for _, p := range to {
		one, err := d.write(ctx, m, dr, p, files, shared, profile)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, one)
	}
	return m, out, nil
}

// chosen are the files of the evidence that a draft attaches.
func (d *Desk) chosen(ctx context.Context, m *Matter, dr *Draft) (out []incident.File, err error) {
	if len(dr.Files) == 0 {
		return nil, nil
	}
	all, err := d.Files(ctx, m.About)
	if err != nil {
		return nil, err
	}
	var ps fault.Problems
	total := int64(0)
	for _, id := range slices.Compact(slices.Sorted(slices.Values(dr.Files))) {
		i := slices.IndexFunc(all, func(f incident.File) bool { return f.ID == id })
		if i < 0 {
			ps.Add("files", "%s has no file %d", m.Number, id)
			continue
		}
		mark, known := m.of(&all[i])
		if l := mark.Effective(); !known {
			ps.Add("files", "%s came with the report %d, of which %s does not know how far it may travel", all[i].Name, all[i].Report, m.Number)
		} else if l > dr.Label {
			ps.Add("files", "%s is %s: the letter that carries it must be too", all[i].Name, l)
		}
		total += all[i].Bytes
		out = append(out, all[i])
	}
	if total > maxFiles {
		ps.Add("files", "are %d bytes together; a letter carries %d: share them with a participant instead", total, maxFiles)
	}
	return out, ps.Err()
}

// write writes the letter of a draft to one.
func (d *Desk) write(ctx context.Context, m *Matter, dr *Draft, to Party, files []incident.File, shared map[int64]bool, profile *nation.Profile) (Prepared, error) {
	out := Prepared{Party: to, Files: files, TLP: dr.Label.String()}
	if out.ticket == "" {
		out.ticket = m.Ticket
	}
	out.Language = d.words.Choose(append([]string{to.Language}, profile.Languages...)...)
	p := d.words.In(out.Language, profile.Location())
	var parts []string
	greeted := to.Person
	if greeted == "" {
		greeted = to.Name
	}
	if greeted != "" {
		parts = append(parts, p.T("letter.greeting", greeted))
	}
	parts = append(parts, dr.Text, p.T("letter.answer", out.ticket), p.T("letter.regards")+"\n"+profile.Team.Signature(), p.T("letter.tlp", dr.Label.String()))
	if dr.message != nil && dr.Quote {
		parts = append(parts, dr.message.Quote())
	}
	out.Text = strings.Join(parts, "\n\n") + "\n"
	out.Subject = fmt.Sprintf("[%s] %s", out.ticket, dr.Subject)

	mark := m.mark
	mark.Label = dr.Label
	if to.named {
		mark.Named = append(slices.Clone(mark.Named), to.recipient.Subject)
	}
	if to.Kind == Reporter && to.constituent != 0 {
		mark.Owners = append(slices.Clone(mark.Owners), to.constituent)
	}
	marks := []disclosure.Marking{mark}
	var about []notify.About
	for i := range files {
		f, _ := m.of(&files[i]) // known: it was chosen
		if to.Kind == Participant && shared[files[i].ID] {
			f.Named = append(slices.Clone(f.Named), to.recipient.Subject)
		}
		marks, about = append(marks, f), append(about, notify.About{Object: disclosure.Ref(fmt.Sprintf("evidence:%d", files[i].ID)), Mark: f})
	}
	may, err := d.Gate.Foresee(ctx, to.recipient, disclosure.Mail, marks)
	if err != nil {
		return out, err
	}
	switch i := slices.Index(may, false); {
	case i == 0:
		out.Withheld = fmt.Sprintf("%s may not be given %s by mail", to.Mail, marks[0])
	case i > 0:
		out.Withheld = fmt.Sprintf("%s may not be given the file %s, which is %s", to.Mail, files[i-1].Name, marks[i].Effective())
	}
	sum := sha256.Sum256([]byte(strings.ToLower(to.Mail) + "\x00" + out.Subject + "\x00" + out.Text + fmt.Sprint(dr.Files)))
	out.letter = notify.Letter{Key: fmt.Sprintf("letter:%s:%s", m.Ref, hex.EncodeToString(sum[:12])), Kind: Kind, Constituent: to.constituent, Recipient: to.recipient, To: to.Mail,
		Name: clip(greeted), Language: out.Language, Ticket: out.ticket, Object: m.Ref, EncryptionRequired: to.encrypt, Asked: true,
		Content: &notify.Content{Subject: out.Subject, Text: out.Text, Marking: mark, About: about}}
	return out, nil
}

// clip is a name as a header has it.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "")
	}
	return s
}

func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}
