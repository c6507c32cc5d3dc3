package notify

import (
	"encoding/json"
	"sync"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// commit is a part of a transaction: a function, the beginning of a hand-over, or its good end. Of those there are many, so they are
// done for several letters at once.
type commit struct {
	fn   func(tx *db.Tx) error
	what string // for the audit log: what became of which letter; "" is upkeep
	id   int64

	begin  *draft
	begun  *handover // what came of it; nil: it does not begin now
	handed *Letter

	done chan error
}

// batch commits what several ask for in one transaction: a hand-over costs two durable commits, and the disk is the limit.
type batch struct {
	s      *shift
	in     chan *commit
	taking sync.Mutex // of one committer at a time, so that what comes is not shared out among those who wait
}

const (
	maxBatch = 256

	// Nobody waits for the good end of a hand-over but its line, when it has several of them open: they are committed when there are some,
	// or when somebody asks for something else, or soon.
	worth    = 32
	patience = 10 * time.Millisecond
)

func newBatch(s *shift) *batch { return &batch{s: s, in: make(chan *commit, maxBatch)} }

// end lets run return when everything is committed.
func (b *batch) end() { close(b.in) }

// do commits, together with what others ask for at the moment, and returns when all of it is durable, with the error of each. A function
// may run several times.
func (b *batch) do(cs ...*commit) []error {
	for _, c := range cs {
		c.done = make(chan error, 1)
		b.in <- c
	}
	errs := make([]error, len(cs))
	for i, c := range cs {
		errs[i] = <-c.done
	}
	return errs
}

func (b *batch) run() {
	for {
		cs := b.next()
		if len(cs) == 0 {
			return
		}
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

// next takes what others ask for at the moment, as soon as that is worth a commit; nothing at the end.
func (b *batch) next() (cs []*commit) {
	b.taking.Lock()
	defer b.taking.Unlock()
	var late <-chan time.Time
	hurry := false
	for c, ok := <-b.in; ok; {
		cs = append(cs, c)
		hurry = hurry || c.handed == nil
		if len(cs) == maxBatch {
			break
		}
		select {
		case c, ok = <-b.in:
			continue
		default:
		}
		if hurry || len(cs) >= worth {
			break
		}
		if late == nil {
			late = time.After(patience)
		}
		select {
		case c, ok = <-b.in:
		case <-late:
			return cs
		}
	}
	return cs
}

func (b *batch) commit(cs []*commit) error {
	ctx, cancel := b.s.inTime()
	defer cancel()
	became := map[string][]int64{}
	var begins []*commit
	var handeds []*Letter
	for _, c := range cs {
		switch {
		case c.begin != nil:
			begins = append(begins, c)
		case c.handed != nil:
			handeds = append(handeds, c.handed)
			became[string(Handed)] = append(became[string(Handed)], c.handed.ID)
		case c.what != "":
			became[c.what] = append(became[c.what], c.id)
		}
	}
	all := func(tx *db.Tx) error {
		if err := b.s.beginAll(tx, begins); err != nil {
			return err
		}
		if err := b.s.handed(tx, handeds); err != nil {
			return err
		}
		for _, c := range cs {
			if c.fn == nil {
				continue
			}
			if err := c.fn(tx); err != nil {
				return err
			}
		}
		return nil
	}
	if len(became) == 0 {
		return b.s.DB.Upkeep(ctx, all)
	}
	detail, err := json.Marshal(became)
	if err != nil {
		return err
	}
	return b.s.DB.Act(ctx, act.Act{Actor: act.Machine, Verb: "outbox.deliver", Object: "outbox:letters", Detail: string(detail)}, all)
}
