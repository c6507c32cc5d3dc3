// Package audit keeps what was done: one row for every act, written as the last write of the act's own transaction.
package audit

import (
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
)

// Entry is one act as it was recorded.
type Entry struct {
	ID     int64  `json:"id"`
	At     int64  `json:"at"` // UTC microseconds of the world's clock
	Actor  string `json:"actor"`
	Name   string `json:"name"`
	Verb   string `json:"verb"`
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"`
}

// Recorder returns what db.Open needs to record acts at the world's time.
func Recorder(c clock.Clock) db.Recorder {
	return func(tx *db.Tx, a act.Act) error {
		return insert(tx, Entry{At: c.Now().UnixMicro(), Actor: string(a.Actor.Kind) + ":" + a.Actor.ID,
			Name: a.Actor.Name, Verb: a.Verb, Object: a.Object, Detail: a.Detail})
	}
}
