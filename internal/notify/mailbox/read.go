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

// visit takes what is new, one message after the other.
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
	for _, item := range items {
		if err := b.take(ctx, v, at, item); err != nil {
			return taken, err
		}
		taken++
		b.Step("recorded")
		if err := v.Taken(item.UID); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// place is how far a mailbox was read.
type place struct {
	name     string
	validity uint32
	uid      uint32
}

// take keeps and records one message.
func (b *Box) take(ctx context.Context, v *imap.Visit, at place, item imap.Item) error {
	f, err := b.Spool.Create(b.MaxBytes)
	if err != nil {
		return err
	}
	defer f.Close()
	whole, content := sha256.New(), &body{hash: sha256.New()}
	n, err := v.Copy(item.UID, b.MaxBytes, io.MultiWriter(f, whole, content))
	if fault.KindOf(err) == fault.NotFound { // somebody else removed it
		return b.DB.Upkeep(ctx, func(tx *db.Tx) error { return advance(tx, at, item.UID, 0) })
	}
	if err != nil {
		return err
	}
	b.Step("read")
	m := &Message{Source: at.name, Taken: b.Clock.Now().UnixMicro(), Stored: n, Size: n, SHA256: hex.EncodeToString(whole.Sum(nil)),
		content: hex.EncodeToString(content.hash.Sum(nil))}
	if !item.At.IsZero() {
		m.Received = item.At.UnixMicro()
	}
	if n == b.MaxBytes && item.Size > n {
		m.Size = item.Size
	}
	m.path = m.SHA256[:2] + "/" + m.SHA256 + "-" + rand.Text()[:8] + ".eml"
	if err := b.parse(ctx, m, f); err != nil {
		return err
	}
	return b.record(ctx, m, f, at, item.UID)
}

// record threads the message, keeps its original and writes both down. The same message in another place, or another copy of it, is
// dealt with already: only the place moves on.
func (b *Box) record(ctx context.Context, m *Message, f *spool.File, at place, uid uint32) error {
	known := false
	err := b.DB.View(ctx, func(tx *db.Tx) (err error) {
		if known, err = isKnown(tx, m); err != nil || known {
			return err
		}
		return b.thread(tx, m)
	})
	if err != nil {
		return err
	}
	if known {
		return b.DB.Upkeep(ctx, func(tx *db.Tx) error { return advance(tx, at, uid, 0) })
	}
	if err := b.verify(ctx, m); err != nil {
		return err
	}
	m.settle()
	b.expect(m)
	if err := b.keep(ctx, m, f); err != nil {
		return err
	}
	b.Step("kept")
	a := act.Act{Actor: act.Machine, Verb: "mailbox.receive", Detail: detail(map[string]any{"kind": m.Kind, "ticket": m.Ticket, "verified": m.Verified})}
	return b.DB.Act(ctx, a, func(tx *db.Tx) error {
		if err := advance(tx, at, uid, 1); err != nil {
			return err
		}
		id, err := insertMessage(tx, m)
		if err != nil {
			return err
		}
		tx.Note(object(id), "")
		if err := deletePending(tx, m.path); err != nil {
			return err
		}
		if err := b.queueReports(tx, m); err != nil {
			return err
		}
		return b.effect(tx, m)
	})
}

const lease = 15 * time.Minute // of an original that is being written

// keep makes the original durable. It is noted before, so that what a crash leaves is found and removed.
func (b *Box) keep(ctx context.Context, m *Message, f *spool.File) error {
	until := b.Real.Now().Add(lease).UnixMicro()
	if err := b.DB.Upkeep(ctx, func(tx *db.Tx) error { return insertPending(tx, m.path, until) }); err != nil {
		return err
	}
	w, err := b.Files.Create(m.path)
	if err != nil {
		return err
	}
	defer w.Abort()
	r, err := f.Open()
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
func (b *Box) parse(ctx context.Context, m *Message, f *spool.File) error {
	r, err := b.opened(ctx, m, f.Open)
	if err != nil {
		return err
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
		return err
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
	return b.recognise(ctx, m)
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
