package incident

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tocsin/internal/platform/db"
)

// What is looked for stands in a table of words, a row for each word and report or case, written in the act that said it. A word that
// was once said of a case finds it also after its title changed.
const (
	wordOfReport = int32(1)
	wordOfCase   = int32(2)

	maxWords   = 1500 // of one text: longer ones are found by their beginning
	maxWordLen = 64
	expanded   = 12   // words that begin as the one that was asked for
	looked     = 1000 // candidates of the rarest word that are looked at for the others
	foundMost  = 50
)

// Found is what a search found, the latest first.
type Found struct {
	Reports []Line
	Cases   []Case
	// Capped says that all its words are so frequent that only the latest of them were looked at.
	Capped bool
}

// Search finds reports and cases in which all words of the query stand, or words that begin so: in numbers, titles, texts, names of
// reporters, organisations and files, notes and indicators, defanged or not. At most 50 of each.
func (d *Desk) Search(ctx context.Context, query string) (f Found, err error) {
	if n := Number(query); n != "" {
		query = n
	}
	asked := wordsOf(false, query)
	if len(asked) == 0 {
		return f, nil
	}
	asked = asked[:min(len(asked), 8)]
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		for _, kind := range []int32{wordOfReport, wordOfCase} {
			ids, capped, err := findWords(tx, kind, asked)
			f.Capped = f.Capped || capped
			switch {
			case err != nil || len(ids) == 0:
			case kind == wordOfReport:
				f.Reports, err = reportsByID(tx, ids)
			default:
				if f.Cases, err = casesByID(tx, ids); err == nil {
					err = partiesOfCases(tx, f.Cases)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

// findWords finds the latest ids that have all words.
func findWords(tx *db.Tx, kind int32, asked []string) (found []int64, capped bool, err error) {
	terms := make([][]string, len(asked))
	rarest, fewest := 0, int64(1)<<62
	for i, w := range asked {
		if terms[i], err = wordsLike(tx, kind, w); err != nil || len(terms[i]) == 0 {
			return nil, false, err
		}
		if len(asked) > 1 {
			n, err := countWords(tx, kind, terms[i], looked)
			if err != nil {
				return nil, false, err
			}
			if n < fewest {
				rarest, fewest = i, n
			}
		}
	}
	most := foundMost
	if len(asked) > 1 {
		most = looked
	}
	candidates, err := latestWith(tx, kind, terms[rarest], most)
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(candidates, func(a, b int64) int { return int(b - a) })
	candidates = slices.Compact(candidates)
	if len(candidates) > most {
		candidates = candidates[:most]
	}
	for part := range slices.Chunk(candidates, 250) {
		for i, t := range terms {
			if i != rarest && len(part) > 0 {
				if part, err = withWord(tx, kind, t, part); err != nil {
					return nil, false, err
				}
			}
		}
		if found = append(found, part...); len(found) >= foundMost {
			return found[:foundMost], false, nil
		}
	}
	return found, len(asked) > 1 && len(candidates) == looked, nil
}

// fold makes letters alike that people write for one another.
func fold(r rune) rune {
	switch r = unicode.ToLower(r); r {
	case 'č', 'ć':
		return 'c'
	case 'š':
		return 's'
	case 'ž':
		return 'z'
	case 'đ':
		return 'd'
	}
	return r
}

// words are the different words of texts in a form in which they are compared: lower case, and of those with a dot, a dash and the like
// also their parts. "evil[.]example" and "hxxp" are read as what they stand for.
func words(texts ...string) []string { return wordsOf(true, texts...) }

// wordsOf are the words of texts, with the parts of words or without.
func wordsOf(parts bool, texts ...string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(w string) {
		w = strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for len(w) > maxWordLen {
			_, n := utf8.DecodeLastRuneInString(w)
			w = w[:len(w)-n]
		}
		if len(w) > 1 && !seen[w] && len(out) < maxWords {
			seen[w] = true
			out = append(out, w)
		}
	}
	inner := func(r rune) bool { return strings.ContainsRune(".-_:@/", r) }
	for _, t := range texts {
		t = strings.NewReplacer("[.]", ".", "(.)", ".", "[:]", ":", "[@]", "@", "hxxp", "http").Replace(strings.Map(fold, t))
		for w := range strings.FieldsFuncSeq(t, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !inner(r) }) {
			if len(out) >= maxWords {
				return out
			}
			add(w)
			if parts && strings.ContainsFunc(w, inner) {
				for p := range strings.FieldsFuncSeq(w, func(r rune) bool { return strings.ContainsRune(":@/_", r) }) {
					add(p)
				}
				for p := range strings.FieldsFuncSeq(w, inner) {
					add(p)
				}
			}
		}
	}
	return out
}

// indexing keeps the table of words.
func indexing() Extension {
	report := func(_ context.Context, tx *db.Tx, r *Report) error {
		d := &r.Details
		return insertWords(tx, wordOfReport, r.ID, words(r.Number, r.Title, r.Organisation, r.Name, r.Mail, r.Guess, r.Text, d.Indicators, d.Systems, d.Impact, d.Cause,
			d.Measures, d.Help))
	}
	return Extension{Unconfirmed: report, Received: report,
		Added: func(_ context.Context, tx *db.Tx, r *Report, a *Addition) error {
			return insertWords(tx, wordOfReport, r.ID, words(a.Text, a.Name))
		},
		Changed: func(_ context.Context, tx *db.Tx, c *Case) error {
			return insertWords(tx, wordOfCase, c.ID, words(c.Number, c.Title, c.Type, c.LeadName, c.Summary))
		},
		Joined: func(_ context.Context, tx *db.Tx, from, into *Case) error { return copyWords(tx, from.ID, into.ID) },
	}
}

// Number is the number of a report or case that a query is, as it is written, or "".
func Number(query string) string {
	q := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(query)), "T-I")
	year, count, ok := strings.Cut(q, "-")
	if ok && (year == "R" || len(year) == 4) && count != "" && !strings.ContainsAny(q, " \t") {
		return q
	}
	return ""
}
