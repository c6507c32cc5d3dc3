package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"tocsin/internal/constituency"
	"tocsin/internal/format/rsit"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/world"
)

const (
	reportsACase = 5   // how many reports there are for each case
	filedAtOnce  = 100 // reports in an act
	fillers      = 4   // at work at the same time, as the reporters and the staff of a nation are
)

// filling brings incidents into a world by the very acts by which people do, but for reports, which are filed a hundred in each act.
type filling struct {
	w    *world.World
	seed uint64

	people        []constituency.Listed
	types         []rsit.Type
	mu            sync.Mutex
	busiest       int64 // the constituent that reports every tenth
	busiestRef    string
	quietRef      string
	report        int64 // a report with a case
	small         int64 // its case
	number        string
	large         int64 // a case of much work
	entry         int64 // on whose timeline the second page goes on here
	clocks        int64
	waiting       []int64 // reports that wait, of the first ones
	cases         atomic.Int64
	impact, reach []string
}

// fill files n reports. Every fifth becomes a case, of which nine of ten are closed; the others wait. The last case gets notes, tasks,
// more reports and people who must be told.
func (f *filling) fill(ctx context.Context, n int) error {
	dir, err := f.w.Constituency.Directory(ctx)
	if err != nil {
		return err
	}
	profile, _, err := f.w.Nation.Load(ctx)
	if err != nil {
		return err
	}
	for _, x := range profile.Matrix.Impact {
		f.impact = append(f.impact, x.ID)
	}
	for _, x := range profile.Matrix.Reach {
		f.reach = append(f.reach, x.ID)
	}
	f.people, f.types = dir.All(), rsit.Types()
	f.busiest, f.busiestRef, f.quietRef = f.people[0].ID, f.people[0].Ref, f.people[1].Ref
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var g sync.WaitGroup
	for range fillers {
		g.Go(func() {
			for {
				from := int(next.Add(filedAtOnce)) - filedAtOnce
				if from >= n || ctx.Err() != nil {
					return
				}
				if err := f.some(ctx, from, min(from+filedAtOnce, n)); err != nil {
					cancel(err)
				}
			}
		})
	}
	if g.Wait(); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return f.work(ctx)
}

// some files the reports of an act, and makes cases of a fifth.
func (f *filling) some(ctx context.Context, from, to int) error {
	random := rand.New(rand.NewPCG(f.seed, uint64(from)))
	var filed []incident.Report
	err := f.w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "bench.file", Object: "bench:1"}, func(tx *db.Tx) error {
		filed = nil
		for i := from; i < to; i++ {
			by, what := f.one(random, i)
			r, _, err := f.w.Incidents.FileIn(ctx, tx, by, what)
			if err != nil {
				return err
			}
			filed = append(filed, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, r := range filed {
		if i%reportsACase != 0 {
			continue
		}
		if err := f.triage(ctx, random, &r, i%(10*reportsACase) != 0); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) < 60 {
		for i, r := range filed {
			if i%reportsACase != 0 {
				f.waiting = append(f.waiting, r.ID)
			}
		}
	}
	return nil
}

// one is a report: of every tenth the same constituent, one in five of somebody of the public.
func (f *filling) one(random *rand.Rand, i int) (incident.Reporter, incident.Filing) {
	by := incident.Reporter{Origin: incident.FromPortal, Constituent: f.people[random.IntN(len(f.people))].ID}
	what := incident.Filing{Title: fmt.Sprintf("Incident %d at frequent%d", i, i%10), Text: words(random), Guess: f.types[random.IntN(len(f.types))].Name,
		Aware: f.w.Clock().Now().UnixMicro()}
	switch {
	case i%10 == 3:
		by.Constituent = f.busiest
	case i%5 == 4:
		by = incident.Reporter{Origin: incident.FromPublic}
	}
	if by.Constituent != 0 && random.IntN(6) == 0 {
		what.Step = "early-warning"
	}
	if random.IntN(8) == 0 {
		what.Details.PersonalData = "yes"
	}
	return by, what
}

func words(random *rand.Rand) string {
	var out strings.Builder
	for range 40 {
		if random.IntN(3) == 0 {
			fmt.Fprintf(&out, "host%d ", random.IntN(50_000))
		} else {
			out.WriteString(frequent[random.IntN(len(frequent))] + " ")
		}
	}
	fmt.Fprintf(&out, "198.51.100.%d host%d.example", random.IntN(256), random.IntN(50_000))
	if random.IntN(4) == 0 {
		out.WriteString(" evil.example")
	}
	return out.String()
}

// triage makes a case of a report, rated for every third, and closes it when it is over.
func (f *filling) triage(ctx context.Context, random *rand.Rand, r *incident.Report, over bool) error {
	by, o := identity.LocalActor, incident.Opening{}
	if random.IntN(3) == 0 {
		o.Impact, o.Reach = f.impact[random.IntN(len(f.impact))], f.reach[random.IntN(len(f.reach))]
	}
	c, err := f.w.Incidents.Accept(ctx, by, r.ID, 0, o)
	if err != nil {
		return err
	}
	f.cases.Add(1)
	f.mu.Lock()
	if f.report == 0 {
		f.report, f.small, f.number = r.ID, c.ID, c.Number
	}
	f.large = max(f.large, c.ID)
	f.mu.Unlock()
	if !over {
		return nil
	}
	owed, err := f.w.Deadlines.OfCase(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, o := range owed.Clocks {
		if !o.State.Live() {
			continue
		}
		if _, err := f.w.Deadlines.Waive(ctx, by, o.ID, "handed in elsewhere"); err != nil {
			return err
		}
	}
	for _, to := range []incident.CaseState{incident.Resolved, incident.Closed} {
		if _, err := f.w.Incidents.Move(ctx, by, c.ID, 0, to, ""); err != nil {
			return err
		}
	}
	return nil
}

// work makes the last case one of much work.
func (f *filling) work(ctx context.Context) error {
	random, by, desk := rand.New(rand.NewPCG(f.seed, 18)), identity.LocalActor, f.w.Incidents
	c, err := desk.Case(ctx, f.large)
	if err == nil && c.State == incident.Closed {
		_, err = desk.Move(ctx, by, f.large, 0, incident.Open, "more came to light")
	}
	if err != nil {
		return err
	}
	for i := range 300 {
		if _, err := desk.Note(ctx, by, f.large, incident.Entry{Kind: incident.KindNote, Text: fmt.Sprint("entry ", i, " ", words(random))}); err != nil {
			return err
		}
	}
	for _, id := range f.waiting[:min(50, len(f.waiting))] {
		if _, err := desk.Merge(ctx, by, id, 0, f.large); err != nil {
			return err
		}
	}
	for i := range 50 {
		if _, err := desk.AddTask(ctx, by, f.large, incident.Task{Title: fmt.Sprint("task ", i)}); err != nil {
			return err
		}
		if _, err := f.w.Affected.Add(ctx, by, f.large, affected.Affected{Kind: affected.Entity, Source: "hand", Constituent: f.people[i%len(f.people)].ID, Why: words(random)}); err != nil {
			return err
		}
	}
	entries, err := desk.Timeline(ctx, f.large, 0, 100)
	if err == nil && len(entries) > 0 {
		f.entry = entries[len(entries)-1].ID
	}
	return err
}
