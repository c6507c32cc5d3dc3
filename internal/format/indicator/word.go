package indicator

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxWord bounds what is looked at in one go, and with it memory.
const maxWord = 8 << 10

// word is a run of text without white space, refanged. at has where each of its bytes stands in the text, and one more for the end.
type word struct {
	b        []byte
	at       []int
	defanged []bool // the byte was written in a way that only defanging explains
	before   string // the last letters of the word before it, in small letters
}

func (w *word) put(c byte, at int, defanged bool) {
	w.b, w.at, w.defanged = append(w.b, c), append(w.at, at), append(w.defanged, defanged)
}

// text cuts the text into words and scans each.
func (s *scanner) text(text string) {
	var w word
	flush := func(end int) {
		if len(w.b) > 0 && !s.more {
			w.at = append(w.at, end)
			s.word(&w)
			w.before = tail(w.b)
		}
		w.b, w.at, w.defanged = w.b[:0], w.at[:0], w.defanged[:0]
	}
	var last rune // the letter or digit right before
	for i := 0; i < len(text) && !s.more; {
		if as, n := refang(text, i); n > 0 {
			for _, c := range []byte(as) {
				w.put(c, i, true)
			}
			i, last = i+n, 0
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if seam(last, r) {
			flush(i)
		}
		if last = r; r >= '！' && r <= '～' {
			last = r - '！' + '!'
		}
		switch {
		case r == '\u200b' || r == '\ufeff' || r == '\u00ad': // invisible, and put there to be
		case r == '\\' && i+1 < len(text) && strings.IndexByte("./:@", text[i+1]) >= 0: // an escaped one of these
		case r >= '！' && r <= '～': // full-width forms of ASCII
			w.put(byte(r-'！'+'!'), i, false)
		case r == '｡':
			w.put('.', i, false)
		case r == utf8.RuneError || r <= ' ' || r == 0x7f || strings.ContainsRune("<>\"`|^", r) ||
			r > 0x7f && !unicode.In(r, unicode.L, unicode.M, unicode.N):
			flush(i)
		default:
			for k := range n {
				w.put(text[i+k], i, false)
			}
		}
		i += n
		if len(w.b) >= maxWord {
			flush(i)
		}
	}
	flush(len(text))
}

// seam tells whether a word of a script that is written without spaces, or with particles at the end of words, meets ASCII between two
// letters: there "192.0.2.1" ends in Japanese and Korean text.
func seam(a, b rune) bool {
	ascii := func(r rune) bool { return r < utf8.RuneSelf && plain(byte(r)) || r >= '０' && r <= 'ｚ' }
	spaceless := func(r rune) bool {
		return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
	}
	return ascii(a) && spaceless(b) || spaceless(a) && ascii(b)
}

// tail is the last run of letters of a word, behind which only punctuation stands.
func tail(b []byte) string {
	b = b[max(0, len(b)-16):]
	end := len(b)
	for end > 0 && !letter(b[end-1]) && !digit(b[end-1]) {
		end--
	}
	start := end
	for start > 0 && letter(b[start-1]) {
		start--
	}
	return strings.ToLower(string(b[start:end]))
}

// refang is what a defanged sign at i stands for and how long it is: one in brackets of any kind, or a half of the brackets.
func refang(text string, i int) (as string, n int) {
	switch c := text[i]; c {
	case '[', '(', '{':
		closing := c + 2 // of [ and {
		if c == '(' {
			closing = ')'
		}
		for _, p := range [...][2]string{{".", "."}, {"dot", "."}, {"@", "@"}, {"at", "@"}, {":", ":"}, {"://", "://"}, {"/", "/"}} {
			if rest := text[i+1:]; len(rest) > len(p[0]) && rest[len(p[0])] == closing && strings.EqualFold(rest[:len(p[0])], p[0]) {
				return p[1], len(p[0]) + 2
			}
		}
		if rest := text[i:]; i > 0 && len(rest) > 2 && rest[1] == '.' && plain(text[i-1]) && plain(rest[2]) {
			return ".", 2
		}
	case '.':
		if rest := text[i:]; i > 0 && len(rest) > 2 && (rest[1] == ']' || rest[1] == ')') && plain(text[i-1]) && plain(rest[2]) {
			return ".", 2
		}
	}
	return "", 0
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

func hex(c byte) bool { return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// plain is a byte of letters and digits of any script.
func plain(c byte) bool { return letter(c) || digit(c) || c >= 0x80 }
