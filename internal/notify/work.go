package notify

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/mail"
)

// lease is how long a node has a letter; longer than any hand-over, with all that is waiting before it.
const lease = 5 * time.Minute

const (
	preparing = 32       // letters prepared and committed at once
	drafting  = 4        // of them composed and rendered at once: that is the processor's work
	unsettled = 32       // letters whose hand-over has ended and is being written down
	inFlight  = 64 << 20 // bytes of letters in memory between preparation and hand-over
)

// shift is one run of Work: letters are claimed, then prepared by some, then handed over by others, and how that ended is written down
// while the next one is handed over.
type shift struct {
	*Outbox
	batch *batch
	names atomic.Pointer[constituency.Directory] // as it was at the last claim
	draws chan struct{}
	ill   sync.Map            // lines that are out of order, as far as is known
	room  *semaphore.Weighted // of inFlight

	settling sync.WaitGroup
	settlers chan struct{}
	on       atomic.Bool     // the switch, as it was at the last claim
	open     atomic.Int64    // lines to the mail server
	dials    sync.Mutex      // one finds out whether there is a mail server, the others wait for that
	spare    chan *mail.Line // one that proved that there is a mail server, for whoever comes first
}

// Work composes, renders and delivers until ctx ends; hand-overs under way then end, and what was claimed is given back.
func (o *Outbox) Work(ctx context.Context) {
	s := &shift{Outbox: o, batch: newBatch(o), spare: make(chan *mail.Line, 1), draws: make(chan struct{}, drafting),
		room: semaphore.NewWeighted(inFlight), settlers: make(chan struct{}, unsettled)}
	claimed, begun := make(chan Letter), make(chan *handover, preparing)
	var committer, preparers, workers sync.WaitGroup
	committer.Go(s.batch.run)
	for range preparing {
		preparers.Go(func() {
			for l := range claimed {
				if h := s.prepare(ctx, &l); h != nil {
					begun <- h
				}
			}
		})
	}
	for range o.Workers {
		workers.Go(func() { (&worker{shift: s}).run(ctx, begun) })
	}
	s.claimAll(ctx, claimed)
	close(claimed)
	preparers.Wait()
	close(begun)
	workers.Wait()
	s.settling.Wait()
	s.batch.end()
	committer.Wait()
	select {
	case l := <-s.spare:
		l.Close()
	default:
	}
}

// claimAll claims letters as fast as others prepare them, until ctx ends.
func (s *shift) claimAll(ctx context.Context, to chan<- Letter) {
	tick := time.NewTicker(s.Tick)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		ls, err := s.claim(ctx, n)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("claim letters", "error", err)
		}
		s.Step("claimed")
		for _, l := range ls {
			to <- l // whoever prepares it gives it back when ctx ends
		}
		if len(ls) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// claim takes letters whose turn it is, and puts off those beyond the rate of their destination.
func (s *shift) claim(ctx context.Context, n int) (out []Letter, err error) {
	// Not cut off in the middle: what is claimed is given back at once when ctx ends, and not when the lease does.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	holder := fmt.Sprintf("%s:%d", s.holder, n)
	names, err := s.Gate.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	s.names.Store(names)
	err = s.DB.Upkeep(ctx, func(tx *db.Tx) error {
		out = nil
		on := false
		defer func() { s.on.Store(on) }()
		if !s.Sealed {
			if on, err = sending(tx); err != nil {
				return err
			}
		}
		now := s.Clock.Now()
		ls, failing, err := claim(tx, holder, on, now.UnixMicro(), s.Real.Now().UnixMicro(), lease.Microseconds(), 2*preparing)
		if err != nil {
			return err
		}
		s.ill.Clear()
		for name := range failing {
			s.ill.Store(name, true)
		}
		for _, l := range ls {
			if l.State == Rendered {
				if at := s.pace.take(l.destination, now); at.After(now) {
					if err := give(tx, &l, at.UnixMicro(), ""); err != nil {
						return err
					}
					continue
				}
			}
			out = append(out, l)
		}
		if len(out) == 0 && len(ls) > 0 { // others wait behind those that were put off
			s.Wake()
		}
		return nil
	})
	return out, err
}

// giveBack gives a letter back, due at a time; 0 leaves that as it is.
func (s *shift) giveBack(l *Letter, due int64, reason string) {
	err := s.batch.do(func(tx *db.Tx) error { return give(tx, l, due, reason) }, "")
	if err != nil {
		s.Log.Error("give a letter back", "letter", l.ID, "error", err) // its lease ends by itself
	}
}
