package world

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"tocsin/internal/platform/fault"
)

// The two locks of a data directory. Whoever works in it holds worldLock shared: the command line and a server go through
// the database and do not disturb each other. Restoring holds it alone. A server holds serveLock too, so that there is one.
const (
	worldLock = "world.lock"
	serveLock = "serve.lock"
)

// lock is a held file lock; the kernel releases it when the process ends, however it ends.
type lock struct{ f *os.File }

// hold takes the lock name in dir, and writes note into it when it is exclusive, for whoever finds it taken.
func hold(dir, name string, exclusive bool, note string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "open the lock of the data directory: %w", err)
	}
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	for {
		err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 200))
		f.Close()
		return nil, taken(dir, name, strings.TrimSpace(string(holder)))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if exclusive {
		f.Truncate(0)
		f.WriteAt([]byte(note+"\n"), 0)
	}
	return &lock{f}, nil
}

func taken(dir, name, holder string) error {
	if holder == "" {
		holder = "another process"
	}
	if name == serveLock {
		return fault.Conflictf("%s serves the data directory %s already: use it, or stop it first", holder, dir)
	}
	return fault.Conflictf("the data directory %s is in use by another tocsin: stop it first", dir)
}

func (l *lock) release() {
	if l != nil {
		l.f.Close()
	}
}
