package notify

import (
	"context"
	"encoding/json"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// commit is a part of a transaction.
type commit struct {
	fn   func(tx *db.Tx) error
	what string // for the audit log: what became of which letter; "" is upkeep
	id   int64
	done chan error
}

// batch commits what several ask for in one transaction: a hand-over costs two durable commits, and the disk is the limit.
type batch struct {
	o  *Outbox
	in chan *commit
}

const maxBatch = 64

func newBatch(o *Outbox) *batch { return &batch{o: o, in: make(chan *commit, maxBatch)} }

// end lets run return when everything is committed.
func (b *batch) end() { close(b.in) }

// do commits fn, together with what others ask for at the moment, and returns when it is durable. fn may run several times. what tells
// the audit log what became of which letter.
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
		cs := b.more(c)
		err := b.commit(cs)
		if err == nil || len(cs) == 1 {
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

// more takes what others ask for at the moment.
func (b *batch) more(first *commit) []*commit {
	cs := []*commit{first}
	for len(cs) < maxBatch {
		select {
		case c, ok := <-b.in:
			if !ok {
				return cs
			}
			cs = append(cs, c)
		default:
			return cs
		}
	}
	return cs
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
