package event

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
)

// batch is reports that were read into one segment and wait to be recorded.
type batch struct {
	reports  []*built
	files    []*source // of all reports, new ones and those that are read again
	outcomes []FileOutcome
	segment  *pendingFile
	rows     int64
	failed   []*source
	twins    []twin
	known    map[*reportPlan]knownFiles // what the choice of files rests on
}

// knownFiles tells the files of a report and how new they are.
type knownFiles map[int64]int64

func knownFilesOf(ss []*source) knownFiles {
	k := knownFiles{}
	for _, s := range ss {
		k[s.id] = s.issued
	}
	return k
}

// pendingFile is a row in state pending and the file it names.
type pendingFile struct {
	id    int64
	path  string
	bytes int64
	file  *file.Pending
}

// source is a file that belongs to a report: new (in is set) or already in the archive.
type source struct {
	Identity
	id      int64 // of source_file
	archive int64 // of a file in the archive
	path    string
	sum     [32]byte
	issued  int64
	again   bool // its content came again and newer
	live    bool // it counted before
	in      *input
	pending *pendingFile // the archive file of a new one
	size    int64
	wins    bool
	plan    *reportPlan

	rows, events, repeated, rejected, unattributed int64
	problems                                       []fault.Problem
	err                                            error
}

// twin is a file whose content is there already.
type twin struct {
	in *input
	of *source
}

const keepProblems = 1000 // wrong rows that are listed by line; all are counted

// build reads the files of the reports. A file that cannot be read is left out and everything is read again without it,
// so that nothing of it remains.
func (t *taking) build(ctx context.Context, plans []*reportPlan) (*batch, error) {
	failed := map[*input]error{}
	for {
		b, err := t.try(ctx, plans, failed)
		if err == nil {
			return b, nil
		}
		if b != nil {
			b.abandon(t.Intake)
		}
		var bad *badFile
		if !errors.As(err, &bad) {
			return nil, err
		}
		failed[bad.in] = bad.err
	}
}

// badFile is an error that is the file's own fault.
type badFile struct {
	in  *input
	err error
}

func (b *badFile) Error() string { return b.in.Name + ": " + b.err.Error() }
func (b *badFile) Unwrap() error { return b.err }

func (t *taking) try(ctx context.Context, plans []*reportPlan, failed map[*input]error) (*batch, error) {
	b := &batch{known: map[*reportPlan]knownFiles{}}
	for _, p := range plans {
		r, err := t.choose(ctx, b, p, failed)
		if err != nil {
			return b, err
		}
		if r != nil {
			b.reports = append(b.reports, r)
		}
	}
	for _, p := range plans {
		for _, in := range p.files {
			if err := failed[in]; err != nil {
				b.failed = append(b.failed, &source{Identity: in.Identity, in: in, err: err, plan: p, issued: in.issued.UnixMicro()})
			}
		}
	}
	if len(b.files) == 0 {
		return b, nil
	}
	if err := t.reserve(ctx, b); err != nil {
		return b, err
	}
	t.Step("pending")
	return b, t.read(ctx, b)
}

// choose says which files make the report: of every subscription the newest. It returns nil when the new files change
// nothing.
func (t *taking) choose(ctx context.Context, b *batch, p *reportPlan, failed map[*input]error) (*built, error) {
	var known []*source
	err := t.DB.View(ctx, func(tx *db.Tx) (err error) {
		known, err = filesOf(tx, p.id, p.day)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.known[p] = knownFilesOf(known)
	all := slices.Clone(known)
	fresh := 0
	for _, in := range p.files {
		if failed[in] != nil {
			continue
		}
		s := &source{Identity: in.Identity, in: in, issued: in.issued.UnixMicro()}
		if len(p.files) > 1 || len(known) > 0 {
			if s.sum, err = digest(in); err != nil {
				return nil, &badFile{in, err}
			}
			if i := slices.IndexFunc(all, func(o *source) bool { return o.sum == s.sum && sameIdentity(o, s) }); i >= 0 {
				b.twins = append(b.twins, twin{in, all[i]})
				if s.issued > all[i].issued { // said again, it is as new as that
					all[i].issued, all[i].again = s.issued, true
					fresh++
				}
				continue
			}
		}
		s.plan = p
		all = append(all, s)
		fresh++
	}
	if fresh == 0 {
		return nil, nil
	}
	winners := newest(all)
	r := &built{plan: p, events: map[int64]int64{}, firstTime: t.firstTime}
	p.delta = true
	changes := false
	for _, s := range all {
		s.wins = slices.Contains(winners, s)
		s.plan = p
		if s.wins {
			p.delta = p.delta && s.Delta
			changes = changes || s.in != nil || !s.live
		}
	}
	for _, s := range all {
		if s.in != nil || s.again || changes {
			b.files = append(b.files, s)
		}
	}
	if !changes {
		return nil, nil
	}
	return r, nil
}

func sameIdentity(a, b *source) bool {
	return a.Subscription == b.Subscription && a.Delayed == b.Delayed
}

// newest are the files that count: per subscription the one issued last; of two issued at once the larger digest decides,
// so that the order of arrival never does. They are ordered by subscription.
func newest(all []*source) []*source {
	var out []*source
	for _, s := range all {
		i := slices.IndexFunc(out, func(o *source) bool { return sameIdentity(o, s) })
		switch {
		case i < 0:
			out = append(out, s)
		case s.issued > out[i].issued || s.issued == out[i].issued && string(s.sum[:]) > string(out[i].sum[:]):
			out[i] = s
		}
	}
	slices.SortFunc(out, func(a, b *source) int {
		if c := strings.Compare(a.Subscription, b.Subscription); c != 0 {
			return c
		}
		return flag(a.Delayed) - flag(b.Delayed)
	})
	return out
}

func digest(in *input) (sum [32]byte, err error) {
	r, err := in.open()
	if err != nil {
		return sum, err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// reserve commits the rows of all files to come, in state pending, before any file is made.
func (t *taking) reserve(ctx context.Context, b *batch) error {
	until := t.Real.Now().Add(lease).UnixMicro()
	return t.DB.Upkeep(ctx, func(tx *db.Tx) (err error) {
		for _, s := range b.files {
			if s.in == nil {
				continue
			}
			s.pending = &pendingFile{path: randomName(s.Day.String(), ".zst")}
			if s.pending.id, err = insertArchive(tx, s.pending.path, until); err != nil {
				return err
			}
			if s.id, err = insertPending(tx, t.feed, s, t.World.Now().UnixMicro(), actorName(t.actor)); err != nil {
				return err
			}
		}
		if len(b.reports) == 0 {
			return nil
		}
		for _, r := range b.reports {
			if err := ensureType(tx, t.feed, r.plan.typ); err != nil {
				return err
			}
			if r.report, err = insertReport(tx, r.plan); err != nil {
				return err
			}
		}
		b.segment = &pendingFile{path: randomName(b.reports[0].plan.day.String()[:7], ".parquet")}
		b.segment.id, err = insertSegment(tx, b.segment.path, until, 0)
		return err
	})
}

// randomName is a fresh name in a folder.
func randomName(folder, suffix string) string {
	var r [16]byte
	rand.Read(r[:])
	return folder + "/" + hex.EncodeToString(r[:]) + suffix
}

// read makes the files: every new source is archived, the events of those that count go to the segment.
func (t *taking) read(ctx context.Context, b *batch) error {
	var w *segmentWriter
	if b.segment != nil {
		dst, err := t.Segments.Create(b.segment.path)
		if err != nil {
			return err
		}
		b.segment.file = dst
		w = t.writers.get(dst)
	}
	for _, r := range b.reports {
		winners := slices.DeleteFunc(slices.Clone(b.files), func(s *source) bool { return s.plan != r.plan || !s.wins })
		slices.SortFunc(winners, func(x, y *source) int {
			return strings.Compare(x.Subscription+"\x00"+fmt.Sprint(x.Delayed), y.Subscription+"\x00"+fmt.Sprint(y.Delayed))
		})
		g := gatherer{t: t, b: r, w: w, overlap: len(winners) > 1}
		for _, s := range winners {
			err := g.file(ctx, s)
			if i := slices.IndexFunc(winners, func(o *source) bool { return o.in != nil }); errors.Is(err, errGone) && i >= 0 {
				return &badFile{winners[i].in, err}
			}
			if err != nil {
				return err
			}
		}
		r.sightings = merge(g.sightings)
		if r.counted == 0 && slices.ContainsFunc(winners, func(s *source) bool { return s.rejected > 0 }) {
			r.plan.delta = true // nothing of it could be understood: its silence closes nothing
		}
	}
	for _, s := range b.files {
		if s.in != nil && !s.wins {
			if err := t.keep(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := b.commitArchives(); err != nil {
		return err
	}
	t.Step("archived")
	if w == nil {
		return nil
	}
	if err := w.finish(); err != nil {
		return err
	}
	t.Step("segment written")
	b.rows, b.segment.bytes = w.rows, w.dst.Size()
	t.writers.put(w)
	return nil
}

// commitArchives makes the archived files durable, all at once.
func (b *batch) commitArchives() error {
	var ps []*file.Pending
	for _, s := range b.files {
		if s.pending != nil {
			ps = append(ps, s.pending.file)
		}
	}
	if len(ps) == 0 {
		return nil
	}
	if err := file.Commit(ps...); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// abandon gives up a batch. Only what is still pending is removed, because a commit whose answer was lost may have
// happened; what the database cannot be asked about now is left to the sweeper.
func (b *batch) abandon(in *Intake) {
	if b.segment != nil && b.segment.file != nil {
		b.segment.file.Abort()
	}
	for _, s := range b.files {
		if s.pending != nil && s.pending.file != nil {
			s.pending.file.Abort()
		}
	}
	ctx := context.Background()
	var segments, archives []string
	err := in.DB.Upkeep(ctx, func(tx *db.Tx) (err error) {
		segments, archives, err = b.condemn(tx)
		return err
	})
	err = errors.Join(err, in.Segments.Remove(segments...), in.Archive.Remove(archives...))
	if err == nil {
		err = in.DB.Upkeep(ctx, b.forget)
	}
	if err != nil {
		in.Log.Warn("what was given up is left to the sweeper", "error", err)
	}
}
