package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// lease is how long a node has a letter; longer than any hand-over, with all that is waiting before it.
const lease = 5 * time.Minute

// Work composes, renders and delivers until ctx ends; hand-overs under way then end, and what was claimed is given back.
func (o *Outbox) Work(ctx context.Context) {
	queue := make(chan Letter, o.Workers)
	b := &batch{o: o, in: make(chan *commit, 4*o.Workers)}
	var workers, committer sync.WaitGroup
	committer.Go(b.run)
	for range o.Workers {
		workers.Go(func() { (&worker{o: o, batch: b}).run(ctx, queue) })
	}
	tick := time.NewTicker(o.Tick)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		ls, err := o.claim(ctx, n)
		if err != nil && ctx.Err() == nil {
			o.Log.Error("claim letters", "error", err)
		}
		o.Step("claimed")
		for i, l := range ls {
			select {
			case queue <- l:
				continue
			case <-ctx.Done():
			}
			for _, l := range ls[i:] {
				b.do(func(tx *db.Tx) error { return give(tx, &l, 0, "") }, "")
			}
			break
		}
		if len(ls) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-o.wake:
		}
	}
	close(queue)
	workers.Wait()
	close(b.in)
	committer.Wait()
}

// claim takes letters whose turn it is, and puts off those beyond the rate of their destination.
func (o *Outbox) claim(ctx context.Context, n int) (out []Letter, err error) {
	holder := fmt.Sprintf("%s:%d", o.holder, n)
	err = o.DB.Upkeep(ctx, func(tx *db.Tx) error {
		out = nil
		on := false
		if !o.Sealed {
			if on, err = sending(tx); err != nil {
				return err
			}
		}
		now := o.Clock.Now()
		ls, err := claim(tx, holder, on, now.UnixMicro(), o.Real.Now().UnixMicro(), lease.Microseconds(), 2*o.Workers)
		if err != nil {
			return err
		}
		for _, l := range ls {
			if l.State == Rendered {
				if at := o.pace.take(l.destination, now); at.After(now) {
					if err := give(tx, &l, at.UnixMicro(), ""); err != nil {
						return err
					}
					continue
				}
			}
			out = append(out, l)
		}
		if len(out) == 0 && len(ls) > 0 { // others wait behind those that were put off
			o.Wake()
		}
		return nil
	})
	return out, err
}

// commit is a part of a transaction.
type commit struct {
	fn   func(tx *db.Tx) error
	what string // for the audit log: what became of which letter; "" is upkeep
	id   int64
	done chan error
}

// batch commits what several workers ask for in one transaction: a hand-over costs two durable commits, and the disk is the limit.
type batch struct {
	o  *Outbox
	in chan *commit
}

const maxBatch = 64

// do commits fn, together with what others ask for at the moment, and returns when it is durable. what tells the audit log what
// became of which letter: "handed-over:12".
func (b *batch) do(fn func(tx *db.Tx) error, what string, id ...int64) error {
	c := &commit{fn: fn, what: what, done: make(chan error, 1)}
	if len(id) > 0 {
		c.id = id[0]
	}
	b.in <- c
	return <-c.done
}

func (b *batch) run() {
	for c := range b.in {
		cs := []*commit{c}
	more:
		for len(cs) < maxBatch {
			select {
			case c, ok := <-b.in:
				if !ok {
					break more
				}
				cs = append(cs, c)
			default:
				break more
			}
		}
		if err := b.commit(cs); err == nil || len(cs) == 1 {
			for _, c := range cs {
				c.done <- err
			}
			continue
		}
		for _, c := range cs { // one of them is at fault: each by itself
			c.done <- b.commit([]*commit{c})
		}
	}
}

func (b *batch) commit(cs []*commit) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	became := map[string][]int64{}
	for _, c := range cs {
		if c.what != "" {
			became[c.what] = append(became[c.what], c.id)
		}
	}
	all := func(tx *db.Tx) error {
		for _, c := range cs {
			if err := c.fn(tx); err != nil {
				return err
			}
		}
		return nil
	}
	if len(became) == 0 {
		return b.o.DB.Upkeep(ctx, all)
	}
	detail, err := json.Marshal(became)
	if err != nil {
		return err
	}
	return b.o.DB.Act(ctx, act.Act{Actor: act.Machine, Verb: "outbox.deliver", Object: "outbox:letters", Detail: string(detail)}, all)
}
