package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"tocsin/internal/event"
	"tocsin/internal/nation"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/world"
)

// engine is one database and the data directory beside it.
type engine struct {
	name, dir, url, schema string
	events                 int64
	first, second          float64
}

func (e *engine) flags() []string {
	args := []string{"--data", e.dir, "--log-level", "warn"}
	if e.url != "" {
		args = append(args, "--database", e.url)
	}
	return args
}

// prepare makes the nation on every engine.
func (b *bench) prepare() error {
	if b.sqlite {
		b.engines = append(b.engines, &engine{name: "SQLite", dir: filepath.Join(b.dir, "sqlite")})
	}
	if b.postgres != "" {
		database := "tocsin_bench_" + random()
		url, err := createDatabase(b.postgres, database)
		if err != nil {
			return fmt.Errorf("make a database for the benchmark: %w", err)
		}
		b.names = append(b.names, database)
		b.engines = append(b.engines, &engine{name: "PostgreSQL", dir: filepath.Join(b.dir, "postgres"), url: url})
	}
	registry, err := json.Marshal(b.gen.Constituency())
	if err != nil {
		return err
	}
	profile, err := nation.Shipped("ruritania")
	if err != nil {
		return err
	}
	file, toml := filepath.Join(b.dir, "constituency.json"), filepath.Join(b.dir, "nation.toml")
	if err := errors.Join(os.WriteFile(file, registry, 0o644), os.WriteFile(toml, profile, 0o644)); err != nil {
		return err
	}
	for _, e := range b.engines {
		for _, args := range [][]string{{"nation", "set", toml}, {"constituency", "import", file}} {
			if out, err := exec.Command(b.bin, append(args, e.flags()...)...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", args[0], err, out)
			}
		}
	}
	return nil
}

func (b *bench) cleanUp() {
	for _, n := range b.names {
		dropDatabase(b.postgres, n)
	}
}

func (b *bench) writeReport(path string, day event.Day, typ string) (n int64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := b.gen.WriteReport(w, day, typ); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// sums is the last line of ingest --json.
type sums struct {
	Files, Rows, Events, Rejected, Unattributed int64
	Seconds                                     float64
	PeakBytes                                   int64 `json:"peak_bytes"`
}

// ingest takes a day in with a process of its own, as a person would; its whole life is measured.
func (b *bench) ingest(ctx context.Context, e *engine, i int, files []string) error {
	args := append([]string{"ingest", "--json"}, e.flags()...)
	cmd := exec.CommandContext(ctx, b.bin, append(args, filepath.Join(b.dir, "reports"))...)
	cmd.Stderr = os.Stderr
	watch := clock.Start()
	out, err := cmd.Output()
	seconds := watch.Elapsed().Seconds()
	if err != nil {
		return fmt.Errorf("ingest into %s: %w", e.name, err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var s sums
	if err := json.Unmarshal(lines[len(lines)-1], &s); err != nil {
		return err
	}
	rate := float64(s.Rows) / seconds
	e.events += s.Events
	switch i {
	case 0:
		e.first = rate
	case 1:
		e.second = rate
	}
	note := ""
	if i > 1 {
		note = fmt.Sprintf("%.2f × day 2", rate/e.second)
	}
	b.report.add(fmt.Sprintf("day %d", i+1), e.name, fmt.Sprintf("%s rows/s", thousands(int64(rate))),
		fmt.Sprintf("%.1f s, peak %d MB, %s rejected", seconds, s.PeakBytes>>20, thousands(s.Rejected)), note)
	return nil
}

// weigh tells what is on disk after the last day.
func (b *bench) weigh(ctx context.Context, e *engine) (err error) {
	w, err := world.Open(ctx, world.Config{Dir: e.dir, DatabaseURL: e.url})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	var findings, records int64
	if err := w.DB().View(ctx, func(tx *db.Tx) error {
		if err := tx.Row(`SELECT count(*) FROM finding`).Scan(&findings); err != nil {
			return err
		}
		if tx.Engine() == db.PostgreSQL {
			return tx.Row(`SELECT CAST(sum(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c
				WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'`).Scan(&records)
		}
		return tx.Row(`SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`).Scan(&records)
	}); err != nil {
		return err
	}
	archive, err := sizeOf(filepath.Join(e.dir, "archive"))
	if err != nil {
		return err
	}
	segments, err := sizeOf(filepath.Join(e.dir, "segments"))
	if err != nil {
		return err
	}
	events := max(e.events, 1)
	b.report.add("disk", e.name, fmt.Sprintf("%d bytes/event", (archive+segments)/events),
		fmt.Sprintf("archive %d, segments %d; %s events", archive/events, segments/events, thousands(e.events)), "")
	b.report.add("records", e.name, fmt.Sprintf("%d bytes/finding", records/max(findings, 1)),
		fmt.Sprintf("%s findings, %d MB in all", thousands(findings), records>>20), "")
	return nil
}

func sizeOf(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			n += st.Size()
		}
		return err
	})
	return n, err
}

func random() string {
	var b [5]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// createDatabase makes a database of its own beside the one at url and returns its URL.
func createDatabase(url, name string) (string, error) {
	ctx := context.Background()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return "", err
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	user := cfg.User
	if cfg.Password != "" {
		user += ":" + cfg.Password
	}
	return fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=prefer", user, cfg.Host, cfg.Port, name), nil
}

func dropDatabase(url, name string) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err == nil {
		_, err = c.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		err = errors.Join(err, c.Close(ctx))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "drop the benchmark's database:", err)
	}
}
