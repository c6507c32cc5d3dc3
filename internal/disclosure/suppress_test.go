package disclosure

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSmallCellsAreHiddenWithACompanion(t *testing.T) {
	for _, tt := range []struct {
		counts []int64
		hidden []bool
		sum    bool
	}{
		{[]int64{10, 20, 30}, []bool{false, false, false}, false},
		{[]int64{0, 20, 30}, []bool{false, false, false}, false}, // zeros are shown
		{[]int64{3, 20, 30}, []bool{true, true, false}, false},   // 20 would give 3 away
		{[]int64{3, 4, 30}, []bool{true, true, false}, false},    // two are enough
		{[]int64{1, 1, 30}, []bool{true, true, true}, false},     // 1 and 1 follow from 2
		{[]int64{3, 0, 0}, []bool{true, false, false}, true},     // the sum is small too
		{[]int64{3}, []bool{true}, true},                         // the sum is the cell
		{[]int64{5, 5, 5, 5}, []bool{false, false, false, false}, false},
		{nil, []bool{}, false},
	} {
		if hidden, sum := SuppressList(tt.counts, 5); !slices.Equal(hidden, tt.hidden) || sum != tt.sum {
			t.Errorf("%v: %v %t", tt.counts, hidden, sum)
		}
	}
}

// TestHiddenCountOfAListCannotBeWorkedOut tries every other list that shows the same.
func TestHiddenCountOfAListCannotBeWorkedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.Int64Range(0, 6), 1, 5).Draw(t, "counts")
		hide, sumHidden := SuppressList(counts, 3)
		var total int64
		for i, n := range counts {
			total += n
			if n > 0 && n < 3 && !hide[i] {
				t.Fatalf("%v shows %d", counts, n)
			}
		}
		if total > 0 && total < 3 && !sumHidden {
			t.Fatalf("%v shows its sum", counts)
		}
		vary := make([]bool, len(counts))
		others(counts, hide, total, sumHidden, func(o []int64) {
			for i := range o {
				vary[i] = vary[i] || o[i] != counts[i]
			}
		})
		for i := range counts {
			if hide[i] && !vary[i] {
				t.Fatalf("%v hides %v, sum %t: number %d follows", counts, hide, sumHidden, i)
			}
		}
	})
}

// others calls fn with every list that agrees with what is shown: hidden counts are at least 1, unless they are 0.
func others(counts []int64, hide []bool, total int64, free bool, fn func([]int64)) {
	o := slices.Clone(counts)
	var fill func(i int, left int64)
	fill = func(i int, left int64) {
		if i == len(o) {
			if free || left == 0 {
				fn(o)
			}
			return
		}
		if !hide[i] {
			fill(i+1, left-counts[i])
			return
		}
		for v := min(1, counts[i]); v <= max(left, 0) || free && v <= counts[i]+1; v++ {
			o[i] = v
			fill(i+1, left-v)
		}
		o[i] = counts[i]
	}
	fill(0, total)
}

// TestHiddenCountOfATableCannotBeWorkedOut looks for another table that shows the same cells and sums, by trying all of them.
func TestHiddenCountOfATableCannotBeWorkedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(1, 3).Draw(t, "rows"), rapid.IntRange(1, 3).Draw(t, "columns")
		counts := make([][]int64, rows)
		for r := range counts {
			counts[r] = rapid.SliceOfN(rapid.Int64Range(0, 4), columns, columns).Draw(t, "row")
		}
		h := SuppressTable(counts, 3)
		vary := tryTables(counts, h)
		for r := range counts {
			for c, n := range counts[r] {
				switch {
				case n > 0 && n < 3 && !h.Cells[r][c]:
					t.Fatalf("%v shows the small cell %d,%d", counts, r, c)
				case h.Cells[r][c] && !vary[r][c]:
					t.Fatalf("%v hides %+v: the cell %d,%d follows", counts, h, r, c)
				}
			}
		}
		checkMargins(t, counts, h)
	})
}

// checkMargins holds every row and column, its sum included, to the rule that none hides exactly one number.
func checkMargins(t *rapid.T, counts [][]int64, h Hidden) {
	one := func(what string, hidden ...bool) {
		n := 0
		for _, x := range hidden {
			if x {
				n++
			}
		}
		if n == 1 {
			t.Fatalf("%v: one hidden number in %s: %+v", counts, what, h)
		}
	}
	for r := range counts {
		one("a row", append(slices.Clone(h.Cells[r]), h.Rows[r])...)
	}
	for c := range h.Columns {
		column := []bool{h.Columns[c]}
		for r := range counts {
			column = append(column, h.Cells[r][c])
		}
		one("a column", column...)
	}
	one("the sums of rows", append(slices.Clone(h.Rows), h.Total)...)
	one("the sums of columns", append(slices.Clone(h.Columns), h.Total)...)
}

func tryTables(counts [][]int64, h Hidden) [][]bool {
	rows, columns := len(counts), len(counts[0])
	vary := make([][]bool, rows)
	rowSum, columnSum, total := make([]int64, rows), make([]int64, columns), int64(0)
	o := make([][]int64, rows)
	for r := range counts {
		vary[r], o[r] = make([]bool, columns), slices.Clone(counts[r])
		for c, n := range counts[r] {
			rowSum[r], columnSum[c], total = rowSum[r]+n, columnSum[c]+n, total+n
		}
	}
	var fill func(at int)
	fits := func(r, c int) bool { // what is known once the cells up to (r, c) are set
		var row, column, all int64
		for j := range columns {
			row += o[r][j]
		}
		for i := range rows {
			column += o[i][c]
			for j := range columns {
				all += o[i][j]
			}
		}
		if c == columns-1 && !h.Rows[r] && row != rowSum[r] || r == rows-1 && !h.Columns[c] && column != columnSum[c] {
			return false
		}
		return r != rows-1 || c != columns-1 || h.Total || all == total
	}
	fill = func(at int) {
		if at == rows*columns {
			for r := range o {
				for c := range o[r] {
					vary[r][c] = vary[r][c] || o[r][c] != counts[r][c]
				}
			}
			return
		}
		r, c := at/columns, at%columns
		if !h.Cells[r][c] {
			if fits(r, c) {
				fill(at + 1)
			}
			return
		}
		for v := max(min(1, counts[r][c]), counts[r][c]-1); v <= counts[r][c]+1; v++ {
			o[r][c] = v
			if fits(r, c) {
				fill(at + 1)
			}
		}
		o[r][c] = counts[r][c]
	}
	fill(0)
	return vary
}
