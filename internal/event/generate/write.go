package generate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"tocsin/internal/event"
	"tocsin/internal/nation"
)

// Progress is how far Write has come.
type Progress struct {
	Files int // report files in all
	Done  int // files written
	Rows  int64
	Bytes int64
	File  string // the one just written
}

// Write makes everything of a Spec in a folder: nation.toml, constituency.json and the reports in reports/. Files that are
// there are overwritten. progress, which may be nil, is called after each file, by one goroutine at a time.
func Write(ctx context.Context, spec Spec, dir string, progress func(Progress)) error {
	g, err := New(spec)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "reports"), 0o755); err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	profile, err := Nation()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "nation.toml"), profile, 0o644); err != nil {
		return fmt.Errorf("generate the nation's profile: %w", err)
	}
	register, err := g.ConstituencyJSON()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "constituency.json"), register, 0o644); err != nil {
		return fmt.Errorf("generate the constituency: %w", err)
	}
	return g.writeReports(ctx, filepath.Join(dir, "reports"), progress)
}

// Nation is the nation's profile, a TOML file.
func Nation() ([]byte, error) { return nation.Shipped("ruritania") }

// ConstituencyJSON is the constituency as it is imported.
func (g *Generator) ConstituencyJSON() ([]byte, error) {
	b, err := json.MarshalIndent(g.Constituency(), "", " ")
	if err != nil {
		return nil, fmt.Errorf("generate the constituency: %w", err)
	}
	return append(b, '\n'), nil
}

// work is a report to write.
type work struct {
	day event.Day
	File
}

// writeReports writes the reports on all processors. The first error ends it; files that are done remain.
func (g *Generator) writeReports(ctx context.Context, dir string, progress func(Progress)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var list []work
	for _, day := range g.Days() {
		for _, f := range g.Files(day) {
			list = append(list, work{day, f})
		}
	}
	todo := make(chan work)
	var mu sync.Mutex
	at := Progress{Files: len(list)}
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		workers.Go(func() {
			for w := range todo {
				rows, bytes, err := g.writeFile(dir, w)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				at.Done, at.Rows, at.Bytes, at.File = at.Done+1, at.Rows+int64(rows), at.Bytes+bytes, w.Name
				if progress != nil {
					progress(at)
				}
				mu.Unlock()
			}
		})
	}
	for _, w := range list {
		if ctx.Err() != nil {
			break
		}
		todo <- w
	}
	close(todo)
	workers.Wait()
	return context.Cause(ctx)
}

// writeFile writes a report; half a file is removed.
func (g *Generator) writeFile(dir string, w work) (rows int, bytes int64, err error) {
	path := filepath.Join(dir, w.Name)
	f, err := os.Create(path)
	if err != nil {
		return 0, 0, fmt.Errorf("generate a report: %w", err)
	}
	count := &counter{w: f}
	rows, err = g.WriteReport(count, w.day, w.Type)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path)
		return 0, 0, fmt.Errorf("generate %s: %w", w.Name, err)
	}
	return rows, count.n, nil
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
