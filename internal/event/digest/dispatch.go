package digest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

// Kind is the kind of letters that digests are sent as.
const Kind = "digest"

const (
	every      = time.Minute
	repeatDays = 6 // who is told nothing new for so long is reminded of what is open, at the beginning of their week
	again      = 24 * time.Hour
	sealOwner  = "digest-answer"
)

// Register makes the desk part of a world's jobs, and of its outbox.
func (d *Desk) Register(q *job.Queue) {
	q.Periodic("digest.tell", every, func(ctx context.Context, _ job.Job) error {
		if _, err := d.Collect(ctx); err != nil {
			return err
		}
		_, err := d.Dispatch(ctx)
		return err
	})
	q.Periodic("digest.remind", time.Hour, func(ctx context.Context, _ job.Job) error {
		_, err := d.Remind(ctx)
		return err
	})
}

// Dispatch decides about everything that is due: for each constituent one message, which commits with its letters or not at all. It
// tells how many messages were made.
func (d *Desk) Dispatch(ctx context.Context) (made int, err error) {
	o, err := d.office(ctx)
	if err != nil {
		return 0, err
	}
	now := d.now().UnixMicro()
	for after := int64(0); ; {
		var ids []int64
		err := d.DB.View(ctx, func(tx *db.Tx) error {
			ids, err = dueConstituents(tx, now, after, 1000)
			return err
		})
		if err != nil || len(ids) == 0 {
			return made, err
		}
		for _, id := range ids {
			after = id
			ok, err := d.dispatch(ctx, o, id, now, false)
			if err != nil {
				return made, fmt.Errorf("tell constituent %d: %w", id, err)
			}
			if ok {
				made++
			}
		}
	}
}

// Remind tells those of what is still open who were told nothing for a week.
func (d *Desk) Remind(ctx context.Context) (made int, err error) {
	o, err := d.office(ctx)
	if err != nil {
		return 0, err
	}
	now := d.now()
	var ids []int64
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		ids, err = restless(tx, now.AddDate(0, 0, -repeatDays).UnixMicro())
		return err
	})
	for _, id := range ids {
		ok, err := d.dispatch(ctx, o, id, now.UnixMicro(), true)
		if err != nil {
			return made, fmt.Errorf("remind constituent %d: %w", id, err)
		}
		if ok {
			made++
		}
	}
	return made, err
}

// dispatch tells one constituent what is due, or reminds it.
func (d *Desk) dispatch(ctx context.Context, o *office, id, now int64, remind bool) (made bool, err error) {
	l, ok := o.dir.ByID(id)
	if !ok {
		return false, d.DB.Upkeep(ctx, func(tx *db.Tx) error { return postpone(tx, id, now, 0, 0) })
	}
	set, err := d.Setting(ctx, id)
	if err != nil {
		return false, err
	}
	a := act.Act{Actor: act.Machine, Verb: "digest.tell", Object: fmt.Sprintf("constituent:%d", id)}
	err = d.DB.Act(ctx, a, func(tx *db.Tx) error {
		made = false
		if err := lockConstituent(tx, id); err != nil {
			return err
		}
		news, err := directivesOf(tx, id, now, maxEntries)
		if err != nil || len(news) == 0 && !remind {
			return err
		}
		before, err := latest(tx, id)
		if err != nil {
			return err
		}
		if len(news) == 0 {
			last, err := lastTold(tx, id)
			if err != nil || !set.sends() || !remindDue(set.week(o.profile), last, now) {
				return err
			}
		}
		contacts, err := constituency.Reach(tx, id, constituency.Day(d.today()))
		if err != nil {
			return err
		}
		to, err := targetsOf(tx, &set, contacts)
		if err != nil {
			return err
		}
		if to.none() { // it waits until somebody can be told
			return postpone(tx, id, now, now+again.Microseconds(), set.week(o.profile).due(Daily, d.now()).UnixMicro())
		}
		made, err = d.decide(ctx, tx, o, l, set, before, news, to)
		return err
	})
	return made, err
}

func remindDue(w week, last, now int64) bool {
	return !w.due(Weekly, time.UnixMicro(last).AddDate(0, 0, repeatDays)).After(time.UnixMicro(now))
}

// decide writes a message and its letters.
func (d *Desk) decide(ctx context.Context, tx *db.Tx, o *office, l constituency.Listed, set Setting, before Message, news []directive,
	to targets) (bool, error) {
	still, err := stillOpen(tx, l.ID, d.now().UnixMicro(), maxEntries)
	if err != nil {
		return false, err
	}
	all, kept, to, err := d.reachAll(ctx, o, l, append(news, still...), to)
	if err != nil {
		return false, err
	}
	news, still = split(all)
	withheld, _ := split(kept)
	for i := range withheld {
		if err := markWithheld(tx, &withheld[i]); err != nil {
			return false, err
		}
	}
	if len(news)+len(still) == 0 || len(news) == 0 && len(withheld) > 0 {
		return false, nil
	}
	m := d.draft(o, l, set, before, news, int64(len(still)))
	m.Letters = int64(len(to.contacts) + len(to.hooks))
	secret := make([]byte, 24)
	rand.Read(secret)
	text := base64.RawURLEncoding.EncodeToString(secret)
	m.secret = d.Seal.Lock(text, sealOwner)
	token := sha256.Sum256([]byte(text))
	if err := insertMessage(tx, &m, token[:]); err != nil {
		return false, err
	}
	for i := range news {
		if err := insertItem(tx, m.ID, news[i].finding, news[i].pending); err != nil {
			return false, err
		}
		if err := markTold(tx, &news[i], &m); err != nil {
			return false, err
		}
	}
	for _, letter := range d.lettersTo(o, l, &m, to) {
		if _, err := d.Outbox.Enqueue(tx, letter); err != nil {
			return false, err
		}
	}
	tx.Note("", detail(map[string]any{"digest": m.ID, "fresh": m.Fresh, "still": m.Still, "gone": m.Gone, "letters": m.Letters, "withheld": len(withheld)}))
	return true, nil
}

// letterKey is the same for the same message to the same address.
func letterKey(message int64, mail string) string {
	h := sha256.Sum256([]byte(address(mail)))
	return fmt.Sprintf("digest:%d:%s", message, hex.EncodeToString(h[:8]))
}

func (d *Desk) letter(o *office, l constituency.Listed, m *Message, c constituency.Contact) notify.Letter {
	to := disclosure.OfContact(l, c)
	return notify.Letter{Key: letterKey(m.ID, c.Mail), Kind: Kind, Constituent: l.ID, Recipient: to, To: c.Mail, Name: clip(c.Name, 100),
		Language: o.language(c.Language, l.Language), Ticket: m.Ticket, Object: disclosure.Ref(fmt.Sprintf("digest:%d", m.ID)), Payload: strconv.FormatInt(m.ID, 10)}
}

// count makes the numbers of a message those of what it tells.
func (m *Message) count(list []entry) {
	m.Fresh, m.Still, m.Gone = 0, 0, 0
	for _, e := range list {
		switch e.what {
		case TellStill:
			m.Still++
		case TellGone:
			m.Gone++
		default:
			m.Fresh++
		}
	}
}

// Messages lists digests, the latest first, before the one with a number (0: from the latest), of constituents (nil: of all).
func (d *Desk) Messages(ctx context.Context, constituents []int64, before int64, limit int) (out []Message, next int64, err error) {
	limit = min(max(limit, 1), 1000)
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listMessages(tx, constituents, before, limit+1)
		return err
	})
	if len(out) > limit {
		out = out[:limit]
		next = out[limit-1].ID
	}
	return out, next, err
}

// Item is a finding that a message tells of.
type Item struct {
	ID       event.ID       `json:"-"`
	Finding  string         `json:"finding"` // its id in hexadecimal
	What     string         `json:"what"`    // new, again, still, gone
	Where    string         `json:"where"`
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Severity event.Severity `json:"severity"`
	Since    event.Day      `json:"since"`
	Answer   string         `json:"answer,omitempty"` // the latest
}

// One is a message with what it tells of, at most 20,000 findings, what is news first.
func (d *Desk) One(ctx context.Context, id int64) (m Message, items []Item, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		m, err = messageByID(tx, id)
		return err
	})
	if err != nil {
		return m, nil, err
	}
	items, _, err = d.told(ctx, &m)
	return m, items, err
}

// told is what a message tells of, and the directives behind it.
func (d *Desk) told(ctx context.Context, m *Message) (items []Item, all []directive, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		news, err := newsOf(tx, map[int64]Message{m.ID: *m})
		if all = news[m.ID]; err != nil || m.urgent() {
			return err
		}
		still, err := stillOpen(tx, m.Constituent, m.At, maxEntries)
		all = append(all, still...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	list, err := d.entries(ctx, all)
	if err != nil {
		return nil, nil, err
	}
	answers := map[event.ID]string{}
	for _, x := range all {
		answers[x.finding] = x.answer
	}
	items = make([]Item, 0, len(list))
	for i := range list {
		e := &list[i]
		items = append(items, Item{e.ID, e.ID.String(), e.what, Endpoint(&e.Finding), e.Type, e.Title, e.Severity, e.since, answers[e.ID]})
	}
	return items, all, nil
}

// Revoke makes the answer link of a message worthless.
func (d *Desk) Revoke(ctx context.Context, by act.Actor, id int64) error {
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.revoke", Object: fmt.Sprintf("digest:%d", id)}, func(tx *db.Tx) error {
		if _, err := messageByID(tx, id); err != nil {
			return err
		}
		ok, err := revoke(tx, id, d.now().UnixMicro(), by.Name)
		if err == nil && !ok {
			return fault.Conflictf("the answer link of digest %d was revoked already", id)
		}
		return err
	})
}
