package db

import "fmt"

// In is a list of placeholders for ids, after so many others, and their values: "($2,$3)". The texts of lists are few, so that they can
// be kept prepared: one is filled up with 0, which is no id.
func In(after int, ids []int64) (list string, args []any) {
	n := 1
	for n < len(ids) {
		n *= 2
	}
	b := []byte{'('}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "$%d", after+i+1)
		id := int64(0)
		if i < len(ids) {
			id = ids[i]
		}
		args = append(args, id)
	}
	return string(append(b, ')')), args
}
