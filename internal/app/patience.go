package app

import (
	"io"
	"net/http"
	"time"

	"tocsin/internal/platform/clock"
)

const (
	// silence is how long a client may keep Tocsin waiting, and slowest how many bytes of a body earn it a second more: who
	// sends a byte now and then holds a connection, and a temporary file, for no longer.
	silence = 30 * time.Second
	slowest = 16 << 10
	// stuck is how long a client may take nothing of an answer. An export reads from one state of the records, which
	// cannot be tidied up before it ends.
	stuck = 60 * time.Second
)

// patient bounds how long a client lets Tocsin wait, in either direction; how long Tocsin takes itself does not count, nor
// how long the whole is. The deadlines of http.Server cannot tell those apart.
func patient(now clock.Clock, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if r.ContentLength != 0 {
			b := &awaited{ReadCloser: r.Body, control: c, clock: now}
			b.await()
			r.Body = b
			defer b.rest()
		}
		next.ServeHTTP(&pressed{ResponseWriter: w, control: c, clock: now}, r)
	})
}

// awaited is a request's body.
type awaited struct {
	io.ReadCloser
	control *http.ResponseController
	clock   clock.Clock
	bytes   int64
	waited  time.Duration
	whole   bool
}

func (b *awaited) await() {
	left := silence + time.Duration(b.bytes/slowest)*time.Second - b.waited
	b.control.SetReadDeadline(b.clock.Now().Add(left))
}

// rest bounds how long http.Server waits for what nobody read of the body.
func (b *awaited) rest() {
	if !b.whole {
		b.await()
	}
}

func (b *awaited) Read(p []byte) (int, error) {
	b.await()
	watch := clock.Start()
	n, err := b.ReadCloser.Read(p)
	b.waited += watch.Elapsed()
	b.bytes += int64(n)
	if err == io.EOF { // the deadline would else end the request while it is worked on
		b.whole = true
		b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// pressed is an answer.
type pressed struct {
	http.ResponseWriter
	control *http.ResponseController
	clock   clock.Clock
}

func (w *pressed) Write(b []byte) (int, error) {
	w.control.SetWriteDeadline(w.clock.Now().Add(stuck))
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *pressed) Unwrap() http.ResponseWriter { return w.ResponseWriter }
