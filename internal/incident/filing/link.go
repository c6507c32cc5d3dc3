package filing

import (
	"context"
	"crypto/subtle"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Begin begins the report of a stranger and returns the secret of its page, where they go on. A network may begin so many in an hour.
func (c *Counter) Begin(ctx context.Context, client netip.Addr, f incident.Filing) (secret string, err error) {
	if _, ok := c.begun.Take(client); !ok {
		return "", fault.Conflictf("from your network %d reports were begun within an hour: try again later, or call the CERT", perHour)
	}
	return c.linked(ctx, act.Anybody, "report.draft", incident.Reporter{Origin: incident.FromPublic, Draft: true}, f, nil)
}

// linked files a report that has a page of its reporter's, and keeps the page's secret for the letters that lead there. also may be nil.
func (c *Counter) linked(ctx context.Context, by act.Actor, verb string, from incident.Reporter, f incident.Filing,
	also func(tx *db.Tx, r *incident.Report) error) (secret string, err error) {
	from.Link = true
	err = c.DB.Act(ctx, act.Act{Actor: by, Verb: verb}, func(tx *db.Tx) error {
		var r incident.Report
		if r, secret, err = c.fileLinked(ctx, tx, from, f); err != nil || also == nil {
			return err
		}
		return also(tx, &r)
	})
	return secret, err
}

// fileLinked is linked within the caller's act.
func (c *Counter) fileLinked(ctx context.Context, tx *db.Tx, from incident.Reporter, f incident.Filing) (incident.Report, string, error) {
	from.Link = true
	titled(&f)
	r, secret, err := c.FileIn(ctx, tx, from, f)
	if err != nil {
		return r, "", err
	}
	return r, secret, insertLink(tx, r.ID, c.Seal.Lock(secret, sealOwner))
}

// titled gives a filing without a title its first line: who is under attack writes one text.
func titled(f *incident.Filing) {
	if strings.TrimSpace(f.Title) != "" {
		return
	}
	line, _, _ := strings.Cut(strings.TrimSpace(f.Text), "\n")
	line = strings.Join(strings.Fields(strings.ToValidUTF8(line, "")), " ")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, line)
	if utf8.RuneCountInString(line) > titleLength {
		line = string([]rune(line)[:titleLength-1]) + "…"
	}
	for len(line) > 200 { // letters of several bytes
		_, n := utf8.DecodeLastRuneInString(strings.TrimSuffix(line, "…"))
		line = strings.TrimSuffix(line, "…")
		line = line[:len(line)-n] + "…"
	}
	if line == "" && strings.TrimSpace(f.Text) != "" { // nothing in it can be read
		line = "–"
	}
	f.Title = line
}

// Page shows the report of a link to whoever has it. Looking changes nothing.
func (c *Counter) Page(ctx context.Context, secret string) (none egress.Cleared[*Told], err error) {
	r, err := c.Linked(ctx, secret)
	if err != nil {
		return none, err
	}
	return c.told(ctx, &r, r.Reporter(), disclosure.Page)
}

// Save keeps what was written of a link's draft so far.
func (c *Counter) Save(ctx context.Context, secret string, f incident.Filing) error {
	r, err := c.Linked(ctx, secret)
	if err != nil {
		return err
	}
	titled(&f)
	_, err = c.Desk.Save(ctx, act.Anybody, r.ID, f)
	return err
}

// Submit hands a link's draft in. It waits for the confirmation of its reporter's address.
func (c *Counter) Submit(ctx context.Context, secret string, f incident.Filing) error {
	r, err := c.Linked(ctx, secret)
	if err != nil {
		return err
	}
	if strings.TrimSpace(f.Mail) == "" && strings.TrimSpace(f.Phone) == "" {
		return fault.Problems{{Field: "mail", Message: "say how to reach you: a mail address, or a telephone number below"}}
	}
	n := int64(0)
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		n, err = waitingFor(tx, f.Mail, c.Clock.Now().Add(-24*time.Hour).UnixMicro())
		return err
	})
	if err != nil {
		return err
	}
	if f.Mail != "" && n >= perMailbox {
		return fault.Conflictf("%d reports of today wait for this mail address to be confirmed: confirm one of them, or call the CERT", n)
	}
	titled(&f)
	_, err = c.Desk.Submit(ctx, act.Anybody, r.ID, f, true)
	return err
}

// Confirmable finds the report whose address a code confirms. Wrong links, wrong codes and codes of an address that was changed are told alike.
func (c *Counter) Confirmable(ctx context.Context, secret, code string) (incident.Report, error) {
	r, err := c.Linked(ctx, secret)
	if err == nil && (r.State == incident.Draft || r.Mail == "" || subtle.ConstantTimeCompare([]byte(code), []byte(c.code(&r))) != 1) {
		err = fault.NotFoundf("this link is not valid: it is wrong, or the draft behind it was removed")
	}
	return r, err
}

// Confirm notes that the reporter's address is theirs.
func (c *Counter) Confirm(ctx context.Context, secret, code string) error {
	r, err := c.Confirmable(ctx, secret, code)
	if err == nil {
		_, err = c.Desk.Confirm(ctx, act.Anybody, r.ID)
	}
	return err
}

// AddByLink writes down what the reporter says later.
func (c *Counter) AddByLink(ctx context.Context, secret string, a incident.Addition) error {
	r, err := c.Linked(ctx, secret)
	if err == nil {
		a.Via = "link"
		_, err = c.Add(ctx, act.Anybody, r.ID, a)
	}
	return err
}

// KeepByLink keeps a file that a reporter adds; what a stranger may add is bounded. What is there already is looked at before, so that no
// more is read than can stay; whether it may stay is decided when it is kept.
func (c *Counter) KeepByLink(ctx context.Context, secret, name, media string, content io.Reader) error {
	r, err := c.Linked(ctx, secret)
	if err != nil {
		return err
	}
	files, err := c.FilesOf(ctx, 0, r.ID)
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f incident.File) bool { return f.Sender != "" })
	left := c.bound.Bytes
	for _, f := range files {
		left -= f.Bytes
	}
	if len(files) >= c.bound.Files || left <= 0 {
		return c.bound.Full(r.Number, len(files), c.bound.Bytes-left)
	}
	_, err = c.Keep(ctx, act.Anybody, incident.File{Report: r.ID, Name: name, Type: media, Bound: c.bound}, &within{content, left})
	return err
}

// within reads so many bytes and no more; more are a fault of kind Invalid, so that no file is kept cut off.
type within struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (w *within) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.left -= int64(n); w.left < 0 {
		return 0, fault.Invalidf("the files of a report are %d bytes at most: write to the CERT how to get larger ones", maxBytes)
	}
	return n, err
}

// PapersByLink are the papers of a link's report.
func (c *Counter) PapersByLink(ctx context.Context, secret string) (none egress.Cleared[*Papers], err error) {
	r, err := c.Linked(ctx, secret)
	if err != nil {
		return none, err
	}
	return c.papers(ctx, &r, r.Reporter(), disclosure.Export)
}
