package web

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"tocsin/internal/platform/text"
)

func printer(t testing.TB) *text.Printer {
	t.Helper()
	c, err := text.Load(own, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	return c.In("en", nil)
}

// wellFormed holds a drawing to XML, so that no name of a series can break out of it.
func wellFormed(t interface{ Fatalf(string, ...any) }, s string) {
	d := xml.NewDecoder(strings.NewReader("<x>" + s + "</x>"))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, s)
		}
	}
}

func TestDrawingsHoldAnyNumbersAndNames(t *testing.T) {
	p := printer(t)
	rapid.Check(t, func(rt *rapid.T) {
		days := rapid.IntRange(0, 100).Draw(rt, "days")
		name := rapid.StringMatching(`[a-z<>&"']{0,12}`)
		tr := Trend{Title: name.Draw(rt, "title"), First: 20000, Stacked: rapid.Bool().Draw(rt, "stacked"), Cut: rapid.Bool().Draw(rt, "cut")}
		for range rapid.IntRange(0, 4).Draw(rt, "series") {
			tr.Series = append(tr.Series, Series{Name: name.Draw(rt, "name"), Class: name.Draw(rt, "class"),
				Values: rapid.SliceOfN(rapid.Int64Range(0, 1<<40), days, days).Draw(rt, "values")})
		}
		tr.Incomplete = rapid.SliceOfN(rapid.Bool(), days, days).Draw(rt, "incomplete")
		out := string(tr.render(p))
		wellFormed(rt, out)
		if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
			rt.Fatalf("no number in %s", out)
		}
		wellFormed(rt, string(Bars{{Label: name.Draw(rt, "label"), Href: "/x?a=1&b=2", Parts: []Part{{name.Draw(rt, "part"), "open",
			rapid.Int64Range(0, 1<<40).Draw(rt, "value")}}}}.render(p)))
		if len(tr.Series) > 0 {
			wellFormed(rt, string(sparkline(tr.Series[0].Values)))
		}
	})
}

func TestTrendMarksIncompleteDaysAndHasATable(t *testing.T) {
	tr := Trend{Title: "Open", First: 20000, Series: []Series{{"Open", "open", []int64{1, 2000, 3}}}, Incomplete: []bool{false, true, false}}
	out := string(tr.render(printer(t)))
	for part, n := range map[string]int{`class="gap"`: 1, "<details": 1, "2,000</td>": 1, "2024-10-05 <small>incomplete day": 1, `class="touch"`: 3} {
		if strings.Count(out, part) != n {
			t.Errorf("%q stands %d times in %s", part, strings.Count(out, part), out)
		}
	}
}

func TestPeakLeavesTheDrawingWithItsNumber(t *testing.T) {
	tr := Trend{First: 20000, Cut: true, Series: []Series{{"New", "fresh", []int64{90_000, 10, 12, 11, 9, 14, 13, 10}}}}
	out := string(tr.render(printer(t)))
	if !strings.Contains(out, "▲ 90,000") || strings.Contains(out, ">100,000<") {
		t.Errorf("the peak flattens the others: %s", out)
	}
	tr.Series[0].Values[0] = 30
	if out := string(tr.render(printer(t))); strings.Contains(out, "▲") {
		t.Error("an ordinary height is cut")
	}
}

func TestScaleHasFewRoundMarks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		low := rapid.Int64Range(0, 1<<40).Draw(rt, "low")
		high := low + rapid.Int64Range(0, 1<<40).Draw(rt, "more")
		a := scale(low, high, rapid.Bool().Draw(rt, "zero"))
		if n := (a.high - a.low) / a.step; n < 1 || n > 8 || a.low > float64(low) || a.high < float64(high) {
			rt.Fatalf("%d to %d: %+v", low, high, a)
		}
	})
}
