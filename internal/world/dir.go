package world

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"tocsin/internal/platform/fault"
)

// The places in a data directory.
const (
	databaseFile = "tocsin.db"
	archiveDir   = "archive"
	segmentDir   = "segments"
	mailDir      = "mail"     // messages as they came
	incidentDir  = "incident" // files of reports and cases as they came
	tmpDir       = "tmp"
	sealFile     = "seal.key"  // never in the database, nor in a backup of it
	auditKey     = "audit.key" // signs checkpoints of the audit log; not in a backup
)

// prepare makes the data directory, readable by its owner only: it holds what a nation's feeds tell.
func prepare(dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, archiveDir), filepath.Join(dir, segmentDir), filepath.Join(dir, mailDir), filepath.Join(dir, incidentDir), filepath.Join(dir, tmpDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fault.New(fault.Unavailable, "make the data directory: %w", err)
		}
	}
	st, err := os.Stat(dir)
	if err != nil {
		return fault.New(fault.Unavailable, "read the data directory: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fault.New(fault.Unavailable, "close the data directory %s to others: %w", dir, err)
		}
	}
	return nil
}

// Exists tells whether dir holds a world.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, worldLock))
	return !errors.Is(err, fs.ErrNotExist)
}
