package command

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/identity"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type digestCmd struct {
	Policy   digestPolicyCmd   `cmd:"" help:"How soon findings are told: list, set, remove."`
	Suppress digestSuppressCmd `cmd:"" help:"Keep findings from being told for a time."`
	Begin    digestBegin       `cmd:"" help:"End a feed's first intake: what it brings from here on is told."`
	Preview  digestPreview     `cmd:"" help:"Show what a constituent would be told now."`
	DryRun   digestDryRun      `cmd:"" help:"Replay the latest days with a draft, and show whose mail would differ."`
	Effect   digestEffect      `cmd:"" help:"What came of telling the owners."`
}

type digestPolicyCmd struct {
	List   digestPolicyList   `cmd:"" default:"1" help:"List the policies."`
	Set    digestPolicySet    `cmd:"" help:"Set the policy of a case; what is not named means any."`
	Remove digestPolicyRemove `cmd:"" help:"Take a policy away."`
}

type digestPolicyList struct{}

// Run lists the policies.
func (c *digestPolicyList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		list, err := w.Digest.Policies(e.Ctx)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tCONSTITUENT\tTYPE\tSECTOR\tSEVERITY\tTOLD\tWHY")
		for _, p := range list {
			severity := "any"
			if p.Severity != digest.AnySeverity {
				severity = event.Severity(p.Severity).String()
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, anyOf(p.Ref), anyOf(p.Type), anyOf(p.Sector), severity, p.Frequency, p.Reason)
		}
		for s := event.Critical; s >= event.Unrated; s-- {
			fmt.Fprintf(t, "-\tany\tany\tany\t%s\t%s\tby default\n", s, digest.Default(s))
		}
		return t.Flush()
	})
}

func anyOf(s string) string {
	if s == "" {
		return "any"
	}
	return s
}

type digestPolicySet struct {
	Frequency   string `arg:"" help:"immediate, daily, weekly or none."`
	Constituent string `help:"A constituent's reference." placeholder:"REF"`
	Type        string `help:"A report type." placeholder:"NAME"`
	Sector      string `help:"A sector." placeholder:"ID"`
	Severity    string `help:"unrated, info, low, medium, high or critical." placeholder:"SEVERITY"`
	Reason      string `help:"Why." required:"" placeholder:"TEXT"`
}

// Run sets a policy.
func (c *digestPolicySet) Run(e *Env) error {
	severity, err := digest.ParseSeverity(c.Severity)
	if err != nil {
		return err
	}
	return e.with(func(w *world.World) error {
		p, err := w.Digest.SetPolicy(e.Ctx, identity.LocalActor, digest.Policy{Ref: c.Constituent, Type: c.Type, Sector: c.Sector, Severity: severity,
			Frequency: digest.Frequency(c.Frequency), Reason: c.Reason})
		if err == nil {
			fmt.Fprintf(e.Out, "policy %d is in force\n", p.ID)
		}
		return err
	})
}

type digestPolicyRemove struct {
	ID int64 `arg:"" help:"The policy's number."`
}

// Run takes a policy away.
func (c *digestPolicyRemove) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Digest.RemovePolicy(e.Ctx, identity.LocalActor, c.ID) })
}

type digestSuppressCmd struct {
	List digestSuppressList `cmd:"" default:"1" help:"List what is kept back."`
	Add  digestSuppressAdd  `cmd:"" help:"Keep something back until a day."`
	End  digestSuppressEnd  `cmd:"" help:"End a suppression before its day."`
}

type digestSuppressList struct {
	Ended bool `help:"Those that have ended too."`
}

// Run lists the suppressions.
func (c *digestSuppressList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		list, err := w.Digest.Suppressions(e.Ctx, c.Ended)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tBY\tVALUE\tFROM\tUNTIL\tHELD\tWHY")
		for _, s := range list {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, s.Kind, s.Value, s.From, s.Until, s.Held, s.Reason)
		}
		return t.Flush()
	})
}

type digestSuppressAdd struct {
	Kind   string `arg:"" help:"constituent, prefix, asn, type or feed."`
	Value  string `arg:"" help:"A reference, a prefix, AS64500, a report type or a feed."`
	From   string `help:"The first day (default: today)." placeholder:"YYYY-MM-DD"`
	Until  string `help:"The last day." required:"" placeholder:"YYYY-MM-DD"`
	Reason string `help:"Why." required:"" placeholder:"TEXT"`
}

// Run keeps something back.
func (c *digestSuppressAdd) Run(e *Env) error {
	s := digest.Suppression{Kind: digest.SuppressionKind(c.Kind), Value: c.Value, Reason: c.Reason}
	for _, d := range []struct {
		flag, text string
		to         *event.Day
	}{{"--from", c.From, &s.From}, {"--until", c.Until, &s.Until}} {
		if d.text == "" {
			continue
		}
		day, err := event.ParseDay(d.text)
		if err != nil {
			return fault.Invalidf("%s: %q is no day: write it as 2026-01-31", d.flag, d.text)
		}
		*d.to = day
	}
	return e.with(func(w *world.World) error {
		s, err := w.Digest.Suppress(e.Ctx, identity.LocalActor, s)
		if err == nil {
			fmt.Fprintf(e.Out, "suppression %d is in force until %s\n", s.ID, s.Until)
		}
		return err
	})
}

type digestSuppressEnd struct {
	ID int64 `arg:"" help:"The suppression's number."`
}

// Run ends a suppression.
func (c *digestSuppressEnd) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Digest.EndSuppression(e.Ctx, identity.LocalActor, c.ID) })
}

type digestBegin struct {
	Feed string `arg:"" help:"The feed's name."`
}

// Run ends a first intake.
func (c *digestBegin) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.Digest.Begin(e.Ctx, identity.LocalActor, c.Feed) })
}

type digestPreview struct {
	Constituent string `arg:"" help:"A constituent's reference."`
	Language    string `help:"In this language instead of its own." placeholder:"LANGUAGE"`
	HTML        bool   `name:"html" help:"As HTML."`
}

// Run shows what a constituent would be told. It first brings up to date what is to be told, as a server does.
func (c *digestPreview) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		id, err := w.ConstituentByRef(e.Ctx, c.Constituent)
		if err != nil {
			return err
		}
		if _, err := w.Digest.Collect(e.Ctx); err != nil {
			return err
		}
		p, err := w.Digest.Preview(e.Ctx, id, c.Language)
		if err != nil {
			return err
		}
		if p.Digest == nil {
			fmt.Fprintln(e.Err, "there is nothing to tell")
			return nil
		}
		for _, to := range p.To {
			fmt.Fprintln(e.Err, "To:", to)
		}
		if p.Due > 0 {
			fmt.Fprintln(e.Err, "Due:", time.UnixMicro(p.Due).UTC().Format(time.RFC3339))
		}
		fmt.Fprintln(e.Err, "Subject:", p.Digest.Subject)
		for _, f := range p.Digest.Files {
			fmt.Fprintf(e.Err, "Attached: %s, %d rows\n", f.Name, f.Rows)
		}
		text := p.Digest.Text
		if c.HTML {
			text = p.Digest.HTML
		}
		_, err = fmt.Fprint(e.Out, text)
		return err
	})
}

type digestDryRun struct {
	Days     int    `help:"How many days of reports." default:"30"`
	Registry string `help:"A file as for constituency import: contacts, prefixes and all else." type:"existingfile" placeholder:"FILE"`
	Replace  bool   `help:"With --registry: what the file does not have is gone."`
	Policies string `help:"A JSON list of policies; one without a frequency takes one away." type:"existingfile" placeholder:"FILE"`
	Suppress string `name:"suppressions" help:"A JSON list of suppressions with kind and value, or with end and the number of one." type:"existingfile" placeholder:"FILE"`
}

// Help is the command's long help.
func (digestDryRun) Help() string {
	return `Nothing is changed and nothing is sent.

Examples:
  tocsin digest dry-run --days 7 --registry draft.json
  echo '[{"type":"scan_smb","severity":"high","frequency":"immediate"}]' > p.json; tocsin digest dry-run --policies p.json`
}

// Run replays with a draft.
func (c *digestDryRun) Run(e *Env) error {
	draft := digest.Draft{Replace: c.Replace}
	if c.Registry == "" && c.Policies == "" && c.Suppress == "" {
		return fault.Invalidf("give a draft with --registry, --policies or --suppressions")
	}
	if c.Registry != "" {
		f, err := os.Open(c.Registry)
		if err != nil {
			return err
		}
		defer f.Close()
		if draft.Registry, err = constituency.Read(c.Registry, constituency.FormatOf(c.Registry), f); err != nil {
			return err
		}
	}
	if c.Policies != "" {
		b, err := os.ReadFile(c.Policies)
		if err != nil {
			return err
		}
		if draft.Policies, err = digest.ReadPolicies(b); err != nil {
			return err
		}
	}
	if c.Suppress != "" {
		b, err := os.ReadFile(c.Suppress)
		if err != nil {
			return err
		}
		if draft.Suppress, draft.End, err = digest.ReadSuppressions(b); err != nil {
			return err
		}
	}
	return e.with(func(w *world.World) error {
		r, err := w.Digest.DryRun(e.Ctx, c.Days, draft)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Err, "%d findings replayed, %d would have another owner, mail to %d addresses would differ\n", r.Findings, r.Moved, len(r.Differences))
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ADDRESS\tCONSTITUENT\tTOLD TOO\tNO MORE\tOTHER PACE\tNOW (AT ONCE/DAILY/WEEKLY)\tTHEN")
		for _, d := range r.Differences {
			a := d.Address
			if a == "" {
				a = "nobody"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d/%d/%d\t%d/%d/%d\n", a, d.Ref, d.Gained, d.Lost, d.Changed,
				d.Before.Immediate, d.Before.Daily, d.Before.Weekly, d.After.Immediate, d.After.Daily, d.After.Weekly)
		}
		return t.Flush()
	})
}

type digestEffect struct {
	By   string `help:"${enum}." enum:"type,sector" default:"type"`
	Days int    `help:"Told in the latest so many days." default:"90"`
}

// Run shows what came of telling.
func (c *digestEffect) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		list, err := w.Digest.Effect(e.Ctx, c.By, c.Days)
		if err != nil {
			return err
		}
		days := func(n int) string {
			if n < 0 {
				return "-"
			}
			return fmt.Sprintf("%d d", n)
		}
		t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "GROUP\tTOLD\tANSWERED\tNO LONGER SEEN\tMEDIAN\tSAID FIXED\tMEDIAN")
		for _, x := range list {
			group := x.Group
			if x.Pool {
				group += " (access networks)"
			}
			fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%d\t%s\n", group, x.Told, x.Answered, x.Seen.Over, days(x.Seen.Median), x.Fixed.Over, days(x.Fixed.Median))
		}
		return t.Flush()
	})
}
