package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
)

// measureFloors measures what the same machine needs for less: the files into tables without an index, rows into Parquet without
// attribution, sorting or commit, and findings into their table with nothing looked up.
func (b *bench) measureFloors(ctx context.Context, day event.Day, files []string) error {
	if err := b.sqliteImport(ctx, files); err != nil {
		return err
	}
	if err := b.bareParquet(ctx, day, files); err != nil {
		return err
	}
	for _, e := range b.engines {
		if err := b.bareInsert(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) sqliteImport(ctx context.Context, files []string) error {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		b.report.add("floor: sqlite3 .import", "", "not measured", "there is no sqlite3 on this machine", "")
		return nil
	}
	path := filepath.Join(b.dir, "floor.db")
	defer removeDatabase(path)
	var script strings.Builder
	script.WriteString("PRAGMA journal_mode=WAL;\nPRAGMA synchronous=FULL;\n.mode csv\n")
	for i, f := range files {
		fmt.Fprintf(&script, ".import %q t%d\n", f, i)
	}
	cmd := exec.CommandContext(ctx, "sqlite3", path)
	cmd.Stdin = strings.NewReader(script.String())
	watch := clock.Start()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("sqlite3 .import: %w\n%s", err, bytes.TrimSpace(out))
	}
	seconds := watch.Elapsed().Seconds()
	b.report.add("floor: sqlite3 .import", "", fmt.Sprintf("%s rows/s", thousands(int64(float64(b.rows)/seconds))),
		fmt.Sprintf("%.1f s, a table a file, no index", seconds), "")
	return nil
}

func removeDatabase(path string) {
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		os.Remove(p)
	}
}

// bareRow has the columns of a segment that carry most.
type bareRow struct {
	Type       string `parquet:"type,dict"`
	IP         string `parquet:"ip"`
	Port       int32  `parquet:"port"`
	Time       int64  `parquet:"time,delta"`
	ASN        int64  `parquet:"asn,dict"`
	CC         string `parquet:"cc,dict"`
	Region     string `parquet:"region,dict"`
	City       string `parquet:"city,dict"`
	ReverseDNS string `parquet:"reverse_dns"`
	FQDN       string `parquet:"fqdn,dict"`
	URL        string `parquet:"url,dict"`
	Transport  string `parquet:"transport,dict"`
	Class      string `parquet:"class,dict"`
	Kind       string `parquet:"kind,dict"`
	Identifier string `parquet:"identifier,dict"`
	Severity   int32  `parquet:"severity,dict"`
	Extra      string `parquet:"extra"`
}

const bareRows = 200_000 // decoded before the measurement, written again and again

func (b *bench) bareParquet(ctx context.Context, day event.Day, files []string) error {
	rows, err := decode(files, min(bareRows, b.rows))
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(b.dir, "floor.parquet"))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	watch := clock.Start()
	w := parquet.NewGenericWriter[bareRow](f, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(64<<10))
	written := 0
	for written < b.rows && ctx.Err() == nil {
		n, err := w.Write(rows[:min(len(rows), b.rows-written)])
		if err != nil {
			return err
		}
		written += n
	}
	if err := errors.Join(ctx.Err(), w.Close(), f.Sync(), f.Close()); err != nil {
		return err
	}
	seconds := watch.Elapsed().Seconds()
	b.report.add("floor: bare Parquet", "", fmt.Sprintf("%s rows/s", thousands(int64(float64(written)/seconds))),
		fmt.Sprintf("%.1f s, one writer, 17 columns, zstd, unsorted", seconds), "")
	return nil
}

// decode reads rows of the files in turn.
func decode(files []string, n int) ([]bareRow, error) {
	format := shadowserver.New(shadowserver.Builtin())
	var out []bareRow
	for _, path := range files {
		if len(out) >= n {
			break
		}
		id, err := format.Identify(filepath.Base(path))
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r, err := format.Open(id, bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		for len(out) < n {
			var e event.Event
			err := r.Next(&e)
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			out = append(out, bareRow{Type: id.Type, IP: e.IP.String(), Port: e.Port, Time: e.Time, ASN: int64(e.ASN),
				CC: strings.Clone(e.CC), Region: strings.Clone(e.Region), City: strings.Clone(e.City), ReverseDNS: strings.Clone(e.ReverseDNS),
				FQDN: strings.Clone(e.FQDN), URL: strings.Clone(e.URL), Transport: strings.Clone(e.Transport), Class: e.Class, Kind: e.Kind,
				Identifier: strings.Clone(e.Identifier), Severity: int32(e.Severity), Extra: strings.Clone(e.Extra)})
		}
	}
	return out, nil
}

const insertFinding = `INSERT INTO finding (id, type, address, port, transport, name, identifier, severity, owner, explanation,
	first_seen, first_day, run_from, run_to, closed_day) VALUES ($1, $2, $3, $4, 'tcp', '', '', 3, $5, 1, 1, 1, 1, 9999999, -1)`

// bareInsert fills the finding table in the order of its key, in one transaction.
func (b *bench) bareInsert(ctx context.Context, e *engine) (err error) {
	path, name := e.url, "floor"
	if path == "" {
		path = filepath.Join(b.dir, "floor-findings.db")
		defer removeDatabase(path)
	}
	d, err := db.Open(ctx, path, name, audit.Recorder(clock.Real()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	n := b.rows * 3 / 5
	ids := make([][]byte, n)
	r := rand.New(rand.NewPCG(b.seed, 1))
	for i := range ids {
		id := binary.BigEndian.AppendUint32(nil, uint32(i*b.types/n))
		id = append(id, 4)
		id = binary.BigEndian.AppendUint32(id, r.Uint32())
		ids[i] = binary.BigEndian.AppendUint32(id, r.Uint32()) // unique enough for a floor
	}
	slices.SortFunc(ids, bytes.Compare)
	ids = slices.CompactFunc(ids, bytes.Equal)
	args := func(i int) []any {
		id := ids[i]
		return []any{id, int64(binary.BigEndian.Uint32(id)), id[4:9], 443, int64(i % 400)}
	}
	watch := clock.Start()
	err = d.Upkeep(ctx, func(tx *db.Tx) error {
		if tx.Engine() == db.PostgreSQL {
			return copyFindings(tx, len(ids), args)
		}
		for i := range ids {
			if _, err := tx.Prepared(insertFinding, args(i)...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	seconds := watch.Elapsed().Seconds()
	b.report.add("floor: bare insert", e.name, fmt.Sprintf("%s findings/s", thousands(int64(float64(len(ids))/seconds))),
		fmt.Sprintf("%.1f s for %s, in key order, with the indexes", seconds, thousands(int64(len(ids)))), "")
	return nil
}

func copyFindings(tx *db.Tx, n int, args func(int) []any) error {
	i := 0
	columns := []string{"id", "type", "address", "port", "transport", "name", "identifier", "severity", "owner", "explanation",
		"first_seen", "first_day", "run_from", "run_to", "closed_day"}
	return tx.Copy("finding", columns, func() ([]any, error) {
		if i == n {
			return nil, nil
		}
		a := args(i)
		i++
		return []any{a[0], a[1], a[2], int32(a[3].(int)), "tcp", "", "", int32(3), a[4], int64(1), int64(1), int64(1), int64(1),
			int64(9999999), int64(-1)}, nil
	})
}
