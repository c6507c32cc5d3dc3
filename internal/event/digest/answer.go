package digest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// What a recipient can answer.
const (
	Seen    = "seen"
	Fixed   = "fixed"
	NotOurs = "not-ours" // becomes a correction of the registry, when an analyst approves
	Help    = "help"
)

// Replies lists what can be answered.
func Replies() []string { return []string{Seen, Fixed, NotOurs, Help} }

// The states of a claim that something is not theirs.
const (
	ClaimOpen     = "open"
	ClaimApproved = "approved"
	ClaimRefused  = "refused"
)

// Answer is what a recipient said. It is never changed; of a claim only what was decided about it is added.
type Answer struct {
	ID          int64  `json:"id"`
	At          int64  `json:"at"` // UTC microseconds
	Constituent int64  `json:"constituent"`
	Name        string `json:"name"` // of the constituent
	Message     int64  `json:"message"`
	Answer      string `json:"answer"`
	Note        string `json:"note,omitempty"`
	Findings    int64  `json:"findings"`
	Via         string `json:"via"` // link, portal
	By          string `json:"by,omitempty"`
	State       string `json:"state,omitempty"` // of a claim
	DecidedAt   int64  `json:"decided_at,omitempty"`
	DecidedBy   string `json:"decided_by,omitempty"`
	Decision    string `json:"decision,omitempty"`
}

// Reply is what a recipient wants to say.
type Reply struct {
	Answer   string
	Note     string
	Name     string   // of who answers, in their own words
	Findings []string // ids in hexadecimal; none: all that the message tells of
}

const (
	maxAnswerNote = 2000
	maxAnswerName = 100
	maxAnswers    = 200 // to one message
)

func (r *Reply) check() error {
	var m mistakes
	r.Note, r.Name = strings.TrimSpace(r.Note), clip(strings.TrimSpace(r.Name), maxAnswerName)
	if !slices.Contains(Replies(), r.Answer) {
		m.add("answer", "%q is no answer: use %s", r.Answer, strings.Join(Replies(), ", "))
	}
	if len(r.Note) > maxAnswerNote || !utf8.ValidString(r.Note) || strings.ContainsRune(r.Note, 0) {
		m.add("note", "write at most %d bytes of text", maxAnswerNote)
	}
	if r.Answer == Help && r.Note == "" {
		m.add("note", "say what you need help with, and how to reach you")
	}
	return m.err()
}

// Notice is a message as its recipient sees it on a page: no more than the mail said.
type Notice struct {
	Message Message
	Items   []Item
	Answers []Answer // to it, the latest first, at most 50
}

// errLink is said of links that never were, that are over and that were revoked alike.
func errLink() error {
	return fault.NotFoundf("this answer link is not valid: it is wrong, older than %d days, or was revoked", linkDays)
}

// linked finds the message of an answer link.
func (d *Desk) linked(ctx context.Context, secret string) (m Message, err error) {
	token := sha256.Sum256([]byte(secret))
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		m, err = messageByToken(tx, token[:])
		return err
	})
	if fault.KindOf(err) == fault.NotFound || err == nil && (m.RevokedAt != 0 || m.Expires <= d.now().UnixMicro()) {
		return m, errLink()
	}
	return m, err
}

// Link shows the message of an answer link. Looking changes nothing, whatever looks.
func (d *Desk) Link(ctx context.Context, secret string) (none egress.Cleared[*Notice], err error) {
	m, err := d.linked(ctx, secret)
	if err != nil {
		return none, err
	}
	return d.notice(ctx, m, disclosure.OfConstituent(m.Constituent, m.Name), disclosure.Page)
}

// Notice shows a message to somebody who acts for its constituent.
func (d *Desk) Notice(ctx context.Context, by act.Actor, via disclosure.Channel, id int64) (none egress.Cleared[*Notice], err error) {
	m, err := d.mine(ctx, by, id)
	if err != nil {
		return none, err
	}
	return d.notice(ctx, m, disclosure.RecipientOf(by), via)
}

// mine is a message to a constituent that the actor acts for; anybody else's is not there.
func (d *Desk) mine(ctx context.Context, by act.Actor, id int64) (m Message, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		m, err = messageByID(tx, id)
		return err
	})
	if err == nil && !may(by, m.Constituent) {
		return m, fault.NotFoundf("there is no digest %d", id)
	}
	return m, err
}

func (d *Desk) notice(ctx context.Context, m Message, to disclosure.Recipient, via disclosure.Channel) (none egress.Cleared[*Notice], err error) {
	o, err := d.office(ctx)
	if err != nil {
		return none, err
	}
	items, all, err := d.told(ctx, &m)
	if err != nil {
		return none, err
	}
	marked := make([]noticed, 0, len(items))
	at := map[event.ID]*directive{}
	for i := range all {
		at[all[i].finding] = &all[i]
	}
	for _, it := range items {
		marked = append(marked, noticed{it, o.marking(at[it.ID])})
	}
	out := &Notice{Message: m}
	out.Message.secret = ""
	var g *egress.Grant
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if out.Answers, err = answersTo(tx, m.ID, 50); err != nil {
			return err
		}
		c, _, err := disclosure.Clear(ctx, tx, d.Gate, to, via, marked, func(a noticed) Item { return a.item })
		if err == nil {
			out.Items, g, err = c.Open()
		}
		return err
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// noticed is a finding in a message as it goes to the gate.
type noticed struct {
	item    Item
	marking disclosure.Marking
}

// Ref implements disclosure.Item.
func (a noticed) Ref() disclosure.Ref { return disclosure.Ref("finding:" + a.item.Finding) }

// Marking implements disclosure.Item.
func (a noticed) Marking() disclosure.Marking { return a.marking }

// References implements disclosure.Item.
func (a noticed) References() []disclosure.Item { return nil }

// AnswerLink takes an answer by a link, which may come again and from anybody who has the link.
func (d *Desk) AnswerLink(ctx context.Context, secret string, r Reply) error {
	m, err := d.linked(ctx, secret)
	if err != nil {
		return err
	}
	return d.answer(ctx, act.Anybody, "link", m, r)
}

// Answer takes an answer of somebody who acts for the message's constituent.
func (d *Desk) Answer(ctx context.Context, by act.Actor, message int64, r Reply) error {
	m, err := d.mine(ctx, by, message)
	if err != nil {
		return err
	}
	r.Name = by.Name
	return d.answer(ctx, by, "portal", m, r)
}

func (d *Desk) answer(ctx context.Context, by act.Actor, via string, m Message, r Reply) error {
	if err := r.check(); err != nil {
		return err
	}
	_, all, err := d.told(ctx, &m)
	if err != nil {
		return err
	}
	chosen, err := choose(all, r.Findings)
	if err != nil {
		return err
	}
	a := Answer{At: d.now().UnixMicro(), Constituent: m.Constituent, Message: m.ID, Answer: r.Answer, Note: r.Note, Findings: int64(len(chosen)), Via: via, By: r.Name}
	if r.Answer == NotOurs {
		a.State = ClaimOpen
	}
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.answer", Object: fmt.Sprintf("digest:%d", m.ID)}, func(tx *db.Tx) error {
		n, err := countAnswers(tx, m.ID)
		if err != nil {
			return err
		}
		if n >= maxAnswers {
			return fault.Conflictf("this message was answered %d times: write to us instead", n)
		}
		if a.ID, err = insertAnswer(tx, &a); err != nil {
			return err
		}
		for _, x := range chosen {
			if err := saveAnswerItem(tx, &a, x.finding); err != nil {
				return err
			}
		}
		tx.Note("", detail(map[string]any{"answer": a.ID, "says": a.Answer, "findings": a.Findings, "via": via}))
		return d.markAnswered(tx, &m)
	})
}

// markAnswered tells the outbox that the letters of a message were answered.
func (d *Desk) markAnswered(tx *db.Tx, m *Message) error {
	ls, err := d.Outbox.ByTicket(tx, m.Ticket)
	if err != nil {
		return err
	}
	for _, l := range ls {
		if l.Kind == Kind && l.Payload == fmt.Sprint(m.ID) && l.State == notify.Handed {
			if err := d.Outbox.MarkAnswered(tx, l.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// choose finds the directives that an answer is about, among those the message tells of.
func choose(all []directive, ids []string) (out []directive, err error) {
	if len(ids) == 0 {
		return all, nil
	}
	at := map[string]directive{}
	for _, x := range all {
		at[x.finding.String()] = x
	}
	for _, id := range ids {
		x, ok := at[strings.ToLower(id)]
		if !ok {
			return nil, fault.Problems{{Field: "finding", Message: "the message does not tell of that finding"}}
		}
		out = append(out, x)
		delete(at, strings.ToLower(id))
	}
	return out, nil
}

// Telling is how the telling of a finding to a recipient stands.
type Telling struct {
	Constituent int64     `json:"constituent"`
	Name        string    `json:"name"`
	Copy        bool      `json:"copy"` // the finding is somebody else's
	State       State     `json:"state"`
	Presence    Presence  `json:"presence"`
	Rule        string    `json:"rule"` // what decided: "policy:3", "default:high", "suppression:2", "backlog"
	Frequency   Frequency `json:"frequency"`
	Due         int64     `json:"due,omitempty"`
	ToldAt      int64     `json:"told_at,omitempty"`
	Message     int64     `json:"message,omitempty"`
	Answer      string    `json:"answer,omitempty"` // the latest
}

// About says who is told of a finding, and what was answered, the latest answer first.
func (d *Desk) About(ctx context.Context, finding event.ID) (told []Telling, answers []Answer, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all []directive
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if all, err = directivesAbout(tx, finding); err != nil {
			return err
		}
		answers, err = answersAbout(tx, finding, 100)
		return err
	})
	told = make([]Telling, 0, len(all))
	for _, x := range all {
		l, _ := dir.ByID(x.constituent)
		told = append(told, Telling{x.constituent, l.Name, x.owner != x.constituent, x.state, x.presence, x.rule, x.frequency, x.due, x.toldAt, x.message, x.answer})
	}
	return told, answers, err
}

// AnswersAbout lists what was answered about a finding, the latest first, at most 100.
func (d *Desk) AnswersAbout(ctx context.Context, finding event.ID) (out []Answer, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = answersAbout(tx, finding, 100)
		return err
	})
	return out, err
}

// AnswerFilter narrows a list of answers.
type AnswerFilter struct {
	Constituent int64  // 0: any
	State       string // of claims: open, approved, refused; "": any answer
	Before      int64
	Limit       int
}

// Answers lists what was answered, the latest first.
func (d *Desk) Answers(ctx context.Context, f AnswerFilter) (out []Answer, next int64, err error) {
	f.Limit = min(max(f.Limit, 1), 1000)
	if f.State != "" && !slices.Contains([]string{ClaimOpen, ClaimApproved, ClaimRefused}, f.State) {
		return nil, 0, fault.Invalidf("%q is no state of a claim: use open, approved or refused", f.State)
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listAnswers(tx, f, f.Limit+1)
		return err
	})
	if len(out) > f.Limit {
		out = out[:f.Limit]
		next = out[f.Limit-1].ID
	}
	return out, next, err
}

// Claim is a claim that findings are not theirs, with the findings.
type Claim struct {
	Answer
	Items []Item `json:"items" nullable:"false"`
}

// Claim is one claim.
func (d *Desk) Claim(ctx context.Context, id int64) (c Claim, err error) {
	var ids []event.ID
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if c.Answer, err = answerByID(tx, id); err != nil {
			return err
		}
		ids, err = answerItems(tx, id)
		return err
	})
	if err != nil {
		return c, err
	}
	if c.State == "" {
		return c, fault.NotFoundf("answer %d claims nothing", id)
	}
	facts, err := d.Lister.Facts(ctx, ids)
	c.Items = []Item{}
	for _, id := range ids {
		if f, ok := facts[id]; ok {
			c.Items = append(c.Items, Item{ID: id, Finding: id.String(), Where: Endpoint(&f), Type: f.Type, Title: f.Title, Severity: f.Severity, Since: f.FirstDay})
		}
	}
	return c, err
}

// DecideClaim decides a claim. Approved with a constituent, the findings' addresses or names are entered into the registry as that
// one's, as the ruling of a wrong owner does; approved without one, whoever approves has corrected the registry by hand.
func (d *Desk) DecideClaim(ctx context.Context, by act.Actor, id int64, approve bool, constituent, reason string) error {
	reason = strings.TrimSpace(reason)
	var m mistakes
	if m.reason(reason); m.err() != nil {
		return m.err()
	}
	c, err := d.Claim(ctx, id)
	if err != nil {
		return err
	}
	if c.State != ClaimOpen {
		return fault.Conflictf("the claim was decided already: %s", c.State)
	}
	state := ClaimRefused
	if approve {
		state = ClaimApproved
	}
	if approve && constituent != "" {
		var ids []string
		for _, it := range c.Items {
			ids = append(ids, it.Finding)
		}
		if _, err := d.Lister.Rule(ctx, by, event.Choice{IDs: ids}, event.Decision{Verb: event.WrongOwner, Reason: reason, Constituent: constituent}); err != nil {
			return err
		}
		reason = constituent + ": " + reason
	}
	a := act.Act{Actor: by, Verb: "digest.claim-" + state, Object: fmt.Sprintf("digest-answer:%d", id), Detail: detail(map[string]string{"constituent": constituent})}
	return d.DB.Act(ctx, a, func(tx *db.Tx) error {
		ok, err := decideAnswer(tx, id, state, reason, by.Name, d.now().UnixMicro())
		if err == nil && !ok {
			return fault.Conflictf("somebody else decided the claim")
		}
		return err
	})
}
