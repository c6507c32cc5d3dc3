package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"tocsin/internal/app"
	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type ingestCmd struct {
	Files        []string `arg:"" help:"Files, directories (all files below) or globs; plain, gzip or zip." placeholder:"FILE"`
	Feed         string   `help:"The feed the files are of." default:"shadowserver" placeholder:"NAME"`
	Type         string   `help:"Report type, where a file's name does not say it." placeholder:"TYPE"`
	Day          string   `help:"Report day, where a file's name does not say it." placeholder:"YYYY-MM-DD"`
	Subscription string   `help:"Subscription, with --day." placeholder:"NAME"`
	JSON         bool     `help:"One JSON line a file, and one with the sums at the end."`
}

// Help is the command's long help.
func (ingestCmd) Help() string {
	return `A file's name says its report type and day: 2026-11-02-scan_rdp-mynation-geo.csv. The same file twice is taken in once; a
corrected file, newer by its modification time, takes the older one's place. It works beside a running server. With --json, or
when standard output is no terminal, each file is one JSON line; with --json the last line has the sums:
  {"files":…,"rows":…,"events":…,"rejected":…,"unattributed":…,"seconds":…,"rows_per_second":…,"peak_bytes":…}
Exit code 3 when a file could not be taken in; the others are.

Examples:
  tocsin ingest reports/2026-11-02-*.csv
  tocsin ingest --json /var/spool/shadowserver
  tocsin ingest --type scan_ftp --day 2026-11-02 ftp.csv
  tocsin ingest --feed intelmq events.jsonl.gz`
}

// fileLine is what is printed for a file.
type fileLine struct {
	File         string          `json:"file"`
	ID           int64           `json:"id,omitempty"`
	Type         string          `json:"type,omitempty"`
	Day          string          `json:"day,omitempty"`
	State        string          `json:"state"`
	Outcome      string          `json:"outcome,omitempty"`
	Rows         int64           `json:"rows"`
	Events       int64           `json:"events"`
	Rejected     int64           `json:"rejected"`
	Unattributed int64           `json:"unattributed"`
	Problems     []fault.Problem `json:"problems,omitempty"`
}

// sums is the last line of ingest --json, which scripts rely on.
type sums struct {
	Files        int     `json:"files"`
	Rows         int64   `json:"rows"`
	Events       int64   `json:"events"`
	Rejected     int64   `json:"rejected"`
	Unattributed int64   `json:"unattributed"`
	Seconds      float64 `json:"seconds"`
	RowsPerSec   float64 `json:"rows_per_second"`
	PeakBytes    int64   `json:"peak_bytes"`
}

// Run takes files in.
func (c *ingestCmd) Run(e *Env) error {
	sources, err := c.sources()
	if err != nil {
		return err
	}
	app.BoundMemory(230 << 20) // beside it stand SQLite's caches
	return e.withNew(func(w *world.World) error {
		if err := c.identify(e, w, sources); err != nil {
			return err
		}
		watch := clock.Start()
		bar := e.bar()
		sum, err := w.Intake.Take(e.Ctx, identity.LocalActor, c.Feed, sources, func(p event.Progress) {
			rate := float64(p.Rows) / max(watch.Elapsed().Seconds(), 0.001)
			bar.show(p.BytesDone, p.Bytes, fmt.Sprintf("%d of %d files, %s rows, %s rows/s", p.FilesDone, p.Files, count(p.Rows), count(int64(rate))))
		})
		taken := watch.Elapsed() // durable, counted and compacted
		if err == nil {
			err = w.Drain(e.Ctx) // what follows: due jobs and the sums of the national picture
		}
		bar.end()
		s := sums{Files: sum.Files, Rows: sum.Rows, Events: sum.Events, Rejected: sum.Rejected, Unattributed: sum.Unattributed,
			Seconds: taken.Seconds(), PeakBytes: app.PeakMemory()}
		s.RowsPerSec = float64(s.Rows) / max(s.Seconds, 0.001)
		return errors.Join(c.print(e, sum, s), err, failure(sum))
	})
}

// failure is the error of an intake some files of which failed.
func failure(sum event.Summary) error {
	if n := len(sum.Failures()); n > 0 {
		return fault.Invalidf("%d of %d files could not be taken in; the reasons are above", n, sum.Files)
	}
	return nil
}

func (c *ingestCmd) print(e *Env, sum event.Summary, s sums) error {
	if f, ok := e.Out.(*os.File); !c.JSON && ok && term.IsTerminal(int(f.Fd())) {
		return summaryTable(e.Out, sum, s)
	}
	enc := json.NewEncoder(e.Out)
	enc.SetEscapeHTML(false) // for scripts and people, not for a page
	for _, o := range sum.Outcomes {
		l := fileLine{File: o.Name, ID: o.FileID, Type: o.Type, State: o.State, Outcome: o.Outcome, Rows: o.Rows, Events: o.Events,
			Rejected: o.Rejected, Unattributed: o.Unattributed, Problems: o.Problems}
		if o.Day != 0 {
			l.Day = o.Day.String()
		}
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	if c.JSON {
		return enc.Encode(s)
	}
	return summaryTable(e.Err, sum, s)
}

// identify gives files an identity whose names do not have one.
func (c *ingestCmd) identify(e *Env, w *world.World, sources []event.Source) error {
	if c.Type == "" && c.Day == "" && c.Subscription == "" {
		return nil
	}
	day, err := parseDate("day", c.Day)
	if err != nil {
		return err
	}
	if day == 0 {
		return usage(errors.New("--type and --subscription need --day: together they say what the name does not"))
	}
	f, err := w.Feeds.ByName(e.Ctx, c.Feed)
	if err != nil {
		return err
	}
	for i := range sources {
		id := event.Identity{Name: filepath.Base(sources[i].Name), Type: c.Type, Day: event.Day(day)}
		if f.Format == "shadowserver" {
			schema, err := w.Formats.Schema(e.Ctx)
			if err != nil {
				return err
			}
			if id, err = shadowserver.New(schema).Undated(sources[i].Name, c.Type, event.Day(day)); err != nil {
				return err
			}
		}
		id.Subscription = c.Subscription
		sources[i].Identity = id
	}
	return nil
}

// sources finds the files. A pattern that means nothing is an error: a misspelt path must not look like a day without
// reports.
func (c *ingestCmd) sources() ([]event.Source, error) {
	var out []event.Source
	seen := map[string]bool{}
	for _, arg := range c.Files {
		paths, err := expandPath(arg)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			if seen[p] {
				continue
			}
			seen[p] = true
			st, err := os.Stat(p)
			if err != nil {
				return nil, unreadable(err)
			}
			out = append(out, event.Source{Name: p, Issued: st.ModTime().UTC(), Size: st.Size(),
				Open: func() (io.ReadCloser, error) { return os.Open(p) }})
		}
	}
	return out, nil
}

func expandPath(arg string) ([]string, error) {
	st, err := os.Stat(arg)
	switch {
	case err == nil && st.IsDir():
		return filesBelow(arg)
	case err == nil:
		return []string{arg}, nil
	case !strings.ContainsAny(arg, "*?["):
		return nil, unreadable(err)
	}
	paths, err := filepath.Glob(arg)
	if err != nil {
		return nil, fault.Invalidf("%q is no pattern: %w", arg, err)
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		st, err := os.Stat(p)
		return err == nil && st.IsDir()
	})
	if len(paths) == 0 {
		return nil, fault.NotFoundf("no file is meant by %s", arg)
	}
	return paths, nil
}

func filesBelow(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return unreadable(err)
		case strings.HasPrefix(d.Name(), ".") && p != dir:
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			out = append(out, p)
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fault.NotFoundf("the directory %s has no files", dir)
	}
	return out, err
}
