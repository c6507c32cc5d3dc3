package notify

import (
	"sync"
	"time"
)

// pace keeps the rate of letters to each destination: so many a minute, some at once. Letters beyond it are put off to times of their
// own, so that a thousand letters to one provider neither hold up the others nor come back all at once. Every node keeps its own.
type pace struct {
	every time.Duration
	burst time.Duration

	mu   sync.Mutex
	free map[string]time.Time // when the bucket of a destination is full again
	last map[string]time.Time // the last time that a letter was put off to
}

// maxPaced bounds what is kept; beyond it what is over is forgotten.
const maxPaced = 10_000

func newPace(perMinute, burst int) *pace {
	every := time.Minute / time.Duration(perMinute)
	return &pace{every: every, burst: every * time.Duration(burst), free: map[string]time.Time{}, last: map[string]time.Time{}}
}

// take takes a place for a letter to a destination; a time after now is when to come back.
func (p *pace) take(destination string, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) > maxPaced {
		for d, t := range p.free {
			if !t.After(now) {
				delete(p.free, d)
				delete(p.last, d)
			}
		}
	}
	free := p.free[destination]
	if free.Before(now) {
		free = now
	}
	if free.Add(p.every).Sub(now) <= p.burst {
		p.free[destination] = free.Add(p.every)
		return now
	}
	at := p.last[destination]
	if least := free.Add(p.every - p.burst); at.Before(least) {
		at = least
	} else {
		at = at.Add(p.every)
	}
	p.last[destination] = at
	return at
}

// giveUpAfter is how long a letter is tried that the other side refuses for now.
const giveUpAfter = 5 * 24 * time.Hour

// backoff is how long a letter waits that was refused for now: the first answers of greylisting come soon, then it takes days.
func backoff(attempts int) time.Duration {
	steps := [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
	return steps[min(max(attempts, 1), len(steps))-1]
}

// linePause is how long a line rests that is out of order.
func linePause(failures int) time.Duration {
	return min(15*time.Second<<min(max(failures-1, 0), 10), 15*time.Minute)
}
