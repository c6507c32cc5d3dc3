package idf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// SyntaxError is a text that is no JSON object.
type SyntaxError struct {
	Offset int // byte of the text, from 0
	Reason string
}

// Error is the place, counted from 1, and what was expected there.
func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset+1, e.Reason) }

const (
	deepest   = 64
	mostSpare = 4 << 10
	mostTimes = 16
)

// Decode calls visit for every value of the JSON object text, in its order: nested objects as dotted keys, strings as they
// read, numbers and booleans as they stand, an array of those joined by commas, any other array as its JSON. null is no
// value. Strings share text where they can and may hold invalid UTF-8. The error is a *SyntaxError or visit's.
func Decode(text string, visit func(key, value string) error) error {
	d := decoder{s: text, visit: visit, spare: mostTimes*len(text) + mostSpare}
	d.space()
	if d.peek() != '{' {
		return d.fail("expected a JSON object, beginning with {")
	}
	if err := d.object("", 1); err != nil {
		return err
	}
	d.space()
	if d.i < len(d.s) {
		return d.fail("text follows the object")
	}
	return nil
}

type decoder struct {
	s     string
	i     int
	visit func(key, value string) error
	spare int // bytes that dotted keys may still take: a long key over many small members would take far more than the text
}

func (d *decoder) fail(reason string) error { return &SyntaxError{d.i, reason} }

func (d *decoder) space() {
	for d.i < len(d.s) && (d.s[d.i] == ' ' || d.s[d.i] == '\t' || d.s[d.i] == '\n' || d.s[d.i] == '\r') {
		d.i++
	}
}

// peek is the next byte, 0 at the end.
func (d *decoder) peek() byte {
	if d.i < len(d.s) {
		return d.s[d.i]
	}
	return 0
}

func (d *decoder) object(prefix string, depth int) error {
	if depth > deepest {
		return d.fail("objects are nested too deep")
	}
	d.i++
	d.space()
	if d.peek() == '}' {
		d.i++
		return nil
	}
	for {
		if d.peek() != '"' {
			return d.fail("expected a key in double quotes")
		}
		key, err := d.str()
		if err != nil {
			return err
		}
		d.space()
		if d.peek() != ':' {
			return d.fail("expected a colon after the key")
		}
		d.i++
		d.space()
		if prefix != "" {
			key = prefix + "." + key
			if d.spare -= len(key); d.spare < 0 {
				return d.fail("the keys of nested objects are too long")
			}
		}
		if err := d.member(key, depth); err != nil {
			return err
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
			d.space()
		case '}':
			d.i++
			return nil
		default:
			return d.fail("expected a comma or } after the value")
		}
	}
}

func (d *decoder) member(key string, depth int) error {
	switch d.peek() {
	case '{':
		return d.object(key, depth+1)
	case '[':
		v, err := d.array(depth + 1)
		if err != nil {
			return err
		}
		return d.visit(key, v)
	}
	v, null, err := d.scalar()
	if err != nil || null {
		return err
	}
	return d.visit(key, v)
}

// array is its scalars joined by commas, or its JSON when it holds arrays or objects.
func (d *decoder) array(depth int) (string, error) {
	if depth > deepest {
		return "", d.fail("arrays are nested too deep")
	}
	start, nested := d.i, false
	var parts []string
	d.i++
	d.space()
	if d.peek() == ']' {
		d.i++
		return "", nil
	}
	for {
		switch d.peek() {
		case '{':
			nested = true
			inner := decoder{s: d.s, i: d.i, spare: d.spare, visit: func(string, string) error { return nil }}
			err := inner.object("", depth+1)
			d.i, d.spare = inner.i, inner.spare
			if err != nil {
				return "", err
			}
		case '[':
			nested = true
			if _, err := d.array(depth + 1); err != nil {
				return "", err
			}
		default:
			v, null, err := d.scalar()
			if err != nil {
				return "", err
			}
			if !null {
				parts = append(parts, v)
			}
		}
		d.space()
		switch d.peek() {
		case ',':
			d.i++
			d.space()
		case ']':
			d.i++
			if nested {
				return d.s[start:d.i], nil
			}
			return strings.Join(parts, ","), nil
		default:
			return "", d.fail("expected a comma or ] after the value")
		}
	}
}

func (d *decoder) scalar() (v string, null bool, err error) {
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(d.s[d.i:], word) {
			d.i += len(word)
			return word, word == "null", nil
		}
	}
	if d.peek() == '"' {
		v, err = d.str()
		return v, false, err
	}
	n := numberLen(d.s[d.i:])
	if n == 0 {
		return "", false, d.fail("expected a string, a number, true, false, null, an object or an array")
	}
	d.i += n
	return d.s[d.i-n : d.i], false, nil
}

// numberLen is the length of the JSON number that s begins with, 0 for none.
func numberLen(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}

// str reads the string whose opening quote is next.
func (d *decoder) str() (string, error) {
	start := d.i + 1
	for i := start; i < len(d.s); i++ {
		switch c := d.s[i]; {
		case c == '"':
			d.i = i + 1
			return d.s[start:i], nil
		case c == '\\':
			d.i = i
			return d.escaped(start)
		case c < ' ':
			d.i = i
			return "", d.fail("control characters in strings must be escaped")
		}
	}
	return "", d.fail("the string has no end")
}

// escaped reads on from the first escape of the string that began at start.
func (d *decoder) escaped(start int) (string, error) {
	b := append(make([]byte, 0, d.i-start+32), d.s[start:d.i]...)
	for d.i < len(d.s) {
		c := d.s[d.i]
		switch {
		case c == '"':
			d.i++
			return string(b), nil
		case c < ' ':
			return "", d.fail("control characters in strings must be escaped")
		case c != '\\':
			b = append(b, c)
			d.i++
			continue
		}
		if d.i+1 >= len(d.s) {
			break
		}
		if d.s[d.i+1] == 'u' {
			r, err := d.unicode()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
			continue
		}
		at := strings.IndexByte(`"\/bfnrt`, d.s[d.i+1])
		if at < 0 {
			return "", d.fail("unknown escape in a string")
		}
		b = append(b, "\"\\/\b\f\n\r\t"[at])
		d.i += 2
	}
	return "", d.fail("the string has no end")
}

// unicode reads \uXXXX, or a pair of them; half a pair is U+FFFD.
func (d *decoder) unicode() (rune, error) {
	r, ok := hexRune(d.s, d.i)
	if !ok {
		return 0, d.fail(`expected four hexadecimal digits after \u`)
	}
	d.i += 6
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if low, ok := hexRune(d.s, d.i); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			d.i += 6
			return pair, nil
		}
	}
	return utf8.RuneError, nil
}

func hexRune(s string, i int) (rune, bool) {
	if i+6 > len(s) || s[i] != '\\' || s[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i+2:i+6], 16, 32)
	return rune(n), err == nil
}
