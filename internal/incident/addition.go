package incident

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Addition is what a reporter said later.
type Addition struct {
	ID      int64    `json:"id"`
	Report  int64    `json:"report"`
	At      int64    `json:"at"` // UTC microseconds
	Via     string   `json:"via"`
	Name    string   `json:"name"`
	Step    string   `json:"step,omitempty"` // the statutory step that it takes
	Text    string   `json:"text"`
	Details *Details `json:"details,omitempty"`
	SHA256  string   `json:"sha256"`
}

// Add writes down what a reporter says later. An addition to a report that is part of a case stands on the case's timeline too.
func (d *Desk) Add(ctx context.Context, by act.Actor, report int64, a Addition) (Addition, error) {
	err := d.DB.Act(ctx, act.Act{Actor: by, Verb: "report.add", Object: fmt.Sprintf("report:%d", report)}, func(tx *db.Tx) (err error) {
		a, err = d.AddIn(ctx, tx, by, report, a)
		return err
	})
	return a, err
}

// AddIn is Add within the caller's act, which it gives its detail.
func (d *Desk) AddIn(ctx context.Context, tx *db.Tx, by act.Actor, report int64, a Addition) (Addition, error) {
	if err := a.check(); err != nil {
		return a, err
	}
	a.Report, a.At = report, d.now()
	if err := a.hash(); err != nil {
		return a, err
	}
	r, err := lockReport(tx, report)
	if err != nil {
		return a, err
	}
	if r.State == Draft {
		return a, fault.Conflictf("the report %s is not handed in yet: change it instead", r.Number)
	}
	n, err := countAdditions(tx, report)
	if err != nil {
		return a, err
	}
	if n >= maxAdditions {
		return a, fault.Conflictf("the report %s has %d additions already: call or write to the CERT", r.Number, n)
	}
	if err := insertAddition(tx, &a); err != nil {
		return a, err
	}
	tx.Note("", detail(map[string]any{"report": r.ID, "addition": a.ID, "via": a.Via, "step": a.Step, "sha256": a.SHA256}))
	if r.Case != 0 {
		e := Entry{Case: r.Case, At: a.At, Kind: KindAddition, Text: a.Text, Detail: detail(map[string]any{"report": r.ID, "number": r.Number, "addition": a.ID, "step": a.Step})}
		if err := d.enter(tx, by, &e); err != nil {
			return a, err
		}
	}
	return a, d.added(ctx, tx, &r, &a)
}

func (a *Addition) check() error {
	var m mistakes
	m.text("text", &a.Text, maxText, true)
	m.line("name", &a.Name, maxName, false)
	if a.Step != "" && !stepName.MatchString(a.Step) {
		m.add("step", "%q is no id of a statutory step", a.Step)
	}
	if a.Details != nil {
		a.Details.check(&m)
	}
	return m.err()
}

func (a *Addition) hash() error {
	b, err := json.Marshal(struct {
		Step, Text string
		Details    *Details
	}{a.Step, a.Text, a.Details})
	sum := sha256.Sum256(b)
	a.SHA256 = hex.EncodeToString(sum[:])
	return err
}

// Additions lists what a reporter said later, the first first, at most 500.
func (d *Desk) Additions(ctx context.Context, report int64) (out []Addition, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = additionsOf(tx, report)
		return err
	})
	return out, err
}
