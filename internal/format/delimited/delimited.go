// Package delimited splits delimited text (CSV, RFC 4180) and plain lines into records without copying: fields are strings
// over the blocks that were read, which are never written again. It knows where each record stands and does not lose the
// rest of a stream over one broken record; what fields mean is its callers' business.
package delimited

import (
	"fmt"
	"io"
)

// Options of a Splitter or Lines; the zero value is right for CSV.
type Options struct {
	Comma   byte // the delimiter, ',' when 0; not '"', CR or LF
	Block   int  // bytes read at a time, 256 KiB when 0
	Longest int  // bytes a record may have, 1 MiB when 0
}

func (o Options) withDefaults() Options {
	if o.Comma == 0 {
		o.Comma = ','
	}
	if o.Block <= 0 {
		o.Block = 256 << 10
	}
	if o.Longest <= 0 {
		o.Longest = 1 << 20
	}
	return o
}

// Kind of a record's fault.
type Kind int

// The kinds.
const (
	TooLong      Kind = iota + 1 // longer than Options.Longest
	OpenQuote                    // a quoted field has no end
	StrayQuote                   // text follows the closing quote of a field of more than one line
	badKindLimit                 // no kind
)

// Error is one record that cannot be split. The splitter goes on with the next line.
type Error struct {
	Kind   Kind
	Line   int64 // physical line on which the record begins, from 1
	Offset int64 // byte offset of the record
	Column int   // field from 1, 0 when the whole record is meant
	Limit  int   // Options.Longest, for TooLong
}

// Error says what is wrong; the place is in the fields.
func (e *Error) Error() string {
	switch e.Kind {
	case TooLong:
		return fmt.Sprintf("the row is longer than %d bytes", e.Limit)
	case OpenQuote:
		return fmt.Sprintf("the quoted field that begins in column %d has no closing quote", e.Column)
	default:
		return fmt.Sprintf("text follows the closing quote of column %d; expected the delimiter or the end of the line", e.Column)
	}
}

// Record is one record of a stream. Fields is overwritten by the next call; its strings are not.
type Record struct {
	Fields []string
	Line   int64 // physical line on which it begins, from 1
	Offset int64 // byte offset in the stream
	Plain  bool  // nothing but ASCII without NUL
}

// Splitter reads records. It does not check that they have the same number of fields.
type Splitter struct {
	w       window
	opt     Options
	line    int64
	escaped []int // fields of the record at hand that hold doubled quotes
	begun   bool
}

// New returns a splitter of r. A byte order mark is skipped; empty lines are no records; lines end in LF or CRLF. Quotes
// inside a field that does not begin with one are text; a quoted field with text behind its closing quote ends at the next
// delimiter of its line and is taken as it stands, without the quotes around it.
func New(r io.Reader, o Options) *Splitter {
	o = o.withDefaults()
	return &Splitter{w: window{r: r, block: o.Block}, opt: o, line: 1}
}

// Line is the physical line that Next reads from.
func (s *Splitter) Line() int64 { return s.line }

// Next overwrites rec with the next record. An *Error is a record that cannot be split, and reading goes on behind its
// first line; io.EOF is the end; any other error comes from the stream and ends it.
func (s *Splitter) Next(rec *Record) error {
	if !s.begun {
		s.begun = true
		s.w.skipMark()
	}
	for {
		if s.w.pos == s.w.end && !s.w.more() {
			return s.w.err
		}
		rec.Line, rec.Offset = s.line, s.w.offset()
		b := s.w.unread()
		res := s.scan(b, rec)
		switch {
		case res.fault == incomplete:
			if len(b) > s.opt.Longest {
				return s.reject(TooLong, 0, rec)
			}
			if !s.w.more() && s.w.err != io.EOF {
				return s.w.err
			}
			continue
		case res.fault != whole:
			return s.reject(Kind(res.fault), res.column, rec)
		case res.next > s.opt.Longest:
			return s.reject(TooLong, 0, rec)
		}
		s.w.pos += res.next
		s.line += res.lines
		if res.empty {
			continue
		}
		s.unescape(rec)
		rec.Plain = plain(b[:res.next])
		return nil
	}
}

// reject gives up the record that begins at the window's start and goes on behind its first line, so that a quote
// without an end costs one row and not all that follow.
func (s *Splitter) reject(kind Kind, column int, rec *Record) error {
	rec.Fields = rec.Fields[:0]
	s.w.skipLine()
	s.line++
	return &Error{Kind: kind, Line: rec.Line, Offset: rec.Offset, Column: column, Limit: s.opt.Longest}
}
