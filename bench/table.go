package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is what is printed at the end.
type table struct {
	head string
	rows [][]string
}

func newTable() *table { return &table{} }

func (t *table) title(s string) { t.head = s }

func (t *table) add(what, engine, result, detail, note string) {
	t.rows = append(t.rows, []string{what, engine, result, detail, note})
}

func (t *table) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s\n\n", t.head)
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "WHAT\tON\tRESULT\tDETAIL\tNOTE")
	for _, r := range t.rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	return tw.Flush()
}

// thousands is a number with its thousands apart.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
