// Command bench measures what a day of reports costs, end to end and durable, and prints it as one table beside the floors of
// the same machine in the same run: what sqlite3, a bare Parquet writer and bare inserts need for the same. It tests
// nothing: machines differ.
//
// The mix is the generator's, with a fixed seed; see the package documentation of internal/event/generate.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"tocsin/internal/app"
	"tocsin/internal/event"
	"tocsin/internal/event/generate"
)

type options struct {
	rows, types, prefixes, constituents, days int
	churn                                     float64
	seed                                      uint64
	dir, postgres                             string
	floors, pages, sqlite                     bool
	requests                                  int
	letters                                   int
	digests                                   int
	reports                                   int
	profile                                   string
}

func main() {
	var o options
	quick := flag.Bool("quick", false, "a twentieth of everything: to see that it works")
	flag.IntVar(&o.rows, "rows", 1_000_000, "rows a day")
	flag.IntVar(&o.types, "types", 100, "report types")
	flag.IntVar(&o.prefixes, "prefixes", 20_000, "prefixes of the constituency")
	flag.IntVar(&o.constituents, "constituents", 400, "constituents")
	flag.IntVar(&o.days, "days", 2, "days to take in; 30 shows growth, 5 fills the pages' measurement")
	flag.Float64Var(&o.churn, "churn", 0.10, "share of the findings replaced each day")
	flag.Uint64Var(&o.seed, "seed", 1, "of the generator")
	flag.StringVar(&o.dir, "dir", "", "where to work (default: a temporary directory that is deleted)")
	flag.StringVar(&o.postgres, "postgres", os.Getenv("TOCSIN_TEST_POSTGRES"), "PostgreSQL to measure too")
	flag.BoolVar(&o.sqlite, "sqlite", true, "measure SQLite")
	flag.BoolVar(&o.floors, "floors", true, "measure the floors")
	flag.BoolVar(&o.pages, "pages", true, "measure the pages of bench/urls.txt")
	flag.IntVar(&o.letters, "letters", 10_000, "letters through the outbox; 0 measures none")
	flag.IntVar(&o.requests, "requests", 40, "requests of each page")
	flag.IntVar(&o.digests, "digests", 10_000, "recipients of digests; 0 measures none")
	flag.IntVar(&o.reports, "reports", 100_000, "reports of incidents, every fifth with a case; 0 measures none")
	flag.StringVar(&o.profile, "profile", "", "where to write the processor profile of digests handed over unsigned; the engine is added to the name")
	flag.Parse()
	app.CollectSeldom() // as the server does
	if *quick {
		o.rows, o.types, o.prefixes, o.constituents, o.letters, o.digests, o.reports = 50_000, 40, 2_000, 40, 500, 500, 2_000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "tocsin-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	bin := filepath.Join(o.dir, "tocsin")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/tocsin").CombinedOutput(); err != nil {
		return fmt.Errorf("build tocsin: %w\n%s", err, out)
	}
	g, err := generate.New(generate.Spec{Days: max(o.days, 2), Rows: o.rows, Types: o.types, Prefixes: o.prefixes,
		Constituents: o.constituents, Seed: o.seed, Churn: o.churn})
	if err != nil {
		return err
	}
	b := &bench{options: o, bin: bin, gen: g, report: newTable()}
	b.report.title(fmt.Sprintf("%s rows a day, %d types, %s prefixes, %d constituents, churn %.0f %%, seed %d; %d CPUs, %s",
		thousands(int64(o.rows)), o.types, thousands(int64(o.prefixes)), o.constituents, o.churn*100, o.seed, runtime.NumCPU(), runtime.Version()))
	if err := b.prepare(); err != nil {
		return err
	}
	defer b.cleanUp()
	err = b.measure(ctx) // what was measured before an error is printed all the same
	return errors.Join(b.report.print(os.Stdout), err)
}

// bench is one run.
type bench struct {
	options
	bin     string
	gen     *generate.Generator
	report  *table
	engines []*engine
	token   string   // of who asks for the pages
	names   []string // schemas made in PostgreSQL
}

func (b *bench) measure(ctx context.Context) error {
	if b.letters > 0 {
		if err := b.measureOutbox(ctx); err != nil {
			return err
		}
	}
	for i, day := range b.gen.Days()[:b.days] {
		files, bytes, err := b.write(ctx, day)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "day %d of %d: %d files, %d MB\n", i+1, b.days, len(files), bytes>>20)
		if i == 0 && b.floors {
			if err := b.measureFloors(ctx, day, files); err != nil {
				return err
			}
		}
		for _, e := range b.engines {
			if err := b.ingest(ctx, e, i, files); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(filepath.Join(b.dir, "reports")); err != nil {
			return err
		}
	}
	for _, e := range b.engines {
		if err := b.weigh(ctx, e); err != nil {
			return err
		}
		if b.pages {
			if err := b.measurePages(ctx, e); err != nil {
				return err
			}
			if err := b.measureAccess(ctx, e); err != nil {
				return err
			}
		}
		if b.reports > 0 {
			if err := b.measureIncidents(ctx, e); err != nil {
				return err
			}
		}
	}
	if b.digests > 0 {
		return b.measureDigests(ctx)
	}
	return nil
}

// write generates the reports of a day.
func (b *bench) write(ctx context.Context, day event.Day) (files []string, bytes int64, err error) {
	dir := filepath.Join(b.dir, "reports")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, 0, err
	}
	for _, f := range b.gen.Files(day) {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		path := filepath.Join(dir, f.Name)
		n, err := b.writeReport(path, day, f.Type)
		if err != nil {
			return nil, 0, err
		}
		files = append(files, path)
		bytes += n
	}
	return files, bytes, nil
}
