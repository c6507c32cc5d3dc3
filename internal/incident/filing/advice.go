package filing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

// Advice is what the CERT wrote back to a reporter.
type Advice struct {
	ID      int64     `json:"id"`
	Report  int64     `json:"report"`
	At      int64     `json:"at"` // UTC microseconds
	Name    string    `json:"name"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Label   tlp.Label `json:"tlp"`
	Letter  int64     `json:"letter,omitempty"` // of the outbox; 0: it is read on the reporter's page only
}

const (
	maxAdvice        = 200
	maxAdviceText    = 50_000
	maxAdviceSubject = 200
)

// The audiences that advice is written for.
const (
	ForPerson       = "person"
	ForOrganisation = "organisation"
)

// Audiences lists them.
func Audiences() []string { return []string{ForPerson, ForOrganisation} }

// Topics lists what there is advice about in the catalogue.
func Topics() []string {
	return []string{"malware", "phishing", "account", "website", "flood", "question"}
}

// Template is an advice to begin with: what the catalogue has for an audience and a topic, in the reporter's language.
func (c *Counter) Template(ctx context.Context, report int64, audience, topic string) (Advice, error) {
	r, err := c.Report(ctx, report)
	if err != nil {
		return Advice{}, err
	}
	if !slices.Contains(Audiences(), audience) || !slices.Contains(Topics(), topic) {
		return Advice{}, fault.Invalidf("there is no advice about %q for %q: topics are %s; audiences are %s", topic, audience, strings.Join(Topics(), ", "), strings.Join(Audiences(), ", "))
	}
	n, _, err := c.Nation.Load(ctx)
	if err != nil {
		return Advice{}, err
	}
	p := c.words.In(text.Match(c.words.Languages(), r.Language), n.Location())
	return Advice{Report: report, Subject: p.T("advice." + topic + ".subject"), Label: tlp.Amber,
		Text: strings.Join([]string{p.T("advice.dear"), p.T("advice." + topic + ".lead"), p.T("advice." + topic + "." + audience), p.T("advice.end", n.Team.Name)}, "\n\n")}, nil
}

// Advise writes an advice down for a report's reporter, who reads it on their page; with a mail address it is sent there too, if the caller
// wants. It stands on the timeline of the report's case.
func (c *Counter) Advise(ctx context.Context, by act.Actor, a Advice, send bool) (Advice, error) {
	if err := a.check(); err != nil {
		return a, err
	}
	if by.Kind != act.Local && (by.Rights == nil || !by.Rights.Staff) {
		return a, fault.New(fault.Forbidden, "only the staff of the CERT advises")
	}
	r, err := c.Report(ctx, a.Report)
	if err != nil {
		return a, err
	}
	switch {
	case send && r.Mail == "":
		return a, fault.Problems{{Field: "send", Message: "the reporter gave no mail address: call them, and write down here what you said"}}
	case send && !r.Reachable():
		return a, fault.Problems{{Field: "send", Message: "the reporter has not confirmed the mail address, which may be somebody else's: write it down without sending, they read it on their page"}}
	}
	a.At, a.Name = c.Clock.Now().UnixMicro(), by.Name
	err = c.DB.Act(ctx, act.Act{Actor: by, Verb: "report.advise", Object: string(r.Ref())}, func(tx *db.Tx) error {
		r, err := incident.LockReport(tx, a.Report) // whose case it is on the timeline of
		if err != nil {
			return err
		}
		if err := insertAdvice(tx, &a); err != nil {
			return err
		}
		if send {
			if a.Letter, err = c.Outbox.Enqueue(tx, c.adviceLetter(&a, &r)); err != nil {
				return err
			}
			if err := setAdviceLetter(tx, a.ID, a.Letter); err != nil {
				return err
			}
		}
		said, err := json.Marshal(map[string]any{"advice": a.ID, "report": r.ID, "number": r.Number, "letter": a.Letter, "tlp": a.Label})
		if err != nil {
			return err
		}
		tx.Note("", string(said))
		if r.Case == 0 {
			return nil
		}
		return c.Enter(tx, by, incident.Entry{Case: r.Case, At: a.At, Kind: kindAdvice, Text: a.Subject, Detail: string(said)})
	})
	return a, err
}

// adviceLetter is an advice as it goes by mail, as it was shown to who sends it.
func (c *Counter) adviceLetter(a *Advice, r *incident.Report) notify.Letter {
	l := c.letter(KindAdvice, a.ID, r)
	mark, about := markOf(adviceItem{*a, r})
	l.Content = &notify.Content{Subject: fmt.Sprintf("[%s] %s", r.Ticket(), a.Subject), Text: a.Text + "\n", Marking: mark, About: about}
	if first := c.Outbox.MessageID(letterKey(KindReceipt, r.ID)); first != "" && r.Receipted != 0 {
		l.Content.References = []string{first}
	}
	return l
}

func (a *Advice) check() error {
	var ps fault.Problems
	bad := func(field, message string) { ps = append(ps, fault.Problem{Field: field, Message: message}) }
	a.Subject, a.Text = strings.TrimSpace(a.Subject), strings.TrimSpace(strings.ReplaceAll(a.Text, "\r\n", "\n"))
	if a.Subject == "" || len(a.Subject) > maxAdviceSubject || strings.ContainsFunc(a.Subject, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		bad("subject", fmt.Sprintf("is one line of at most %d bytes", maxAdviceSubject))
	}
	if a.Text == "" || len(a.Text) > maxAdviceText || !utf8.ValidString(a.Text) || strings.ContainsRune(a.Text, 0) {
		bad("text", fmt.Sprintf("is a text of at most %d bytes", maxAdviceText))
	}
	if a.Label == tlp.None {
		a.Label = tlp.Amber
	}
	if a.Label < tlp.Clear || a.Label >= tlp.Red {
		bad("tlp", "an advice that is sent is CLEAR to AMBER+STRICT: tell in person what is RED")
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

// Advised lists what a reporter was advised, the first first, at most 200.
func (c *Counter) Advised(ctx context.Context, report int64) (out []Advice, err error) {
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		out, err = adviceTo(tx, report)
		return err
	})
	return out, err
}
