package delimited

import (
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
	fields, escaped := rec.Fields[:0], s.escaped[:0]
	comma := s.opt.Comma
	commas, quotes, newlines := low*uint64(comma), low*uint64('"'), low*uint64('\n')
	var lines int64
	i := 0
	for {
		if i < len(b) && b[i] == '"' {
			start, j, doubled, above := i+1, i+1, false, lines
			for {
				j = index(b, j, quotes, newlines)
				if j == len(b) {
					if final {
						return scanned{fault: int(OpenQuote), column: len(fields) + 1}
					}
					rec.Fields, s.escaped = fields, escaped
					return scanned{fault: incomplete}
				}
				if b[j] == '\n' {
					lines++
					j++
					continue
				}
				if j+1 < len(b) && b[j+1] == '"' {
					doubled = true
					j += 2
					continue
				}
				break
			}
			rest := b[j+1:]
			if len(rest) > 0 && rest[0] != comma && rest[0] != '\n' && rest[0] != '\r' && lines == above {
				// Text behind the closing quote: somebody escaped quotes in a way of his own. On one line it is plain
				// where the field ends all the same.
				end := index(b, j+1, commas, newlines)
				if end == len(b) && !final {
					rec.Fields, s.escaped = fields, escaped
					return scanned{fault: incomplete}
				}
				if end < len(b) && b[end] == comma {
					fields = append(fields, text(asItStands(b[i:end])))
					i = end + 1
					continue
				}
				next := min(end+1, len(b))
				if b[end-1] == '\r' {
					end--
				}
				rec.Fields, s.escaped = append(fields, text(asItStands(b[i:end]))), escaped
				return scanned{next: next, lines: lines + 1}
			}
			if doubled {
				escaped = append(escaped, len(fields))
			}
			switch {
			case len(rest) > 0 && rest[0] == comma:
				fields = append(fields, text(b[start:j]))
				i = j + 2
				continue
			case len(rest) > 0 && rest[0] == '\n':
				j += 2
			case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
				j += 3
			case !final && (len(rest) == 0 || len(rest) == 1 && rest[0] == '\r'):
				rec.Fields, s.escaped = fields, escaped
				return scanned{fault: incomplete}
			case len(rest) == 0 || len(rest) == 1 && rest[0] == '\r':
				j = len(b)
			default:
				return scanned{fault: int(StrayQuote), column: len(fields) + 1}
			}
			rec.Fields, s.escaped = append(fields, text(b[start:quoteEnd(b, start, j)])), escaped
			return scanned{next: j, lines: lines + 1}
		}
		j := index(b, i, commas, newlines)
		if j < len(b) && b[j] == comma {
			fields = append(fields, text(b[i:j]))
			i = j + 1
			continue
		}
		next := j + 1
		if j == len(b) {
			if !final {
				rec.Fields, s.escaped = fields, escaped
				return scanned{fault: incomplete}
			}
			next = j
		}
		if j > i && b[j-1] == '\r' {
			j--
		}
		rec.Fields, s.escaped = append(fields, text(b[i:j])), escaped
		return scanned{next: next, lines: lines + 1, empty: j == 0}
	}
}

// asItStands is a field with broken quoting: as it was written, without the quotes around it if there are two.
func asItStands(b []byte) []byte {
	if len(b) > 1 && b[len(b)-1] == '"' {
		return b[1 : len(b)-1]
	}
	return b
}

// quoteEnd is where the quoted text that begins at start and ends its record before next ends.
func quoteEnd(b []byte, start, next int) int {
	for next > start && b[next-1] != '"' {
		next--
	}
	return next - 1
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
