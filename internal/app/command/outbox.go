package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type outboxCmd struct {
	Status  outboxStatus  `cmd:"" help:"Say whether anything is sent, and how many letters are in each state."`
	List    outboxList    `cmd:"" help:"List letters, the last first."`
	Show    outboxShow    `cmd:"" help:"Show a letter: what became of it, and what it says."`
	Release outboxRelease `cmd:"" help:"Release the recipients of letters that wait for it."`
	Cancel  outboxCancel  `cmd:"" help:"Cancel letters that were not handed over yet."`
	Resend  outboxResend  `cmd:"" help:"Try letters again that were given up, or held for encryption or by the gate."`
	Stop    outboxStop    `cmd:"" help:"Stop all sending at once."`
	Start   outboxStart   `cmd:"" help:"Start sending."`
}

// Help is the command's long help.
func (outboxCmd) Help() string {
	return `Nothing leaves before sending starts, and the first letter to each recipient waits for its release. A server that runs delivers;
these commands work beside it.

Examples:
  tocsin outbox status
  tocsin outbox list --state held
  tocsin outbox show 12
  tocsin outbox release 12 13
  tocsin outbox release --all
  tocsin outbox start --reason "contacts are confirmed"
  tocsin outbox stop`
}

type outboxStatus struct {
	JSON bool `help:"Print as JSON."`
}

// Run says how the outbox stands.
func (c *outboxStatus) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		s, err := w.Outbox.Status(e.Ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(e.Out).Encode(s)
		}
		fmt.Fprintf(e.Out, "sending is %s", map[bool]string{true: "on", false: "off"}[s.Switch.Sending])
		if s.Switch.At != 0 {
			fmt.Fprintf(e.Out, " since %s, by %s: %s", stamp(s.Switch.At), plain(s.Switch.Name), plain(s.Switch.Reason))
		}
		fmt.Fprintln(e.Out)
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		for _, state := range slices.Sorted(maps.Keys(s.States)) {
			fmt.Fprintf(t, "%s\t%s\n", state, count(s.States[state]))
		}
		for _, l := range s.Lines {
			fmt.Fprintf(t, "%s\tout of order since %s, next try %s: %s\n", l.Name, stamp(l.Since), stamp(l.Next), plain(l.Reason))
		}
		return t.Flush()
	})
}

// stamp is a time for people; a dash for none.
func stamp(micros int64) string {
	if micros == 0 {
		return "-"
	}
	return time.UnixMicro(micros).UTC().Format(time.DateTime)
}

type outboxList struct {
	State string `help:"queued, rendered, held, handed-over, answered, bounced, dead or cancelled." placeholder:"STATE"`
	Hold  string `help:"Of held letters why: release, encryption or gate." placeholder:"WHY"`
	Kind  string `help:"Only letters of this kind." placeholder:"KIND"`
	To    string `help:"Only letters to this address." placeholder:"ADDRESS"`
	Limit int    `help:"At most so many." default:"50"`
}

// Run lists letters.
func (c *outboxList) Run(e *Env) error {
	if c.Limit < 1 || c.Limit > 1000 {
		return fault.Invalidf("--limit %d: want 1 to 1000", c.Limit)
	}
	return e.with(func(w *world.World) error {
		ls, _, err := w.Outbox.List(e.Ctx, notify.Filter{State: notify.State(c.State), Hold: c.Hold, Kind: c.Kind, Address: c.To, Limit: c.Limit})
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "LETTER\tSTATE\tKIND\tTO\tSUBJECT\tWRITTEN\tHANDED OVER\tTRIES\tLAST TROUBLE")
		for _, l := range ls {
			state := string(l.State)
			if l.Hold != "" {
				state += ":" + l.Hold
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", l.ID, state, l.Kind, plain(l.To), plain(l.Subject), stamp(l.Created), stamp(l.HandedAt),
				l.Attempts, plain(l.Reason))
		}
		return t.Flush()
	})
}

type outboxShow struct {
	Letter int64 `arg:"" help:"Its number."`
}

// Run shows a letter.
func (c *outboxShow) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		l, content, err := w.Outbox.Preview(e.Ctx, c.Letter)
		if err != nil && l.ID == 0 {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		for _, f := range [][2]string{{"letter", fmt.Sprint(l.ID)}, {"state", string(l.State)}, {"held for", l.Hold}, {"trouble", l.Reason}, {"kind", l.Kind},
			{"to", l.To}, {"name", l.Name}, {"ticket", l.Ticket}, {"about", string(l.Object)}, {"written", stamp(l.Created)}, {"due", stamp(l.Due)},
			{"tries", fmt.Sprint(l.Attempts)}, {"handed over", stamp(l.HandedAt)}, {"Message-ID", l.MessageID}, {"SHA-256", l.SHA256}} {
			if f[1] != "" {
				fmt.Fprintf(t, "%s\t%s\n", f[0], plain(f[1]))
			}
		}
		if e := t.Flush(); e != nil {
			return e
		}
		if err != nil {
			_, e := fmt.Fprintf(e.Out, "\n%s\n", err)
			return e
		}
		fmt.Fprintf(e.Out, "\nSubject: %s\n", plain(content.Subject))
		for _, a := range content.Attachments {
			fmt.Fprintf(e.Out, "Attached: %s, %s\n", plain(a.Name), size(int64(len(a.Bytes))))
		}
		fmt.Fprintln(e.Out)
		for line := range strings.Lines(content.Text) {
			fmt.Fprintln(e.Out, plain(strings.TrimRight(line, "\r\n")))
		}
		return nil
	})
}

type outboxRelease struct {
	Letters []int64 `arg:"" optional:"" help:"Numbers of letters that wait."`
	All     bool    `help:"Everybody whose first letter waits."`
}

// Run releases recipients.
func (c *outboxRelease) Run(e *Env) error {
	if c.All == (len(c.Letters) > 0) {
		return usage(fault.Invalidf("name letters, or give --all"))
	}
	return e.changed("released", func(w *world.World) (int64, error) {
		if c.All {
			return w.Outbox.ReleaseAll(e.Ctx, identity.LocalActor)
		}
		return w.Outbox.Release(e.Ctx, identity.LocalActor, c.Letters...)
	})
}

// changed says how many letters fn changed.
func (e *Env) changed(what string, fn func(w *world.World) (int64, error)) error {
	return e.with(func(w *world.World) error {
		n, err := fn(w)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.Out, "%s: %s\n", what, count(n))
		return err
	})
}

type outboxCancel struct {
	Letters []int64 `arg:"" help:"Numbers of letters."`
	Reason  string  `help:"Why; it stands at the letters and in the audit log." required:"" placeholder:"TEXT"`
}

// Run cancels letters.
func (c *outboxCancel) Run(e *Env) error {
	return e.changed("cancelled", func(w *world.World) (int64, error) {
		return w.Outbox.Refuse(e.Ctx, identity.LocalActor, c.Reason, c.Letters...)
	})
}

type outboxResend struct {
	Letters []int64 `arg:"" help:"Numbers of letters."`
}

// Run has letters tried again.
func (c *outboxResend) Run(e *Env) error {
	return e.changed("tried again", func(w *world.World) (int64, error) {
		return w.Outbox.Resend(e.Ctx, identity.LocalActor, c.Letters...)
	})
}

type outboxStop struct {
	Reason string `help:"Why." placeholder:"TEXT"`
}

// Run stops all sending.
func (c *outboxStop) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Outbox.Stop(e.Ctx, identity.LocalActor, c.Reason) })
}

type outboxStart struct {
	Reason string `help:"Why; it stands in the audit log." required:"" placeholder:"TEXT"`
}

// Run starts sending.
func (c *outboxStart) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Outbox.Start(e.Ctx, identity.LocalActor, c.Reason) })
}
