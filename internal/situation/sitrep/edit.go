package sitrep

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// MaxText is how long each text of a report may be, in bytes.
const MaxText = 20_000

const maxReason = 1000

// may is the second lock behind the rooms' own.
func may(by act.Actor, p act.Permission) error {
	if identity.Allowed(by, p) {
		return nil
	}
	return fault.New(fault.Forbidden, "this asks for the permission %s, which you do not have", p)
}

const (
	write act.Permission = "incident.write"
	rule  act.Permission = "incident.rule"
)

func detail(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// Draft drafts a report of what happened since the last one that was approved: of seven days at most, of one day without one.
func (d *Desk) Draft(ctx context.Context, by act.Actor) (s Sitrep, err error) {
	if err := may(by, write); err != nil {
		return s, err
	}
	s, fresh, err := d.draft(ctx, by)
	if err == nil && !fresh {
		return s, fault.Conflictf("the draft %s is there already: refresh its figures, or approve it first", s.Number())
	}
	return s, err
}

// draft writes a new draft; fresh is false when there is one, which it returns.
func (d *Desk) draft(ctx context.Context, by act.Actor) (s Sitrep, fresh bool, err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return s, false, err
	}
	now := d.Clock.Now()
	local := now.In(p.Location())
	s = Sitrep{Year: local.Year(), Label: tlp.Amber, State: Draft, Version: 1, Drafted: now.UnixMicro(), DraftedBy: by.Name, Body: Body{Languages: d.languages(p)}}
	if err := d.fill(ctx, p, &s, now); err != nil {
		return s, false, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "sitrep.draft"}, func(tx *db.Tx) error {
		s.Serial = 0
		if fresh, err = insert(tx, &s); err != nil {
			return err
		}
		if !fresh {
			found := false
			if s, found, err = open(tx); err == nil && !found {
				err = fault.Conflictf("somebody else drafted a situation report at the same time: try again")
			}
		}
		tx.Note(string(s.Object()), detail(map[string]any{"number": s.Number(), "since": s.Since, "until": s.Until, "there": !fresh}))
		return err
	})
	return s, fresh, err
}

// fill counts the figures of a draft up to now, and writes what they say.
func (d *Desk) fill(ctx context.Context, p *nation.Profile, s *Sitrep, now time.Time) error {
	since := now.Add(-24 * time.Hour)
	var told *FindingFigures
	err := d.DB.View(ctx, func(tx *db.Tx) error {
		last, found, err := latest(tx)
		if found {
			since, told = time.UnixMicro(last.Until), &last.Figures.Findings
			if earliest := now.Add(-longest * 24 * time.Hour); since.Before(earliest) {
				since = earliest
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	s.Since, s.Until = since.UnixMicro(), now.UnixMicro()
	if s.Figures, err = d.count(ctx, p, since, now, told); err != nil {
		return err
	}
	d.redraft(p, &s.Body, s.Label)
	return nil
}

// change changes a draft within an act.
func (d *Desk) change(ctx context.Context, by act.Actor, verb string, needs act.Permission, id, version int64, fn func(tx *db.Tx, s *Sitrep) error) (s Sitrep, err error) {
	if err := may(by, needs); err != nil {
		return s, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("sitrep:%d", id)}, func(tx *db.Tx) error {
		if s, err = lock(tx, id); err != nil {
			return err
		}
		if s.State != Draft {
			return fault.Conflictf("%s is %s and is not changed any more: make a correction of it", s.Number(), s.State)
		}
		if version != 0 && version != s.Version {
			who := s.EditedBy
			if who == "" {
				who = "Tocsin"
			}
			return fault.Conflictf("%s changed %s meanwhile: compare it with what stands there now, and save yours again", who, s.Number())
		}
		if err := fn(tx, &s); err != nil {
			return err
		}
		return update(tx, &s)
	})
	return s, err
}

// Refresh counts the figures of a draft anew, up to now. What people wrote stays, marked where the figures changed under it. The figures of
// a correction are those of what it corrects.
func (d *Desk) Refresh(ctx context.Context, by act.Actor, id, version int64) (s Sitrep, err error) {
	return d.refresh(ctx, by, id, version, d.Clock.Now())
}

func (d *Desk) refresh(ctx context.Context, by act.Actor, id, version int64, now time.Time) (s Sitrep, err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return s, err
	}
	counted := Sitrep{Label: tlp.Amber, Body: Body{Languages: d.languages(p)}}
	if err := d.fill(ctx, p, &counted, now); err != nil {
		return s, err
	}
	return d.change(ctx, by, "sitrep.refresh", write, id, version, func(tx *db.Tx, s *Sitrep) error {
		if s.Replaces != 0 {
			return fault.Conflictf("%s corrects what was approved: it keeps the figures of that time", s.Number())
		}
		s.Since, s.Until, s.Figures = counted.Since, counted.Until, counted.Figures
		d.redraft(p, &s.Body, s.Label)
		tx.Note("", detail(map[string]any{"since": s.Since, "until": s.Until}))
		return nil
	})
}

// Edit is what a person changes of a draft in one language. What is nil stays; a section without text has what the figures say.
type Edit struct {
	Version   int64 // of the draft that was changed
	Language  string
	Label     *tlp.Label
	Judgement *string
	Texts     map[Section]string
}

func (e *Edit) check(s *Sitrep) error {
	var ps fault.Problems
	bad := func(field, format string, args ...any) {
		ps = append(ps, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if !slices.Contains(s.Languages, e.Language) {
		bad("language", "%s is written in %s, not in %q", s.Number(), strings.Join(s.Languages, ", "), e.Language)
	}
	if e.Label != nil && (*e.Label < tlp.Clear || *e.Label > tlp.Red) {
		bad("tlp", "a situation report needs a label of TLP 2.0")
	}
	plain := func(field string, text string) string {
		text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
		switch {
		case len(text) > MaxText:
			bad(field, "is %d bytes long, and %d are the most: say it in fewer words, or put it into the case it is about and name that case here", len(text), MaxText)
		case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }):
			bad(field, "must be plain text")
		}
		return text
	}
	if e.Judgement != nil {
		*e.Judgement = plain("judgement", *e.Judgement)
	}
	for _, x := range Sections() {
		if t, ok := e.Texts[x]; ok {
			e.Texts[x] = plain(string(x), t)
		}
	}
	for x := range e.Texts {
		if !slices.Contains(Sections(), x) {
			bad("sections", "%q is no section", x)
		}
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

// Edit changes a draft. Whoever changed it meanwhile is not overwritten: that is a fault of kind Conflict.
func (d *Desk) Edit(ctx context.Context, by act.Actor, id int64, e Edit) (Sitrep, error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return Sitrep{}, err
	}
	return d.change(ctx, by, "sitrep.edit", write, id, e.Version, func(tx *db.Tx, s *Sitrep) error {
		if err := e.check(s); err != nil {
			return err
		}
		was := maps.Clone(s.Texts[e.Language]) // what the person saw: what they left as it was follows another marking
		if e.Label != nil && *e.Label != s.Label {
			s.Label = *e.Label
			d.redraft(p, &s.Body, s.Label)
		}
		if e.Judgement != nil {
			s.Judgement[e.Language] = *e.Judgement
		}
		var changed []Section
		for _, x := range Sections() {
			text, ok := e.Texts[x]
			w := s.Texts[e.Language][x]
			if !ok || text == strings.TrimSpace(was[x].Text) || text == w.Text {
				continue
			}
			changed = append(changed, x)
			w = Words{Text: text, Drafted: w.Drafted, Edited: true, Basis: w.Drafted}
			if text == "" || text == w.Drafted {
				w = Words{Text: w.Drafted, Drafted: w.Drafted}
			}
			s.Texts[e.Language][x] = w
		}
		s.Edited, s.EditedBy, s.editor = d.Clock.Now().UnixMicro(), by.Name, by.Subject()
		tx.Note("", detail(map[string]any{"language": e.Language, "sections": changed, "judgement": e.Judgement != nil, "tlp": s.Label.String()}))
		return nil
	})
}

var caseNumber = regexp.MustCompile(`\b\d{4}-\d{4,}\b`)

// named are the cases that the texts of a report name.
func named(tx *db.Tx, s *Sitrep) ([]incident.Case, error) {
	texts := []string{s.Reason, s.Withdrawal}
	for _, lang := range s.Languages {
		texts = append(texts, s.Judgement[lang])
		for _, x := range s.Shown() {
			texts = append(texts, s.Texts[lang][x].Text)
		}
	}
	return casesIn(tx, texts...)
}

// casesIn are the cases that texts name.
func casesIn(tx *db.Tx, texts ...string) (out []incident.Case, err error) {
	numbers := caseNumber.FindAllString(strings.Join(texts, "\n"), -1)
	slices.Sort(numbers)
	ids, err := casesNumbered(tx, slices.Compact(numbers))
	for _, id := range ids {
		c, err := incident.ReadCase(tx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, err
}

// narrower refuses a report that is marked wider than a case that it names.
func narrower(s *Sitrep, cases []incident.Case) error {
	for _, c := range cases {
		if l := c.Marking().Effective(); l > s.Label {
			return fault.Conflictf("%s is marked %s and names the case %s, which is %s: take the case out, or mark the report %s", s.Number(), s.Label, c.Number, l, l)
		}
	}
	return nil
}

// Approve approves a draft: from then on nothing of it is changed. Who edited it last does not approve it, unless nobody else may; where the
// nation asks for two people (sitrep.approve), never.
func (d *Desk) Approve(ctx context.Context, by act.Actor, id, version int64) (Sitrep, error) {
	alone, err := d.alone(ctx, by)
	if err != nil {
		return Sitrep{}, err
	}
	return d.change(ctx, by, "sitrep.approve", rule, id, version, func(tx *db.Tx, s *Sitrep) error {
		if s.editor == by.Subject() && !alone {
			return fault.New(fault.Forbidden, "you edited %s last: somebody else approves it", s.Number())
		}
		cases, err := named(tx, s)
		if err != nil {
			return err
		}
		if err := narrower(s, cases); err != nil {
			return err
		}
		s.State, s.Approved, s.ApprovedBy = Approved, d.Clock.Now().UnixMicro(), by.Name
		record, err := s.Record()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(record)
		s.SHA256 = hex.EncodeToString(sum[:])
		tx.Note("", detail(map[string]any{"number": s.Number(), "sha256": s.SHA256, "tlp": s.Label.String()}))
		if s.Replaces == 0 {
			return nil
		}
		old, err := lock(tx, s.Replaces)
		if err != nil {
			return err
		}
		if old.State == Withdrawn {
			return nil
		}
		old.State = Replaced
		if err := d.recall(tx, &old, "replaced by "+s.Number()); err != nil {
			return err
		}
		return update(tx, &old)
	})
}

// alone tells whether nobody else could approve what somebody edited.
func (d *Desk) alone(ctx context.Context, by act.Actor) (bool, error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil || p.NeedsTwo("sitrep.approve") {
		return false, err
	}
	for _, role := range identity.Roles() {
		if !slices.Contains(role.Permissions(), rule) {
			continue
		}
		list, _, err := d.Identity.List(ctx, identity.Filter{Role: role, Limit: 1000})
		if err != nil {
			return false, err
		}
		for _, a := range list {
			if a.Kind == identity.PersonAccount && !a.Disabled && (by.Rights == nil || a.ID != by.Rights.Account) {
				return false, nil
			}
		}
	}
	return true, nil
}

// Correct begins a correction of what was approved: a draft of the next edition, with its texts. Its reason is a word of who begins it, so
// that somebody else approves it.
func (d *Desk) Correct(ctx context.Context, by act.Actor, id int64, reason string) (s Sitrep, err error) {
	if err := may(by, write); err != nil {
		return s, err
	}
	if reason, err = why(reason); err != nil {
		return s, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "sitrep.correct"}, func(tx *db.Tx) error {
		old, err := lock(tx, id)
		if err != nil {
			return err
		}
		last, approved, err := lastEditions(tx, old.Year, old.Serial)
		if err != nil {
			return err
		}
		if old.Approved == 0 || old.State == Replaced || old.Edition < int(approved) {
			return fault.Conflictf("%s is %s: only what was approved, and the latest edition of it, is corrected", old.Number(), old.State)
		}
		s = Sitrep{Body: old.Body, Year: old.Year, Serial: old.Serial, Edition: int(last) + 1, Replaces: old.ID, Since: old.Since, Until: old.Until, Label: old.Label,
			State: Draft, Version: 1, Drafted: d.Clock.Now().UnixMicro(), DraftedBy: by.Name, Edited: d.Clock.Now().UnixMicro(), EditedBy: by.Name, editor: by.Subject(), Reason: reason}
		fresh, err := insert(tx, &s)
		if err == nil && !fresh {
			err = fault.Conflictf("a correction of %s is a draft already", old.Number())
		}
		tx.Note(string(s.Object()), detail(map[string]any{"number": s.Number(), "replaces": old.Number(), "reason": reason}))
		return err
	})
	return s, err
}

func why(reason string) (string, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
		return "", fault.Problems{{Field: "reason", Message: fmt.Sprintf("say why, in at most %d bytes", maxReason)}}
	}
	return reason, nil
}

// Withdraw takes back what was approved: its letters that wait are not sent any more, and those who were sent it are told. A draft is given
// up; its number stays its own.
func (d *Desk) Withdraw(ctx context.Context, by act.Actor, id int64, reason string) (s Sitrep, err error) {
	if err := may(by, rule); err != nil {
		return s, err
	}
	if reason, err = why(reason); err != nil {
		return s, err
	}
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "sitrep.withdraw", Object: fmt.Sprintf("sitrep:%d", id)}, func(tx *db.Tx) error {
		if s, err = lock(tx, id); err != nil {
			return err
		}
		if s.State != Approved && s.State != Draft {
			return fault.Conflictf("%s is %s already", s.Number(), s.State)
		}
		cases, err := casesIn(tx, reason) // what the report itself names keeps nobody from taking it back
		if err == nil {
			err = narrower(&s, cases)
		}
		if err != nil {
			return err
		}
		s.State, s.Withdrawn, s.WithdrawnBy, s.Withdrawal = Withdrawn, d.Clock.Now().UnixMicro(), by.Name, reason
		tx.Note("", detail(map[string]any{"number": s.Number(), "reason": reason}))
		if err := d.recall(tx, &s, "withdrawn: "+reason); err != nil {
			return err
		}
		if s.Approved != 0 {
			if err := d.tellWithdrawn(tx, &s); err != nil {
				return err
			}
		}
		return update(tx, &s)
	})
	return s, err
}
