package incident

import (
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const taskColumns = `t.id, t.case_id, c.number, c.title, t.title, t.assignee, t.assignee_name, t.due, t.done, t.done_by, t.created, t.name`

func eachTask(tx *db.Tx, rest string, args ...any) (out []Task, err error) {
	err = tx.Each(`SELECT `+taskColumns+` FROM incident_task t JOIN incident_case c ON c.id = t.case_id WHERE `+rest, args, func(scan func(...any) error) error {
		var t Task
		err := scan(&t.ID, &t.Case, &t.CaseNumber, &t.CaseTitle, &t.Title, &t.Assignee, &t.Name, &t.Due, &t.Done, &t.DoneBy, &t.Created, &t.By)
		out = append(out, t)
		return err
	})
	return out, err
}

func tasksOfCase(tx *db.Tx, id int64) ([]Task, error) {
	return eachTask(tx, `t.case_id = $1 ORDER BY CASE WHEN t.done = 0 THEN 0 ELSE 1 END, CASE WHEN t.due = 0 THEN 1 ELSE 0 END, t.due, t.id LIMIT 500`, id)
}

func openTasks(tx *db.Tx, account int64, limit int) ([]Task, error) {
	return eachTask(tx, `t.done = 0 AND c.state NOT IN ('closed', 'merged') ORDER BY CASE WHEN t.assignee = $1 AND $1 <> 0 THEN 0 ELSE 1 END,
		CASE WHEN t.due = 0 THEN 1 ELSE 0 END, t.due, t.id LIMIT $2`, account, limit)
}

func taskOf(tx *db.Tx, id, task int64) (Task, error) {
	ts, err := eachTask(tx, `t.case_id = $1 AND t.id = $2`, id, task)
	if err != nil || len(ts) == 1 {
		return append(ts, Task{})[0], err
	}
	return Task{}, fault.NotFoundf("the case has no task %d", task)
}

func countTasks(tx *db.Tx, id int64) (n int64, err error) {
	return n, tx.Row(`SELECT COUNT(*) FROM incident_task WHERE case_id = $1`, id).Scan(&n)
}

func insertTask(tx *db.Tx, t *Task) error {
	return tx.Row(`INSERT INTO incident_task (case_id, title, assignee, assignee_name, due, done, done_by, created, name) VALUES ($1, $2, $3, $4, $5, 0, '', $6, $7) RETURNING id`,
		t.Case, t.Title, t.Assignee, t.Name, t.Due, t.Created, t.By).Scan(&t.ID)
}

func updateTask(tx *db.Tx, t *Task) error {
	_, err := tx.Exec(`UPDATE incident_task SET assignee = $1, assignee_name = $2, due = $3, done = $4, done_by = $5 WHERE id = $6`, t.Assignee, t.Name, t.Due, t.Done, t.DoneBy, t.ID)
	return err
}
