package yearly

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/text"
)

// Kind is that of the letters that remind of a return.
const Kind = "yearly"

// The reminders, in their order.
const (
	Open = "open" // the window begins
	Soon = "soon" // a fortnight before it ends
	Over = "late" // it ended
)

const (
	fortnight = 14 * 24 * time.Hour
	lateFor   = 60 * 24 * time.Hour // after that nobody is reminded for the first time
)

// Reminder is that a constituent was reminded.
type Reminder struct {
	Kind    string `json:"kind"`
	At      int64  `json:"at"`
	Letters int64  `json:"letters"`
}

// Register makes the desk part of a world's jobs.
func (d *Desk) Register(q *job.Queue) {
	q.Periodic("yearly.remind", time.Hour, func(ctx context.Context, _ job.Job) error {
		_, err := d.Remind(ctx)
		return err
	})
}

// due is which reminder of a year is due at a moment, "" for none.
func due(p *nation.Profile, year int, now time.Time) string {
	if !p.Yearly.Asked(year) {
		return ""
	}
	from, until := p.Yearly.Window(year, p.Location())
	switch {
	case now.Before(from) || !now.Before(until.Add(lateFor)):
		return ""
	case !now.Before(until):
		return Over
	case !now.Before(until.Add(-fortnight)):
		return Soon
	}
	return Open
}

// Remind reminds everybody who is asked, has not returned, and was not reminded yet of what is due now. Who has no contact with a mail
// address is reminded as soon as there is one. It tells how many were reminded.
func (d *Desk) Remind(ctx context.Context) (n int, err error) {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return 0, err
	}
	now := d.Clock.Now()
	for _, year := range []int{Latest(p, now) - 1, Latest(p, now)} { // a window may reach into the year after the next
		kind := due(p, year, now)
		if kind == "" {
			continue
		}
		s, err := d.Stand(ctx, year)
		if err != nil {
			return n, err
		}
		for i := range s.All {
			x := &s.All[i]
			if !x.Asked || x.State == Submitted || reminded(x.Reminders, kind) {
				continue
			}
			sent, err := d.remind(ctx, p, x, kind)
			if err != nil {
				return n, fmt.Errorf("remind constituent %d: %w", x.Constituent, err)
			}
			if sent {
				n++
			}
		}
	}
	return n, nil
}

func reminded(rs []Reminder, kind string) bool {
	for _, r := range rs {
		if r.Kind == kind {
			return true
		}
	}
	return false
}

func (d *Desk) remind(ctx context.Context, p *nation.Profile, x *Standing, kind string) (sent bool, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return false, err
	}
	l, _ := dir.ByID(x.Constituent)
	now := d.Clock.Now()
	var to []constituency.Contact
	if err := d.DB.View(ctx, func(tx *db.Tx) error {
		contacts, err := constituency.Reach(tx, l.ID, constituency.DayOf(now))
		to = constituency.Desks(contacts)
		return err
	}); err != nil || len(to) == 0 {
		return false, err
	}
	detail, err := json.Marshal(map[string]any{"year": x.Year, "reminder": kind, "letters": len(to)})
	if err != nil {
		return false, err
	}
	a := act.Act{Actor: act.Machine, Verb: "yearly.remind", Object: fmt.Sprintf("constituent:%d", l.ID), Detail: string(detail)}
	return true, d.DB.Act(ctx, a, func(tx *db.Tx) error {
		fresh, err := insertReminder(tx, x.Year, l.ID, Reminder{kind, now.UnixMicro(), int64(len(to))})
		if err != nil || !fresh {
			return err
		}
		for _, c := range to {
			if _, err := d.Outbox.Enqueue(tx, letter(p, l, c, x.Year, kind)); err != nil {
				return err
			}
		}
		return nil
	})
}

func letter(p *nation.Profile, l constituency.Listed, c constituency.Contact, year int, kind string) notify.Letter {
	h := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(c.Mail))))
	language := ""
	for _, lang := range append([]string{c.Language, l.Language}, p.Languages...) {
		if language = lang; language != "" {
			break
		}
	}
	return notify.Letter{Key: fmt.Sprintf("yearly:%d:%d:%s:%s", year, l.ID, kind, hex.EncodeToString(h[:8])), Kind: Kind, Constituent: l.ID,
		Recipient: disclosure.OfContact(l, c), To: c.Mail, Name: oneLine(c.Name, 100), Language: language, Object: disclosure.Ref(fmt.Sprintf("yearly:%d-%d", year, l.ID)),
		Ticket: fmt.Sprintf("YEAR-%d-%d", year, l.ID), Payload: fmt.Sprintf("%d %d %s", year, l.ID, kind)}
}

// oneLine is a name as a header may have it.
func oneLine(s string, most int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	return string(r[:min(len(r), most)])
}

// Compose writes reminders when their turn comes. Who returned meanwhile is not reminded.
func (d *Desk) Compose(ctx context.Context, letters []notify.Letter) []notify.Composed {
	out := make([]notify.Composed, len(letters))
	for i, l := range letters {
		out[i].Content, out[i].Err = d.compose(ctx, l)
	}
	return out
}

func (d *Desk) compose(ctx context.Context, l notify.Letter) (notify.Content, error) {
	var none notify.Content
	var year int
	var id int64
	var kind string
	if n, err := fmt.Sscanf(l.Payload, "%d %d %s", &year, &id, &kind); n != 3 {
		return none, fault.Invalidf("the letter %s names no year: %w", l.Key, err)
	}
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return none, err
	}
	r, err := d.One(ctx, act.Machine, year, id)
	if err != nil {
		return none, err
	}
	if r.State == Submitted || !p.Yearly.Asked(year) {
		return none, notify.ErrNothing
	}
	say := d.words.In(text.Match(d.words.Languages(), l.Language), p.Location())
	_, until := p.Yearly.Window(year, p.Location())
	local := until.Add(-time.Second).In(p.Location())
	last := say.Day(int64(constituency.DayOf(time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC))))
	number := fmt.Sprint(year) // not grouped as a quantity is
	lines := []string{say.T("dear", r.Name), say.T("body."+kind, p.Team.Name, number, last)}
	if r.State == Draft {
		lines = append(lines, say.T("draft"))
	}
	lines = append(lines, say.T("what"))
	if d.URL != "" {
		lines = append(lines, say.T("where", fmt.Sprintf("%s/portal/yearly/%d/%d", d.URL, year, id)))
	} else {
		lines = append(lines, say.T("where-portal"))
	}
	lines = append(lines, say.T("answer", l.Ticket), "-- \n"+p.Team.Name+strings.Join(append([]string{""}, p.Team.Mails...), "\n"))
	return notify.Content{Subject: fmt.Sprintf("[%s] %s", l.Ticket, say.T("subject."+kind, number)), Text: strings.Join(lines, "\n\n") + "\n",
		Headers: map[string]string{"Auto-Submitted": "auto-generated"}, Marking: disclosure.Marking{Label: tlp.Amber, Owners: []int64{id}}}, nil
}
