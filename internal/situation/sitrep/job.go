package sitrep

import (
	"context"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

const every = 5 * time.Minute

// Register makes the desk part of a world's jobs.
func (d *Desk) Register(q *job.Queue) {
	q.Periodic("sitrep.morning", every, func(ctx context.Context, _ job.Job) error { return d.Morning(ctx) })
}

// Morning drafts the day's report when its time has come, once a day: a draft that still waits then is brought up to date instead.
func (d *Desk) Morning(ctx context.Context) error {
	p, _, err := d.Nation.Load(ctx)
	if err != nil {
		return err
	}
	now := d.Clock.Now()
	due, _, ok := p.SitrepDue(now)
	if !ok || now.Before(due) {
		return nil
	}
	var done, waits bool
	var s Sitrep
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if done, err = toldOf(tx, due.UnixMicro()); err != nil {
			return err
		}
		s, waits, err = open(tx)
		return err
	})
	switch {
	case err != nil || done:
		return err
	case waits:
		_, err = d.refresh(ctx, act.Machine, s.ID, 0, now)
		return err
	}
	_, _, err = d.draft(ctx, act.Machine)
	return err
}
