package affected

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// Kinds of letter that this package writes.
const (
	NoticeLetter = "incident-notice"
	ListLetter   = "incident-affected"
)

// Audience is for whom a notice's frame is written.
type Audience string

// The audiences.
const (
	ToEntity  Audience = "entity"  // an organisation that can act by itself
	ToPersons Audience = "persons" // an organisation that passes it on to people
)

// Notice is what those affected are told. The frame around it is written in the language of each; What and Advice are as they stand.
type Notice struct {
	Subject string
	What    string // happened, and how it concerns them
	Advice  string // what to do now
	Label   tlp.Label
	Lowered string // why it may travel further than the case; needed when it does
}

func (n *Notice) check(c *incident.Case) error {
	var m mistakes
	m.line("subject", &n.Subject, true)
	m.words("what", &n.What, true)
	m.words("advice", &n.Advice, true)
	m.words("lowered", &n.Lowered, false)
	switch {
	case n.Label < tlp.Clear || n.Label > tlp.AmberStrict:
		m.add("tlp", "a notice by mail needs a label from CLEAR to AMBER+STRICT; RED is told in person")
	case n.Label < c.Label && n.Lowered == "":
		m.add("lowered", "the case is %s: say why this notice may travel further", c.Label)
	}
	return m.err()
}

// Letter is one letter of a notice before it is written down, with why it goes to whom.
type Letter struct {
	Affected int64  `json:"affected"`
	Name     string `json:"name"`     // of the affected
	To       string `json:"to"`       // mail address; "" when nobody can be reached by mail
	Contact  string `json:"contact"`  // why that contact: its role; "" for an address entered by hand
	Language string `json:"language"` // that it is written in
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	Withheld string `json:"withheld,omitempty"` // why it cannot leave

	letter notify.Letter
	whom   Affected
}

// Preview writes the letters of a notice to some of those affected without sending them.
func (d *Desk) Preview(ctx context.Context, id int64, to []int64, n Notice) ([]Letter, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	return d.letters(ctx, &c, to, &n)
}

// Tell sends a notice to some of those affected, each once: whoever has no way by mail, or may not be given it, stops all of it, so that
// nothing is half done. Letters to who was told of the same case before stand in the same conversation.
func (d *Desk) Tell(ctx context.Context, by act.Actor, id int64, to []int64, n Notice) (sent int, err error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return 0, err
	}
	if n.Label < c.Label && !identity.Allowed(by, "incident.rule") {
		return 0, fault.New(fault.Forbidden, "the notice would travel further than the case (%s): a duty officer may send it, with the permission incident.rule", c.Label)
	}
	ls, err := d.letters(ctx, &c, to, &n)
	if err != nil {
		return 0, err
	}
	var bad fault.Problems
	for _, l := range ls {
		if l.Withheld != "" {
			bad = append(bad, fault.Problem{Field: "to", Message: l.Name + ": " + l.Withheld})
		}
	}
	if len(bad) > 0 {
		return 0, bad
	}
	return d.deliver(ctx, by, &c, ls, &n)
}

// deliver sends letters that were written of a case, if it may still travel as far as it might then.
func (d *Desk) deliver(ctx context.Context, by act.Actor, was *incident.Case, ls []Letter, n *Notice) (sent int, err error) {
	id := was.ID
	err = d.act(ctx, by, "affected.tell", id, func(tx *db.Tx, c *incident.Case) error {
		if sent = 0; c.Label > was.Label {
			return fault.Conflictf("the case %s was marked %s while this was written: look again", c.Number, c.Label)
		}
		for _, l := range ls {
			a, err := lock(tx, id, l.Affected)
			if err != nil {
				return err
			}
			if err := d.Outbox.Anew(tx, &l.letter); err != nil {
				return err
			}
			number, err := d.Outbox.Enqueue(tx, l.letter)
			if err != nil {
				return err
			}
			t := Telling{Case: id, Affected: a.ID, Receiver: a.Constituent, Name: a.Name, At: d.now(), By: by.Name, Channel: "mail", Address: l.To, Contact: l.Contact,
				Letter: number, Language: l.Language, Label: int(n.Label), Lowered: n.Lowered, Subject: l.Subject, Text: l.Text}
			if err := d.told(tx, by, c, &a, &t); err != nil {
				return err
			}
			sent++
		}
		tx.Note("", detail(map[string]any{"letters": sent, "tlp": n.Label, "case_tlp": c.Label, "lowered": n.Lowered, "subject": n.Subject}))
		return nil
	})
	return sent, err
}

// letters writes what each would be told.
func (d *Desk) letters(ctx context.Context, c *incident.Case, to []int64, n *Notice) (out []Letter, err error) {
	if err := n.check(c); err != nil {
		return nil, err
	}
	all, err := d.List(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if len(to) == 0 {
		return nil, fault.Problems{{Field: "to", Message: "choose who is told"}}
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	w := writer{Desk: d, profile: profile, dir: dir, c: c, n: n}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(to))) {
		i := slices.IndexFunc(all, func(a Affected) bool { return a.ID == id })
		if i < 0 {
			return nil, fault.Problems{{Field: "to", Message: fmt.Sprintf("nobody with the number %d is affected by the case %s", id, c.Number)}}
		}
		ls, err := w.to(ctx, all[i])
		if err != nil {
			return nil, err
		}
		out = append(out, ls...)
	}
	return out, nil
}

type writer struct {
	*Desk
	profile *nation.Profile
	dir     *constituency.Directory
	c       *incident.Case
	n       *Notice
}

// to writes the letters to one: to each of its desks, or to the address that was entered for it.
func (w *writer) to(ctx context.Context, a Affected) (out []Letter, err error) {
	var contacts []constituency.Contact
	l, known := w.dir.ByID(a.Constituent)
	if known {
		err = w.DB.View(ctx, func(tx *db.Tx) error {
			cs, err := constituency.Reach(tx, a.Constituent, constituency.DayOf(w.Clock.Now()))
			contacts = constituency.Desks(cs)
			return err
		})
		if err != nil {
			return nil, err
		}
	} else if a.Mail != "" {
		contacts = []constituency.Contact{{Mail: a.Mail, Language: a.Language, Name: a.Name}}
	}
	if len(contacts) == 0 {
		return []Letter{{Affected: a.ID, Name: a.Name, whom: a, Withheld: "there is no mail address: tell them another way, and record it"}}, nil
	}
	for _, contact := range contacts {
		recipient := disclosure.Anybody()
		if known {
			recipient = disclosure.OfContact(l, contact)
		}
		one, err := w.write(ctx, a, recipient, contact, l.Language)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// language is the language that somebody is written to in, of those that there are texts in.
func (w *writer) language(asked ...string) string {
	return w.words.Choose(append(asked, w.profile.Languages...)...)
}

func (w *writer) write(ctx context.Context, a Affected, recipient disclosure.Recipient, contact constituency.Contact, language string) (Letter, error) {
	lang := w.language(contact.Language, a.Language, language)
	p := w.words.In(lang, w.profile.Location())
	audience := ToEntity
	if a.Kind == Persons {
		audience = ToPersons
	}
	team := w.profile.Team
	body := strings.Join([]string{p.T("notice.greeting", a.Name), p.T("notice.lead."+string(audience), team.Name, a.Name), p.T("notice.what") + "\n" + w.n.What,
		p.T("notice.advice") + "\n" + w.n.Advice, p.T("notice.answer", w.c.Number), signature(p, team), p.T("notice.tlp", w.n.Label.String())}, "\n\n") + "\n"
	subject := fmt.Sprintf("[%s] %s", w.c.Ticket(), w.n.Subject)
	mark := disclosure.Marking{Label: w.n.Label, PAP: w.c.PAP}
	if a.Constituent != 0 {
		mark.Owners = []int64{a.Constituent}
	}
	out := Letter{Affected: a.ID, Name: a.Name, To: contact.Mail, Contact: contact.Role, Language: lang, Subject: subject, Text: body, whom: a}
	may, err := w.Gate.Foresee(ctx, recipient, disclosure.Mail, []disclosure.Marking{mark})
	if err != nil {
		return out, err
	}
	if !may[0] {
		out.Withheld = fmt.Sprintf("%s may not be given %s by mail", contact.Mail, mark)
	}
	sum := sha256.Sum256([]byte(strings.ToLower(contact.Mail) + "\x00" + subject + "\x00" + body))
	out.letter = notify.Letter{Key: fmt.Sprintf("notice:%d:%s", a.ID, hex.EncodeToString(sum[:8])), Kind: NoticeLetter, Constituent: a.Constituent, Recipient: recipient,
		To: contact.Mail, Name: clip(contact.Name, 100), Language: lang, Ticket: w.c.Ticket(), Object: w.c.Ref(), EncryptionRequired: contact.Encrypt, Asked: true,
		Content: &notify.Content{Subject: subject, Text: body, Marking: mark}}
	return out, nil
}

func signature(p *text.Printer, t nation.Team) string {
	return p.T("notice.regards") + "\n" + t.Signature()
}

func clip(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}
