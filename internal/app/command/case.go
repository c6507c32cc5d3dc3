package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/world"
)

type caseCmd struct {
	List   caseList   `cmd:"" help:"List cases, the gravest first."`
	Show   caseShow   `cmd:"" help:"Print a case with its parties, reports, files and timeline."`
	Export caseExport `cmd:"" help:"Write a case for a kind of recipient, as far as the gate lets it leave."`
}

// Help is the command's long help.
func (caseCmd) Help() string {
	return `Cases are named by their number, with or without the ticket's letters.

Examples:
  tocsin case list --min-severity high --sector energy
  tocsin case list --state all --json > cases.jsonl
  tocsin case show 2026-0042
  tocsin case export 2026-0042 --to partner > case.stix.json`
}

type caseList struct {
	State        string `help:"open, containment, eradication, recovery, resolved, closed, merged, working or all (default: neither closed nor merged)." placeholder:"STATE"`
	MinSeverity  string `help:"This severity and graver ones." placeholder:"SEVERITY"`
	Class        string `help:"An RSIT class." placeholder:"CLASS"`
	Type         string `help:"An RSIT type." placeholder:"TYPE"`
	Sector       string `help:"Sector of a constituent that the case is about." placeholder:"SECTOR"`
	Constituent  string `help:"A constituent that the case is about: its reference or number." placeholder:"REF"`
	Lead         string `help:"Number of an account, or nobody." placeholder:"NUMBER"`
	CrossBorder  bool   `help:"Only cases that concern other countries."`
	PersonalData bool   `help:"Only cases that concern personal data."`
	Sort         string `help:"severity, changed or opened, with - before it for the other way round." default:"-severity"`
	Limit        int    `help:"Rows at most; 0 is all of them." default:"50"`
	JSON         bool   `help:"Print each case as JSON, one a line."`
}

// Run lists cases.
func (c *caseList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		f, err := w.Incidents.Filter(e.Ctx, identity.LocalActor, incident.CaseText{State: c.State, MinSeverity: c.MinSeverity, Class: c.Class, Type: c.Type, Sector: c.Sector,
			Constituent: c.Constituent, Lead: c.Lead, CrossBorder: c.CrossBorder, Personal: c.PersonalData})
		if err != nil {
			return err
		}
		show, done := caseTable(e.Out)
		if c.JSON {
			show, done = func(k *incident.Case) error { return lines(e, []*incident.Case{k}) }, func() error { return nil }
		}
		return walk(c.Limit, func(after incident.Place, limit int) (int, *incident.Place, error) {
			cs, next, err := w.Incidents.CaseList(e.Ctx, f, incident.CaseSort(c.Sort), after, limit)
			for i := range cs {
				if err := show(&cs[i]); err != nil {
					return i, nil, err
				}
			}
			return len(cs), next, err
		}, done)
	})
}

// walk reads a list page by page until it has so many rows, 0 all, and then is done.
func walk(most int, page func(after incident.Place, limit int) (int, *incident.Place, error), done func() error) error {
	left, after := most, incident.Place{}
	for {
		limit := 500
		if most > 0 {
			limit = min(limit, left)
		}
		n, next, err := page(after, limit)
		if err != nil {
			return err
		}
		if left -= n; next == nil || most > 0 && left <= 0 {
			return done()
		}
		after = *next
	}
}

// caseTable writes cases for people.
func caseTable(out io.Writer) (show func(*incident.Case) error, done func() error) {
	t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CASE\tSEVERITY\tSTATE\tTYPE\tTLP\tLEAD\tOPENED (UTC)\tTITLE")
	return func(k *incident.Case) error {
		_, err := fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.Number, severity(k.Severity), k.State, dash(k.Type), k.Label, dash(plain(k.LeadName)), utc(k.Opened), plain(k.Title))
		return err
	}, t.Flush
}

func severity(n int) string { return dash(event.Severity(n).String()) }

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// utc is an instant as tables have it; 0 is none.
func utc(at int64) string {
	if at == 0 {
		return "–"
	}
	return time.UnixMicro(at).UTC().Format(time.DateTime)
}

type caseShow struct {
	Case string `arg:"" help:"Its number."`
	JSON bool   `help:"Print it as JSON."`
}

// shownCase is a case with what belongs to it.
type shownCase struct {
	incident.Case
	Reports  []incident.Report `json:"reports"`
	Files    []incident.File   `json:"files"`
	Tasks    []shownTask       `json:"tasks"`
	Timeline []incident.Entry  `json:"timeline"` // the latest 500, the latest first
}

type shownTask struct {
	Title    string `json:"title"`
	Assignee string `json:"assignee,omitempty"`
	Due      int64  `json:"due,omitempty"`  // UTC microseconds
	Done     int64  `json:"done,omitempty"` // 0: not yet
}

// Run prints a case.
func (c *caseShow) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		k, err := w.Incidents.Resolve(e.Ctx, c.Case)
		if err != nil {
			return err
		}
		s := shownCase{Case: k}
		if s.Reports, err = w.Incidents.ReportsOf(e.Ctx, k.ID); err != nil {
			return err
		}
		if s.Files, err = w.Incidents.FilesOf(e.Ctx, k.ID, 0); err != nil {
			return err
		}
		tasks, err := w.Incidents.Tasks(e.Ctx, k.ID)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			s.Tasks = append(s.Tasks, shownTask{t.Title, t.Name, t.Due, t.Done})
		}
		if s.Timeline, err = w.Incidents.Timeline(e.Ctx, k.ID, 0, 500); err != nil {
			return err
		}
		if c.JSON {
			return indented(e.Out, s)
		}
		return c.text(e, w, &s)
	})
}

func indented(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (c *caseShow) text(e *Env, w *world.World, s *shownCase) error {
	dir, err := w.Constituency.Directory(e.Ctx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, plain(value))
		}
	}
	fact("case", s.Number)
	fact("title", s.Title)
	fact("state", string(s.State))
	fact("type", strings.TrimPrefix(s.Class+" "+s.Type, " "))
	fact("severity", severity(s.Severity))
	fact("marking", strings.TrimSpace(s.Label.String()+" "+s.PAP.String()))
	fact("lead", s.LeadName)
	fact("opened", utc(s.Opened))
	fact("changed", utc(s.Changed))
	for _, p := range s.Parties {
		l, _ := dir.ByID(p.Constituent)
		fact(p.Part, l.Name+" ("+l.Ref+")")
	}
	for _, r := range s.Reports {
		fact("report", r.Number+" "+utc(r.Received)+" "+r.Title)
	}
	for _, f := range s.Files {
		fact("file", fmt.Sprintf("%s %d bytes %s", f.Name, f.Bytes, f.SHA256))
	}
	for _, k := range s.Tasks {
		mark := "task"
		if k.Done != 0 {
			mark = "done"
		}
		fact(mark, k.Title)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, x := range s.Timeline {
		fmt.Fprintf(e.Out, "\n%s  %s  %s\n", utc(x.At), x.Kind, plain(x.Name))
		if x.Text != "" {
			for l := range strings.SplitSeq(x.Text, "\n") {
				fmt.Fprintf(e.Out, "    %s\n", plain(l))
			}
		}
	}
	return nil
}

type caseExport struct {
	Case   string `arg:"" help:"Its number."`
	To     string `help:"For whom: ${enum}. The ledger has what left." enum:"staff,authority,law-enforcement,partner,public" default:"staff"`
	Format string `help:"${enum}: STIX 2.1." enum:"stix" default:"stix"`
}

// Run writes a case.
func (c *caseExport) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		k, err := w.Incidents.Resolve(e.Ctx, c.Case)
		if err != nil {
			return err
		}
		x, err := w.Affected.Export(e.Ctx, identity.LocalActor, k.ID, disclosure.RecipientKind(c.To))
		if err != nil {
			return err
		}
		for _, held := range x.Withheld {
			fmt.Fprintf(e.Err, "withheld: %s\n", plain(held))
		}
		_, err = e.Out.Write(append(x.Bundle, '\n'))
		return err
	})
}
