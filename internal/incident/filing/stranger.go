package filing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/format/eml"
	"tocsin/internal/incident"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/mail/protect"
)

// stranger is the address in a letter that nobody vouches for; "" when our own mail server does, or a signature, and the letter comes from
// who the conversation is with. Tickets can be guessed, and addresses written by anybody.
func stranger(m *mailbox.Message, k kept) string {
	proven := m.Authentic == mailbox.Proven && !slices.Contains(m.Flaws, eml.Senders) || m.Protection != nil && m.Protection.Signature == protect.Verified
	if proven && (m.Verified || k.Owner == 0) {
		return ""
	}
	if from := strings.ToLower(oneLine(m.From, 254)); from != "" {
		return from
	}
	return "?"
}

// stayed writes down that files of a message are not among those of its case or report: they are in the message, which people read in its
// conversation. Done again it says so once.
func (c *Counter) stayed(ctx context.Context, k kept, m *mailbox.Message, n int) error {
	said, err := json.Marshal(map[string]any{"message": m.ID, "from": m.From, "verified": m.Verified, "left": n})
	if err != nil {
		return err
	}
	a := act.Act{Actor: act.Machine, Verb: "evidence.leave", Object: fmt.Sprintf("message:%d", m.ID)}
	err = c.DB.Act(ctx, a, func(tx *db.Tx) error {
		id := k.Case
		if k.Report != 0 {
			r, err := incident.ReadReport(tx, k.Report)
			if err != nil {
				return err
			}
			id = r.Case
		}
		tx.Note("", string(said))
		if id == 0 {
			return nil
		}
		standing, err := incident.LockCase(tx, id)
		if err != nil {
			return err
		}
		if standing.State == incident.Joined {
			id = standing.MergedInto
		}
		if again, err := isSaid(tx, id, kindMail, string(said)); err != nil {
			return err
		} else if again {
			return errAgain
		}
		return c.Enter(tx, act.Machine, incident.Entry{Case: id, Kind: kindMail, Detail: string(said)})
	})
	if errors.Is(err, errAgain) {
		return nil
	}
	return err
}
