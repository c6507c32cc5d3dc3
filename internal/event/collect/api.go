package collect

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
)

const (
	parallel    = 2              // downloads side by side
	batch       = 100            // files that are handed to the intake together
	settledFor  = 12 * time.Hour // after a day's end its list is taken for whole: the day's reports are made that night
	triedBefore = 24 * time.Hour // a file that failed is not tried again before
)

// collectAPI lists the last days and brings what is not known yet, the oldest day first. A run that breaks off loses
// nothing: what was taken in is known to the next one.
func (s *session) collectAPI(ctx context.Context, src feed.APISource) error {
	a, err := newAccount(s.api, src)
	if err != nil {
		return err
	}
	format, err := s.Format(s.feed)
	if err != nil {
		return err
	}
	today := int64(event.DayOf(s.Clock.Now().UnixMicro()))
	from := today - int64(src.Lookback()) + 1
	reports, whole, err := a.list(ctx, from, today)
	if err != nil {
		return err
	}
	if !whole {
		s.problem("the API lists more than %d reports of one type and day: the list may lack some", a.limit)
	}
	known, err := s.Feeds.KnownFiles(ctx, s.feed.ID, from-1, today+1)
	if err != nil {
		return err
	}
	days := s.byDay(format, reports)
	s.forget(reports)
	var errs []error
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if err := s.collectDay(ctx, a, days[day], known); err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil || len(errs) == 3 { // the API is down: the next run goes on here
				break
			}
			continue
		}
		if whole && int64(day) >= from && s.settled(day) {
			types := make([]string, 0, len(days[day]))
			for _, l := range days[day] {
				types = append(types, l.Type)
			}
			if err := s.Feeds.SetListing(ctx, act.Machine, s.feed.Name, int64(day), types); err != nil {
				return err
			}
		}
	}
	return errors.Join(errs...)
}

// settled says whether no more reports of a day are expected.
func (s *session) settled(day event.Day) bool {
	return !s.Clock.Now().Before((day + 1).Time().Add(settledFor))
}

// byDay sorts a list by report day and gives each entry the type that its file's name tells; a name that tells nothing is
// a problem, and left out.
func (s *session) byDay(format event.Format, reports []listed) map[event.Day][]listed {
	days := map[event.Day][]listed{}
	for _, l := range reports {
		id, err := format.Identify(l.File)
		if err != nil {
			s.problem("the API lists a file that cannot be taken in: %v", err)
			continue
		}
		l.Type = id.Type
		days[id.Day] = append(days[id.Day], l)
	}
	return days
}

// forget drops what is remembered of files that the API lists no more.
func (s *session) forget(reports []listed) {
	names := map[string]bool{}
	for _, l := range reports {
		names[l.File] = true
	}
	gone := func(name string, _ int64) bool { return !names[name] }
	maps.DeleteFunc(s.state.Seen, gone)
	maps.DeleteFunc(s.state.Tried, gone)
}

// wanted says whether a listed file is new or newer than what was taken in under its name.
func (s *session) wanted(l listed, known map[string][]feed.Known) bool {
	issued := micros(l.issued)
	if at, ok := s.state.Seen[l.File]; ok && at == issued {
		return false
	}
	now := s.Clock.Now().UnixMicro()
	if at, ok := s.state.Tried[l.File]; ok && now-at < triedBefore.Microseconds() {
		return false
	}
	plain := strings.TrimSuffix(strings.TrimSuffix(l.File, ".zip"), ".gz")
	for _, k := range slices.Concat(known[l.File], known[plain]) {
		if !k.Failed && (k.Issued == issued || issued == 0) {
			return false
		}
	}
	return true
}

// micros is a time in UTC microseconds, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// collectDay brings a day's new files in batches. What was downloaded before a download failed is still taken in.
func (s *session) collectDay(ctx context.Context, a *account, reports []listed, known map[string][]feed.Known) error {
	var fresh []listed
	for _, l := range reports {
		if s.wanted(l, known) {
			fresh = append(fresh, l)
		}
	}
	slices.SortFunc(fresh, func(x, y listed) int { return cmp.Compare(x.File, y.File) })
	for part := range slices.Chunk(fresh, batch) {
		if err := s.collectBatch(ctx, a, part); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) collectBatch(ctx context.Context, a *account, part []listed) error {
	files, downErr := download(ctx, a, part)
	defer func() {
		for _, f := range files {
			f.file.Close()
		}
	}()
	if len(files) == 0 {
		return downErr
	}
	var ss []event.Source
	for _, f := range files {
		issued := f.of.issued
		if issued.IsZero() {
			issued = s.Clock.Now()
		}
		ss = append(ss, sources([]held{f.held}, issued)...)
	}
	sum, err := s.Take(ctx, act.Machine, s.feed.Name, ss)
	if err != nil {
		return errors.Join(downErr, err)
	}
	bad := failed(sum, ss)
	if s.state.Seen == nil {
		s.state.Seen = map[string]int64{}
	}
	if s.state.Tried == nil {
		s.state.Tried = map[string]int64{}
	}
	for _, f := range files {
		s.state.Taken++
		if why := bad[f.of.File]; why != nil {
			s.problem("%s could not be taken in: %v", f.of.File, why)
			s.state.Tried[f.of.File] = s.Clock.Now().UnixMicro()
			continue
		}
		delete(s.state.Tried, f.of.File)
		s.state.Seen[f.of.File] = micros(f.of.issued)
	}
	return downErr
}

type downloaded struct {
	held
	of listed
}

// download gets files side by side; with an error the files that came whole are given with it.
func download(ctx context.Context, a *account, part []listed) ([]downloaded, error) {
	var mu sync.Mutex
	var files []downloaded
	var errs []error
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, l := range part {
		g.Go(func() error {
			mu.Lock()
			stop := len(errs) > 2 || ctx.Err() != nil
			mu.Unlock()
			if stop {
				return nil
			}
			f, err := a.download(ctx, l)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return nil
			}
			files = append(files, downloaded{held{l.File, f}, l})
			return nil
		})
	}
	g.Wait() // its functions tell their errors themselves
	if err := ctx.Err(); err != nil {
		errs = append(errs, err)
	}
	slices.SortFunc(files, func(x, y downloaded) int { return cmp.Compare(x.of.File, y.of.File) })
	return files, errors.Join(errs...)
}
