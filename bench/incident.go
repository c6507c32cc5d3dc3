package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"tocsin/internal/format/rsit"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/world"
)

// reportsACase is how many reports there are for each case.
const reportsACase = 5

// measureIncidents files reports, makes cases of a fifth of them, and asks a server of its own for the board, the list, the search and
// a case, many times each.
func (b *bench) measureIncidents(ctx context.Context, e *engine) error {
	w, err := world.Open(ctx, world.Config{Dir: e.dir, DatabaseURL: e.url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	begun := clock.Start()
	last, err := fileReports(ctx, w, b.reports, b.seed)
	if err == nil {
		b.token, err = token(ctx, w)
	}
	w.Close()
	if err != nil {
		return err
	}
	d := begun.Elapsed()
	b.report.add("Reports filed and triaged", e.name, fmt.Sprintf("%s reports/s", thousands(int64(float64(b.reports)/d.Seconds()))),
		fmt.Sprintf("%s reports, %s cases in %.0f s, a thousand in each act", thousands(int64(b.reports)), thousands(int64(b.reports/reportsACase)), d.Seconds()), "")
	base, stop, err := b.serve(ctx, e)
	if err != nil {
		return err
	}
	defer stop()
	client := &http.Client{Timeout: time.Minute}
	for _, p := range []struct{ name, path string }{
		{"triage board", "/reports"}, {"all reports", "/reports?state=all"}, {"cases", "/cases"}, {"cases of a sector", "/cases?sector=energy&sort=-changed"},
		{"cases with columns", "/cases?look=board"}, {"nobody's cases", "/cases?state=all&lead=nobody&min-severity=high"}, {"case", fmt.Sprintf("/cases/%d", last)},
		{"search, one rare word", "/cases/search?q=host4711"}, {"search, a beginning", "/cases/search?q=host4"}, {"search, frequent words", "/cases/search?q=server+phishing+mail"},
		{"search, frequent and rare", "/cases/search?q=server+host4711"}, {"search, nothing in common", "/cases/search?q=server+frequent0+nowhere"}, {"search, an address", "/cases/search?q=198.51.100.7"},
	} {
		var times []time.Duration
		for range b.requests + 1 {
			d, err := ask(ctx, client, base+p.path, b.token)
			if err != nil {
				return err
			}
			times = append(times, d)
		}
		b.report.add("  "+p.name+", p95", e.name, fmt.Sprintf("%.1f ms", ms(percentile(times[1:], 95))), fmt.Sprintf("p50 %.1f ms, %s", ms(percentile(times[1:], 50)), p.path), "")
	}
	return nil
}

// fileReports files so many reports, of which every fifth becomes a case and the others wait, and tells the last case.
func fileReports(ctx context.Context, w *world.World, n int, seed uint64) (last int64, err error) {
	random := rand.New(rand.NewPCG(seed, 18))
	dir, err := w.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	people, types := dir.All(), rsit.Types()
	frequent := strings.Fields("server mail phishing network password since morning user account address file login attack website customer database backup firewall router office")
	text := func() string {
		var out strings.Builder
		for range 40 {
			if random.IntN(3) == 0 {
				fmt.Fprintf(&out, "host%d ", random.IntN(50_000))
			} else {
				out.WriteString(frequent[random.IntN(len(frequent))] + " ")
			}
		}
		fmt.Fprintf(&out, "198.51.100.%d", random.IntN(256))
		return out.String()
	}
	for from := 0; from < n; from += 1000 {
		var accepted []int64
		err := w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "bench.file", Object: "bench:1"}, func(tx *db.Tx) error {
			accepted = nil
			for i := from; i < min(from+1000, n); i++ {
				r, _, err := w.Incidents.FileIn(ctx, tx, incident.Reporter{Origin: incident.FromPortal, Constituent: people[random.IntN(len(people))].ID},
					incident.Filing{Title: fmt.Sprintf("Incident %d at frequent%d", i, i%10), Text: text(), Guess: types[random.IntN(len(types))].Name, Aware: w.Clock().Now().UnixMicro()})
				if err != nil {
					return err
				}
				if i%reportsACase == 0 {
					accepted = append(accepted, r.ID)
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		for i, id := range accepted {
			c, err := w.Incidents.Accept(ctx, identity.LocalActor, id, 0, incident.Opening{})
			if err != nil {
				return 0, err
			}
			if last = c.ID; i%10 != 0 {
				if _, err := w.Incidents.Move(ctx, identity.LocalActor, c.ID, 0, incident.Resolved, ""); err != nil {
					return 0, err
				}
				if _, err := w.Incidents.Move(ctx, identity.LocalActor, c.ID, 0, incident.Closed, ""); err != nil {
					return 0, err
				}
			}
		}
	}
	for i := range 200 { // a case of much work
		if _, err := w.Incidents.Note(ctx, identity.LocalActor, last, incident.Entry{Kind: incident.KindNote, Text: fmt.Sprint("entry ", i, " ", text())}); err != nil {
			return 0, err
		}
	}
	return last, nil
}
