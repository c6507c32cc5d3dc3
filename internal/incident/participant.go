package incident

import (
	"context"
	"fmt"
	"io"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// The entries about participants, and by them.
const (
	KindParticipant  = "participant"
	KindContribution = "contribution"
)

// Account is somebody with an account.
type Account struct {
	ID      int64
	Name    string
	Outside bool // not of the CERT's staff
}

// Participant is somebody from outside who takes part in one case until a day: they see what of it is shared, and add to it.
type Participant struct {
	Account int64
	Name    string
	Until   int64 // UTC microseconds
	Note    string
	At      int64
	By      string
	Ended   int64 // 0: not before its time
	EndedBy string
}

// Live tells whether they take part at a time.
func (p Participant) Live(now int64) bool { return p.Ended == 0 && now < p.Until }

const maxParticipants = 100 // of a case

// longestPart is how long somebody may take part without being invited again.
const longestPart = 366 * 24 * time.Hour

// Invite lets somebody with an account take part in a case until a time. Inviting again sets another one.
func (d *Desk) Invite(ctx context.Context, by act.Actor, id int64, login string, until int64, note string) (p Participant, err error) {
	var m mistakes
	m.text("note", &note, 2000, false)
	if now := d.Clock.Now(); until <= now.UnixMicro() || until > now.Add(longestPart).UnixMicro() {
		m.add("until", "must be a day from today on, within a year")
	}
	a, err := d.Account(ctx, login)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		m.add("login", "nobody has the account %q: invite them to Tocsin first", login)
	case err != nil:
		return p, err
	case !a.Outside:
		m.add("login", "%s is of the staff, and sees every case", a.Name)
	}
	if err := m.err(); err != nil {
		return p, err
	}
	p = Participant{Account: a.ID, Name: a.Name, Until: until, Note: note, At: d.now(), By: by.Name}
	return p, d.tasks(ctx, by, "case.invite", id, func(tx *db.Tx) error {
		all, err := participantsOf(tx, id)
		if err != nil {
			return err
		}
		if len(all) >= maxParticipants {
			return fault.Conflictf("%d people took part in the case already", len(all))
		}
		if err := saveParticipant(tx, id, &p); err != nil {
			return err
		}
		return d.onParticipant(tx, by, id, &p, false)
	})
}

// Part ends somebody's part in a case at once.
func (d *Desk) Part(ctx context.Context, by act.Actor, id, account int64) error {
	return d.tasks(ctx, by, "case.part", id, func(tx *db.Tx) error {
		p, err := participantOf(tx, id, account)
		if err != nil {
			return err
		}
		if p.Ended != 0 {
			return nil
		}
		p.Ended, p.EndedBy = d.now(), by.Name
		if err := saveParticipant(tx, id, &p); err != nil {
			return err
		}
		return d.onParticipant(tx, by, id, &p, true)
	})
}

func (d *Desk) onParticipant(tx *db.Tx, by act.Actor, id int64, p *Participant, out bool) error {
	said := detail(map[string]any{"account": p.Account, "name": p.Name, "until": p.Until, "out": out})
	tx.Note("", said)
	return d.enter(tx, by, &Entry{Case: id, Kind: KindParticipant, Text: p.Note, Detail: said})
}

// Participants lists who takes or took part in a case, at most 100.
func (d *Desk) Participants(ctx context.Context, id int64) (out []Participant, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = participantsOf(tx, id)
		return err
	})
	return out, err
}

// ShareFile shares a file of a case with its participants, or no longer.
func (d *Desk) ShareFile(ctx context.Context, by act.Actor, id, file int64, share bool) error {
	return d.tasks(ctx, by, "case.share", id, func(tx *db.Tx) error {
		f, err := fileByID(tx, file)
		if err != nil {
			return err
		}
		if f.Case != id {
			return fault.NotFoundf("the case has no file %d", file)
		}
		tx.Note("", detail(map[string]any{"file": file, "name": f.Name, "share": share}))
		if share {
			return shareFile(tx, id, file)
		}
		return unshareFile(tx, id, file)
	})
}

// SharedFiles tells which files of a case are shared with its participants.
func (d *Desk) SharedFiles(ctx context.Context, id int64) (out map[int64]bool, err error) {
	out = map[int64]bool{}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		fs, err := sharedFiles(tx, id)
		for _, f := range fs {
			out[f.ID] = true
		}
		return err
	})
	return out, err
}

// Share is a case as its participants see it: what is shared, and nothing else.
type Share struct {
	ID      int64
	Number  string
	Title   string
	State   CaseState
	Label   tlp.Label
	PAP     disclosure.PAP
	Until   int64   // how long the reader takes part
	Entries []Entry // the latest first, at most 200
	Files   []File
}

// part is one thing of a case that is shared. It leaves to the person who was invited, whatever the label but as RED asks: the invitation
// names them.
type part struct {
	ref   disclosure.Ref
	mark  disclosure.Marking
	head  *Share
	entry *Entry
	file  *File
}

func (p part) Ref() disclosure.Ref           { return p.ref }
func (p part) Marking() disclosure.Marking   { return p.mark }
func (p part) References() []disclosure.Item { return nil }
func marked(c *Case, to string) disclosure.Marking {
	m := c.Marking()
	m.Owners, m.Named, m.Persons = nil, []string{to}, []string{to}
	return m
}

// SharedCases lists the cases that somebody takes part in, the latest first, at most 100.
func (d *Desk) SharedCases(ctx context.Context, by act.Actor, via disclosure.Channel) (none egress.Cleared[[]Share], err error) {
	var out []Share
	var g *egress.Grant
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out = nil
		of, err := casesOfParticipant(tx, account(by), d.now())
		if err != nil {
			return err
		}
		to := disclosure.RecipientOf(by)
		var parts []part
		for id, until := range of {
			c, err := caseByID(tx, id)
			if err != nil {
				return err
			}
			parts = append(parts, part{ref: c.Ref(), mark: marked(&c, to.Subject), head: headOf(&c, until)})
		}
		passed, grant, err := d.clear(ctx, tx, to, via, parts)
		for _, p := range passed {
			out = append(out, *p.head)
		}
		g = grant
		return err
	})
	if err != nil {
		return none, err
	}
	sortShares(out)
	return disclosure.Whole(out, g)
}

func headOf(c *Case, until int64) *Share {
	return &Share{ID: c.ID, Number: c.Number, Title: c.Title, State: c.State, Label: c.Label, PAP: c.PAP, Until: until}
}

func account(by act.Actor) int64 {
	if by.Rights == nil {
		return 0
	}
	return by.Rights.Account
}

func (d *Desk) clear(ctx context.Context, tx *db.Tx, to disclosure.Recipient, via disclosure.Channel, parts []part) ([]part, *egress.Grant, error) {
	c, _, err := disclosure.Clear(ctx, tx, d.Gate, to, via, parts, func(p part) part { return p })
	if err != nil {
		return nil, nil, err
	}
	return c.Open()
}

// takesPart finds the part that somebody has in a case; a case in which they have none is not there.
func (d *Desk) takesPart(tx *db.Tx, by act.Actor, id int64) (Participant, Case, error) {
	p, err := participantOf(tx, id, account(by))
	if err != nil || account(by) == 0 || !p.Live(d.now()) {
		if err == nil || fault.KindOf(err) == fault.NotFound {
			err = noCase(id)
		}
		return p, Case{}, err
	}
	c, err := caseByID(tx, id)
	if err == nil && c.State == Joined { // whose other case is none of theirs
		err = noCase(id)
	}
	return p, c, err
}

// SharedCase shows what of a case is shared to somebody who takes part in it.
func (d *Desk) SharedCase(ctx context.Context, by act.Actor, via disclosure.Channel, id int64) (none egress.Cleared[*Share], err error) {
	var out *Share
	var g *egress.Grant
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		p, c, err := d.takesPart(tx, by, id)
		if err != nil {
			return err
		}
		to := disclosure.RecipientOf(by)
		mark := marked(&c, to.Subject)
		parts := []part{{ref: c.Ref(), mark: mark, head: headOf(&c, p.Until)}}
		entries, err := sharedEntries(tx, id, 200)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Kind != KindState {
				e.Detail = ""
			}
			parts = append(parts, part{ref: disclosure.Ref(fmt.Sprintf("entry:%d", e.ID)), mark: mark, entry: &e})
		}
		files, err := sharedFiles(tx, id)
		if err != nil {
			return err
		}
		for _, f := range files {
			f.Note, f.Report = "", 0
			parts = append(parts, part{ref: disclosure.Ref(fmt.Sprintf("evidence:%d", f.ID)), mark: mark, file: &f})
		}
		passed, grant, err := d.clear(ctx, tx, to, via, parts)
		if err != nil {
			return err
		}
		out, g = nil, grant
		for _, x := range passed {
			switch {
			case x.head != nil:
				out = x.head
			case out == nil: // the case itself may not leave
			case x.entry != nil:
				out.Entries = append(out.Entries, *x.entry)
			case x.file != nil:
				out.Files = append(out.Files, *x.file)
			}
		}
		if out == nil {
			return noCase(id)
		}
		return nil
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// Contribute writes down what a participant has to say.
func (d *Desk) Contribute(ctx context.Context, by act.Actor, id int64, text string) error {
	var m mistakes
	m.text("text", &text, maxText, true)
	if err := m.err(); err != nil {
		return err
	}
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "case.contribute", Object: fmt.Sprintf("case:%d", id)}, func(tx *db.Tx) error {
		if _, err := lockCase(tx, id); err != nil {
			return err
		}
		if _, _, err := d.takesPart(tx, by, id); err != nil {
			return err
		}
		return d.enter(tx, by, &Entry{Case: id, Kind: KindContribution, Text: text, Shared: true})
	})
}

// TakesPart is a fault of kind NotFound when somebody takes no part in a case.
func (d *Desk) TakesPart(ctx context.Context, by act.Actor, id int64) error {
	return d.DB.View(ctx, func(tx *db.Tx) error {
		_, _, err := d.takesPart(tx, by, id)
		return err
	})
}

// Bring keeps a file of a participant, which is shared with all participants.
func (d *Desk) Bring(ctx context.Context, by act.Actor, id int64, f File, r io.Reader) (File, error) {
	if err := d.TakesPart(ctx, by, id); err != nil {
		return f, err
	}
	return d.Keep(ctx, by, File{Case: id, Name: f.Name, Type: f.Type, shared: true}, r)
}

// SharedFile clears a shared file for a participant, who then takes it.
func (d *Desk) SharedFile(ctx context.Context, by act.Actor, id, file int64) (none egress.Cleared[File], err error) {
	var f File
	var g *egress.Grant
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		_, c, err := d.takesPart(tx, by, id)
		if err != nil {
			return err
		}
		files, err := sharedFiles(tx, id)
		if err != nil {
			return err
		}
		for _, x := range files {
			if x.ID != file {
				continue
			}
			to := disclosure.RecipientOf(by)
			passed, grant, err := d.clear(ctx, tx, to, disclosure.Export, []part{{ref: disclosure.Ref(fmt.Sprintf("evidence:%d", file)), mark: marked(&c, to.Subject), file: &x}})
			if err == nil && len(passed) == 0 {
				err = fault.New(fault.Forbidden, "the file may not leave as a download: ask the CERT")
			}
			f, g = x, grant
			return err
		}
		return fault.NotFoundf("there is no file %d", file)
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(f, g)
}
