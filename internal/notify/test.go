package notify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// TestKind is the kind of letters that somebody sends to themselves.
const TestKind = "test"

// SendTest sends a letter to who asks for it, at their own address, in the ordinary way: it obeys the switch, the gate and the rates.
// The caller fills in To, Language, EncryptionRequired and Content; a content without a label is TLP:CLEAR.
func (o *Outbox) SendTest(ctx context.Context, actor act.Actor, l Letter) (id int64, err error) {
	if l.Content == nil {
		return 0, fault.Invalidf("a test needs a content")
	}
	if l.Content.Marking.Effective() == tlp.None {
		l.Content.Marking.Label = tlp.Clear
	}
	to := disclosure.RecipientOf(actor)
	to.Session = 0
	l.Kind, l.Channel, l.Recipient, l.Asked, l.Constituent, l.Ticket = TestKind, disclosure.Mail, to, true, 0, ""
	l.Key = "test:" + actor.Subject() + ":" + rand.Text()
	l.Content.References = nil
	detail, err := json.Marshal(map[string]string{"subject": l.Content.Subject})
	if err != nil {
		return 0, err
	}
	err = o.DB.Act(ctx, act.Act{Actor: actor, Verb: "outbox.test", Detail: string(detail)}, func(tx *db.Tx) error {
		if id, err = o.Enqueue(tx, l); err != nil {
			return err
		}
		tx.Note(fmt.Sprintf("letter:%d", id), "")
		return nil
	})
	return id, err
}

// TestCall is what a test of a webhook posts.
type TestCall struct {
	Version int       `json:"version"` // 1
	Type    string    `json:"type"`    // test
	Webhook string    `json:"webhook"` // its name
	Created time.Time `json:"created"`
}

// TestHook posts a call to a webhook that says nothing but that it is a test. It goes the ordinary way, signed and through the gate, and
// waits for no release. Who may change the webhook may test it.
func (o *Outbox) TestHook(ctx context.Context, actor act.Actor, id int64) (letter int64, err error) {
	h := Hook{ID: id}
	err = o.DB.Act(ctx, act.Act{Actor: actor, Verb: "webhook.test", Object: h.object()}, func(tx *db.Tx) error {
		if h, err = mine(tx, actor, id); err != nil {
			return err
		}
		if !h.Enabled {
			return fault.Conflictf("the webhook is switched off: switch it on first")
		}
		body, err := json.Marshal(TestCall{1, TestKind, h.Name, o.Clock.Now().UTC()})
		if err != nil {
			return err
		}
		letter, err = o.Enqueue(tx, Letter{Key: "test:" + h.object() + ":" + rand.Text(), Kind: TestKind, Channel: disclosure.Webhook, Constituent: h.Constituent,
			To: strconv.FormatInt(id, 10), Asked: true, Content: &Content{Subject: h.Name, Text: string(body), Marking: disclosure.Marking{Label: tlp.Clear}}})
		return err
	})
	return letter, err
}
