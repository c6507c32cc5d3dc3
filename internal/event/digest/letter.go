package digest

import (
	"context"
	"slices"
	"strconv"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// maxTogether is how many rows the letters have that are composed together, unless the first alone has more: it bounds the memory.
const maxTogether = 20_000

// composing is a letter whose turn has come: its message, and what that tells of as it stands now.
type composing struct {
	*notify.Letter
	m           Message
	all         []directive
	first, last int64           // messages of the ticket before this one
	w           *writing        // of mail
	call        *notify.Content // of a webhook
	err         error
}

// Compose writes the contents of letters when their turn comes, of as many as it likes to at once and at least of the first. What
// became somebody else's meanwhile is left out; when nothing is left, the letter is not sent.
func (d *Desk) Compose(ctx context.Context, letters []notify.Letter) []notify.Composed {
	out, err := d.composeAll(ctx, letters)
	switch {
	case err == nil:
		return out
	case len(letters) == 1:
		return []notify.Composed{{Err: err}}
	}
	return d.Compose(ctx, letters[:(len(letters)+1)/2]) // one may be at fault for all
}

func (d *Desk) composeAll(ctx context.Context, letters []notify.Letter) ([]notify.Composed, error) {
	o, err := d.office(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*composing, len(letters))
	for i := range letters {
		all[i] = &composing{Letter: &letters[i]}
	}
	if err := d.DB.View(context.WithoutCancel(ctx), func(tx *db.Tx) error { // short, and dearer with a context that can end
		return readMessages(tx, all)
	}); err != nil {
		return nil, err
	}
	told := make([][]directive, len(all))
	for i, c := range all {
		if c.err == nil {
			c.err = d.deliver(ctx, o, c)
		}
		if c.err == nil {
			told[i] = c.all
		}
	}
	facts, err := d.facts(context.WithoutCancel(ctx), told...)
	if err != nil {
		return nil, err
	}
	var rows []*wanted
	found := 0
	for i, c := range all {
		if c.err != nil {
			continue
		}
		if found > maxTogether {
			all = all[:i]
			break
		}
		if err := d.beginLetter(ctx, o, c, facts); err != nil {
			return nil, err
		}
		if c.w != nil {
			found += c.w.found
			rows = append(rows, &c.w.wanted)
		}
	}
	if err := d.read(ctx, rows); err != nil {
		return nil, err
	}
	out := make([]notify.Composed, len(all))
	for i, c := range all {
		if out[i].Err = c.err; c.err == nil {
			out[i].Content, out[i].Err = d.content(o, c)
		}
	}
	return out, nil
}

// readMessages reads the letters' messages, and what those tell of.
func readMessages(tx *db.Tx, all []*composing) error {
	ids := make([]int64, len(all))
	for i, c := range all {
		if ids[i], c.err = strconv.ParseInt(c.Payload, 10, 64); c.err != nil {
			c.err = fault.Invalidf("the letter %s names no digest: %w", c.Key, c.err)
		}
	}
	messages, err := messagesByID(tx, ids)
	if err != nil {
		return err
	}
	news, err := newsOf(tx, messages)
	if err != nil {
		return err
	}
	for i, c := range all {
		if c.err != nil {
			continue
		}
		var there bool
		if c.m, there = messages[ids[i]]; !there {
			c.err = fault.NotFoundf("there is no digest %d", ids[i])
			continue
		}
		c.all = news[c.m.ID] // of several letters of one message, each leaves out its own
		if !c.m.urgent() {
			still, err := stillOpen(tx, c.m.Constituent, c.m.At, maxEntries)
			if err != nil {
				return err
			}
			c.all = slices.Concat(c.all, still)
		}
		if c.first, c.last, err = thread(tx, &c.m); err != nil {
			return err
		}
	}
	return nil
}

// deliver leaves what the gate would let out to the letter's recipient.
func (d *Desk) deliver(ctx context.Context, o *office, c *composing) (err error) {
	if c.all, _, _, err = d.deliverable(ctx, o, c.Channel, c.all, c.Recipient.In(o.dir)); err != nil {
		return err
	}
	if len(c.all) == 0 {
		return notify.ErrNothing
	}
	c.m.secret, err = d.Seal.Unlock(c.m.secret, sealOwner)
	return err
}

func (d *Desk) beginLetter(ctx context.Context, o *office, c *composing, facts map[event.ID]event.Finding) (err error) {
	list := entriesOf(facts, c.all)
	c.m.count(list)
	if c.Channel == disclosure.Webhook {
		call, err := d.composeCall(o, *c.Letter, &c.m, list, c.all)
		c.call = &call
		return err
	}
	_, short := o.strictest(c.all)
	c.w, err = d.begin(ctx, &c.m, list, sender{o.profile, d.answerURL(), short, o.types}, c.Language)
	return err
}

// content is what a letter says, once its rows are read.
func (d *Desk) content(o *office, l *composing) (notify.Content, error) {
	if l.call != nil {
		return *l.call, nil
	}
	out, err := l.w.end()
	if err != nil {
		return notify.Content{}, err
	}
	label, _ := o.strictest(l.all)
	c := notify.Content{Subject: out.Subject, Text: out.Text, HTML: out.HTML, Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		Marking: disclosure.Marking{Label: label, Owners: []int64{l.m.Constituent}}}
	for _, f := range out.Files {
		c.Attachments = append(c.Attachments, mail.Attachment{Name: f.Name, Type: f.Type, Bytes: f.Bytes})
	}
	c.About = o.about(l.all)
	for i, n := range []int64{l.first, l.last} {
		if n != 0 && (i == 0 || n != l.first) {
			if id := d.Outbox.MessageID(letterKey(n, l.To)); id != "" {
				c.References = append(c.References, id)
			}
		}
	}
	return c, nil
}
