package web

import (
	"context"
	"io"
	"slices"

	"tocsin/internal/notify"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type letterPage struct {
	row
	Preview     *notify.Content
	Trouble     string // why there is none
	Attachments []attachment
	Health      notify.Health
	CanResend   bool
	CanCancel   bool
	Waits       bool // for a release
}

// attachment is a file as the page lists it.
type attachment struct {
	Name, Type string
	Size       int64
}

// PageTitle is the letter's subject.
func (p letterPage) PageTitle() string {
	if p.Subject != "" {
		return p.Subject
	}
	return p.Key
}

func (r *room) letter(ctx context.Context, v web.Visitor, in Numbered) (letterPage, error) {
	l, c, err := r.Outbox.Preview(ctx, in.ID)
	p := letterPage{Preview: c}
	if err != nil && l.ID == 0 {
		return p, err
	}
	if err != nil { // the letter is there, what it says is not
		p.Trouble = v.T("letter.no-preview")
		if fault.KindOf(err) != fault.Internal {
			p.Trouble = err.Error()
		}
	}
	p.row = r.rows(ctx, []notify.Letter{l})[0]
	if c != nil {
		for _, a := range c.Attachments {
			p.Attachments = append(p.Attachments, attachment{a.Name, a.Type, int64(len(a.Bytes))})
		}
	}
	p.Waits = l.State == notify.Held && l.Hold == notify.HoldRelease
	p.CanResend = l.State == notify.Dead || l.State == notify.Held && !p.Waits
	p.CanCancel = slices.Contains([]notify.State{notify.Queued, notify.Rendered, notify.Held, notify.Dead}, l.State)
	p.Health, err = r.Outbox.HealthOf(ctx, l.HealthKey())
	return p, err
}

func (r *room) attachment(ctx context.Context, _ web.Visitor, in struct {
	Numbered
	N int `path:"n" min:"0" max:"1000"`
}) (web.File, error) {
	_, c, err := r.Outbox.Preview(ctx, in.ID)
	if err != nil {
		return web.File{}, err
	}
	if in.N >= len(c.Attachments) {
		return web.File{}, fault.NotFoundf("letter %d has no attachment %d", in.ID, in.N)
	}
	a := c.Attachments[in.N]
	return web.File{Name: a.Name, Type: "application/octet-stream", Write: func(w io.Writer) error {
		_, err := w.Write(a.Bytes)
		return err
	}}, nil
}

func (r *room) cancel(ctx context.Context, v web.Visitor, in struct {
	Numbered
	Reason string `form:"reason" max:"500"`
}) (web.Done, error) {
	_, err := r.Outbox.Refuse(ctx, v.Actor, in.Reason, in.ID)
	return web.Done{To: one(in.ID), Flash: "letter.cancelled"}, err
}

func (r *room) testOf(ctx context.Context, v web.Visitor, in Numbered) (web.Done, error) {
	l, c, err := r.Outbox.Preview(ctx, in.ID)
	if err != nil {
		return web.Done{}, err
	}
	c.Subject = v.T("test.prefix") + " " + c.Subject
	return r.sendTest(ctx, v, notify.Letter{Content: c, EncryptionRequired: l.EncryptionRequired})
}
