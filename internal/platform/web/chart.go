package web

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"tocsin/internal/platform/text"
)

// Series is one line or layer of a trend. Its name is ready for people; its class chooses the colour: open, fresh, gone, or
// severity-0 … severity-5, or series-1 … series-8.
type Series struct {
	Name   string
	Class  string
	Values []int64 // one per day
}

// Trend is values over days, drawn as lines or, stacked, as layers: {{trend .}}. Days that are not complete are hatched. A
// table with the same numbers stands below, folded.
type Trend struct {
	Title      string // ready for people
	First      int64  // day since 1970-01-01
	Series     []Series
	Incomplete []bool // by day; may be nil
	Stacked    bool
	Zero       bool // the axis begins at 0 though lines could do without
	Cut        bool // a value far above all others leaves the drawing, with its number, instead of flattening them
}

// The drawing's size in its own units; the style sheet makes it as wide as its place.
const (
	trendWidth, trendHeight                      = 760, 240
	trendLeft, trendRight, trendTop, trendBottom = 56, 10, 10, 26
)

type axis struct {
	low, high, step float64
}

// scale chooses round marks, at most five, around the values.
func scale(low, high int64, zero bool) axis {
	lo, hi := float64(low), float64(high)
	if zero || lo < 0.6*hi {
		lo = 0
	}
	if hi <= lo {
		hi = lo + 1
	}
	raw := (hi - lo) / 4
	mag := math.Pow(10, math.Floor(math.Log10(raw)))
	step := mag
	for _, m := range [...]float64{1, 2, 5, 10} {
		if step = m * mag; step >= raw {
			break
		}
	}
	step = max(step, 1)
	return axis{math.Floor(lo/step) * step, math.Ceil(hi/step) * step, step}
}

// cut is the highest value to draw: the highest of all, unless one day in thirty stands far above the others, as the first
// day of a feed does.
func cut(tops [][]int64, high int64) int64 {
	var rest []int64
	for _, top := range tops {
		sorted := slices.Sorted(slices.Values(top))
		if n := len(sorted) - 1 - len(sorted)/30; n > 0 {
			rest = append(rest, sorted[n-1])
		}
	}
	if len(rest) == 0 {
		return high
	}
	if most := slices.Max(rest); most > 0 && high > 4*most {
		return most + most/5
	}
	return high
}

func (t Trend) days() int {
	n := 0
	for _, s := range t.Series {
		n = max(n, len(s.Values))
	}
	return n
}

// layers are the series' upper edges: the values, or their running sums when stacked.
func (t Trend) layers(n int) (tops [][]int64, low, high int64) {
	low = math.MaxInt64
	sum := make([]int64, n)
	for _, s := range t.Series {
		top := make([]int64, n)
		for i := range n {
			if i < len(s.Values) {
				top[i] = s.Values[i]
			}
			if t.Stacked {
				sum[i] += top[i]
				top[i] = sum[i]
			}
			low, high = min(low, top[i]), max(high, top[i])
		}
		tops = append(tops, top)
	}
	return tops, low, high
}

func (t Trend) render(p *text.Printer) template.HTML {
	n := t.days()
	if n == 0 {
		return ""
	}
	tops, low, high := t.layers(n)
	if t.Cut {
		high = cut(tops, high)
	}
	ax := scale(low, high, t.Zero || t.Stacked)
	var b strings.Builder
	x := func(i int) float64 {
		if n == 1 {
			return (trendLeft + trendWidth - trendRight) / 2
		}
		return trendLeft + float64(i)*(trendWidth-trendLeft-trendRight)/float64(n-1)
	}
	y := func(v float64) float64 {
		return trendHeight - trendBottom - (v-ax.low)/(ax.high-ax.low)*(trendHeight-trendTop-trendBottom)
	}
	esc := template.HTMLEscapeString
	fmt.Fprintf(&b, `<figure class="trend"><figcaption>%s</figcaption>`, esc(t.Title))
	b.WriteString(`<ul class="legend">`)
	for _, s := range t.Series {
		fmt.Fprintf(&b, `<li class="key-%s">%s</li>`, class(s.Class), esc(s.Name))
	}
	if t.gaps() {
		fmt.Fprintf(&b, `<li class="key-gap">%s</li>`, esc(p.T("chart.incomplete")))
	}
	fmt.Fprintf(&b, `</ul><svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, trendWidth, trendHeight, esc(t.Title))
	t.drawGaps(&b, n, x)
	for v := ax.low; v <= ax.high+ax.step/2; v += ax.step {
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="mark end" x="%d" y="%.1f">%s</text>`,
			trendLeft, trendWidth-trendRight, y(v), y(v), trendLeft-8, y(v)+4, esc(p.Number(int64(v))))
	}
	t.drawDays(&b, p, n, x)
	for k := len(t.Series) - 1; k >= 0; k-- {
		var line strings.Builder
		for i := range n {
			fmt.Fprintf(&line, "%.1f,%.1f ", x(i), y(min(float64(tops[k][i]), ax.high)))
			if float64(tops[k][i]) > ax.high {
				at := "middle"
				if x(i) < trendLeft+40 {
					at = "start"
				}
				fmt.Fprintf(&b, `<text class="mark beyond %s" x="%.1f" y="%d">▲ %s</text>`, at, x(i)+4, trendTop+12+14*k, esc(p.Number(tops[k][i])))
			}
		}
		c := class(t.Series[k].Class)
		if t.Stacked {
			fmt.Fprintf(&b, `<polygon class="layer layer-%s" points="%s%.1f,%.1f %.1f,%.1f"/>`, c, line.String(),
				x(n-1), y(ax.low), x(0), y(ax.low))
		}
		fmt.Fprintf(&b, `<polyline class="line line-%s" points="%s"/>`, c, strings.TrimSpace(line.String()))
	}
	t.drawTouch(&b, p, n, x)
	b.WriteString(`</svg>`)
	t.table(&b, p, n)
	b.WriteString(`</figure>`)
	return template.HTML(b.String())
}

func (t Trend) gaps() bool {
	for _, g := range t.Incomplete {
		if g {
			return true
		}
	}
	return false
}

func (t Trend) drawGaps(b *strings.Builder, n int, x func(int) float64) {
	if !t.gaps() {
		return
	}
	half := (trendWidth - trendLeft - trendRight) / float64(max(n-1, 1)) / 2
	for i, g := range t.Incomplete {
		if !g || i >= n {
			continue
		}
		from, to := max(trendLeft, x(i)-half), min(trendWidth-trendRight, x(i)+half)
		fmt.Fprintf(b, `<rect class="gap" x="%.1f" y="%d" width="%.1f" height="%d"/>`, from, trendTop, to-from,
			trendHeight-trendTop-trendBottom)
		for h := from + 2; h < to; h += 5 {
			fmt.Fprintf(b, `<line class="hatch" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, h, h, trendTop, trendHeight-trendBottom)
		}
	}
}

func (t Trend) drawDays(b *strings.Builder, p *text.Printer, n int, x func(int) float64) {
	every := max(1, (n+6)/7)
	for i := n - 1; i >= 0; i -= every {
		at := "middle"
		if i == n-1 && n > 1 {
			at = "end"
		}
		fmt.Fprintf(b, `<text class="mark %s" x="%.1f" y="%d">%s</text>`, at, x(i), trendHeight-8,
			template.HTMLEscapeString(p.ShortDay(t.First+int64(i))))
	}
}

// drawTouch lays an invisible column over every day, whose title tells the day's numbers.
func (t Trend) drawTouch(b *strings.Builder, p *text.Printer, n int, x func(int) float64) {
	wide := (trendWidth - trendLeft - trendRight) / float64(max(n-1, 1))
	for i := range n {
		var say strings.Builder
		say.WriteString(p.Day(t.First + int64(i)))
		for _, s := range t.Series {
			if i < len(s.Values) {
				fmt.Fprintf(&say, "\n%s: %s", s.Name, p.Number(s.Values[i]))
			}
		}
		if i < len(t.Incomplete) && t.Incomplete[i] {
			say.WriteString("\n" + p.T("chart.incomplete"))
		}
		fmt.Fprintf(b, `<rect class="touch" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`, x(i)-wide/2,
			trendTop, wide, trendHeight-trendTop-trendBottom, template.HTMLEscapeString(say.String()))
	}
}

func (t Trend) table(b *strings.Builder, p *text.Printer, n int) {
	esc := template.HTMLEscapeString
	fmt.Fprintf(b, `<details class="numbers"><summary>%s</summary><div class="wide" role="region" aria-label="%s" tabindex="0"><table><thead><tr><th scope="col">%s</th>`,
		esc(p.T("chart.numbers")), esc(t.Title), esc(p.T("chart.day")))
	for _, s := range t.Series {
		fmt.Fprintf(b, `<th scope="col" class="number">%s</th>`, esc(s.Name))
	}
	b.WriteString(`</tr></thead><tbody>`)
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(b, `<tr><th scope="row">%s`, esc(p.Day(t.First+int64(i))))
		if i < len(t.Incomplete) && t.Incomplete[i] {
			fmt.Fprintf(b, ` <small>%s</small>`, esc(p.T("chart.incomplete")))
		}
		b.WriteString(`</th>`)
		for _, s := range t.Series {
			v := int64(0)
			if i < len(s.Values) {
				v = s.Values[i]
			}
			fmt.Fprintf(b, `<td class="number">%s</td>`, esc(p.Number(v)))
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`</tbody></table></div></details>`)
}

// Bar is one bar of Bars; its label is ready for people.
type Bar struct {
	Label string
	Href  string // may be empty
	Parts []Part // from left to right
	Note  string // after the number; may be empty
}

// Part is a piece of a bar; classes as in Series.
type Part struct {
	Name  string
	Class string
	Value int64
}

// Bars are horizontal bars with their numbers, readable as the list they are: {{bars .}}.
type Bars []Bar

func (bs Bars) render(p *text.Printer) template.HTML {
	var most int64 = 1
	for _, bar := range bs {
		most = max(most, bar.total())
	}
	esc := template.HTMLEscapeString
	var b strings.Builder
	b.WriteString(`<ol class="bars">`)
	for _, bar := range bs {
		b.WriteString(`<li><span class="bar-label">`)
		if bar.Href != "" {
			fmt.Fprintf(&b, `<a href="%s">%s</a>`, esc(bar.Href), esc(bar.Label))
		} else {
			b.WriteString(esc(bar.Label))
		}
		fmt.Fprintf(&b, `</span><span class="bar-value">%s`, esc(p.Number(bar.total())))
		if bar.Note != "" {
			fmt.Fprintf(&b, ` <small>%s</small>`, esc(bar.Note))
		}
		b.WriteString(`</span><svg viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">`)
		x := 0.0
		for _, part := range bar.Parts {
			w := float64(part.Value) / float64(most) * 1000
			fmt.Fprintf(&b, `<rect class="fill-%s" x="%.1f" y="0" width="%.1f" height="8"><title>%s: %s</title></rect>`,
				class(part.Class), x, w, esc(part.Name), esc(p.Number(part.Value)))
			x += w
		}
		b.WriteString(`</svg></li>`)
	}
	b.WriteString(`</ol>`)
	return template.HTML(b.String())
}

func (b Bar) total() int64 {
	var n int64
	for _, p := range b.Parts {
		n += p.Value
	}
	return n
}

// sparkline is a line without axes; decoration beside a number that says the same.
func sparkline(vs []int64) template.HTML {
	if len(vs) < 2 {
		return ""
	}
	low, high := vs[0], vs[0]
	for _, v := range vs {
		low, high = min(low, v), max(high, v)
	}
	span := float64(max(high-low, 1))
	var b strings.Builder
	b.WriteString(`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"><polyline points="`)
	for i, v := range vs {
		fmt.Fprintf(&b, "%.1f,%.1f ", float64(i)*100/float64(len(vs)-1), 22-float64(v-low)/span*20)
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String())
}
