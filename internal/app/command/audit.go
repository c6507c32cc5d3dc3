package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"tocsin/internal/audit"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type auditCmd struct {
	Verify     auditVerify     `cmd:"" help:"Prove that no entry was changed or removed."`
	Checkpoint auditCheckpoint `cmd:"" help:"Sign the log as it is and print the checkpoint, to keep elsewhere."`
	Keys       auditKeys       `cmd:"" help:"List the keys that signed checkpoints."`
	List       auditList       `cmd:"" help:"List entries, the latest first."`
	Export     auditExport     `cmd:"" help:"Write entries as JSON lines or CSV."`
}

// Help is the command's long help.
func (auditCmd) Help() string {
	return `Every act is an entry of a Merkle log. Whoever has the database in hand can make a false log that agrees with itself; a
checkpoint that was kept on another machine, on paper or with a partner shows it.

Examples:
  tocsin audit checkpoint > /media/usb/checkpoint-2026-11-25
  tocsin audit verify --checkpoint /media/usb/checkpoint-2026-11-25
  tocsin audit list --verb finding. --actor person:12
  tocsin audit export --format csv --from 2026-11-01 > november.csv`
}

type auditVerify struct {
	Checkpoint []string `help:"Files with checkpoints from elsewhere." placeholder:"FILE"`
	Key        []string `help:"Verifier keys (name+hash+key), or files with one: for checkpoints whose key the database no longer has." placeholder:"KEY"`
	JSON       bool     `help:"Print the result as JSON."`
}

// Run verifies the log; exit code 3 when something is wrong.
func (c *auditVerify) Run(e *Env) error {
	var with audit.Verification
	for _, name := range c.Checkpoint {
		data, err := e.read(name)
		if err != nil {
			return err
		}
		with.Checkpoints = append(with.Checkpoints, audit.Given{Name: name, Data: data})
	}
	for _, k := range c.Key {
		text, err := audit.VerifierKey(k, e.read)
		if err != nil {
			return err
		}
		with.Keys = append(with.Keys, text)
	}
	return e.with(func(w *world.World) error {
		bar := e.bar()
		with.Progress = func(done, all int64) { bar.show(0, 0, fmt.Sprintf("%s of %s entries", count(done), count(all))) }
		r, err := w.Audit.Verify(e.Ctx, with)
		bar.end()
		if err != nil {
			return err
		}
		if c.JSON {
			if err := json.NewEncoder(e.Out).Encode(r); err != nil {
				return err
			}
			if err := r.Err(); err != nil {
				return alreadySaid{err}
			}
			return nil
		}
		if err := r.Err(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.Out, "%s entries and %s checkpoints verify.\nroot %s\n", count(r.Size), count(int64(r.Checkpoints)), r.Root)
		return err
	})
}

type auditCheckpoint struct{}

// Run prints a signed checkpoint.
func (auditCheckpoint) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		c, err := w.Audit.Checkpoint(e.Ctx)
		if err == nil {
			_, err = io.WriteString(e.Out, c.Note)
		}
		return err
	})
}

type auditKeys struct{}

// Run lists the verifier keys.
func (auditKeys) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		keys, err := w.Audit.Keys(e.Ctx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			fmt.Fprintln(e.Out, k.Verifier)
		}
		return nil
	})
}

type auditFilter struct {
	Actor  string `help:"Only acts of this actor." placeholder:"KIND:ID"`
	Verb   string `help:"Only this verb, or with a trailing dot all of a kind." placeholder:"VERB"`
	Object string `help:"Only acts on this object." placeholder:"KIND:ID"`
	From   string `help:"On or after this day." placeholder:"YYYY-MM-DD"`
	Until  string `help:"On or before this day." placeholder:"YYYY-MM-DD"`
}

const dayMicros = 86_400_000_000

func (c *auditFilter) filter() (f audit.Filter, err error) {
	f = audit.Filter{Actor: c.Actor, Verb: c.Verb, Object: c.Object}
	if f.From, err = parseDate("from", c.From); err != nil {
		return f, err
	}
	f.From *= dayMicros
	if c.Until != "" {
		if f.Until, err = parseDate("until", c.Until); err != nil {
			return f, err
		}
		f.Until = (f.Until + 1) * dayMicros
	}
	return f, nil
}

type auditList struct {
	auditFilter
	Limit int `help:"At most so many." default:"50"`
}

// Run lists entries for people.
func (c *auditList) Run(e *Env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	if c.Limit < 1 || c.Limit > audit.MaxList {
		return fault.Invalidf("--limit %d: want 1 to %d; tocsin audit export has everything", c.Limit, audit.MaxList)
	}
	return e.with(func(w *world.World) error {
		es, _, err := w.Audit.List(e.Ctx, f, 0, c.Limit)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ENTRY\tAT\tACTOR\tNAME\tVERB\tOBJECT\tDETAIL")
		for _, x := range es {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.Time().Format(time.DateTime), plain(x.Actor), plain(x.Name), plain(x.Verb),
				plain(x.Object), plain(x.Detail))
		}
		return t.Flush()
	})
}

// plain keeps what others wrote from steering the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

type auditExport struct {
	auditFilter
	Format string `help:"${enum}." enum:"jsonl,csv" default:"jsonl"`
}

// Run exports entries for machines.
func (c *auditExport) Run(e *Env) error {
	f, err := c.filter()
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error { return w.Audit.Export(e.Ctx, e.Out, f, c.Format) })
}
