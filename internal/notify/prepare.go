package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// composeAgain is when a letter has another turn whose composer could not do its work.
const composeAgain = 5 * time.Minute

// handover is a letter whose hand-over has begun, as the records say.
type handover struct {
	*Letter
	cleared egress.Cleared[mail.Raw]
	weight  int64 // of the room it takes
}

// draft is a letter in preparation.
type draft struct {
	*Letter
	content       *Content // when its message is rendered, no more of it than the gate asks for
	message       []byte
	packedContent []byte    // nil: it is kept already
	packedMessage []byte    // nil: it is kept already, or its content makes it again
	fresh         bool      // it was not rendered before
	due           time.Time // after now: its destination has had enough
	unreachable   error     // why it cannot be handed over now
	to            disclosure.Recipient
	items         []About
	err           error // what keeps it from being prepared
}

func (d *draft) weight() int64 { return min(int64(len(d.message)), inFlight) }

// prepare brings letters to where they can be handed over: composed, rendered, protected, released, let out by the gate. All of that is
// committed, with the ledger's rows, before to gets them. It does not get those that are not handed over now: they are given back, held
// or ended.
func (s *shift) prepare(ctx context.Context, ls []Letter, to chan<- *handover) {
	ds := make([]*draft, len(ls))
	for i := range ls {
		ds[i] = &draft{Letter: &ls[i]}
	}
	for len(ds) > 0 {
		n := len(ds)
		if ctx.Err() == nil {
			n = s.draft(ctx, ds)
		}
		s.commit(ctx, ds[:n], to)
		ds = ds[n:]
	}
}

// commit commits what was made of letters, and that their hand-overs begin.
func (s *shift) commit(ctx context.Context, ds []*draft, to chan<- *handover) {
	var stuck []*draft
	for len(ds) > 0 {
		var some []*draft
		var weight int64
		for ; len(ds) > 0 && (len(some) == 0 || weight+ds[0].weight() <= inFlight/drafting); ds = ds[1:] {
			if ds[0].err != nil || ctx.Err() != nil {
				stuck = append(stuck, ds[0])
				continue
			}
			some = append(some, ds[0])
			weight += ds[0].weight()
		}
		if len(some) == 0 {
			break
		}
		if err := s.room.Acquire(ctx, weight); err != nil {
			stuck = append(stuck, some...)
			continue
		}
		for _, h := range s.commitSome(ctx, some) {
			weight -= h.weight
			to <- h
		}
		s.room.Release(weight)
	}
	s.stuck(ctx, stuck)
}

func (s *shift) commitSome(ctx context.Context, ds []*draft) (out []*handover) {
	now := s.Clock.Now()
	cs := make([]*commit, len(ds))
	for i, d := range ds {
		if d.due = now; d.fresh { // the place of rendered ones was taken when they were claimed
			d.due = s.pace.take(d.destination, now)
		}
		if !d.due.After(now) && d.Channel == disclosure.Mail {
			d.unreachable = s.reach(ctx)
		}
		d.items = append([]About{{disclosure.Ref(fmt.Sprintf("letter:%d", d.ID)), d.content.Marking}}, d.content.About...)
		cs[i] = &commit{begin: d}
	}
	var lost []*Letter
	for i, err := range s.batch.do(cs...) {
		if err != nil {
			s.Log.Error("prepare a letter", "letter", ds[i].ID, "error", err)
			lost = append(lost, ds[i].Letter)
			continue
		}
		s.Step("begun")
		if h := cs[i].begun; h != nil {
			h.weight = ds[i].weight()
			out = append(out, h)
		}
	}
	s.giveBack(lost...)
	return out
}

// draft reads what is kept of letters, and makes what is not, of as many as are composed together. It tells how many that are.
func (s *shift) draft(ctx context.Context, ds []*draft) int {
	ids := make([]int64, len(ds))
	for i, d := range ds {
		ids[i] = d.ID
	}
	var contents, messages map[int64][]byte
	err := s.DB.View(context.WithoutCancel(ctx), func(tx *db.Tx) (err error) {
		contents, messages, err = kept(tx, ids)
		return err
	})
	if err != nil {
		for _, d := range ds {
			d.err = err
		}
		return len(ds)
	}
	n := 0
	for n < len(ds) {
		d := ds[n]
		if packed := contents[d.ID]; packed != nil {
			d.content, d.err = s.unpackContent(packed)
			n++
			continue
		}
		together := n + 1
		for together < len(ds) && ds[together].Kind == d.Kind && contents[ds[together].ID] == nil {
			together++
		}
		composed := s.composeSome(ctx, ds[n:together])
		n += composed
		if n < together { // the composer wants no more at once
			break
		}
	}
	s.renderAll(context.WithoutCancel(ctx), ds[:n], messages)
	return n
}

// renderAll renders letters, and has them protected, but those of which messages has what was rendered before. What is not protected is
// not kept: its content and the time at which it was rendered first make the same bytes again.
func (s *shift) renderAll(ctx context.Context, ds []*draft, messages map[int64][]byte) {
	var anew []*draft
	var plain []*Plain
	for _, d := range ds {
		if message := messages[d.ID]; d.err == nil && message != nil {
			d.message, d.err = s.rendered(ctx, d.Letter, message)
		}
		if d.err != nil || d.message != nil {
			continue
		}
		if d.Rendered == 0 {
			d.Rendered = s.Clock.Now().UnixMicro()
		}
		if d.message, d.err = s.render(d.Letter, d.content); d.err != nil {
			continue
		}
		anew = append(anew, d)
		if d.Channel == disclosure.Mail && d.message != nil {
			plain = append(plain, &Plain{Letter: *d.Letter, Message: d.message})
		}
	}
	s.protect(ctx, plain)
	for _, d := range anew {
		if d.Channel == disclosure.Mail && d.message != nil {
			if !bytes.Equal(d.message, plain[0].Message) {
				d.packedMessage = s.packMessage(plain[0].Message)
			}
			d.message, d.err = plain[0].Message, plain[0].Err
			plain = plain[1:]
		}
		if d.err == nil {
			s.finish(d)
		}
	}
}

// protect has messages protected. Keys come from outside: one that makes the protector panic keeps no letter back but its own.
func (s *shift) protect(ctx context.Context, all []*Plain) {
	if s.Protect == nil || len(all) == 0 {
		return
	}
	messages := make([][]byte, len(all))
	for i, p := range all {
		messages[i] = p.Message
	}
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		s.Log.Error("a protector panicked", "letter", all[0].Letter.ID, "letters", len(all), "stack", string(debug.Stack()))
		for i, p := range all {
			if p.Message, p.Err = messages[i], fmt.Errorf("panic: %v", r); len(all) > 1 {
				p.Err = nil
				s.protect(ctx, all[i:i+1])
			}
		}
	}()
	s.Protect(ctx, all...)
}

// finish notes what was rendered of a letter.
func (s *shift) finish(d *draft) {
	d.fresh = d.State == Queued
	d.Subject, d.Bytes = d.content.Subject, int64(len(d.message))
	if d.Channel == disclosure.Mail {
		d.MessageID = s.MessageID(d.Key)
	}
	if d.message != nil {
		sum := sha256.Sum256(d.message)
		d.SHA256 = hex.EncodeToString(sum[:])
		d.content = &Content{Marking: d.content.Marking, About: d.content.About}
	}
}

// composeSome has letters of one kind composed, as many as the composer likes to at once.
func (s *shift) composeSome(ctx context.Context, ds []*draft) int {
	ls := make([]Letter, len(ds))
	for i, d := range ds {
		ls[i] = *d.Letter
	}
	out, err := s.compose(ctx, ls)
	if err != nil && len(ds) > 1 { // one of them is at fault: each by itself
		ls = ls[:1]
		out, err = s.compose(ctx, ls)
	}
	if err != nil {
		out = []Composed{{Err: err}}
	}
	for i := range out {
		d := ds[i]
		if d.err = out[i].Err; d.err == nil {
			d.content = &out[i].Content
			d.packedContent, d.err = s.packContent(d.content)
		}
	}
	return len(out)
}

// beginAll keeps what was made of letters and notes which hand-overs begin.
func (s *shift) beginAll(tx *db.Tx, cs []*commit) error {
	if len(cs) == 0 {
		return nil
	}
	now := s.Clock.Now()
	st, err := standings(tx, cs, now.UnixMicro())
	if err != nil {
		return err
	}
	names, err := s.Gate.Constituency.Directory(tx.Context())
	if err != nil {
		return err
	}
	if err := s.review(tx, cs); err != nil {
		return err
	}
	for _, c := range cs {
		c.begun = nil
		if at, ours := st[c.begin.ID]; ours {
			c.begin.to = recipient(c.begin.Letter, names)
			if c.begun, err = s.begin(tx, c.begin, at, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// review has what letters tell of marked as it is now, where somebody knows that.
func (s *shift) review(tx *db.Tx, cs []*commit) error {
	kinds := map[string][]*draft{}
	for _, c := range cs {
		if s.reviewer(c.begin.Kind) != nil {
			kinds[c.begin.Kind] = append(kinds[c.begin.Kind], c.begin)
		}
	}
	for kind, ds := range kinds {
		ls := make([]*Letter, len(ds))
		for i, d := range ds {
			ls[i] = d.Letter
		}
		now, err := s.reviewer(kind)(tx, ls)
		if err == nil && len(now) != len(ls) {
			err = fmt.Errorf("of %d letters of kind %s %d were reviewed", len(ls), kind, len(now))
		}
		if err != nil {
			return err
		}
		for i, d := range ds {
			d.items = append(d.items[:1:1], now[i]...)
		}
	}
	return nil
}

// begin keeps what was made of a letter and notes that its hand-over begins, unless something stands against that.
func (s *shift) begin(tx *db.Tx, d *draft, st standing, now time.Time) (*handover, error) {
	if err := s.keep(tx, d); err != nil {
		return nil, err
	}
	if !st.released {
		if err := saveRendered(tx, d.Letter); err != nil {
			return nil, err
		}
		if held, err := holdUnreleased(tx, d.Letter); err != nil || held {
			return nil, err
		}
	}
	later := func(due int64) (*handover, error) {
		return nil, errors.Join(saveRendered(tx, d.Letter), give(tx, d.Letter, due, ""))
	}
	switch {
	case !st.sending || s.Sealed || st.rests:
		return later(0)
	case d.due.After(now):
		return later(d.due.UnixMicro())
	case d.unreachable != nil:
		if err := s.down(tx, d.line, d.unreachable); err != nil {
			return nil, err
		}
		return later(0)
	case d.message == nil: // there was no mail server when it was rendered, and now there is: the next turn renders it
		return later(0)
	}
	cleared, withheld, err := disclosure.ClearMessage(tx.Context(), tx, s.Gate, d.to, d.Channel, d.items, mail.Raw{To: d.To, Bytes: d.message}, d.Ledger)
	if err != nil {
		return nil, err
	}
	if len(withheld) > 0 {
		return nil, errors.Join(saveRendered(tx, d.Letter), hold(tx, d.Letter, HoldGate, withheldReason(withheld)))
	}
	_, grant, err := cleared.Open()
	if err != nil {
		return nil, err
	}
	l := *d.Letter
	l.Attempts, l.Ledger = l.Attempts+1, grant.Ledger
	if l.FirstTry == 0 {
		l.FirstTry = now.UnixMicro()
	}
	return &handover{Letter: &l, cleared: cleared}, saveRendered(tx, &l)
}

// keep keeps what was made of a letter.
func (s *shift) keep(tx *db.Tx, d *draft) error {
	if d.packedContent != nil {
		if err := saveContent(tx, d.ID, d.packedContent); err != nil {
			return err
		}
	}
	if d.packedMessage != nil {
		return saveMessage(tx, d.ID, d.packedMessage)
	}
	return nil
}

// holdUnreleased holds a letter whose recipient was not released, unless that happens at this moment.
func holdUnreleased(tx *db.Tx, l *Letter) (bool, error) {
	if err := lockReleases(tx); err != nil {
		return false, err
	}
	if ok, err := released(tx, l.release); err != nil || ok {
		return false, err
	}
	return true, hold(tx, l, HoldRelease, "")
}

func withheldReason(ws []disclosure.Withheld) string {
	var s []string
	for _, w := range ws[:min(len(ws), 3)] {
		s = append(s, fmt.Sprintf("%s: %s", w.Item, w.Reason))
	}
	if len(ws) > 3 {
		s = append(s, fmt.Sprintf("and %d more", len(ws)-3))
	}
	return reasonOf(errors.New(strings.Join(s, "; ")))
}

// recipient is to whom a letter leaves, as the registry stands.
func recipient(l *Letter, names *constituency.Directory) disclosure.Recipient {
	switch {
	case l.Recipient.Subject != "":
		return l.Recipient.In(names)
	case l.Constituent == 0:
		return disclosure.Anybody()
	}
	c, _ := names.ByID(l.Constituent)
	return disclosure.OfConstituent(l.Constituent, c.Name).In(names)
}

// compose has the contents written by the composer of the letters' kind.
func (o *Outbox) compose(ctx context.Context, ls []Letter) (out []Composed, err error) {
	kind := ls[0].Kind
	fn := o.composer(kind)
	if fn == nil {
		return nil, fmt.Errorf("nobody composes letters of kind %s here", kind)
	}
	defer func() {
		if r := recover(); r != nil {
			o.Log.Error("a composer panicked", "kind", kind, "letter", ls[0].ID, "letters", len(ls), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	out = fn(ctx, ls)
	if len(out) == 0 || len(out) > len(ls) {
		return nil, fmt.Errorf("the composer of letters of kind %s wrote %d of %d", kind, len(out), len(ls))
	}
	for i := range out { // rendering checks the rest
		if out[i].Err == nil {
			out[i].Err = out[i].Content.bounds(&ls[i])
		}
	}
	return out, nil
}

// rendered is the message as it was rendered; nil when that is less protected than the letter must be by now.
func (o *Outbox) rendered(ctx context.Context, l *Letter, packed []byte) ([]byte, error) {
	message, err := o.unpackMessage(packed)
	if err != nil || l.Channel != disclosure.Mail || o.Enough == nil {
		return message, err
	}
	if ok, err := o.Enough(ctx, *l, message); err != nil || !ok {
		return nil, err
	}
	return message, nil
}

// render makes what is handed over, byte for byte but for its protection. Without a mail server it is nil: it is made when there is one.
func (o *Outbox) render(l *Letter, c *Content) ([]byte, error) {
	if l.Channel == disclosure.Webhook {
		return []byte(c.Text), nil
	}
	if l.EncryptionRequired && o.Protect == nil {
		return nil, &Hold{HoldEncryption, "the letter must be encrypted, and nothing is there to do it with"}
	}
	if o.Sender == nil {
		return nil, nil
	}
	m := c.message(l)
	m.Date = time.UnixMicro(l.Rendered).In(o.Clock.Now().Location())
	return o.Sender.Render(m)
}

// stuck deals with what kept letters from being prepared. What was composed is kept: it says what is held or given up.
func (s *shift) stuck(ctx context.Context, ds []*draft) {
	if len(ds) == 0 {
		return
	}
	now := s.Clock.Now()
	cs := make([]*commit, len(ds))
	for i, d := range ds {
		if ctx.Err() != nil {
			cs[i] = &commit{fn: func(tx *db.Tx) error { return give(tx, d.Letter, 0, "") }}
		} else {
			cs[i] = s.judgeDraft(d, now)
		}
	}
	for i, err := range s.batch.do(cs...) {
		if err != nil {
			s.Log.Error("write down why a letter waits", "letter", ds[i].ID, "error", err)
		}
	}
}

// judgeDraft says what is to be written down of a letter that could not be prepared.
func (s *shift) judgeDraft(d *draft, now time.Time) *commit {
	state := Queued
	var h *Hold
	switch {
	case errors.Is(d.err, ErrNothing):
		state = Cancelled
	case errors.As(d.err, &h):
		state = Held
	case fault.KindOf(d.err) == fault.Invalid:
		state = Dead
	}
	c := &commit{what: string(state), id: d.ID}
	if state == Queued {
		c.what = ""
		s.Log.Warn("a letter waits", "letter", d.ID, "kind", d.Kind, "error", d.err)
	}
	c.fn = func(tx *db.Tx) error {
		if d.packedContent != nil {
			if err := saveContent(tx, d.ID, d.packedContent); err != nil {
				return err
			}
		}
		switch state {
		case Queued:
			return give(tx, d.Letter, now.Add(composeAgain).UnixMicro(), reasonOf(d.err))
		case Held:
			return hold(tx, d.Letter, h.Why, h.Reason)
		}
		return errors.Join(bury(tx, d.Letter, state, reasonOf(d.err), now.UnixMicro()), s.drop(tx, d.Letter))
	}
	return c
}

// reasonOf is an error as a person may read it at the letter.
func reasonOf(err error) string {
	s := err.Error()
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}
