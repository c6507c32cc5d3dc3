package constituency

import (
	"slices"
	"strings"
)

// Desks are whom a constituent's mail goes to, each address once: its desks for abuse and security; without those the technical ones;
// without those anybody but the press.
func Desks(contacts []Contact) (out []Contact) {
	for _, roles := range [][]string{{"abuse", "security"}, {"technical"}, {"other", "management"}} {
		seen := map[string]bool{}
		for _, c := range contacts {
			if a := strings.ToLower(strings.TrimSpace(c.Mail)); slices.Contains(roles, c.Role) && !seen[a] {
				seen[a] = true
				out = append(out, c)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}
