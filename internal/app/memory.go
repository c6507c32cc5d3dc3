package app

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// BoundMemory asks the garbage collector to keep the heap below a number of bytes, unless GOMEMLIMIT says otherwise. It is
// a wish and no wall: what is needed is still had.
func BoundMemory(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(bytes)
	}
}

// CollectSeldom lets the heap grow to three times what is in use before the garbage collector runs, unless GOGC says otherwise:
// a server's live heap is small beside its machine, and its rounds cost more than the room (ADR 0500).
func CollectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

// PeakMemory is the most resident memory that the process has had, in bytes; 0 where the system does not say.
func PeakMemory() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss << 10
}
