package world

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"tocsin/internal/platform/db"
)

// dump writes the records of a PostgreSQL world and lists the files they name, both in one transaction. It goes through a
// spool, so that a slow backup disk does not hold the transaction open.
func (b *backup) dump(ctx context.Context, name string) (e Entry, files []named, err error) {
	spool, err := os.CreateTemp(filepath.Join(b.w.Dir(), tmpDir), "dump-")
	if err != nil {
		return e, nil, err
	}
	defer func() {
		err = errors.Join(err, spool.Close(), os.Remove(spool.Name()))
	}()
	out := bufio.NewWriterSize(spool, 1<<20)
	err = b.w.db.View(ctx, func(tx *db.Tx) error {
		if _, err := spool.Seek(0, io.SeekStart); err != nil { // the transaction may run again
			return err
		}
		out.Reset(spool)
		if err := errors.Join(spool.Truncate(0), tx.Dump(out)); err != nil {
			return err
		}
		files, err = namedFiles(tx)
		return err
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return e, nil, err
	}
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return e, nil, err
	}
	e, err = put(b.dst, name, spool)
	return e, files, err
}
