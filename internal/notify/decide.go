package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Line is a way out that is out of order: the mail server, or a webhook.
type Line struct {
	Name     string `json:"name"`  // mail, webhook:7
	Since    int64  `json:"since"` // UTC microseconds
	Next     int64  `json:"next"`  // tried again then
	Failures int    `json:"failures"`
	Reason   string `json:"reason"`
}

// maxDecided bounds how many letters one act decides on.
const maxDecided = 10_000

// Release lets the recipients of held letters be sent to: these letters and all later ones. It tells how many letters it let go.
func (o *Outbox) Release(ctx context.Context, actor act.Actor, ids ...int64) (n int64, err error) {
	err = o.decide(ctx, actor, "outbox.release", "", ids, func(tx *db.Tx) error {
		n = 0
		if err := lockReleases(tx); err != nil {
			return err
		}
		for _, id := range ids {
			l, err := letterByID(tx, id)
			if err != nil {
				return err
			}
			if l.State != Held || l.Hold != HoldRelease {
				continue
			}
			if err := insertRelease(tx, l.release, actor.Subject(), actor.Name, o.Clock.Now().UnixMicro()); err != nil {
				return err
			}
			k, err := free(tx, l.release)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	o.Wake()
	return n, err
}

// ReleaseAll releases everybody whose first letter waits, as the queue is at the moment. It tells how many letters it let go.
func (o *Outbox) ReleaseAll(ctx context.Context, actor act.Actor) (n int64, err error) {
	for {
		ls, _, err := o.List(ctx, Filter{State: Held, Hold: HoldRelease, Limit: 1000})
		if err != nil || len(ls) == 0 {
			return n, err
		}
		var ids []int64
		for _, l := range ls {
			ids = append(ids, l.ID)
		}
		k, err := o.Release(ctx, actor, ids...)
		if n += k; err != nil || k == 0 {
			return n, err
		}
	}
}

// Refuse cancels letters that were not handed over yet, with a reason. Their recipients stay as they are: the next letter to one who
// was not released waits again. It tells how many letters were cancelled.
func (o *Outbox) Refuse(ctx context.Context, actor act.Actor, reason string, ids ...int64) (n int64, err error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || !oneLine(reason, 500) {
		return 0, fault.Problems{{Field: "reason", Message: "say why, in one line of at most 500 bytes"}}
	}
	err = o.decide(ctx, actor, "outbox.cancel", reason, ids, func(tx *db.Tx) error {
		n, err = o.cancel(tx, ids, reason)
		return err
	})
	return n, err
}

// Resend has letters tried again that were given up, or held for encryption or by the gate; what was rendered is sent as it was. It
// tells how many.
func (o *Outbox) Resend(ctx context.Context, actor act.Actor, ids ...int64) (n int64, err error) {
	err = o.decide(ctx, actor, "outbox.resend", "", ids, func(tx *db.Tx) error {
		n, err = revive(tx, ids, o.Clock.Now().UnixMicro())
		return err
	})
	o.Wake()
	return n, err
}

func (o *Outbox) decide(ctx context.Context, actor act.Actor, verb, reason string, ids []int64, fn func(tx *db.Tx) error) error {
	if len(ids) == 0 || len(ids) > maxDecided {
		return fault.Problems{{Field: "letter", Message: fmt.Sprintf("choose one letter or more, at most %d", maxDecided)}}
	}
	detail, err := json.Marshal(map[string]any{"letters": ids, "reason": reason})
	if err != nil {
		return err
	}
	object := "outbox:letters"
	if len(ids) == 1 {
		object = fmt.Sprintf("letter:%d", ids[0])
	}
	return o.DB.Act(ctx, act.Act{Actor: actor, Verb: verb, Object: object, Detail: string(detail)}, fn)
}
