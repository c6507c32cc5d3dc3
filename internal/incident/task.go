package incident

import (
	"context"
	"fmt"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// KindTask is an entry about a task.
const KindTask = "task"

// Task is something to be done in a case.
type Task struct {
	ID         int64
	Case       int64
	CaseNumber string
	CaseTitle  string
	Title      string
	Assignee   int64 // account; 0: nobody's
	Name       string
	Due        int64 // UTC microseconds; 0: no day
	Done       int64 // 0: not yet
	DoneBy     string
	Created    int64
	By         string
}

const maxTasks = 500 // of a case

// AddTask writes a task of a case down.
func (d *Desk) AddTask(ctx context.Context, by act.Actor, id int64, t Task) (Task, error) {
	var m mistakes
	m.line("task", &t.Title, maxTitle, true)
	if err := m.err(); err != nil {
		return t, err
	}
	return t, d.tasks(ctx, by, "task.add", id, func(tx *db.Tx) (err error) {
		n, err := countTasks(tx, id)
		if err != nil {
			return err
		}
		if n >= maxTasks {
			return fault.Conflictf("the case has %d tasks already", n)
		}
		t.Case, t.Created, t.By, t.Done = id, d.now(), by.Name, 0
		if err := insertTask(tx, &t); err != nil {
			return err
		}
		return d.onTask(tx, by, &t, "added")
	})
}

// Finish says that a task is done; with done false it is open again.
func (d *Desk) Finish(ctx context.Context, by act.Actor, id, task int64, done bool) (t Task, err error) {
	return t, d.tasks(ctx, by, "task.finish", id, func(tx *db.Tx) error {
		if t, err = taskOf(tx, id, task); err != nil {
			return err
		}
		if (t.Done != 0) == done {
			return nil
		}
		did := "reopened"
		if t.Done, t.DoneBy = 0, ""; done {
			t.Done, t.DoneBy, did = d.now(), by.Name, "done"
		}
		if err := updateTask(tx, &t); err != nil {
			return err
		}
		return d.onTask(tx, by, &t, did)
	})
}

// Assign gives a task to somebody, by a day.
func (d *Desk) Assign(ctx context.Context, by act.Actor, id, task, account int64, name string, due int64) (t Task, err error) {
	return t, d.tasks(ctx, by, "task.assign", id, func(tx *db.Tx) error {
		if t, err = taskOf(tx, id, task); err != nil {
			return err
		}
		t.Assignee, t.Name, t.Due = account, name, due
		if err := updateTask(tx, &t); err != nil {
			return err
		}
		return d.onTask(tx, by, &t, "assigned")
	})
}

// tasks is an act about a task of a case that is not part of another one.
func (d *Desk) tasks(ctx context.Context, by act.Actor, verb string, id int64, fn func(tx *db.Tx) error) error {
	if err := staff(by); err != nil {
		return err
	}
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("case:%d", id)}, func(tx *db.Tx) error {
		c, err := lockCase(tx, id)
		if err != nil {
			return err
		}
		if c.State == Joined {
			return fault.Conflictf("the case %s is part of another one now: change that one", c.Number)
		}
		return fn(tx)
	})
}

func (d *Desk) onTask(tx *db.Tx, by act.Actor, t *Task, did string) error {
	said := detail(map[string]any{"task": t.ID, "title": t.Title, "did": did, "assignee": t.Name, "due": t.Due})
	tx.Note("", said)
	return d.enter(tx, by, &Entry{Case: t.Case, Kind: KindTask, Detail: said})
}

// Tasks lists the tasks of a case, those to be done first, by their day, at most 500.
func (d *Desk) Tasks(ctx context.Context, id int64) (out []Task, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = tasksOfCase(tx, id)
		return err
	})
	return out, err
}

// Todo lists what is to be done in all cases that are not over: first what is an account's own, then by day, at most limit and 500.
func (d *Desk) Todo(ctx context.Context, account int64, limit int) (out []Task, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = openTasks(tx, account, max(1, min(limit, 500)))
		return err
	})
	return out, err
}
