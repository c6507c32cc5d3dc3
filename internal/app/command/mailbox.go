package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type mailboxCmd struct {
	List     mailboxList     `cmd:"" help:"List messages, the latest first."`
	Show     mailboxShow     `cmd:"" help:"Show one message."`
	Original mailboxOriginal `cmd:"" help:"Write a message as it came."`
	Answer   mailboxAnswer   `cmd:"" help:"Answer a message with what standard input says."`
	Assign   mailboxAssign   `cmd:"" help:"Put a message of the inbox into a conversation."`
	Begin    mailboxBegin    `cmd:"" help:"Make a message of the inbox the first of a conversation."`
	Dismiss  mailboxDismiss  `cmd:"" help:"Put a message aside, with a reason."`
	Finish   mailboxFinish   `cmd:"" help:"Say that a message needs no answer."`
	Report   mailboxReport   `cmd:"" help:"Have an attachment or linked file taken in as a report of a feed."`
	Read     mailboxRead     `cmd:"" help:"Read the mailbox now; a server reads it every minute."`
}

type mailboxList struct {
	State string `help:"Only messages in this state: ${enum}; empty for all." enum:",waiting,open,done,dismissed" default:""`
	Limit int    `help:"At most so many." default:"50"`
	JSON  bool   `help:"One JSON object a line."`
}

// Help is the command's long help.
func (mailboxList) Help() string {
	return `Waiting messages fit nowhere, open ones stand in a conversation and want an answer.

Examples:
  tocsin mailbox list --state waiting
  tocsin mailbox list --json --limit 1000`
}

// mailLine is a message as scripts read it.
type mailLine struct {
	ID       int64     `json:"id"`
	Taken    time.Time `json:"taken"`
	State    string    `json:"state"`
	Kind     string    `json:"kind"`
	From     string    `json:"from"`
	Subject  string    `json:"subject"`
	Ticket   string    `json:"ticket,omitempty"`
	Verified bool      `json:"verified"`
	Letter   int64     `json:"letter,omitempty"`
	Bytes    int64     `json:"bytes"`
}

// Run lists messages.
func (c *mailboxList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		ms, _, err := w.Mailbox.List(e.Ctx, mailbox.Filter{State: mailbox.State(c.State)}, max(c.Limit, 1))
		if err != nil {
			return err
		}
		out := make([]mailLine, 0, len(ms))
		for _, m := range ms {
			out = append(out, mailLine{m.ID, time.UnixMicro(m.Taken).UTC(), string(m.State), string(m.Kind), m.From, m.Subject, m.Ticket, m.Verified, m.Letter, m.Size})
		}
		if c.JSON {
			return lines(e, out)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tCAME\tSTATE\tKIND\tFROM\tTICKET\tSUBJECT")
		for _, l := range out {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Taken.Format(time.DateTime), l.State, l.Kind, l.From, l.Ticket, l.Subject)
		}
		return t.Flush()
	})
}

type mailboxNumber struct {
	ID int64 `arg:"" help:"Number of the message." placeholder:"ID"`
}

type mailboxShow struct {
	mailboxNumber `embed:""`
}

// Run shows a message.
func (c *mailboxShow) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		m, err := w.Mailbox.ByID(e.Ctx, c.ID)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		sender := "not verified"
		if m.Verified {
			sender = "a known address"
		}
		fmt.Fprintf(t, "From:\t%s <%s>, %s\nSubject:\t%s\nCame:\t%s\nKind:\t%s\nState:\t%s %s\n", m.FromName, m.From, sender, m.Subject,
			time.UnixMicro(m.Taken).UTC().Format(time.DateTime), m.Kind, m.State, m.Reason)
		if m.Ticket != "" {
			fmt.Fprintf(t, "Ticket:\t%s, by %s\n", m.Ticket, m.Threaded)
		}
		for _, f := range m.Flaws {
			fmt.Fprintf(t, "Flaw:\t%s\n", f)
		}
		for _, f := range m.Files {
			fmt.Fprintf(t, "File %d:\t%s %s %s %s %s\n", f.Number, f.Name, f.URL, f.Feed, f.State, f.Outcome)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.Out, "\n%s\n", m.Text)
		return err
	})
}

type mailboxOriginal struct {
	mailboxNumber `embed:""`
	Out           string `help:"File to write (default: standard output)." type:"path" placeholder:"FILE"`
}

// Run writes the original.
func (c *mailboxOriginal) Run(e *Env) error {
	return e.with(func(w *world.World) (err error) {
		if _, err := w.Mailbox.ByID(e.Ctx, c.ID); err != nil {
			return err
		}
		out := e.Out
		if c.Out != "" {
			f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fault.New(fault.Unavailable, "write the message: %w", err)
			}
			defer func() { err = errors.Join(err, f.Close()) }()
			out = io.Writer(f)
		}
		return w.Mailbox.Original(e.Ctx, c.ID, out)
	})
}

type mailboxAnswer struct {
	mailboxNumber `embed:""`
	Label         string `help:"How far what it says may travel: CLEAR, GREEN, AMBER or AMBER+STRICT." required:"" placeholder:"TLP"`
	Quote         bool   `help:"Quote the message below the answer."`
}

// Help is the command's long help.
func (mailboxAnswer) Help() string {
	return `The answer is a letter of the outbox, which the server sends. Prints the letter's number.

Example:
  tocsin mailbox answer 12 --label AMBER --quote < answer.txt`
}

// Run answers a message.
func (c *mailboxAnswer) Run(e *Env) error {
	label, err := tlp.Parse(c.Label)
	if err != nil {
		return usage(fault.Invalidf("--label: %w", err))
	}
	text, err := e.read("-")
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error {
		letter, err := w.Mailbox.Answer(e.Ctx, identity.LocalActor, c.ID, mailbox.Answer{Text: string(text), Label: label, Quote: c.Quote})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.Out, letter)
		return err
	})
}

type mailboxAssign struct {
	mailboxNumber `embed:""`
	Ticket        string `arg:"" help:"Ticket of the conversation." placeholder:"TICKET"`
}

// Run assigns a message.
func (c *mailboxAssign) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Mailbox.Assign(e.Ctx, identity.LocalActor, c.ID, c.Ticket) })
}

type mailboxBegin struct {
	mailboxNumber `embed:""`
}

// Run begins a conversation and prints its ticket.
func (c *mailboxBegin) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		ticket, err := w.Mailbox.Begin(e.Ctx, identity.LocalActor, c.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.Out, ticket)
		return err
	})
}

type mailboxDismiss struct {
	mailboxNumber `embed:""`
	Reason        string `help:"Why." required:"" placeholder:"TEXT"`
}

// Run dismisses a message.
func (c *mailboxDismiss) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Mailbox.Dismiss(e.Ctx, identity.LocalActor, c.ID, c.Reason) })
}

type mailboxFinish struct {
	mailboxNumber `embed:""`
}

// Run finishes with a message.
func (c *mailboxFinish) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Mailbox.Finish(e.Ctx, identity.LocalActor, c.ID) })
}

type mailboxReport struct {
	mailboxNumber `embed:""`
	File          int    `arg:"" help:"Number of the file within the message." placeholder:"FILE"`
	Feed          string `help:"Whose report it is (default: what its name says)." placeholder:"NAME"`
}

// Run has the server take a report in.
func (c *mailboxReport) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		return w.Mailbox.TakeReport(e.Ctx, identity.LocalActor, c.ID, c.File, c.Feed)
	})
}

type mailboxRead struct {
	imapFlags `embed:""`
}

// Run reads the mailbox once.
func (c *mailboxRead) Run(e *Env) error {
	source, err := c.imap()
	if err != nil {
		return usage(err)
	}
	if source == nil {
		return usage(fault.Invalidf("name the mailbox with --imap-url"))
	}
	trust, err := c.trust()
	if err != nil {
		return usage(err)
	}
	cfg := world.Config{Dir: e.dir(), DatabaseURL: e.Database, Log: e.Log, Net: egress.Open(egress.Policy{}), IMAP: source, Trust: trust}
	return e.on(cfg, func(w *world.World) error {
		n, err := w.Mailbox.Read(e.Ctx)
		if err != nil {
			return err
		}
		ss, err := w.Mailbox.Status(e.Ctx)
		if err != nil {
			return err
		}
		for _, s := range ss {
			if s.Name == source.Name() && s.Trouble != "" {
				return fault.New(fault.Unavailable, "%s", s.Trouble)
			}
		}
		_, err = fmt.Fprintf(e.Out, "%d messages taken\n", n)
		return err
	})
}
