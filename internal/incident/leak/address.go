package leak

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// Normal is a mail address as its hash is made of it: in lower case, without white space around it and the dot at its end. ok is false
// when it is none.
func Normal(s string) (address string, ok bool) {
	s = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), ".")
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 || !utf8.ValidString(s) {
		return "", false
	}
	local, domain := s[:at], s[at+1:]
	if strings.ContainsFunc(local, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '@' || !unicode.IsPrint(r) }) || !strings.Contains(domain, ".") {
		return "", false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return "", false
		}
	}
	return s, true
}

// Hash is the SHA-256 of a normal address.
func Hash(address string) [32]byte { return sha256.Sum256([]byte(address)) }

const maxLine = 1 << 20

// addresses calls fn for every address of a list: one a line, or in the columns of a CSV. skipped are the lines without any. Nothing of a
// line stands in an error: it may be somebody's secret.
func addresses(r io.Reader, fn func(address string) error) (skipped int64, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	for s.Scan() {
		number++
		line, found := strings.TrimPrefix(s.Text(), "\uFEFF"), false
		for word := range strings.FieldsFuncSeq(line, separates) {
			if !strings.Contains(word, "@") {
				continue
			}
			if a, ok := Normal(strings.TrimPrefix(word, "mailto:")); ok {
				found = true
				if err := fn(a); err != nil {
					return skipped, err
				}
			}
		}
		if !found && strings.TrimSpace(line) != "" {
			skipped++
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return skipped, fault.Invalidf("line %d has more than %d bytes: give a list with one address a line, or a CSV", number+1, maxLine)
	}
	return skipped, s.Err()
}

// separates are what addresses in lists of leaked data stand between.
func separates(r rune) bool { return r <= ' ' || strings.ContainsRune(",;|\"'<>:", r) }
