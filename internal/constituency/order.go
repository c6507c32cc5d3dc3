package constituency

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/fault"
)

// Sorts are the orders of a list of constituents.
func Sorts() []string {
	return []string{"name", "ref", "kind", "sector", "designation", "contacts", "assets"}
}

// order is what a list is sorted by, as text; down is from the last to the first.
func order(sort string) (key func(Listed) string, down bool, err error) {
	sort, down = strings.CutPrefix(sort, "-")
	if sort != "" && !slices.Contains(Sorts(), sort) {
		return nil, false, fault.Problems{{Field: "sort", Message: "use " + strings.Join(Sorts(), ", ") + ", with - before it to reverse"}}
	}
	return func(l Listed) string {
		switch sort {
		case "ref":
			return l.Ref
		case "kind":
			return string(l.Kind)
		case "sector":
			return l.Sector
		case "designation":
			return string(l.Designation)
		case "contacts":
			return fmt.Sprintf("%012d", l.Contacts)
		case "assets":
			return fmt.Sprintf("%012d", l.Assets)
		}
		return l.Name
	}, down, nil
}

// cursor is a place in a list.
type cursor struct {
	key  string
	name string
	id   int64
}

// placed is a constituent's place, and where the directory has it.
type placed struct {
	cursor
	i int
}

func (c cursor) cmp(o cursor, down bool) int {
	by := cmp.Compare(c.key, o.key)
	if down {
		by = -by
	}
	return cmp.Or(by, cmp.Compare(c.name, o.name), cmp.Compare(c.id, o.id))
}

const between = "\x1f" // names and keys hold no control characters

func (c cursor) encode() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s%s%s", c.id, c.key, between, c.name))
}

func decodeCursor(s string) (c cursor, err error) {
	if s == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		id, rest, _ := strings.Cut(string(b), " ")
		c.key, c.name, _ = strings.Cut(rest, between)
		_, err = fmt.Sscanf(id, "%d", &c.id)
	}
	if err != nil {
		return c, fault.Invalidf("%q does not continue any list: start again from the first page", s)
	}
	return c, nil
}
