package cms

import (
	"errors"
	"fmt"
)

// The bounds of what is read.
const (
	maxDepth    = 24 // of elements within elements
	maxElements = 100_000
)

var errBER = errors.New("it is no ASN.1 that could be read")

// canonical writes BER as DER as far as the reader here needs it: lengths are definite, strings of octets are in one piece. What
// programs write that stream is in pieces of indefinite length. Nothing is longer than it was.
func canonical(b []byte) ([]byte, error) {
	left := maxElements
	out, rest, err := element(b, maxDepth, &left)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 && !zeros(rest) {
		return nil, fmt.Errorf("there are %d bytes after its end: %w", len(rest), errBER)
	}
	return out, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// element reads one element, and writes it.
func element(b []byte, depth int, left *int) (out, rest []byte, err error) {
	if *left--; depth == 0 || *left < 0 || len(b) < 2 {
		return nil, nil, errBER
	}
	tag := b[0]
	if tag&0x1f == 0x1f { // tags of several bytes stand nowhere in CMS
		return nil, nil, errBER
	}
	n, size, indefinite, err := length(b[1:])
	if err != nil {
		return nil, nil, err
	}
	content, rest := b[1+size:], []byte(nil)
	if !indefinite {
		if n > len(content) {
			return nil, nil, errBER
		}
		content, rest = content[:n], content[n:]
	}
	if tag&0x20 == 0 {
		if indefinite {
			return nil, nil, errBER
		}
		return der(tag, content), rest, nil
	}
	var parts [][]byte
	for {
		if indefinite {
			if len(content) < 2 {
				return nil, nil, errBER
			}
			if content[0] == 0 && content[1] == 0 {
				rest = content[2:]
				break
			}
		} else if len(content) == 0 {
			break
		}
		var part []byte
		if part, content, err = element(content, depth-1, left); err != nil {
			return nil, nil, err
		}
		parts = append(parts, part)
	}
	if tag == tagOctets|0x20 {
		joined, err := join(parts)
		return der(tag&^0x20, joined), rest, err
	}
	return der(tag, parts...), rest, nil
}

// join takes the pieces of a string of octets together.
func join(parts [][]byte) (out []byte, err error) {
	for _, p := range parts {
		_, size, _, err := length(p[1:])
		if err != nil || p[0] != tagOctets {
			return nil, errBER
		}
		out = append(out, p[1+size:]...)
	}
	return out, nil
}

// length reads a length, and how many bytes it takes.
func length(b []byte) (n, size int, indefinite bool, err error) {
	switch c := b[0]; {
	case c < 0x80:
		return int(c), 1, false, nil
	case c == 0x80:
		return 0, 1, true, nil
	default:
		size = int(c & 0x7f)
	}
	if size > 4 || len(b) < 1+size {
		return 0, 0, false, errBER
	}
	for _, c := range b[1 : 1+size] {
		n = n<<8 | int(c)
	}
	return n, 1 + size, false, nil
}
