package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/format/eml"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/mail/protect"
)

const (
	reportJob   = "mailbox.report"
	maxLinks    = 200 // that are looked at in a message
	maxReported = 50  // links that are kept
	maxLink     = 1500
)

var webAddress = regexp.MustCompile(`https?://[^\s<>"'()\[\]{}\\^|` + "`" + `]{4,}`)

// recognise finds the reports of feeds among what came: attachments by their names, links by their hosts.
func (b *Box) recognise(ctx context.Context, m *Message) error {
	if b.Reports.Named != nil {
		for i := range m.Files {
			feed, err := b.Reports.Named(ctx, m.Files[i].Name)
			if err != nil {
				return err
			}
			m.Files[i].Feed = feed
		}
	}
	if b.Reports.Linked == nil {
		return nil
	}
	var seen []string
	for _, link := range webAddress.FindAllString(m.Text, maxLinks) {
		link = strings.TrimRight(link, ".,;:!?")
		u, err := url.Parse(link)
		if err != nil || len(link) > maxLink || u.User != nil || slices.Contains(seen, link) || len(seen) == maxReported {
			continue
		}
		feed, err := b.Reports.Linked(ctx, link)
		if err != nil {
			return err
		}
		if feed != "" {
			seen = append(seen, link)
			m.Files = append(m.Files, File{Number: len(m.Files) + 1, Name: eml.SafeName(path.Base(u.Path)), URL: link, Feed: feed, State: Kept})
		}
	}
	return nil
}

// expect has the reports of a feed that mails them taken in at once: its address is one of the reporters, and our own mail server says
// that the message is from there.
func (b *Box) expect(m *Message) {
	if m.Authentic != Proven || m.Cut() || !slices.ContainsFunc(b.Trust.Reporters, func(a string) bool { return sameAddress(a, m.From) }) {
		return
	}
	for i := range m.Files {
		if m.Files[i].Feed != "" {
			m.Files[i].State = Queued
			m.State = Done
		}
	}
}

func (b *Box) queueReports(tx *db.Tx, m *Message) error {
	for _, f := range m.Files {
		if f.State != Queued {
			continue
		}
		if err := b.queue(tx, m.ID, f.Number); err != nil {
			return err
		}
	}
	return nil
}

func (b *Box) queue(tx *db.Tx, message int64, number int) error {
	key := fmt.Sprintf("%d/%d", message, number)
	return job.Enqueue(tx, reportJob, key, key, b.Clock.Now())
}

// TakeReport has a file of a message taken in as a report of a feed, in the background. Whose report it is follows from its name, unless
// feed says so. A person decides it, because anybody can send a file.
func (b *Box) TakeReport(ctx context.Context, actor act.Actor, message int64, number int, feed string) error {
	if b.Reports.Take == nil {
		return fault.New(fault.Unavailable, "this process takes no reports in: do it where Tocsin is served")
	}
	a := act.Act{Actor: actor, Verb: "mailbox.report", Object: object(message)}
	return b.DB.Act(ctx, a, func(tx *db.Tx) error {
		m, err := messageByID(tx, message)
		if err != nil {
			return err
		}
		f, err := m.file(number)
		if err != nil {
			return err
		}
		if feed == "" {
			feed = f.Feed
		}
		switch {
		case feed == "":
			return fault.Problems{{Field: "feed", Message: "the name of the file is no feed's: say whose report it is"}}
		case f.State == Queued || f.State == Took:
			return fault.Conflictf("the file %s is taken in already", f.Name)
		case f.URL == "" && slices.Contains(m.Flaws, eml.Cut):
			return fault.Conflictf("the message was cut: fetch the file %s by hand", f.Name)
		case f.URL != "" && feed != f.Feed:
			return fault.Problems{{Field: "feed", Message: "the link leads to the host of " + f.Feed}}
		}
		tx.Note("", detail(map[string]any{"file": f.Name, "feed": feed}))
		if err := setFile(tx, message, number, feed, Queued, ""); err != nil {
			return err
		}
		return b.queue(tx, message, number)
	})
}

func (m *Message) file(number int) (*File, error) {
	for i := range m.Files {
		if m.Files[i].Number == number {
			return &m.Files[i], nil
		}
	}
	return nil, fault.NotFoundf("the message %d has no file %d", m.ID, number)
}

const reportAttempts = 5

// takeReport does what TakeReport asked for. Taking the same file in twice is taking it in once, so a crash does no harm.
func (b *Box) takeReport(ctx context.Context, j job.Job) error {
	first, second, _ := strings.Cut(j.Payload, "/")
	id, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(second)
	if err != nil {
		return err
	}
	m, err := b.ByID(ctx, id)
	if err != nil {
		return err
	}
	f, err := m.file(number)
	if err != nil || f.State != Queued {
		return err
	}
	outcome, taken, err := b.takeIn(ctx, &m, f)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && fault.KindOf(err) == fault.Unavailable && j.Attempts < reportAttempts:
		return err
	case err != nil:
		outcome = strings.ToValidUTF8(err.Error(), "\uFFFD")
	}
	state := Failed
	if taken && err == nil {
		state = Took
	}
	a := act.Act{Actor: act.Machine, Verb: "mailbox.report-end", Object: object(id), Detail: detail(map[string]any{"file": f.Name, "state": state})}
	return b.DB.Act(ctx, a, func(tx *db.Tx) error { return setFile(tx, id, number, f.Feed, state, outcome) })
}

func (b *Box) takeIn(ctx context.Context, m *Message, f *File) (outcome string, taken bool, err error) {
	if f.URL != "" {
		if b.Client == nil {
			return "", false, fault.Conflictf("nothing is fetched in this world")
		}
		if feed, err := b.Reports.Linked(ctx, f.URL); err != nil || feed != f.Feed { // the configuration may have changed
			return "", false, errors.Join(err, fault.Conflictf("the address is no longer one of the feed %s", f.Feed))
		}
		got, r, err := b.Client.File(ctx, fetch.Request{URL: f.URL})
		if err != nil {
			return "", false, err
		}
		defer got.Close()
		name := f.Name
		if r.Name != "" {
			name = eml.SafeName(r.Name)
		}
		return b.Reports.Take(ctx, f.Feed, name, got.Size(), got.Open)
	}
	held, err := b.Spool.Create(b.MaxBytes)
	if err != nil {
		return "", false, err
	}
	defer held.Close()
	if err := b.copyFile(ctx, m, f.Number, held); err != nil {
		return "", false, err
	}
	return b.Reports.Take(ctx, f.Feed, f.Name, held.Size(), held.Open)
}

var errFound = errors.New("found")

// copyFile writes the decoded content of an attachment.
func (b *Box) copyFile(ctx context.Context, m *Message, number int, w io.Writer) error {
	was := m.Protection
	r, err := b.opened(ctx, m, func() (io.ReadCloser, error) { return b.Files.Open(m.path) })
	if err == nil && was != nil && was.Encryption == protect.Decrypted && m.Protection.Encryption != protect.Decrypted {
		err = fault.New(fault.Unavailable, "the message was opened with the key %s, which is retired: it cannot be opened any more", was.Key)
	}
	if err != nil {
		return fmt.Errorf("open the original of message %d: %w", m.ID, err)
	}
	defer r.Close()
	_, err = eml.Read(r, eml.Options{Limits: eml.Limits{Bytes: b.MaxBytes}, Attachment: func(a eml.Attachment, content io.Reader) error {
		if a.Number != number {
			return nil
		}
		if _, err := io.Copy(w, content); err != nil {
			return err
		}
		return errFound
	}})
	if errors.Is(err, errFound) {
		return nil
	}
	if err == nil {
		err = fault.NotFoundf("the message %d has no attachment %d", m.ID, number)
	}
	return err
}
