package sitrep

import (
	"strings"
	"time"

	"tocsin/internal/nation"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

// Document is a report in one language, as it is read, printed and sent.
type Document struct {
	Title    string // "Situation report SR-2026-014"
	Team     string
	Facts    []string // period, marking, who approved it
	Parts    []Part   // those with a text
	Language string
}

// Part is a part of a document. Its text is plain.
type Part struct {
	Title string
	Text  string
}

// Formats are what a report is exported as.
func Formats() []string { return []string{"md", "txt"} }

// document writes a report down in the language nearest to one.
func (d *Desk) document(p *nation.Profile, s *Sitrep, language string) Document {
	lang := s.Speaks(language)
	w := d.words.In(lang, p.Location())
	doc := Document{Title: w.T("number", s.Number()), Team: p.Team.Name, Language: lang, Facts: d.facts(w, s)}
	add := func(key, words string) {
		if words != "" {
			doc.Parts = append(doc.Parts, Part{w.T("part." + key), words})
		}
	}
	add("judgement", s.judgement(lang))
	for _, x := range s.Shown() {
		add(string(x), s.Texts[lang][x].Text)
	}
	return doc
}

// judgement is what it means in a language; what was not said in that one is better read in another than missed.
func (s *Sitrep) judgement(lang string) string {
	for _, l := range append([]string{lang}, s.Languages...) {
		if t := s.Judgement[l]; t != "" {
			return t
		}
	}
	return ""
}

func (d *Desk) facts(w *text.Printer, s *Sitrep) []string {
	at := func(t int64) string { return w.Time(time.UnixMicro(t)) }
	out := []string{w.T("period", at(s.Since), at(s.Until)), w.T("marking", s.Label.String())}
	if s.Approved != 0 {
		out = append(out, w.T("approved", s.ApprovedBy, at(s.Approved)))
	}
	if s.Replaces != 0 {
		out = append(out, w.T("corrects", s.Reason))
	}
	switch s.State {
	case Draft:
		out = append(out, w.T("draft"))
	case Replaced:
		out = append(out, w.T("replaced"))
	case Withdrawn:
		out = append(out, w.T("withdrawn", s.WithdrawnBy, at(s.Withdrawn), s.Withdrawal))
	}
	return out
}

// In is the document in a format, with its media type.
func (doc Document) In(format string) (b []byte, kind string, err error) {
	switch format {
	case "txt":
		return []byte(doc.Text()), "text/plain; charset=utf-8", nil
	case "md":
		return []byte(doc.Markdown()), "text/markdown; charset=utf-8", nil
	}
	return nil, "", fault.NotFoundf("there is no format %q: use md or txt", format)
}

// Text is the document as plain text.
func (doc Document) Text() string {
	var b strings.Builder
	b.WriteString(doc.Title + "\n" + doc.Team + "\n")
	for _, f := range doc.Facts {
		b.WriteString(f + "\n")
	}
	for _, p := range doc.Parts {
		b.WriteString("\n" + strings.ToUpper(p.Title) + "\n\n" + p.Text + "\n")
	}
	return b.String()
}

// Markdown is the document in CommonMark. What stands in the texts is not taken for markup, but for lists.
func (doc Document) Markdown() string {
	var b strings.Builder
	b.WriteString("# " + literal(doc.Title) + "\n\n" + literal(doc.Team) + "\n\n")
	for _, f := range doc.Facts {
		b.WriteString("- " + literal(f) + "\n")
	}
	for _, p := range doc.Parts {
		b.WriteString("\n## " + literal(p.Title) + "\n\n" + literal(p.Text) + "\n")
	}
	return b.String()
}

// literal is a text that CommonMark shows as it is, line by line.
func literal(s string) string {
	var b strings.Builder
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		line = strings.TrimLeft(line, " \t") // else a line is taken for code
		rest, item := strings.CutPrefix(line, "- ")
		if item {
			b.WriteString("- ")
		}
		for j, r := range rest {
			switch {
			case strings.ContainsRune("\\`*_{}[]<>#|~&!", r), j == 0 && strings.ContainsRune("-+=", r), (r == '.' || r == ')') && j > 0 && digits(rest[:j]):
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
