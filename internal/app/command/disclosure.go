package command

import (
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type disclosureCmd struct {
	Ledger disclosureLedger `cmd:"" help:"Export the ledger of what left."`
}

type disclosureLedger struct {
	Format    string `help:"${enum}." enum:"csv,json" default:"csv"`
	Recipient string `help:"Exactly, as constituent:7, or a part of the name." placeholder:"NAME"`
	Channel   string `help:"An exit: page, portal, rest, export, feed, mail or webhook." placeholder:"EXIT"`
	Object    string `help:"Only rows that name this item." placeholder:"finding:12"`
	From      string `help:"On or after this day (UTC)." placeholder:"YYYY-MM-DD"`
	To        string `help:"On or before this day (UTC)." placeholder:"YYYY-MM-DD"`
}

// Help is the command's long help.
func (disclosureLedger) Help() string {
	return `A row for every push, poll, download and export; views of pages are summed up by session and day. json has one value a line.

Examples:
  tocsin disclosure ledger --from 2026-11-01 > november.csv
  tocsin disclosure ledger --format json --recipient constituent:7 --channel mail`
}

// Run exports the ledger.
func (c *disclosureLedger) Run(e *Env) error {
	f := disclosure.LedgerFilter{Recipient: c.Recipient, Channel: disclosure.Channel(c.Channel), Object: disclosure.Ref(c.Object)}
	for _, d := range []struct {
		flag, text string
		days       int
		to         *time.Time
	}{{"--from", c.From, 0, &f.From}, {"--to", c.To, 1, &f.To}} {
		if d.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, d.text)
		if err != nil {
			return fault.Invalidf("%s: %q is no day: write it as 2026-01-31", d.flag, d.text)
		}
		*d.to = t.AddDate(0, 0, d.days)
	}
	return e.with(func(w *world.World) error { return w.Gate.ExportLedger(e.Ctx, e.Out, c.Format, f) })
}
