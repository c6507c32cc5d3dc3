package sitrep

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

// The kinds of letter that this package writes.
const (
	KindReport    = "sitrep"
	KindWithdrawn = "sitrep-withdrawn"
)

// Audience is for whom a report is. Constituents are chosen by designation or sector; of those chosen both ways each once.
type Audience struct {
	Staff        bool     // everybody of the CERT with an account
	Everybody    bool     // all constituents that are no authorities
	Designations []string // constituents of these
	Sectors      []string // constituents of these
	Authorities  bool     // the competent authorities
	Same         bool     // of a correction: those who were sent an earlier edition
}

// Recipient is somebody to whom a report goes, or would go.
type Recipient struct {
	ID          int64        `json:"id,omitempty"`
	Address     string       `json:"address"`
	Name        string       `json:"name"`
	Constituent int64        `json:"constituent,omitempty"` // 0: of the staff
	Language    string       `json:"language,omitempty"`
	Letter      int64        `json:"letter,omitempty"`
	State       notify.State `json:"state,omitempty"` // of the letter
	At          int64        `json:"at,omitempty"`
	By          string       `json:"by,omitempty"`
	Withheld    string       `json:"withheld,omitempty"` // why they may not have it
	Already     bool         `json:"already,omitempty"`  // they were sent it before

	to      disclosure.Recipient
	encrypt bool
}

// Reached tells who would be sent a report.
type Reached struct {
	Letters  int         `json:"letters"`
	Already  int         `json:"already"`  // were sent it before
	Withheld int         `json:"withheld"` // may not have it
	First    []Recipient `json:"first" nullable:"false" doc:"At most 500 of them, with why some may not have it"`
	More     int         `json:"more" doc:"How many follow the first ones"`
}

const shown = 500

// Reach tells who would be sent a report: how many of an audience, and the first ones, with why some may not have it.
func (d *Desk) Reach(ctx context.Context, id int64, a Audience) (out Reached, err error) {
	one, err := d.One(ctx, id)
	if err != nil {
		return out, err
	}
	all, err := d.reach(ctx, &one.Sitrep, a)
	for _, r := range all {
		switch {
		case r.Withheld != "":
			out.Withheld++
		case r.Already:
			out.Already++
		default:
			out.Letters++
		}
	}
	out.First = append([]Recipient{}, all[:min(len(all), shown)]...)
	out.More = len(all) - len(out.First)
	return out, err
}

func (d *Desk) reach(ctx context.Context, s *Sitrep, a Audience) (out []Recipient, err error) {
	all, err := d.audience(ctx, s, a)
	if err != nil {
		return nil, err
	}
	var had map[string]bool
	marks := []disclosure.Marking{s.Marking()}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		cases, err := named(tx, s)
		for _, c := range cases {
			marks = append(marks, c.Marking())
		}
		if err == nil {
			had, err = addresses(tx, s.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for _, r := range all {
		var may []bool
		if r.Withheld == "" {
			if may, err = d.Gate.Foresee(ctx, r.to, disclosure.Mail, marks); err != nil {
				return nil, err
			}
		}
		if slices.Contains(may, false) {
			r.Withheld = fmt.Sprintf("%s does not let %s have it by mail", s.Label, r.Name)
			if may[0] {
				r.Withheld = "a case that the report names may not be told to " + r.Name
			}
		}
		r.Already = had[r.Address]
		if i, there := at[r.Address]; !there {
			at[r.Address] = len(out)
			out = append(out, r)
		} else if out[i].Withheld != "" { // one of two that read the same mail may have it
			out[i] = r
		}
	}
	return out, nil
}

// audience lists everybody meant, the staff first. Whoever was sent the earlier edition is written to as they are reached today.
func (d *Desk) audience(ctx context.Context, s *Sitrep, a Audience) (out []Recipient, err error) {
	if a.Same && s.Replaces == 0 {
		return nil, fault.Problems{{Field: "same", Message: "this report replaces none: choose whom it is for"}}
	}
	var staff, others []Recipient
	if a.Staff || a.Same {
		if staff, err = d.staff(ctx); err != nil {
			return nil, err
		}
	}
	if a.Same {
		if others, err = d.constituents(ctx, func(constituency.Listed) bool { return true }); err != nil {
			return nil, err
		}
		if out, err = d.same(ctx, s, append(others, staff...)); err != nil {
			return nil, err
		}
	}
	if a.Staff {
		out = append(out, staff...)
	}
	if !a.Everybody && !a.Authorities && len(a.Designations)+len(a.Sectors) == 0 {
		return out, nil
	}
	others, err = d.constituents(ctx, a.means)
	return append(out, others...), err
}

// same are those of today's people who were sent an earlier edition; who is not among them any more is withheld from.
func (d *Desk) same(ctx context.Context, s *Sitrep, today []Recipient) (out []Recipient, err error) {
	var had []Recipient
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		had, err = holders(tx, s, false)
		return err
	})
	now := map[string][]Recipient{}
	for _, r := range today {
		now[r.Address] = append(now[r.Address], r)
	}
	for _, r := range had {
		if rs := now[r.Address]; len(rs) > 0 {
			out = append(out, rs...)
			continue
		}
		out = append(out, Recipient{Address: r.Address, Name: r.Name, Constituent: r.Constituent, Language: r.Language, to: r.to, encrypt: r.encrypt,
			Withheld: r.Address + " is no address of the staff or of a constituent any more"})
	}
	return out, err
}

// constituents are the desks of those meant that are reached today.
func (d *Desk) constituents(ctx context.Context, means func(constituency.Listed) bool) (out []Recipient, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		contacts, err := constituency.ReachAll(tx, constituency.DayOf(d.Clock.Now()))
		if err != nil {
			return err
		}
		for _, l := range dir.All() {
			if !means(l) {
				continue
			}
			for _, c := range constituency.Desks(contacts[l.ID]) {
				out = append(out, Recipient{Address: strings.ToLower(strings.TrimSpace(c.Mail)), Name: l.Name, Constituent: l.ID, Language: cmp.Or(c.Language, l.Language),
					to: disclosure.OfContact(l, c).In(dir), encrypt: c.Encrypt})
			}
		}
		return nil
	})
	return out, err
}

func (a Audience) means(l constituency.Listed) bool {
	if l.Kind == constituency.Authority {
		return a.Authorities
	}
	return a.Everybody || slices.Contains(a.Designations, string(l.Designation)) || slices.Contains(a.Sectors, l.Sector)
}

func (d *Desk) staff(ctx context.Context) (out []Recipient, err error) {
	for _, role := range identity.Roles() {
		if !role.Staff() {
			continue
		}
		list, _, err := d.Identity.List(ctx, identity.Filter{Role: role, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if p.Kind == identity.PersonAccount && !p.Disabled { // a person's login is a mail address
				out = append(out, Recipient{Address: strings.ToLower(p.Login), Name: p.Name, Language: p.Language,
					to: disclosure.Recipient{Kind: disclosure.Staff, Subject: fmt.Sprintf("person:%d", p.ID), Name: p.Name}})
			}
		}
	}
	return out, nil
}

// Sent is what came of a distribution.
type Sent struct {
	Letters  int `json:"letters"`
	Already  int `json:"already"`  // were sent it before
	Withheld int `json:"withheld"` // may not have it
}

const atOnce = 500 // letters in a transaction

// Distribute sends an approved report to an audience: to each address once, however often it is done and whatever crashed in between. The
// gate judges each letter again when it leaves.
func (d *Desk) Distribute(ctx context.Context, by act.Actor, id int64, a Audience) (sent Sent, err error) {
	if err := may(by, rule); err != nil {
		return sent, err
	}
	one, err := d.One(ctx, id)
	if err != nil {
		return sent, err
	}
	all, err := d.reach(ctx, &one.Sitrep, a)
	if err != nil {
		return sent, err
	}
	var to []Recipient
	for _, r := range all {
		switch {
		case r.Withheld != "":
			sent.Withheld++
		case r.Already:
			sent.Already++
		default:
			to = append(to, r)
		}
	}
	if len(all) == 0 {
		return sent, fault.Problems{{Field: "audience", Message: "nobody is in it who has a mail address: choose whom the report is for"}}
	}
	if one.State != Approved {
		return sent, fault.Conflictf("%s is %s: only what is approved is distributed", one.Number(), one.State)
	}
	for part := range slices.Chunk(to, atOnce) {
		n := 0
		err := d.DB.Act(ctx, act.Act{Actor: by, Verb: "sitrep.distribute", Object: string(one.Object())}, func(tx *db.Tx) error {
			n = 0
			s, err := lock(tx, id)
			if err != nil {
				return err
			}
			if s.State != Approved {
				return fault.Conflictf("%s is %s: only what is approved is distributed", s.Number(), s.State)
			}
			for i := range part {
				fresh, err := d.enqueue(tx, by, &s, &part[i])
				if err != nil {
					return err
				}
				if fresh {
					n++
				}
			}
			tx.Note("", detail(map[string]any{"number": s.Number(), "letters": n, "audience": a}))
			return nil
		})
		if err != nil {
			return sent, err
		}
		sent.Letters += n
		sent.Already += len(part) - n
	}
	return sent, nil
}

func (d *Desk) enqueue(tx *db.Tx, by act.Actor, s *Sitrep, r *Recipient) (fresh bool, err error) {
	r.At, r.By = d.Clock.Now().UnixMicro(), by.Name
	if r.Letter, err = d.Outbox.Enqueue(tx, d.letter(s, r, KindReport)); err != nil {
		return false, err
	}
	return insertRecipient(tx, s.ID, r)
}

// letter is the one to an address; its key is the same whenever it is written.
func (d *Desk) letter(s *Sitrep, r *Recipient, kind string) notify.Letter {
	sum := sha256.Sum256([]byte(r.Address))
	return notify.Letter{Key: fmt.Sprintf("%s:%d:%s", kind, s.ID, hex.EncodeToString(sum[:8])), Kind: kind, Constituent: r.Constituent, Recipient: r.to, To: r.Address,
		Name: clip(r.Name, 100), Language: r.Language, Ticket: s.Ticket(), Object: s.Object(), EncryptionRequired: r.encrypt, Asked: true, Payload: fmt.Sprint(s.ID)}
}

func clip(s string, most int) string {
	if s = strings.Join(strings.Fields(s), " "); len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// recall takes the letters of a report back that did not leave yet.
func (d *Desk) recall(tx *db.Tx, s *Sitrep, reason string) error {
	rs, err := recipients(tx, s.ID, 0, 1_000_000)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(rs, atOnce) {
		var ids []int64
		for _, r := range part {
			ids = append(ids, r.Letter)
		}
		if _, err := d.Outbox.Cancel(tx, reason, ids...); err != nil {
			return err
		}
	}
	return nil
}

// tellWithdrawn tells those whose letter with it, or with an earlier edition, left or may have left that the report is withdrawn.
func (d *Desk) tellWithdrawn(tx *db.Tx, s *Sitrep) error {
	rs, err := holders(tx, s, true)
	if err != nil {
		return err
	}
	for i := range rs {
		if _, err := d.Outbox.Enqueue(tx, d.letter(s, &rs[i], KindWithdrawn)); err != nil {
			return err
		}
	}
	return nil
}

// Compose writes a letter when its turn comes. A report that is not the valid one any more is not sent.
func (d *Desk) Compose(ctx context.Context, l notify.Letter) (notify.Content, error) {
	var none notify.Content
	var id int64
	if err := json.Unmarshal([]byte(l.Payload), &id); err != nil {
		return none, fault.Invalidf("the letter %s names no situation report: %w", l.Key, err)
	}
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return none, err
	}
	var s Sitrep
	var about []notify.About
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if s, err = byID(tx, id); err != nil {
			return err
		}
		about, err = told(tx, l.Kind, &s)
		return err
	})
	if err != nil {
		return none, err
	}
	say := d.words.In(d.frame(p, l.Language), p.Location())
	c := notify.Content{Headers: map[string]string{"Auto-Submitted": "auto-generated"}, Marking: s.Marking(), About: about}
	lines := []string{say.T("letter.greeting", l.Name)}
	if l.Kind == KindWithdrawn {
		c.Subject = fmt.Sprintf("[%s] %s", l.Ticket, say.T("letter.withdrawn-subject", s.Number()))
		key := "letter.withdrawn"
		if s.Edition > 1 {
			key = "letter.withdrawn-all"
		}
		lines = append(lines, say.T(key, s.Number(), p.Team.Name, s.Withdrawal))
	} else {
		if s.State != Approved {
			return none, notify.ErrNothing
		}
		c.Subject = fmt.Sprintf("[%s] %s", l.Ticket, say.T("letter.subject", s.Number()))
		lines = append(lines, say.T("letter.lead", s.Number(), p.Team.Name, s.Label.String()))
		if s.Replaces != 0 {
			lines = append(lines, say.T("letter.replaces"))
		}
		lines = append(lines, strings.TrimSpace(d.document(p, &s, l.Language).Text()))
	}
	lines = append(lines, say.T("letter.answer", l.Ticket), "-- \n"+strings.Join(append([]string{p.Team.Name}, p.Team.Mails...), "\n"))
	c.Text = strings.Join(lines, "\n\n") + "\n"
	return c, nil
}

// told are the cases that a letter names, as they are marked now.
func told(tx *db.Tx, kind string, s *Sitrep) (about []notify.About, err error) {
	var cases []incident.Case
	if kind == KindWithdrawn { // says why, and nothing of the report
		cases, err = casesIn(tx, s.Withdrawal)
	} else {
		cases, err = named(tx, s)
	}
	for i := range cases {
		about = append(about, notify.About{Object: cases[i].Ref(), Mark: cases[i].Marking()})
	}
	return about, err
}

// review tells of letters of one kind what they name when they leave: a case may have been marked otherwise since they were composed.
func (d *Desk) review(tx *db.Tx, ls []*notify.Letter) ([][]notify.About, error) {
	known := map[string][]notify.About{}
	out := make([][]notify.About, len(ls))
	for i, l := range ls {
		about, there := known[l.Payload]
		if !there {
			var id int64
			if err := json.Unmarshal([]byte(l.Payload), &id); err != nil {
				return nil, fmt.Errorf("the letter %s names no situation report: %w", l.Key, err)
			}
			s, err := byID(tx, id)
			if err == nil {
				about, err = told(tx, l.Kind, &s)
			}
			if err != nil {
				return nil, err
			}
			known[l.Payload] = about
		}
		out[i] = about
	}
	return out, nil
}

// frame is the language that a recipient is spoken to in: their own, else the nation's.
func (d *Desk) frame(p *nation.Profile, language string) string {
	if language == "" && len(p.Languages) > 0 {
		language = p.Languages[0]
	}
	return text.Match(d.words.Languages(), language)
}
