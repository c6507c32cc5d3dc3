package delimited

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"unsafe"
)

const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// What scan found. The faults have the values of their Kind.
const (
	whole      = 0
	incomplete = int(badKindLimit)
)

type scanned struct {
	fault  int
	column int   // of a fault
	next   int   // where the next record begins
	lines  int64 // newlines in the record
	empty  bool  // an empty line
}

// scan splits the record at the start of b into rec.Fields, doubled quotes still doubled. Nothing is written to b, so that
// an incomplete record can be scanned again with more input behind it.
func (s *Splitter) scan(b []byte, rec *Record) scanned {
	final := s.w.err == io.EOF
	fields := rec.Fields[:0]
	s.escaped = s.escaped[:0]
	comma := s.opt.Comma
	commas, newlines := low*uint64(comma), uint64(low*'\n')
	var lines int64
	for i := 0; ; {
		if i < len(b) && b[i] == '"' {
			end, next, is := quoted(b, i, commas, final)
			if is&broken != 0 {
				rec.Fields = fields
				return scanned{fault: is.fault(), column: len(fields) + 1}
			}
			value := b[i+1 : end]
			if is&rare != 0 {
				if is&multiline != 0 {
					lines += int64(bytes.Count(value, []byte{'\n'}))
				}
				if is&doubled != 0 {
					s.escaped = append(s.escaped, len(fields))
				}
				if is&odd != 0 {
					value = asItStands(b[i:end])
				}
			}
			fields = append(fields, text(value))
			if is&last != 0 {
				rec.Fields = fields
				return scanned{next: next, lines: lines + 1}
			}
			i = next
			continue
		}
		j := index(b, i, commas, newlines)
		if j < len(b) && b[j] == comma {
			fields = append(fields, text(b[i:j]))
			i = j + 1
			continue
		}
		if j == len(b) && !final {
			rec.Fields = fields
			return scanned{fault: incomplete}
		}
		next := min(j+1, len(b))
		if j > i && b[j-1] == '\r' {
			j--
		}
		rec.Fields = append(fields, text(b[i:j]))
		return scanned{next: next, lines: lines + 1, empty: j == 0}
	}
}

// trait is what a quoted field is like.
type trait uint8

const (
	last      trait = 1 << iota // of its record
	multiline                   // it holds newlines
	doubled                     // it holds doubled quotes
	odd                         // text follows its closing quote
	cut                         // more input is needed
	open                        // it has no end
	torn                        // text follows its closing quote on another line

	rare   = multiline | doubled | odd
	broken = cut | open | torn
)

func (t trait) fault() int {
	switch {
	case t&cut != 0:
		return incomplete
	case t&open != 0:
		return int(OpenQuote)
	}
	return int(StrayQuote)
}

// quoted finds the end of the field whose opening quote is b[i], and where the next field or record begins.
func quoted(b []byte, i int, commas uint64, final bool) (end, next int, is trait) {
	const quotes, newlines = low * '"', low * '\n'
	for end = i + 1; ; {
		end = index(b, end, quotes, newlines)
		if end == len(b) {
			if final {
				return end, end, open
			}
			return end, end, cut
		}
		if b[end] == '\n' {
			is |= multiline
			end++
			continue
		}
		if end+1 == len(b) || b[end+1] != '"' {
			break
		}
		is |= doubled
		end += 2
	}
	rest := b[end+1:]
	switch {
	case len(rest) > 0 && rest[0] == byte(commas):
		return end, end + 2, is
	case len(rest) > 0 && rest[0] == '\n':
		return end, end + 2, is | last
	case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
		return end, end + 3, is | last
	case len(rest) == 0 || len(rest) == 1 && rest[0] == '\r':
		if final {
			return end, len(b), is | last
		}
		return end, end, cut
	case is&multiline != 0:
		return end, end, torn
	}
	return stray(b, end+1, commas, final)
}

// stray ends a field that has text behind its closing quote: somebody escaped quotes in a way of his own. On one line
// it is plain where the field ends all the same.
func stray(b []byte, from int, commas uint64, final bool) (end, next int, is trait) {
	end = index(b, from, commas, low*'\n')
	if end == len(b) && !final {
		return end, end, cut
	}
	next, is = min(end+1, len(b)), odd
	if end == len(b) || b[end] == '\n' {
		is |= last
		if b[end-1] == '\r' {
			end--
		}
	}
	return end, next, is
}

// asItStands is a field with broken quoting: as it was written, without the quotes around it if there are two.
func asItStands(b []byte) []byte {
	if len(b) > 1 && b[len(b)-1] == '"' {
		return b[1 : len(b)-1]
	}
	return b
}

// unescape halves the doubled quotes of the complete record rec, in place.
func (s *Splitter) unescape(rec *Record) {
	for _, f := range s.escaped {
		v := rec.Fields[f]
		b := unsafe.Slice(unsafe.StringData(v), len(v))
		n := 0
		for i := 0; i < len(b); i++ {
			if b[i] == '"' {
				i++
			}
			b[n] = b[i]
			n++
		}
		rec.Fields[f] = v[:n]
	}
	s.escaped = s.escaped[:0]
}

// text is a string over b, which must never be written again.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// index is the first position from i on that holds one of two bytes, each given eight times over; len(b) for none.
func index(b []byte, i int, x, y uint64) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		p, q := w^x, w^y
		if m := ((p-low)&^p | (q-low)&^q) & high; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] == byte(x) || b[i] == byte(y) {
			return i
		}
	}
	return len(b)
}

// plain reports whether b is ASCII without NUL.
func plain(b []byte) bool {
	var seen uint64
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		seen |= w | (w-low)&^w
	}
	for ; i < len(b); i++ {
		c := uint64(b[i])
		seen |= c | (c-1)&^c
	}
	return seen&high == 0
}
