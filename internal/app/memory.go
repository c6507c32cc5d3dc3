package app

import "golang.org/x/sys/unix"

// PeakMemory is the most resident memory that the process has had, in bytes; 0 where the system does not say.
func PeakMemory() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Maxrss << 10
}
