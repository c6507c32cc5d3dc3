package mailbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"tocsin/internal/format/eml"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/mail/protect"
	"tocsin/internal/platform/spool"

	"golang.org/x/sync/errgroup"
)

// Read takes what is new in the mailbox and tells how many messages it took. A server that cannot be reached is remembered as
// trouble and is no error: the next reading tries again. Whatever broke off goes on where it was: a message counts as taken in the
// transaction that records it, and is marked in the mailbox after that.
func (b *Box) Read(ctx context.Context) (taken int, err error) {
	if b.Source == nil {
		return 0, fault.New(fault.Unavailable, "no mailbox is configured: set --imap-url")
	}
	if err := b.sweep(ctx); err != nil {
		return 0, err
	}
	name := b.Source.Name()
	err = b.Source.Visit(ctx, func(v *imap.Visit) error {
		taken, err = b.visit(ctx, v, name)
		return err
	})
	if fault.KindOf(err) == fault.Conflict { // another node reads it at the moment
		return taken, nil
	}
	trouble := ""
	if k := fault.KindOf(err); err != nil && ctx.Err() == nil && (k == fault.Unavailable || k == fault.Forbidden) {
		b.Log.Warn("read the mailbox", "mailbox", name, "error", err)
		trouble, err = err.Error(), nil
	}
	if err != nil {
		return taken, fmt.Errorf("read the mailbox %s: %w", name, err)
	}
	now := b.Clock.Now().UnixMicro()
	return taken, b.DB.Upkeep(ctx, func(tx *db.Tx) error { return saveLook(tx, name, trouble, now) })
}

// visit takes what is new, a batch after the other: one commit is what a message costs most.
func (b *Box) visit(ctx context.Context, v *imap.Visit, name string) (taken int, err error) {
	at := place{}
	err = b.DB.View(ctx, func(tx *db.Tx) (err error) {
		at, err = loadPlace(tx, name)
		return err
	})
	if err != nil {
		return 0, err
	}
	if at.validity != v.Validity { // the server numbers anew: what is known already is told by its content
		at.uid = 0
	}
	items, err := v.After(at.uid, perVisit)
	if err != nil {
		return 0, err
	}
	at.name, at.validity = name, v.Validity
	for len(items) > 0 {
		n, size := 0, int64(0)
		for n < len(items) && n < perBatch && (n == 0 || size+items[n].Size <= maxBatch) {
			size += items[n].Size
			n++
		}
		if err := b.take(ctx, v, at, items[:n]); err != nil {
			return taken, err
		}
		taken += n
		b.Step("recorded")
		uids := make([]uint32, n)
		for i, it := range items[:n] {
			uids[i] = it.UID
		}
		if err := v.Taken(uids...); err != nil {
			return taken, err
		}
		items = items[n:]
	}
	return taken, nil
}

// place is how far a mailbox was read.
type place struct {
	name     string
	validity uint32
	uid      uint32
}

// read is a message that came and is not recorded yet.
type read struct {
	*Message
	uid  uint32
	file *spool.File
	to   []eml.Address
}

// take keeps and records some messages.
func (b *Box) take(ctx context.Context, v *imap.Visit, at place, items []imap.Item) error {
	var all []read
	defer func() {
		for _, r := range all {
			r.file.Close()
		}
	}()
	for _, item := range items {
		r, err := b.fetch(ctx, v, at, item)
		if fault.KindOf(err) == fault.NotFound && err != nil { // somebody else removed it
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, r)
		b.Step("read")
	}
	if err := b.keep(ctx, all); err != nil {
		return err
	}
	b.Step("kept")
	return b.record(ctx, all, at, items[len(items)-1].UID)
}

// fetch reads one message and what it says.
func (b *Box) fetch(ctx context.Context, v *imap.Visit, at place, item imap.Item) (r read, err error) {
	f, err := b.Spool.Create(b.MaxBytes)
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	whole, content := sha256.New(), &body{hash: sha256.New()}
	n, err := v.Copy(item.UID, b.MaxBytes, io.MultiWriter(f, whole, content))
	if err != nil {
		return r, err
	}
	m := &Message{Source: at.name, Taken: b.Clock.Now().UnixMicro(), Stored: n, Size: n, SHA256: hex.EncodeToString(whole.Sum(nil)),
		content: hex.EncodeToString(content.hash.Sum(nil))}
	if !item.At.IsZero() {
		m.Received = item.At.UnixMicro()
	}
	if n == b.MaxBytes && item.Size > n {
		m.Size = item.Size
	}
	m.path = m.SHA256[:2] + "/" + m.SHA256 + "-" + rand.Text()[:8] + ".eml"
	to, err := b.parse(ctx, m, f)
	return read{m, item.UID, f, to}, err
}

// record threads messages in their order and writes them down, with how far the mailbox is read then. When that fails for one of them, they
// are recorded one by one, so that the others do not wait for it.
func (b *Box) record(ctx context.Context, all []read, at place, last uint32) error {
	err := b.recordAll(ctx, all, at, last)
	if err == nil || len(all) < 2 || ctx.Err() != nil || fault.KindOf(err) == fault.Conflict || fault.KindOf(err) == fault.Unavailable {
		return err
	}
	for i, r := range all {
		to := r.uid
		if i == len(all)-1 {
			to = last
		}
		if err := b.recordAll(ctx, all[i:i+1], at, to); err != nil {
			return err
		}
	}
	return nil
}

func (b *Box) recordAll(ctx context.Context, all []read, at place, last uint32) error {
	a := act.Act{Actor: act.Machine, Verb: "mailbox.read", Object: "mailbox:" + at.name}
	if len(all) == 0 {
		return b.DB.Upkeep(ctx, func(tx *db.Tx) error { return advance(tx, at, last, 0) })
	}
	return b.DB.Act(ctx, a, func(tx *db.Tx) error {
		taken := 0
		for _, r := range all {
			m := *r.Message // a transaction that is tried again begins with what was read
			fresh, err := b.recordOne(ctx, tx, &m, r.to)
			if err != nil {
				return err
			}
			if fresh {
				taken++
			}
		}
		tx.Note(a.Object, detail(map[string]any{"taken": taken}))
		return advance(tx, at, last, taken)
	})
}

// recordOne writes a message down. The same message in another place, or another copy of it, is dealt with already: fresh is false then,
// and what was kept of it is swept.
func (b *Box) recordOne(ctx context.Context, tx *db.Tx, m *Message, to []eml.Address) (fresh bool, err error) {
	known, err := isKnown(tx, m)
	if err != nil || known {
		return false, err
	}
	if err := b.thread(tx, m); err != nil {
		return false, err
	}
	if err := b.verify(ctx, m); err != nil {
		return false, err
	}
	m.settle()
	b.expect(m)
	id, err := insertMessage(tx, m)
	if err != nil {
		return false, err
	}
	if err := deletePending(tx, m.path); err != nil {
		return false, err
	}
	if err := b.queueReports(tx, m); err != nil {
		return false, err
	}
	if err := b.effect(tx, m); err != nil {
		return false, err
	}
	if err := b.incident(ctx, tx, m, to); err != nil {
		return false, err
	}
	return true, tx.Also("mailbox.receive", object(id), detail(map[string]any{"kind": m.Kind, "ticket": m.Ticket, "verified": m.Verified}))
}

const lease = 15 * time.Minute // of an original that is being written

// keep makes originals durable. They are noted before, so that what a crash leaves is found and removed.
func (b *Box) keep(ctx context.Context, all []read) error {
	if len(all) == 0 {
		return nil
	}
	until := b.Real.Now().Add(lease).UnixMicro()
	err := b.DB.Upkeep(ctx, func(tx *db.Tx) error {
		for _, r := range all {
			if err := insertPending(tx, r.path, until); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(keepers)
	for _, r := range all {
		g.Go(func() error { return b.write(r) })
	}
	return g.Wait()
}

func (b *Box) write(m read) error {
	w, err := b.Files.Create(m.path)
	if err != nil {
		return err
	}
	defer w.Abort()
	r, err := m.file.Open()
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("keep the message: %w", err)
	}
	return w.Commit()
}

// sweep removes the originals that a crash left.
func (b *Box) sweep(ctx context.Context) error {
	var paths []string
	err := b.DB.View(ctx, func(tx *db.Tx) (err error) {
		paths, err = abandoned(tx, b.Real.Now().UnixMicro())
		return err
	})
	if err != nil || len(paths) == 0 {
		return err
	}
	if err := b.Files.Remove(paths...); err != nil {
		return fmt.Errorf("remove what a crash left: %w", err)
	}
	return b.DB.Upkeep(ctx, func(tx *db.Tx) error {
		for _, p := range paths {
			if err := deletePending(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// parse reads what the message says. What is no message at all is kept all the same, with its flaw.
func (b *Box) parse(ctx context.Context, m *Message, f *spool.File) ([]eml.Address, error) {
	r, err := b.opened(ctx, m, f.Open)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	e, err := eml.Read(r, eml.Options{Limits: eml.Limits{Bytes: b.MaxBytes}, Charset: charset, Attachment: func(a eml.Attachment, content io.Reader) error {
		sum := sha256.New()
		n, err := io.Copy(sum, content)
		m.Files = append(m.Files, File{Number: a.Number, Name: a.Name, Type: a.Type, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), State: Kept})
		return err
	}})
	if errors.Is(err, eml.ErrNoMessage) {
		e, err = &eml.Message{Flaws: []eml.Flaw{eml.Header}}, nil
	}
	if err != nil {
		return nil, err
	}
	m.read(e)
	if v := m.Protection; v != nil && v.Encryption != protect.InClear && v.Encryption != protect.Decrypted && !slices.Contains(m.Flaws, eml.Encrypted) {
		m.Flaws = append(m.Flaws, eml.Encrypted)
	}
	if b.Trust.Server != "" {
		m.Authentic = Denied
		if a := e.Authentication; a != nil && a.Server == strings.ToLower(b.Trust.Server) && len(e.From) == 1 && a.Vouches(m.From) {
			m.Authentic = Proven
		}
	}
	if m.Cut() {
		m.Flaws = append(m.Flaws, eml.Cut)
	}
	return e.To, b.recognise(ctx, m)
}

// read copies what the message says of itself.
func (m *Message) read(e *eml.Message) {
	if len(e.From) > 0 {
		m.FromName, m.From = e.From[0].Name, e.From[0].Address
	}
	if len(e.ReplyTo) > 0 && !sameAddress(e.ReplyTo[0].Address, m.From) {
		m.ReplyTo = e.ReplyTo[0].Address
	}
	if !e.Date.IsZero() {
		m.Sent = e.Date.UnixMicro()
	}
	m.Subject, m.Text, m.MessageID, m.Report, m.Flaws, m.AutomaticBy = e.Subject, e.Text, e.ID, e.Report, e.Flaws, e.Automatic
	m.Earlier = e.References
	for _, id := range e.InReplyTo {
		if len(m.Earlier) == 0 || m.Earlier[len(m.Earlier)-1] != id {
			m.Earlier = append(m.Earlier, id)
		}
	}
	m.Kind = kindOf(e)
}

// body hashes what follows the header: another copy of a message differs above that only.
type body struct {
	hash hash.Hash
	tail []byte // the end of what was seen of the header
	in   bool
}

// Write implements io.Writer.
func (b *body) Write(p []byte) (int, error) {
	n := len(p)
	if !b.in {
		seen := append(b.tail, p...)
		i, skip := bytes.Index(seen, []byte("\n\r\n")), 3
		if j := bytes.Index(seen, []byte("\n\n")); j >= 0 && (i < 0 || j < i) {
			i, skip = j, 2
		}
		if i < 0 {
			b.tail = append([]byte(nil), seen[max(0, len(seen)-3):]...)
			return n, nil
		}
		b.in, p = true, seen[i+skip:]
	}
	b.hash.Write(p)
	return n, nil
}
