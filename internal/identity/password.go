package identity

import (
	"bufio"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"tocsin/internal/platform/fault"
)

// The cost of a password: argon2id (RFC 9106) with 19 MiB, two passes, one lane; what OWASP's password storage cheat sheet
// asks for as a minimum.
const (
	hashMemory = 19 * 1024 // KiB
	hashPasses = 2
	hashLanes  = 1
	hashBytes  = 32
	saltBytes  = 16

	minPassword = 12
	maxPassword = 200
)

// Hasher makes and checks password hashes, a few at a time so that many sign-ins at once do not take all memory. It is safe
// for concurrent use.
type Hasher struct{ turn chan struct{} }

// NewHasher returns a Hasher that works on so many passwords at once.
func NewHasher(atOnce int) *Hasher { return &Hasher{make(chan struct{}, max(1, atOnce))} }

func (h *Hasher) key(password string, salt []byte, memory, passes uint32, lanes uint8, n uint32) []byte {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, n)
}

// Hash returns the password's hash in PHC string format.
func (h *Hasher) Hash(password string) string {
	var salt [saltBytes]byte
	rand.Read(salt[:])
	key := h.key(password, salt[:], hashMemory, hashPasses, hashLanes, hashBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashLanes,
		base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(key))
}

// Matches tells whether the password is the hash's. Without a hash it works as long and says no, so that the time does not
// tell who has an account.
func (h *Hasher) Matches(hash, password string) bool {
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(hash, "$")
	if len(parts) == 6 && parts[1] == "argon2id" {
		_, err1 := fmt.Sscanf(parts[2], "v=%d", &version)
		_, err2 := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes)
		salt, err3 := base64.RawStdEncoding.DecodeString(parts[4])
		want, err4 := base64.RawStdEncoding.DecodeString(parts[5])
		if err1 == nil && err2 == nil && err3 == nil && err4 == nil && version == argon2.Version && lanes > 0 && passes > 0 && len(want) >= 16 {
			got := h.key(password, salt, memory, passes, lanes, uint32(len(want)))
			return subtle.ConstantTimeCompare(got, want) == 1
		}
	}
	h.key(password, make([]byte, saltBytes), hashMemory, hashPasses, hashLanes, hashBytes)
	return false
}

// breached are words that passwords are made of again and again in published collections, one a line.
//
//go:embed breached.txt
var breached string

// CheckPassword says what is wrong with a new password, nil when nothing is: its length (NIST SP 800-63B, section 3.1.1.2),
// that it is one of those that everybody tries first, or made of what is known of its owner.
func CheckPassword(password string, known ...string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return badPassword("the password is not valid UTF-8 text")
	case n < minPassword:
		return badPassword(fmt.Sprintf("the password has %d characters; take at least %d, such as four unrelated words", n, minPassword))
	case n > maxPassword:
		return badPassword(fmt.Sprintf("the password has more than %d characters", maxPassword))
	}
	seen := map[rune]bool{}
	for _, r := range password {
		seen[r] = true
	}
	if len(seen) < 5 {
		return badPassword("the password repeats the same few characters")
	}
	if n < 20 && utf8.RuneCountInString(letters(password)) < 4 {
		return badPassword("the password is made of digits and signs; take four unrelated words")
	}
	core := plain(password)
	for _, k := range known {
		if p := plain(k); len(p) >= 4 && len(core) < len(p)+8 && strings.Contains(core, p) {
			return badPassword("the password is made of your name or address")
		}
		for _, part := range strings.FieldsFunc(plain(k), func(r rune) bool { return !unicode.IsLetter(r) }) {
			if len(part) >= 4 && len(letters(core)) < len(part)+6 && strings.Contains(core, part) {
				return badPassword("the password is made of your name or address")
			}
		}
	}
	if isBreached(core) {
		return badPassword("this password is among those that attackers try first; take four unrelated words")
	}
	return nil
}

func badPassword(say string) error {
	return fault.Problems{{Field: "password", Message: say}}
}

// plain is a password without capitals and the usual replacements of letters.
func plain(s string) string {
	return strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i").Replace(strings.ToLower(s))
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

// isBreached tells whether nothing of weight is left of a password when the words of the list are taken out.
func isBreached(core string) bool {
	rest := core
	for s := bufio.NewScanner(strings.NewReader(breached)); s.Scan(); {
		if w := s.Text(); w != "" && strings.Contains(rest, w) {
			rest = strings.ReplaceAll(rest, w, " ")
		}
	}
	return len(letters(rest)) < 6 && rest != core || len(letters(rest)) == 0
}
