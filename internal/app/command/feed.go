package command

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"tocsin/internal/event/feed"
	"tocsin/internal/identity"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type feedCmd struct {
	List    feedList    `cmd:"" help:"List the feeds."`
	Days    feedDays    `cmd:"" help:"List a feed's days: which are complete, what is missing."`
	RuleDay feedRuleDay `cmd:"" help:"Say that a day is complete, or is not, whatever arrived."`
	Set     feedSet     `cmd:"" help:"Make or change a feed from a JSON file."`
	Schema  feedSchema  `cmd:"" help:"Load a newer Shadowserver schema, or print the one in force."`
}

// Help is the command's long help.
func (feedCmd) Help() string {
	return `Findings of snapshot reports close after three complete days without them; on an incomplete day nothing closes. A day is
complete when the feed's own listing or its usual set of types arrived, or when a person says so.

Examples:
  tocsin feed list --json
  tocsin feed days shadowserver
  tocsin feed rule-day shadowserver 2026-11-02 complete
  tocsin feed set feed.json
  tocsin feed schema --reports reports.json --intelmq intelmq.json`
}

type feedList struct {
	JSON bool `help:"One JSON object a line, as feed set reads it."`
}

// Run lists the feeds.
func (c *feedList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		feeds, err := w.Feeds.List(e.Ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return lines(e, feeds)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "FEED\tFORMAT\tTITLE\tMARKING\tAUDIENCE\tCOLLECTED BY\tENABLED")
		for _, f := range feeds {
			fmt.Fprintf(t, "%s\t%s\t%s\tTLP:%s\t%s\t%s\t%t\n", f.Name, f.Format, f.Title, f.Marking, f.Audience, f.Collector.Kind, f.Enabled)
		}
		return t.Flush()
	})
}

type feedDays struct {
	Feed string `arg:"" help:"The feed's name."`
	From string `help:"First day." placeholder:"YYYY-MM-DD"`
	To   string `help:"Last day." placeholder:"YYYY-MM-DD"`
	JSON bool   `help:"One JSON object a line."`
}

// Run lists the days of a feed.
func (c *feedDays) Run(e *Env) error {
	from, err := parseDate("from", c.From)
	if err != nil {
		return err
	}
	to, err := parseDate("to", c.To)
	if err != nil {
		return err
	}
	if to == 0 {
		to = 1 << 20
	}
	return e.with(func(w *world.World) error {
		f, err := w.Feeds.ByName(e.Ctx, c.Feed)
		if err != nil {
			return err
		}
		days, err := w.Feeds.Days(e.Ctx, f.ID, from, to)
		if err != nil {
			return err
		}
		if c.JSON {
			return lines(e, days)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "DAY\tTYPES\tEXPECTED\tCOMPLETE\tMISSING")
		for _, d := range days {
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\n", d.Date(), d.Types, d.Expected, completeness(d), shortList(d.Missing, 6))
		}
		return t.Flush()
	})
}

func completeness(d feed.Day) string {
	switch {
	case d.Ruled != nil && *d.Ruled:
		return "yes, ruled"
	case d.Ruled != nil:
		return "no, ruled"
	case d.Complete:
		return "yes"
	}
	return "no"
}

func shortList(list []string, n int) string {
	if len(list) > n {
		return strings.Join(list[:n], ", ") + fmt.Sprintf(" and %d more", len(list)-n)
	}
	return strings.Join(list, ", ")
}

type feedRuleDay struct {
	Feed   string `arg:"" help:"The feed's name."`
	Day    string `arg:"" help:"The day." placeholder:"YYYY-MM-DD"`
	Ruling string `arg:"" help:"complete, incomplete, or none to take a ruling back." enum:"complete,incomplete,none"`
}

// Run rules on a day and lets what follows from it follow.
func (c *feedRuleDay) Run(e *Env) error {
	day, err := parseDate("day", c.Day)
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error {
		var ruling *bool
		if c.Ruling != "none" {
			yes := c.Ruling == "complete"
			ruling = &yes
		}
		if err := w.Feeds.RuleDay(e.Ctx, identity.LocalActor, c.Feed, day, ruling); err != nil {
			return err
		}
		return w.Drain(e.Ctx)
	})
}

type feedSet struct {
	File string `arg:"" help:"A feed as feed list --json prints it; - is standard input." placeholder:"FILE"`
}

// Run saves a feed.
func (c *feedSet) Run(e *Env) error {
	data, err := e.read(c.File)
	if err != nil {
		return err
	}
	var f feed.Feed
	if err := strict(c.File, data, &f); err != nil {
		return err
	}
	return e.withNew(func(w *world.World) error {
		if f.ID == 0 { // one that is there is changed, not doubled
			old, err := w.Feeds.ByName(e.Ctx, f.Name)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			f.ID = old.ID
		}
		f, err := w.Feeds.Save(e.Ctx, identity.LocalActor, f)
		if err == nil {
			fmt.Fprintf(e.Err, "The feed %s is saved.\n", f.Name)
		}
		return err
	})
}
