package digest

import (
	"tocsin/internal/event"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const answerColumns = `SELECT a.id, a.at, a.constituent, COALESCE(c.name, ''), a.message, a.answer, a.note, a.findings, a.via, a.name, a.state, a.decided_at,
	a.decided_by, a.decision FROM digest_answer a LEFT JOIN constituent c ON c.id = a.constituent `

func eachAnswer(tx *db.Tx, rest string, args ...any) (out []Answer, err error) {
	out = []Answer{}
	err = tx.Each(answerColumns+rest, args, func(scan func(...any) error) error {
		var a Answer
		err := scan(&a.ID, &a.At, &a.Constituent, &a.Name, &a.Message, &a.Answer, &a.Note, &a.Findings, &a.Via, &a.By, &a.State, &a.DecidedAt,
			&a.DecidedBy, &a.Decision)
		out = append(out, a)
		return err
	})
	return out, err
}

func answersTo(tx *db.Tx, message int64, limit int) ([]Answer, error) {
	return eachAnswer(tx, `WHERE a.message = $1 ORDER BY a.id DESC LIMIT $2`, message, limit)
}

func answersAbout(tx *db.Tx, finding event.ID, limit int) ([]Answer, error) {
	return eachAnswer(tx, `JOIN digest_answer_item i ON i.answer = a.id WHERE i.finding = $1 ORDER BY a.id DESC LIMIT $2`, []byte(finding), limit)
}

func listAnswers(tx *db.Tx, f AnswerFilter, limit int) ([]Answer, error) {
	before := f.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	return eachAnswer(tx, `WHERE a.id < $1 AND ($2 = 0 OR a.constituent = $2) AND (CAST($3 AS TEXT) = '' OR a.state = $3) ORDER BY a.id DESC LIMIT $4`,
		before, f.Constituent, f.State, limit)
}

func answerByID(tx *db.Tx, id int64) (Answer, error) {
	out, err := eachAnswer(tx, `WHERE a.id = $1`, id)
	if err != nil {
		return Answer{}, err
	}
	if len(out) == 0 {
		return Answer{}, fault.NotFoundf("there is no answer %d", id)
	}
	return out[0], nil
}

func countAnswers(tx *db.Tx, message int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM digest_answer WHERE message = $1`, message).Scan(&n)
}

func insertAnswer(tx *db.Tx, a *Answer) (id int64, err error) {
	return id, tx.Row(`INSERT INTO digest_answer (at, constituent, message, answer, note, findings, via, actor, name, state, decided_at, decided_by, decision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', '') RETURNING id`, a.At, a.Constituent, a.Message, a.Answer, a.Note, a.Findings, a.Via,
		tx.Actor().Subject(), a.By, a.State).Scan(&id)
}

// saveAnswerItem notes an answer at a finding and at what its constituent was told of it.
func saveAnswerItem(tx *db.Tx, a *Answer, finding event.ID) error {
	if _, err := tx.Prepared(`INSERT INTO digest_answer_item (answer, finding) VALUES ($1, $2)`, a.ID, []byte(finding)); err != nil {
		return err
	}
	_, err := tx.Prepared(`UPDATE digest_directive SET answer = $1, answered_at = $2, fixed_at = CASE WHEN $3 = 1 AND fixed_at = 0 THEN $2 ELSE fixed_at END
		WHERE finding = $4 AND constituent = $5`, a.Answer, a.At, flag(a.Answer == Fixed), []byte(finding), a.Constituent)
	return err
}

func answerItems(tx *db.Tx, answer int64) (out []event.ID, err error) {
	err = tx.Each(`SELECT finding FROM digest_answer_item WHERE answer = $1 ORDER BY finding`, []any{answer}, func(scan func(...any) error) error {
		var id []byte
		err := scan(&id)
		out = append(out, event.ID(id))
		return err
	})
	return out, err
}

func decideAnswer(tx *db.Tx, id int64, state, decision, by string, at int64) (bool, error) {
	n, err := tx.Exec(`UPDATE digest_answer SET state = $1, decision = $2, decided_by = $3, decided_at = $4 WHERE id = $5 AND state = 'open'`,
		state, decision, by, at, id)
	return n > 0, err
}
