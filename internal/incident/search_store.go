package incident

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
)

func insertWords(tx *db.Tx, kind int32, id int64, words []string) error {
	slices.Sort(words) // writers that wait for one another do so in one order
	for part := range slices.Chunk(words, 200) {
		var b strings.Builder
		b.WriteString(`INSERT INTO incident_word (kind, word, id) VALUES `)
		args := []any{kind, id}
		for i, w := range part {
			if i > 0 {
				b.WriteString(", ")
			}
			args = append(args, w)
			fmt.Fprintf(&b, "($1, $%d, $2)", len(args))
		}
		b.WriteString(` ON CONFLICT DO NOTHING`)
		if _, err := tx.Exec(b.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// copyWords lets a case be found by the words of another one that became part of it.
func copyWords(tx *db.Tx, from, into int64) error {
	_, err := tx.Exec(`INSERT INTO incident_word (kind, word, id) SELECT kind, word, $1 FROM incident_word WHERE kind = 2 AND id = $2 ON CONFLICT DO NOTHING`, into, from)
	return err
}

// wordsLike are the words that begin with one, itself first; each is found by one step in the index, however often it stands.
func wordsLike(tx *db.Tx, kind int32, w string) (out []string, err error) {
	err = tx.Each(`WITH RECURSIVE v(word) AS (
		SELECT MIN(word) FROM incident_word WHERE kind = $1 AND word >= $2 AND word < $3
		UNION ALL SELECT (SELECT MIN(word) FROM incident_word WHERE kind = $1 AND word > v.word AND word < $3) FROM v WHERE v.word IS NOT NULL)
		SELECT word FROM v WHERE word IS NOT NULL LIMIT $4`, []any{kind, w, w + "\U0010FFFF", expanded}, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		out = append(out, s)
		return err
	})
	return out, err
}

// countWords is how often words stand, up to most.
func countWords(tx *db.Tx, kind int32, words []string, most int) (n int64, err error) {
	w := where{}
	w.add("kind = $%d", kind)
	w.among("word", words)
	return n, tx.Row(fmt.Sprintf(`SELECT COUNT(*) FROM (SELECT 1 AS one FROM incident_word WHERE %s LIMIT %d) w`, w, most), w.args...).Scan(&n)
}

// latestWith are the latest reports or cases in which one of the words stands, at most so many for each word.
func latestWith(tx *db.Tx, kind int32, words []string, limit int) ([]int64, error) {
	return latestOf(tx, fmt.Sprintf(`SELECT id FROM incident_word WHERE kind = %d AND word = $%%d ORDER BY id DESC`, kind), words, limit)
}

// withWord keeps those of the ids that have one of the words.
func withWord(tx *db.Tx, kind int32, words []string, of []int64) ([]int64, error) {
	w := where{}
	w.add("kind = $%d", kind)
	w.among("word", words)
	return ids(tx, `SELECT DISTINCT id FROM incident_word WHERE `+w.String()+` AND id IN (`+numbers(of)+`) ORDER BY id DESC`, w.args...)
}

func ids(tx *db.Tx, query string, args ...any) (out []int64, err error) {
	err = tx.Each(query, args, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		out = append(out, id)
		return err
	})
	return out, err
}

func reportsByID(tx *db.Tx, of []int64) (out []Line, err error) {
	err = tx.Each(`SELECT `+reportLine+` FROM incident_report WHERE state <> 'draft' AND id IN (`+numbers(of)+`) ORDER BY id DESC`, nil, func(scan func(...any) error) error {
		l, err := scanLine(scan)
		out = append(out, l)
		return err
	})
	return out, err
}

func casesByID(tx *db.Tx, of []int64) (out []Case, err error) {
	err = tx.Each(`SELECT `+caseColumns+` FROM incident_case WHERE id IN (`+numbers(of)+`) ORDER BY id DESC`, nil, func(scan func(...any) error) error {
		c, err := scanCase(scan)
		out = append(out, c)
		return err
	})
	return out, err
}
