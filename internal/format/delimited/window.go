package delimited

import (
	"bytes"
	"io"
)

// window is the part of a stream that is in memory: buf[pos:end]. A block's bytes are never written again once a string
// over them has been handed out, so those strings live as long as anybody holds them.
type window struct {
	r        io.Reader
	buf      []byte
	pos, end int
	base     int64 // stream offset of buf[0]
	block    int
	err      error // why there is no more input, io.EOF at the end
}

// offset is the stream offset of the next unread byte.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// unread is what is in memory and not consumed.
func (w *window) unread() []byte { return w.buf[w.pos:w.end] }

// more reads further input behind the unread bytes and reports whether there was any. A full block is left behind and its
// unread tail copied to a new one.
func (w *window) more() bool {
	if w.err != nil {
		return false
	}
	if w.end == len(w.buf) {
		tail := w.buf[w.pos:w.end]
		next := make([]byte, max(w.block, 2*len(tail)))
		copy(next, tail)
		w.base += int64(w.pos)
		w.buf, w.pos, w.end = next, 0, len(tail)
	}
	n := w.end
	for idle := 0; w.end < len(w.buf) && w.err == nil; {
		k, err := w.r.Read(w.buf[w.end:])
		w.end += k
		w.err = err
		if idle++; k > 0 {
			idle = 0
		} else if idle > 100 && err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return w.end > n
}

// skipLine consumes input up to and including the next newline. It holds one block, however long the line is.
func (w *window) skipLine() {
	if i := bytes.IndexByte(w.unread(), '\n'); i >= 0 {
		w.pos += i + 1
		return
	}
	w.base += int64(w.end)
	w.buf, w.pos, w.end = make([]byte, w.block), 0, 0
	for w.more() {
		if i := bytes.IndexByte(w.unread(), '\n'); i >= 0 {
			w.pos = i + 1
			return
		}
		w.base += int64(w.end)
		w.end = 0
	}
}

// skipMark consumes a UTF-8 byte order mark at the start of the stream.
func (w *window) skipMark() {
	for w.end-w.pos < 3 && w.more() {
	}
	if bytes.HasPrefix(w.unread(), []byte("\xEF\xBB\xBF")) {
		w.pos += 3
	}
}
