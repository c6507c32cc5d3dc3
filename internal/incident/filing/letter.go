package filing

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/incident"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/text"
)

// The kinds of letter.
const (
	KindConfirm = "report-confirm" // asks whether the address is the reporter's
	KindReceipt = "report-receipt"
	KindAdvice  = "report-advice"
)

// secrets are what letters to a reporter bear that nobody else may have: the secret of their page, and the code that confirms their address.
// Who of the staff had them could speak as the reporter.
var secrets = regexp.MustCompile(`(?i)(/report/|/confirm/)[A-Z2-7]{26,32}`)

func letterKey(kind string, id int64) string { return fmt.Sprintf("%s:%d", kind, id) }

// letter is one to a report's reporter. It is asked for: who reports, waits for it.
func (c *Counter) letter(kind string, id int64, r *incident.Report) notify.Letter {
	l := notify.Letter{Key: letterKey(kind, id), Kind: kind, Constituent: r.Constituent, To: r.Mail, Language: r.Language,
		Ticket: r.Ticket(), Object: r.Ref(), Asked: true, Payload: strconv.FormatInt(r.ID, 10)}
	if r.Constituent == 0 {
		l.Recipient = r.Reporter()
	}
	return l
}

// unconfirmed asks whether the address of a report is its reporter's. The letter says nothing that the reporter wrote: the address may
// be somebody else's.
func (c *Counter) unconfirmed(_ context.Context, tx *db.Tx, r *incident.Report) error {
	if r.Mail == "" {
		return nil
	}
	_, err := c.Outbox.Enqueue(tx, c.letter(KindConfirm, r.ID, r))
	return err
}

// received sends the receipt of what came by a form or a program. What came by mail or was written down by the staff is receipted by who
// takes it: its sender is a stranger's word.
func (c *Counter) received(_ context.Context, tx *db.Tx, r *incident.Report) error {
	if r.Origin != incident.FromPublic && r.Origin != incident.FromPortal && r.Origin != incident.FromREST {
		return nil
	}
	return c.receipt(tx, r)
}

func (c *Counter) receipt(tx *db.Tx, r *incident.Report) error {
	if err := c.MarkReceipted(tx, r); err != nil || r.Mail == "" {
		return err
	}
	_, err := c.Outbox.Enqueue(tx, c.letter(KindReceipt, r.ID, r))
	return err
}

// about finds the report that a letter is of, what it is written with, and the address of the reporter's page.
func (c *Counter) about(ctx context.Context, l notify.Letter) (r incident.Report, p *text.Printer, n *nation.Profile, page string, err error) {
	id, err := strconv.ParseInt(l.Payload, 10, 64)
	if err != nil {
		return r, nil, nil, "", fault.Invalidf("the letter %s names no report: %w", l.Key, err)
	}
	if r, err = c.Report(ctx, id); err != nil {
		return r, nil, nil, "", err
	}
	if n, _, err = c.Nation.Load(ctx); err != nil {
		return r, nil, nil, "", err
	}
	page, err = c.pageOf(ctx, &r)
	return r, c.words.In(text.Match(c.words.Languages(), l.Language), n.Location()), n, page, err
}

// pageOf is the address of the page on which a reporter finds the report again.
func (c *Counter) pageOf(ctx context.Context, r *incident.Report) (string, error) {
	sealed := ""
	err := c.DB.View(ctx, func(tx *db.Tx) (err error) {
		sealed, err = linkOf(tx, r.ID)
		return err
	})
	if err != nil {
		return "", err
	}
	if sealed == "" {
		return c.URL + "/portal/reports/" + strconv.FormatInt(r.ID, 10), nil
	}
	secret, err := c.Seal.Unlock(sealed, sealOwner)
	return c.URL + "/report/" + secret, err
}

// content is a letter of paragraphs about a report.
func (c *Counter) content(r *incident.Report, p *text.Printer, n *nation.Profile, subject string, paragraphs ...string) notify.Content {
	paragraphs = append(paragraphs, "-- \n"+p.T("from", n.Team.Name))
	if len(n.Team.Mails) > 0 {
		paragraphs[len(paragraphs)-1] += "\n" + p.T("contact", strings.Join(n.Team.Mails, ", "))
	}
	return notify.Content{Subject: fmt.Sprintf("[%s] %s", r.Ticket(), subject), Text: strings.Join(paragraphs, "\n\n") + "\n",
		Headers: map[string]string{"Auto-Submitted": "auto-generated"}, Marking: r.Marking(), About: []notify.About{{Object: r.Ref(), Mark: r.Marking()}}}
}

// ComposeConfirm writes the letter that asks whether an address is the reporter's. It bears the code that says so.
func (c *Counter) ComposeConfirm(ctx context.Context, l notify.Letter) (none notify.Content, err error) {
	r, p, n, page, err := c.about(ctx, l)
	if err != nil {
		return none, err
	}
	if r.State != incident.Unconfirmed || r.Mail != l.To {
		return none, notify.ErrNothing
	}
	return c.content(&r, p, n, p.T("confirm.subject", n.Team.Name), p.T("confirm.lead", n.Team.Name, r.Number), p.T("confirm.do")+"\n"+page+"/confirm/"+c.code(&r),
		p.T("confirm.not-you")), nil
}

func (c *Counter) composeReceipt(ctx context.Context, l notify.Letter) (none notify.Content, err error) {
	r, p, n, page, err := c.about(ctx, l)
	if err != nil {
		return none, err
	}
	receipt, err := c.Receipt(ctx, r.ID)
	if err != nil {
		return none, err
	}
	b, err := json.MarshalIndent(receipt, "", "  ")
	if err != nil {
		return none, err
	}
	out := c.content(&r, p, n, p.T("receipt.subject", r.Number), p.T("receipt.lead", n.Team.Name, p.Second(time.UnixMicro(r.Received))),
		p.T("receipt.number", r.Number)+"\n"+p.T("receipt.hash", r.SHA256), p.T("receipt.page")+"\n"+page, p.T("receipt.answer", r.Ticket()), p.T("receipt.attached"))
	out.Attachments = []mail.Attachment{{Name: "receipt-" + r.Number + ".json", Type: "application/json", Bytes: b}}
	return out, nil
}

// markOf is how a letter that bears an advice may travel.
func markOf(a adviceItem) (disclosure.Marking, []notify.About) {
	m := a.Marking()
	return m, []notify.About{{Object: a.Ref(), Mark: m}, {Object: a.report.Ref(), Mark: a.report.Marking()}}
}
