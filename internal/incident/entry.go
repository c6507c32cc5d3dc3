package incident

import (
	"context"
	"fmt"
	"slices"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// The kinds of entry of a timeline that this package writes; the parts below write their own.
const (
	KindNote     = "note"
	KindHandover = "handover" // what the next shift must know
	KindFact     = "fact"     // something that happened in the incident, at its time
	KindState    = "state"
	KindChange   = "change"
	KindParty    = "party"
	KindReport   = "report"
	KindAddition = "addition"
	KindEvidence = "evidence"
	KindMerge    = "merge"
	KindSplit    = "split"
)

// Written are the kinds that a person writes.
func Written() []string { return []string{KindNote, KindHandover, KindFact} }

// Entry is one line of a case's timeline.
type Entry struct {
	ID      int64  `json:"id"`
	Case    int64  `json:"case"`
	At      int64  `json:"at"`      // UTC microseconds: when it happened
	Written int64  `json:"written"` // when it was written down
	Kind    string `json:"kind"`
	Text    string `json:"text,omitempty"`
	Detail  string `json:"detail,omitempty"` // JSON, as the kind needs it
	Shared  bool   `json:"shared"`           // participants from outside see it
	Actor   string `json:"-"`
	Name    string `json:"name"`
}

// enter writes an entry down in the caller's act, which holds the case, a report of it or something of a part of it: else the case may
// become part of another one at this moment, and the entry stays behind.
func (d *Desk) enter(tx *db.Tx, by act.Actor, e *Entry) error {
	e.Written, e.Actor, e.Name = d.now(), by.Subject(), by.Name
	if e.At == 0 {
		e.At = e.Written
	}
	if err := insertEntry(tx, e); err != nil || e.Text == "" {
		return err
	}
	if slices.Contains(Written(), e.Kind) {
		if _, err := propose(tx, e.Case, e.Written, fmt.Sprintf("entry:%d", e.ID), e.Text); err != nil {
			return err
		}
	}
	return insertWords(tx, wordOfCase, e.Case, words(e.Text))
}

// Enter writes an entry of a part's own kind down in the caller's act.
func (d *Desk) Enter(tx *db.Tx, by act.Actor, e Entry) error { return d.enter(tx, by, &e) }

// Note writes down what somebody of the staff has to say about a case. Writing notes side by side is no conflict.
func (d *Desk) Note(ctx context.Context, by act.Actor, id int64, e Entry) (Entry, error) {
	if err := staff(by); err != nil {
		return e, err
	}
	var m mistakes
	m.text("text", &e.Text, maxText, true)
	if !slices.Contains(Written(), e.Kind) {
		m.add("kind", "%q is none of note, handover, fact", e.Kind)
	}
	if e.At > d.Clock.Now().Add(ahead).UnixMicro() {
		m.add("at", "lies in the future")
	}
	if err := m.err(); err != nil {
		return e, err
	}
	err := d.DB.Act(ctx, act.Act{Actor: by, Verb: "case.note", Object: fmt.Sprintf("case:%d", id)}, func(tx *db.Tx) error {
		c, err := lockCase(tx, id)
		if err != nil {
			return err
		}
		if c.State == Joined {
			return fault.Conflictf("the case %s is part of another one now: write there", c.Number)
		}
		e.Case, e.Detail = id, ""
		if err := d.enter(tx, by, &e); err != nil {
			return err
		}
		tx.Note("", detail(map[string]any{"entry": e.ID, "kind": e.Kind, "shared": e.Shared}))
		return nil
	})
	return e, err
}

// Timeline lists the entries of a case, the latest written first, at most limit and 500; before is the number of the entry that the page
// before ended with, and 0 begins.
func (d *Desk) Timeline(ctx context.Context, id, before int64, limit int) (out []Entry, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = entriesOf(tx, id, before, max(1, min(limit, 500)))
		return err
	})
	return out, err
}
