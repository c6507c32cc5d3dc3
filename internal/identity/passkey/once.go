package passkey

import (
	"sync"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
)

// mostUsed bounds the memory of what was answered; a challenge is forgotten when its ceremony has expired anyway.
const mostUsed = 100_000

// once remembers which challenges were answered rightly, so that an answer that somebody overheard is no use a second time. It is
// this node's memory; on another node the authenticator's counter is what tells.
type once struct {
	real clock.Clock

	mu    sync.Mutex
	until map[string]int64
}

func newOnce(real clock.Clock) *once { return &once{real: real, until: map[string]int64{}} }

// take marks a challenge as answered; false when it was before.
func (o *once) take(challenge string, until int64) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.until[challenge]; known {
		return false, nil
	}
	if len(o.until) >= mostUsed {
		now := o.real.Now().UnixMicro()
		for c, t := range o.until {
			if t < now {
				delete(o.until, c)
			}
		}
		if len(o.until) >= mostUsed {
			return false, fault.New(fault.Unavailable, "too many people sign in with passkeys at once: try again in a few minutes")
		}
	}
	o.until[challenge] = until
	return true, nil
}
