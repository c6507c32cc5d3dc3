package delimited

import "strings"

// Inert keeps a spreadsheet from computing what a cell says: what it would take for a formula begins with an apostrophe. A number
// and a telephone number stay as they are.
func Inert(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return s
	}
	if (s[0] == '+' || s[0] == '-') && strings.Trim(s[1:], "0123456789 .") == "" {
		return s
	}
	return "'" + s
}

// InertRow makes every cell of a row inert, in its place.
func InertRow(row []string) []string {
	for i, s := range row {
		row[i] = Inert(s)
	}
	return row
}
