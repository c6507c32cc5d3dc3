package notify

import (
	"context"
	"encoding/json"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Switch says whether anything is sent. It is off in a new world.
type Switch struct {
	Sending bool   `json:"sending"`
	Sealed  bool   `json:"sealed"` // the world is sealed: nothing leaves it, whatever the switch says
	Reason  string `json:"reason"`
	At      int64  `json:"at"` // UTC microseconds; 0: never set
	Subject string `json:"subject,omitempty"`
	Name    string `json:"name,omitempty"`
	Waiting int64  `json:"waiting"` // letters that would be sent, those that wait for a release not counted
}

// Switch reads the switch.
func (o *Outbox) Switch(ctx context.Context) (s Switch, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		s, err = readSwitch(tx)
		return err
	})
	s.Sealed = o.Sealed
	return s, err
}

// Sending tells whether the switch is on.
func (o *Outbox) Sending(ctx context.Context) (on bool, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		on, err = sending(tx)
		return err
	})
	return on, err
}

// Start lets letters be sent. It needs a reason, because from now on mail goes out to the nation.
func (o *Outbox) Start(ctx context.Context, actor act.Actor, reason string) error {
	return o.turnSwitch(ctx, actor, true, reason)
}

// Stop keeps every letter back at once: a hand-over looks at the switch right before it begins, so at most those under way end.
func (o *Outbox) Stop(ctx context.Context, actor act.Actor, reason string) error {
	return o.turnSwitch(ctx, actor, false, reason)
}

func (o *Outbox) turnSwitch(ctx context.Context, actor act.Actor, sending bool, reason string) error {
	reason = strings.TrimSpace(reason)
	if sending && reason == "" {
		return fault.Problems{{Field: "reason", Message: "say why sending starts"}}
	}
	if !oneLine(reason, 500) {
		return fault.Problems{{Field: "reason", Message: "is one line of at most 500 bytes"}}
	}
	if sending && o.Sealed {
		return fault.New(fault.Forbidden, "this world is sealed: nothing leaves it")
	}
	verb := map[bool]string{true: "outbox.start", false: "outbox.stop"}[sending]
	detail, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return err
	}
	err = o.DB.Act(ctx, act.Act{Actor: actor, Verb: verb, Object: "outbox:switch", Detail: string(detail)}, func(tx *db.Tx) error {
		return writeSwitch(tx, Switch{Sending: sending, Reason: reason, At: o.Clock.Now().UnixMicro(), Subject: actor.Subject(), Name: actor.Name})
	})
	o.Wake()
	return err
}
