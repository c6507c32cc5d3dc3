package eml

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean takes out of a text what is not to be read: controls, and characters that turn the direction of writing, by which a
// name can look like another.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0xfeff || r == 0xad:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// line is a text in one line of at most so many bytes.
func line(s string, limit int) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// tidy takes away spaces at ends of lines, and all but two empty lines in a row.
func tidy(s string) string {
	var b strings.Builder
	empty := 0
	for l := range strings.SplitSeq(s, "\n") {
		l = strings.TrimRight(l, " \t\u00a0")
		if l == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", min(empty, 2)+1))
		}
		empty = 0
		b.WriteString(l)
	}
	return b.String()
}

const maxName = 120

// SafeName makes of what a message calls a file a name that is one on every system: the last part of a path, no control
// character, nothing that begins with a dot, never empty.
func SafeName(name string) string {
	name = line(name, 1000)
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	if len(name) > maxName { // the ending says what it is
		ext := path.Ext(name)
		if len(ext) > 20 {
			ext = ""
		}
		name = strings.Trim(line(strings.TrimSuffix(name, ext), maxName-len(ext))+ext, " .")
	}
	if name == "" {
		return "attachment"
	}
	return name
}

// Quoted splits a text into what its author wrote and the earlier letter that was quoted below it; quoted is "" when nothing
// was, or when answers stand between the quoted lines.
func Quoted(text string) (own, quoted string) {
	lines := strings.Split(text, "\n")
	last := len(lines) - 1 // the last line that is not quoted
	for last >= 0 && (strings.TrimSpace(lines[last]) == "" || isQuoted(lines[last])) {
		last--
	}
	for i, l := range lines {
		at := quoteAfter(lines, i)
		if at < 0 || last >= at && !isDivider(l) {
			continue
		}
		if own = strings.TrimSpace(strings.Join(lines[:i], "\n")); own == "" {
			break
		}
		return own, strings.Join(lines[i:], "\n")
	}
	return text, ""
}

// quoteAfter is where a quoted letter begins that line i belongs to, as its first line or by announcing it; -1 without one.
func quoteAfter(lines []string, i int) int {
	l := strings.TrimSpace(lines[i])
	switch {
	case isQuoted(l) || isDivider(l):
		return i
	case l == "" || len(l) > 300:
		return -1
	}
	for j := i; j < min(i+2, len(lines)-1); j++ {
		t := strings.TrimSpace(lines[j])
		if t == "" || j == i && strings.ContainsAny(t[len(t)-1:], ".!?") {
			return -1 // what announces may be two lines, but one sentence
		}
		if !strings.HasSuffix(t, ":") {
			continue
		}
		for k := j + 1; k < min(j+3, len(lines)); k++ {
			if isQuoted(lines[k]) {
				return k
			}
			if strings.TrimSpace(lines[k]) != "" {
				return -1
			}
		}
		return -1
	}
	return -1
}

func isQuoted(l string) bool { return strings.HasPrefix(strings.TrimLeft(l, " \t"), ">") }

func isDivider(l string) bool {
	t := strings.TrimSpace(l)
	if strings.HasPrefix(t, "-----") && strings.HasSuffix(t, "-----") && len(strings.Trim(t, "- ")) > 5 {
		return true
	}
	return len(t) >= 20 && strings.Trim(t, "_") == ""
}

// Quote is a text as it stands quoted in an answer, at most so many lines of it.
func Quote(text string, lines int) string {
	var b strings.Builder
	n := 0
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if n++; n > lines {
			b.WriteString("> …\n")
			break
		}
		if strings.HasPrefix(l, ">") {
			b.WriteString(">" + l + "\n")
		} else {
			b.WriteString(strings.TrimRight("> "+l, " ") + "\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
