// Package filing is the reporter's side of incidents: the form for everybody, the reports of constituents, what the staff writes down
// for a caller, the receipt and its mail, the reporter's own page, and the advice that the CERT gives back. What a report is and what
// becomes of it is the folder's above; whatever is shown to a reporter has been through disclosure's gate.
package filing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"fmt"
	"slices"
	"time"

	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/rate"
	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// Counter is where reporters are served. It is safe for concurrent use.
type Counter struct {
	*incident.Desk
	Box *mailbox.Box // whose messages become reports; nil: none do
	URL string       // by which browsers reach the console, without a slash at its end; links in letters begin with it

	words *text.Catalogue
	key   []byte // of the codes that confirm an address
	begun *rate.Limiter
	bound incident.Bound // of what a stranger adds to a report
}

const (
	perHour     = 20 // reports that one network may begin in an hour of the world
	perMailbox  = 5  // reports that wait for one address to be confirmed, in a day
	maxFiles    = 20 // that a stranger may add to a report
	maxBytes    = 250 << 20
	keysLast    = 30 * 24 * time.Hour
	sweepEvery  = 24 * time.Hour
	sealOwner   = "filing-link"
	kindAdvice  = "advice" // of an entry of a case's timeline
	titleLength = 100
)

// New returns the counter of a desk, which it extends: receipts go out with the acts that they are of.
func New(d *incident.Desk) (*Counter, error) {
	c := &Counter{Desk: d, begun: rate.New(rate.Limit{Burst: perHour, Per: time.Hour}, d.Clock), bound: incident.Bound{Files: maxFiles, Bytes: maxBytes}}
	var err error
	if c.words, err = text.Load(locales); err != nil {
		return nil, err
	}
	if c.key, err = d.Seal.Derive("incident-report-confirm"); err != nil {
		return nil, err
	}
	d.Extend(incident.Extension{Unconfirmed: c.unconfirmed, Received: c.received})
	d.Outbox.Conceal(secrets)
	d.Outbox.Compose(KindConfirm, notify.Single(c.ComposeConfirm))
	d.Outbox.Compose(KindReceipt, notify.Single(c.composeReceipt))
	return c, nil
}

// Register adds the counter's jobs: what nothing needs any more is removed.
func (c *Counter) Register(q *job.Queue) {
	if c.Box != nil {
		q.Handle(mailJob, c.keepMail)
	}
	q.Periodic("filing.sweep", sweepEvery, func(ctx context.Context, _ job.Job) error { return c.Sweep(ctx) })
}

// Sweep removes links of drafts that are gone, and keys that programs no longer repeat.
func (c *Counter) Sweep(ctx context.Context) error {
	before := c.Clock.Now().Add(-keysLast).UnixMicro()
	return c.DB.Upkeep(ctx, func(tx *db.Tx) error { return sweep(tx, before) })
}

// Languages are those that letters to reporters are written in, English first.
func (c *Counter) Languages() []string { return c.words.Languages() }

// code is what the mail to a reporter's address bears, and nothing else does: whoever has it reads that mail.
func (c *Counter) code(r *incident.Report) string {
	m := hmac.New(sha256.New, c.key)
	fmt.Fprintf(m, "%d\n%s\n%s", r.ID, r.Number, r.Mail)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(m.Sum(nil)[:20])
}

// Step is a statutory report that a constituent can hand in.
type Step struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Steps lists the statutory steps that a constituent owes by the laws of today, in the language asked for; 0 is somebody of no
// designation, whom only laws for everybody bind.
func (c *Counter) Steps(ctx context.Context, constituent int64, language string) ([]Step, error) {
	profile, _, err := c.Nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := c.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	l, _ := dir.ByID(constituent)
	var out []Step
	for _, r := range profile.RegimesAt(c.Clock.Now()) {
		if len(r.Designations) > 0 && !slices.Contains(r.Designations, string(l.Designation)) {
			continue
		}
		for _, s := range r.Steps {
			if s.By != nation.ByCERT && !slices.ContainsFunc(out, func(o Step) bool { return o.ID == s.ID }) {
				out = append(out, Step{s.ID, s.Names.In(language, profile.Languages...)})
			}
		}
	}
	return out, nil
}
