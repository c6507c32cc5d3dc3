package portal

import (
	"slices"
	"testing"
)

func TestTheAverageTellsNothingOfAnyOne(t *testing.T) {
	for name, tt := range map[string]struct {
		others [][]int64
		want   []int64
		why    string
	}{
		"four are too few":           {[][]int64{{9}, {9}, {9}, {9}}, nil, "few"},
		"five alike":                 {[][]int64{{9}, {9}, {9}, {9}, {9}}, []int64{9}, ""},
		"rounded down":               {[][]int64{{1}, {2}, {2}, {2}, {2}}, []int64{1}, ""},
		"one has more than half":     {[][]int64{{9}, {1}, {1}, {1}, {1}}, nil, "dominant"},
		"one has it all":             {[][]int64{{5}, {0}, {0}, {0}, {0}}, nil, "dominant"},
		"on one day of two":          {[][]int64{{2, 50}, {2, 2}, {2, 2}, {2, 2}, {2, 2}}, nil, "dominant"},
		"below one reads as nothing": {[][]int64{{3}, {0}, {0}, {0}, {0}}, []int64{0}, ""},
		"nothing reads the same":     {[][]int64{{0}, {0}, {0}, {0}, {0}}, []int64{0}, ""},
	} {
		if got, why := average(tt.others); !slices.Equal(got, tt.want) || why != tt.why {
			t.Errorf("%s: %v %q, want %v %q", name, got, why, tt.want, tt.why)
		}
	}
}

func TestAnOriginalRowIsSplitByItsHeader(t *testing.T) {
	if got := cells("\ufeff\"a\",\"b\",\"c\"", `"1","","x,y"`); !slices.Equal(got, []Cell{{"a", "1"}, {"c", "x,y"}}) {
		t.Errorf("csv: %+v", got)
	}
	if got := cells("", `{"b":2,"a":"x"}`); !slices.Equal(got, []Cell{{"a", "x"}, {"b", "2"}}) {
		t.Errorf("json: %+v", got)
	}
	if got := cells(`"a`, `"`); got != nil {
		t.Errorf("broken: %+v", got)
	}
}

func FuzzCells(f *testing.F) {
	f.Add("a,b", "1,2")
	f.Add("", `{"a":{"b":[1]}}`)
	f.Fuzz(func(t *testing.T, header, raw string) {
		for _, c := range cells(header, raw) {
			if c.Value == "" && raw[0] != '{' && raw[0] != ' ' && raw[0] != '\n' && raw[0] != '\t' && raw[0] != '\r' {
				t.Errorf("an empty cell of a CSV row is listed: %+v", c)
			}
		}
	})
}
