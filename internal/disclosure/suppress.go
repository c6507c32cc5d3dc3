package disclosure

// Small cells leak: "1 infected machine in the nuclear sector" names somebody. A count above 0 and below the threshold is not
// shown (primary suppression), and neither are so many others that no hidden one follows from the shown ones and their sums
// (complementary suppression). Zeros are shown. What is promised is that no hidden number can be worked out exactly from what is
// shown by somebody who knows that hidden counts are at least 1; a range may still follow. The threshold is the nation's, see nation.Disclosure.

// Hidden tells which cells and sums of a table are not shown.
type Hidden struct {
	Cells   [][]bool
	Rows    []bool // the sums of the rows
	Columns []bool // the sums of the columns
	Total   bool
}

// SuppressList says which counts of a list, and whether its sum, must not be shown beside each other.
func SuppressList(counts []int64, threshold int64) (hidden []bool, sum bool) {
	var total int64
	for _, n := range counts {
		total += n
	}
	line := append(append(make([]int64, 0, len(counts)+1), counts...), total)
	hide := make([]bool, len(line))
	for i, n := range line {
		hide[i] = small(n, threshold)
	}
	for i := 0; i < len(line); {
		if !hide[i] || variable(line, hide, i) {
			i++
			continue
		}
		hide[cheapest(line, hide)] = true
		i = 0
	}
	return hide[:len(counts)], hide[len(counts)]
}

func small(n, threshold int64) bool { return n > 0 && n < threshold }

// variable tells whether the hidden number i of a line, whose last one is the sum of the others, could be another one with the
// same shown ones: it grows while a hidden one beside it shrinks or the hidden sum grows, or it shrinks while one grows.
func variable(line []int64, hide []bool, i int) bool {
	sum := len(line) - 1
	for j := range line {
		if j != i && hide[j] && (line[i] > 1 || line[j] > 1 || i == sum || j == sum) {
			return true
		}
	}
	return false
}

// cheapest is the shown number to hide next: the smallest that is not 0, then the sum, then a zero, which hides little. With the
// sum hidden no other number follows, so there always is one.
func cheapest(line []int64, hide []bool) int {
	best, sum := -1, len(line)-1
	for j, n := range line[:sum] {
		if !hide[j] && (best < 0 || n > 0 && (line[best] == 0 || n < line[best])) {
			best = j
		}
	}
	if best < 0 || line[best] == 0 && !hide[sum] {
		return sum
	}
	return best
}

// SuppressTable says which counts and sums of a table must not be shown beside each other. Rows are of one length.
func SuppressTable(counts [][]int64, threshold int64) Hidden {
	t := newTable(counts, threshold)
	for again := true; again; { // a number that varies still does when more are hidden, so every round hides more or is the last
		again = false
		for r := range t.value {
			for c := range t.value[r] {
				if t.hide[r][c] && !t.variable(r, c) {
					t.hideBeside(r, c)
					again = true
				}
			}
		}
	}
	return t.hidden()
}

// table is a table with its sums as last row and last column. Every row and every column adds up to 0 once the sums of rows and
// columns are taken as negative, so hidden numbers change along circles that leave and enter every row and column they touch.
type table struct {
	value [][]int64
	hide  [][]bool
}

func newTable(counts [][]int64, threshold int64) *table {
	rows, columns := len(counts), 0
	if rows > 0 {
		columns = len(counts[0])
	}
	t := &table{}
	for range rows + 1 {
		t.value, t.hide = append(t.value, make([]int64, columns+1)), append(t.hide, make([]bool, columns+1))
	}
	for r := range counts {
		for c, n := range counts[r] {
			t.value[r][c] = n
			t.value[r][columns] += n
			t.value[rows][c] += n
			t.value[rows][columns] += n
		}
	}
	for r := range t.value {
		for c := range t.value[r] {
			t.hide[r][c] = small(t.value[r][c], threshold)
		}
	}
	return t
}

// sums tells whether a place holds the sum of a row or a column, which counts as negative.
func (t *table) sums(r, c int) bool { return (r == len(t.value)-1) != (c == len(t.value[0])-1) }

// up and down tell whether a hidden number, with its sign, may grow or shrink.
func (t *table) up(r, c int) bool   { return t.hide[r][c] && (!t.sums(r, c) || t.value[r][c] > 1) }
func (t *table) down(r, c int) bool { return t.hide[r][c] && (t.sums(r, c) || t.value[r][c] > 1) }

// variable tells whether the hidden number could be another one: whether it is part of a circle of changes.
func (t *table) variable(r, c int) bool {
	return t.up(r, c) && t.reaches(c, r, r, c, t.down, t.up) || t.down(r, c) && t.reaches(c, r, r, c, t.up, t.down)
}

// reaches tells whether a way leads from a column to a row by hidden numbers other than the one at (r, c): from column to row
// where first allows it, from row to column where second does.
func (t *table) reaches(from, to, r, c int, first, second func(r, c int) bool) bool {
	seenRow, seenColumn := make([]bool, len(t.value)), make([]bool, len(t.value[0]))
	columns := []int{from}
	seenColumn[from] = true
	for len(columns) > 0 {
		j := columns[0]
		columns = columns[1:]
		for i := range t.value {
			if seenRow[i] || i == r && j == c || !first(i, j) {
				continue
			}
			if i == to {
				return true
			}
			seenRow[i] = true
			for k := range t.value[i] {
				if !seenColumn[k] && !(i == r && k == c) && second(i, k) {
					seenColumn[k] = true
					columns = append(columns, k)
				}
			}
		}
	}
	return false
}

// hideBeside hides one more number in the row or column of one that follows from the others: of the shown ones the smallest that
// is not 0, inside the table before its sums. When nothing is shown there, it is one elsewhere: with all hidden nothing follows.
func (t *table) hideBeside(r, c int) {
	lastRow, lastColumn := len(t.value)-1, len(t.value[0])-1
	best, bestRow, bestColumn := int64(-1), 0, 0
	for i := range t.value {
		for j, n := range t.value[i] {
			if t.hide[i][j] {
				continue
			}
			cost := n
			if n == 0 {
				cost = zeroCost
			}
			if i == lastRow || j == lastColumn {
				cost += sumCost
			}
			if i != r && j != c {
				cost += farCost
			}
			if best < 0 || cost < best {
				best, bestRow, bestColumn = cost, i, j
			}
		}
	}
	t.hide[bestRow][bestColumn] = true
}

// What it costs to hide a number, beside the number itself: a zero hides little, a sum is what people look for, and a number
// elsewhere may not help.
const (
	zeroCost = 1 << 58
	sumCost  = 1 << 59
	farCost  = 1 << 61
)

func (t *table) hidden() Hidden {
	lastRow, lastColumn := len(t.value)-1, len(t.value[0])-1
	h := Hidden{Columns: t.hide[lastRow][:lastColumn], Total: t.hide[lastRow][lastColumn]}
	for r := range lastRow {
		h.Cells = append(h.Cells, t.hide[r][:lastColumn])
		h.Rows = append(h.Rows, t.hide[r][lastColumn])
	}
	return h
}
