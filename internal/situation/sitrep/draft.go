package sitrep

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/text"
)

// languages are those of the nation that reports are written in, each once.
func (d *Desk) languages(p *nation.Profile) (out []string) {
	seen := map[string]bool{}
	for _, l := range p.Languages {
		if m := text.Match(d.words.Languages(), l); !seen[m] {
			seen[m] = true
			out = append(out, m)
		}
	}
	return out
}

// redraft writes what the figures say. What a person wrote stays.
func (d *Desk) redraft(p *nation.Profile, b *Body, label tlp.Label) {
	if b.Judgement == nil {
		b.Judgement, b.Texts = map[string]string{}, map[string]map[Section]Words{}
	}
	for _, lang := range b.Languages {
		if b.Texts[lang] == nil {
			b.Texts[lang] = map[Section]Words{}
		}
		w := writer{d.words.In(lang, p.Location()), p, &b.Figures, label}
		for _, s := range Sections() {
			x := b.Texts[lang][s]
			x.Drafted = w.section(s)
			if !x.Edited {
				x.Text = x.Drafted
			}
			b.Texts[lang][s] = x
		}
	}
}

// writer puts figures into the words of a language, for a report of a marking.
type writer struct {
	*text.Printer
	nation *nation.Profile
	*Figures
	label tlp.Label
}

// outside tells whether the report may leave the CERT.
func (w writer) outside() bool { return w.label < tlp.Amber }

func (w writer) section(s Section) string {
	switch s {
	case Findings:
		return w.findings()
	case Reports:
		return w.reports()
	case Cases:
		return w.cases()
	case Clocks:
		return w.clocks()
	case Letters:
		return w.letters()
	}
	return w.T("affected.untold", w.Number(w.Affected.Untold))
}

func lines(ls ...string) string { return strings.Join(ls, "\n") }

func (w writer) findings() string {
	f := w.Figures.Findings
	open := w.T("findings.open", w.Number(f.Open))
	if f.From > f.Until {
		return lines(append([]string{w.T("findings.none"), open}, w.late()...)...)
	}
	when := w.T("findings.day", w.Day(int64(f.Until)))
	if f.From < f.Until {
		when = w.T("findings.days", w.Day(int64(f.From)), w.Day(int64(f.Until)))
	}
	out := []string{when, open, w.T("findings.moves", w.Number(f.New), w.Number(f.Gone), w.Number(f.Closed))}
	list := func(title string, ms []Move, name func(Move) string) {
		n := 0
		for _, m := range ms {
			if m.Inside && w.outside() || n == topMoves {
				continue
			}
			if n++; n == 1 {
				out = append(out, "", w.T(title))
			}
			out = append(out, "- "+w.T("findings.move", name(m), w.Number(m.New), w.Number(m.Gone), w.Number(m.Open)))
		}
	}
	list("findings.types", f.Types, func(m Move) string { return cmp.Or(m.Title, m.ID) })
	list("findings.sectors", f.Sectors, func(m Move) string {
		if m.ID == "" {
			return w.T("sector.none")
		}
		return w.nation.SectorName(m.ID, w.Lang())
	})
	return lines(append(out, w.late()...)...)
}

// late are the days that an earlier report told of and that count otherwise now.
func (w writer) late() (out []string) {
	for i, l := range w.Figures.Findings.Late {
		if i == 0 {
			out = append(out, "", w.T("findings.late"))
		}
		out = append(out, "- "+w.T("findings.late-day", w.Day(int64(l.Day)), w.Number(l.New), w.Number(l.Was.New), w.Number(l.Gone), w.Number(l.Was.Gone),
			w.Number(l.Closed), w.Number(l.Was.Closed)))
	}
	return out
}

func (w writer) reports() string {
	r := w.Figures.Reports
	out := []string{w.T("reports.received", w.Number(r.Received.Now), w.Number(r.Received.Before)), w.T("reports.waiting", w.Number(r.Waiting), w.Number(r.Unconfirmed))}
	if r.Oldest != 0 {
		out = append(out, w.T("reports.oldest", w.Time(time.UnixMicro(r.Oldest))))
	}
	return lines(out...)
}

func (w writer) cases() string {
	c := w.Figures.Cases
	grave := int64(0)
	for level := Grave; level < len(c.Open); level++ {
		grave += c.Open[level]
	}
	out := []string{w.T("cases.opened", w.Number(c.Opened.Now), w.Number(c.Opened.Before)), w.T("cases.closed", w.Number(c.Closed.Now), w.Number(c.Closed.Before)),
		w.T("cases.open", w.Number(c.Open.Total()), w.Number(grave), w.Number(c.CrossBorder), w.Number(c.Nobody))}
	var named []string
	for _, g := range c.Grave {
		if g.Label > w.label {
			continue
		}
		severity := cmp.Or(w.nation.SeverityName(g.Severity, w.Lang()), strconv.Itoa(g.Severity))
		line := "- " + w.T("cases.grave", g.Number, g.Title, severity, w.Time(time.UnixMicro(g.Opened)))
		if g.Lead != "" && !w.outside() {
			line += ", " + w.T("cases.lead", g.Lead)
		}
		named = append(named, line)
	}
	if len(named) > 0 {
		out = append(out, "", w.T("cases.grave-title"))
		out = append(out, named...)
	}
	if more := grave - int64(len(named)); more > 0 {
		out = append(out, w.T("cases.unnamed", w.Number(more)))
	}
	return lines(out...)
}

func (w writer) clocks() string {
	c := w.Figures.Clocks
	out := []string{w.T("clocks.met", w.Number(c.Met), w.Number(c.MetLate), w.Number(c.Missed)), w.T("clocks.owed", w.Number(c.Late), w.Number(c.Soon))}
	if w.outside() || len(c.Due) == 0 {
		return lines(out...)
	}
	out = append(out, "", w.T("clocks.due-title"))
	for _, x := range c.Due {
		out = append(out, "- "+w.T("clocks.due", w.Time(time.UnixMicro(x.Due)), x.Entity, x.Steps[w.Lang()], x.Regime))
	}
	if more := c.Soon - int64(len(c.Due)); more > 0 {
		out = append(out, w.T("clocks.more", w.Number(more)))
	}
	return lines(out...)
}

func (w writer) letters() string {
	l := w.Figures.Letters
	state := w.T("letters.on")
	if !l.Sending {
		state = strings.TrimSpace(w.T("letters.off") + " " + l.Reason)
	}
	return lines(state, w.T("letters.stand", w.Number(l.Waiting), w.Number(l.Held), w.Number(l.Dead), w.Number(l.Bounced)))
}
