package delimited

import (
	"bytes"
	"io"
)

// Line is one line of a stream, without its end.
type Line struct {
	Text   string
	Line   int64 // from 1
	Offset int64
}

// Lines reads lines, as of JSON lines.
type Lines struct {
	w     window
	opt   Options
	line  int64
	begun bool
}

// NewLines returns a reader of the lines of r. A byte order mark is skipped, and so are lines of nothing but white space.
func NewLines(r io.Reader, o Options) *Lines {
	o = o.withDefaults()
	return &Lines{w: window{r: r, block: o.Block}, opt: o, line: 1}
}

// Next overwrites l with the next line. An *Error of kind TooLong is a line that was skipped, and reading goes on; io.EOF
// is the end; any other error comes from the stream and ends it.
func (s *Lines) Next(l *Line) error {
	if !s.begun {
		s.begun = true
		s.w.skipMark()
	}
	for {
		if s.w.pos == s.w.end && !s.w.more() {
			return s.w.err
		}
		b := s.w.unread()
		end, next := bytes.IndexByte(b, '\n'), 0
		switch {
		case end >= 0:
			next = end + 1
		case s.w.err == nil && len(b) <= s.opt.Longest:
			s.w.more()
			continue
		case s.w.err != nil && s.w.err != io.EOF:
			return s.w.err
		default:
			end, next = len(b), len(b)
		}
		*l = Line{Line: s.line, Offset: s.w.offset()}
		s.line++
		if end > s.opt.Longest {
			s.w.skipLine()
			return &Error{Kind: TooLong, Line: l.Line, Offset: l.Offset, Limit: s.opt.Longest}
		}
		s.w.pos += next
		t := bytes.Trim(b[:end], " \t\r")
		if len(t) == 0 {
			continue
		}
		l.Text = text(t)
		return nil
	}
}
