package mailbox

import (
	"context"
	"slices"

	"tocsin/internal/format/eml"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// incident is what a letter does for incidents by itself: to one of the addresses for reports and in no conversation it becomes a report;
// in the conversation of a report or case it is added there.
func (b *Box) incident(ctx context.Context, tx *db.Tx, m *Message, to []eml.Address) error {
	switch {
	case m.Kind != Letter:
		return nil
	case m.Ticket != "":
		if b.Incidents.Add == nil {
			return nil
		}
		return b.Incidents.Add(ctx, tx, m)
	case b.Incidents.Take == nil || !slices.ContainsFunc(to, b.forReports):
		return nil
	}
	err := b.report(ctx, tx, m)
	if fault.KindOf(err) == fault.Invalid && err != nil { // a person looks at it in the inbox
		b.Log.Warn("a letter became no report", "message", m.ID, "error", err)
		return nil
	}
	return err
}

func (b *Box) forReports(a eml.Address) bool {
	return slices.ContainsFunc(b.Trust.Intake, func(own string) bool { return sameAddress(own, a.Address) })
}

// report makes a report of a message, whose conversation is that of the report from then on.
func (b *Box) report(ctx context.Context, tx *db.Tx, m *Message) error {
	ticket, constituent, err := b.Incidents.Take(ctx, tx, m)
	if err != nil {
		return err
	}
	if err := insertTicket(tx, ticket, m.Subject, constituent, b.Clock.Now().UnixMicro()); err != nil {
		return err
	}
	m.Ticket, m.Constituent, m.Threaded, m.State = ticket, constituent, ByIntake, Done // the board has it from here on
	if err := assign(tx, m); err != nil {
		return err
	}
	return setState(tx, m.ID, m.State, "")
}

// Report makes a report of a message of the inbox, as somebody of the staff decides, and returns its ticket.
func (b *Box) Report(ctx context.Context, actor act.Actor, id int64) (ticket string, err error) {
	if b.Incidents.Take == nil {
		return "", fault.New(fault.Unavailable, "this process takes no reports in: do it where Tocsin is served")
	}
	err = b.DB.Act(ctx, act.Act{Actor: actor, Verb: "mailbox.incident", Object: object(id)}, func(tx *db.Tx) error {
		m, err := messageByID(tx, id)
		if err != nil {
			return err
		}
		if m.State != Waiting && m.State != Dismissed {
			return fault.Conflictf("the message %d is in the conversation %s already", id, m.Ticket)
		}
		if err := b.report(ctx, tx, &m); err != nil {
			return err
		}
		ticket = m.Ticket
		tx.Note(object(id), detail(map[string]any{"ticket": ticket}))
		return nil
	})
	return ticket, err
}
