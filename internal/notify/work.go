package notify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/mail"
)

// lease is how long a node has a letter; longer than any hand-over, with all that is waiting before it.
const lease = 5 * time.Minute

const (
	claiming = 256      // letters claimed at once
	portion  = 64       // of them prepared together, at most
	drafting = 4        // portions composed and rendered at once: that is the processor's work
	waiting  = 32       // letters that wait for a line
	inFlight = 64 << 20 // bytes of letters in memory between preparation and hand-over

	// unsettled are hand-overs of a line that ended and of which that is not written down yet: the line need not wait for the disk, and
	// they are written down together.
	unsettled = 4
)

// shift is one run of Work: letters are claimed, then prepared by some, then handed over by others. A crash
// leaves in doubt no more letters than unsettled times the lines and the one that each is at, 80 with 16 lines, however fast they go.
type shift struct {
	*Outbox
	batch *batch
	looks chan *look
	ill   sync.Map            // lines that are out of order, as far as is known
	room  *semaphore.Weighted // of inFlight
	on    atomic.Bool         // the switch, as it was at the last claim
	open  atomic.Int64        // lines to the mail server
	dials sync.Mutex          // one finds out whether there is a mail server, the others wait for that
	spare chan *mail.Line     // one that proved that there is a mail server, for whoever comes first
}

// Work composes, renders and delivers until ctx ends; hand-overs under way then end, and what was claimed is given back.
func (o *Outbox) Work(ctx context.Context) {
	s := &shift{Outbox: o, looks: make(chan *look, o.Workers), spare: make(chan *mail.Line, 1), room: semaphore.NewWeighted(inFlight)}
	s.batch = newBatch(s)
	claimed, begun := make(chan []Letter), make(chan *handover, waiting)
	var committer, drafters, workers, looker sync.WaitGroup
	for range s.committers() {
		committer.Go(s.batch.run)
	}
	looker.Go(s.lookOut)
	for range drafting {
		drafters.Go(func() {
			for ls := range claimed {
				s.prepare(ctx, ls, begun)
			}
		})
	}
	for range o.Workers {
		workers.Go(func() { (&worker{shift: s, settling: make(chan struct{}, unsettled)}).run(ctx, begun) })
	}
	s.claimAll(ctx, claimed)
	close(claimed)
	drafters.Wait()
	close(begun)
	workers.Wait()
	close(s.looks)
	looker.Wait()
	s.batch.end()
	committer.Wait()
	select {
	case l := <-s.spare:
		l.Close()
	default:
	}
}

// committers is how many commit at once: SQLite has one writer, PostgreSQL waits for the network most of the time.
func (s *shift) committers() int {
	if s.DB.Engine() == db.PostgreSQL {
		return 4
	}
	return 1
}

// inTime bounds what has to end although ctx has. SQLite waits no longer than that by itself, and a context that can end makes each of
// its statements dearer.
func (s *shift) inTime() (context.Context, context.CancelFunc) {
	if s.DB.Engine() == db.PostgreSQL {
		return context.WithTimeout(context.Background(), 20*time.Second)
	}
	return context.Background(), func() {}
}

// claimAll claims letters as fast as others prepare them, until ctx ends.
func (s *shift) claimAll(ctx context.Context, to chan<- []Letter) {
	tick := time.NewTicker(s.Tick)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		ls, err := s.claim(n)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("claim letters", "error", err)
		}
		s.Step("claimed")
		for some := range slices.Chunk(ls, min(max((len(ls)+drafting-1)/drafting, 1), portion)) {
			to <- some // whoever prepares them gives them back when ctx ends
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
func (s *shift) claim(n int) (out []Letter, err error) {
	// Not cut off in the middle: what is claimed is given back at once when ctx ends, and not when the lease does.
	ctx, cancel := s.inTime()
	defer cancel()
	holder := fmt.Sprintf("%s:%d", s.holder, n)
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
		ls, failing, err := claim(tx, holder, on, now.UnixMicro(), s.Real.Now().UnixMicro(), lease.Microseconds(), claiming)
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

// giveBack gives letters back, due when they were.
func (s *shift) giveBack(ls ...*Letter) {
	cs := make([]*commit, len(ls))
	for i, l := range ls {
		cs[i] = &commit{fn: func(tx *db.Tx) error { return give(tx, l, 0, "") }}
	}
	for i, err := range s.batch.do(cs...) {
		if err != nil {
			s.Log.Error("give a letter back", "letter", ls[i].ID, "error", err) // its lease ends by itself
		}
	}
}
