package incident

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// ReportFilter says which reports a list has, and in what order. Drafts are in none: they are their writer's alone.
type ReportFilter struct {
	State       ReportState // "": all
	Origin      Origin      // "": all
	Constituent int64       // 0: all
	Oldest      bool        // the first received first, as triage takes them
}

// Line is a report in a list: of its text only the beginning.
type Line struct {
	Report
	More bool // there is more of the text
}

// Place is where a list goes on: the row that the page before ended with. The zero value begins.
type Place struct {
	Key int64 `json:"k"`
	ID  int64 `json:"i"`
}

// lineText is how much of a report's text a list shows.
const lineText = 280

// ReportList lists reports, at most limit and 500; next is nil at the end.
func (d *Desk) ReportList(ctx context.Context, f ReportFilter, after Place, limit int) (out []Line, next *Place, err error) {
	limit = max(1, min(limit, 500))
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out, err = listReports(tx, f, after, limit+1)
		return err
	})
	if err == nil && len(out) > limit {
		out = out[:limit]
		next = &Place{out[limit-1].Received, out[limit-1].ID}
	}
	return out, next, err
}

// MostCounted is up to where reports of a state are counted: the count of a page must not take longer each year.
const MostCounted = 1_000

// ReportCounts counts the reports in each state, drafts not; MostCounted+1 says that there are more than MostCounted.
func (d *Desk) ReportCounts(ctx context.Context) (n map[ReportState]int64, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		n, err = countReports(tx)
		return err
	})
	return n, err
}

// CaseFilter says which cases a list has. What is empty narrows nothing, but no state means all that are not over: neither closed nor
// part of another one.
type CaseFilter struct {
	States      []CaseState
	MinSeverity int
	Class       string
	Type        string
	Sector      string // of a constituent that the case is about
	Constituent int64
	Lead        int64 // account; Nobody: those without one
	CrossBorder bool
	Personal    bool

	sector []int64 // its constituents
}

// Nobody is the lead of a case without one.
const Nobody int64 = -1

// CaseSort is what orders a list of cases.
type CaseSort string

// The orders; "-" before one turns it round.
const (
	BySeverity CaseSort = "-severity" // the gravest first, and of those the latest
	ByChanged  CaseSort = "-changed"
	ByOpened   CaseSort = "-opened"
)

// CaseSorts lists the orders.
func CaseSorts() []CaseSort {
	return []CaseSort{BySeverity, "severity", ByChanged, "changed", ByOpened, "opened"}
}

// CaseText is a filter of cases as addresses and flags write it.
type CaseText struct {
	State       string `query:"state" max:"20" maxLength:"20" doc:"open, containment, eradication, recovery, resolved, closed, merged, working or all; without it all that are neither closed nor merged"`
	MinSeverity string `query:"min-severity" max:"10" maxLength:"10" doc:"At least as grave as this: info, low, medium, high, critical"`
	Class       string `query:"class" max:"60" maxLength:"60" doc:"An RSIT class"`
	Type        string `query:"type" max:"60" maxLength:"60" doc:"An RSIT type"`
	Sector      string `query:"sector" max:"60" maxLength:"60" doc:"Sector of a constituent that the case is about"`
	Constituent string `query:"constituent" max:"100" maxLength:"100" doc:"The ref or number of a constituent that the case is about"`
	Lead        string `query:"lead" max:"20" maxLength:"20" doc:"Number of an account, me or nobody"`
	CrossBorder bool   `query:"cross-border" doc:"Only cases that concern other countries"`
	Personal    bool   `query:"personal-data" doc:"Only cases that concern personal data"`
}

// Filter reads the text. What cannot be read is a fault.Problems that names the fields.
func (d *Desk) Filter(ctx context.Context, by act.Actor, q CaseText) (CaseFilter, error) {
	f := CaseFilter{Class: q.Class, Type: q.Type, Sector: q.Sector, CrossBorder: q.CrossBorder, Personal: q.Personal}
	var m mistakes
	switch q.State {
	case "":
	case "all":
		f.States = CaseStates()
	case "working":
		f.States = slices.DeleteFunc(CaseStates(), func(s CaseState) bool { return !s.Working() })
	default:
		if !slices.Contains(CaseStates(), CaseState(q.State)) {
			m.add("state", "%q is no state of a case", q.State)
		}
		f.States = []CaseState{CaseState(q.State)}
	}
	if q.MinSeverity != "" {
		s, ok := event.ParseSeverity(q.MinSeverity)
		if !ok {
			m.add("min-severity", "%q is no severity: use info, low, medium, high or critical", q.MinSeverity)
		}
		f.MinSeverity = int(s)
	}
	if q.Constituent != "" {
		id, err := d.constituentOf(ctx, q.Constituent)
		if err != nil {
			m.add("constituent", "%v", err)
		}
		f.Constituent = id
	}
	switch q.Lead {
	case "":
	case "nobody":
		f.Lead = Nobody
	case "me":
		if f.Lead = Nobody; by.Rights != nil && by.Rights.Account != 0 {
			f.Lead = by.Rights.Account
		}
	default:
		n, err := strconv.ParseInt(q.Lead, 10, 64)
		if err != nil || n < 1 {
			m.add("lead", "%q is no number of an account: use me, nobody or a number", q.Lead)
		}
		f.Lead = n
	}
	return f, m.err()
}

// constituentOf finds a constituent by its number or ref, as people write it.
func (d *Desk) constituentOf(ctx context.Context, name string) (int64, error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		if l, ok := dir.ByID(id); ok {
			return l.ID, nil
		}
	}
	l, err := dir.ByRef(name)
	return l.ID, err
}

// ConstituentOf finds a constituent by its number or ref, as people write it; a fault.Problems names the field.
func (d *Desk) ConstituentOf(ctx context.Context, field, name string) (int64, error) {
	id, err := d.constituentOf(ctx, strings.TrimSpace(name))
	if fault.KindOf(err) == fault.NotFound {
		return 0, fault.Problems{{Field: field, Message: err.Error()}}
	}
	return id, err
}

// CaseList lists cases with the constituents that they are about, at most limit and 500; next is nil at the end. Other orders than those
// of CaseSorts are a fault.
func (d *Desk) CaseList(ctx context.Context, f CaseFilter, s CaseSort, after Place, limit int) (out []Case, next *Place, err error) {
	if s = cmp.Or(s, BySeverity); !slices.Contains(CaseSorts(), s) {
		return nil, nil, fault.Problems{{Field: "sort", Message: fmt.Sprintf("%q is no order: use severity, changed or opened, with - before it for the other way round", s)}}
	}
	if err := d.sectorOf(ctx, &f); err != nil {
		return nil, nil, err
	}
	limit = max(1, min(limit, 500))
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if out, err = listCases(tx, &f, s, after, limit+1); err != nil {
			return err
		}
		if len(out) > limit {
			out = out[:limit]
			last := out[limit-1]
			next = &Place{map[string]int64{"severity": int64(last.Severity), "changed": last.Changed, "opened": last.Opened}[strings.TrimPrefix(string(s), "-")], last.ID}
		}
		return partiesOfCases(tx, out)
	})
	return out, next, err
}

func (d *Desk) sectorOf(ctx context.Context, f *CaseFilter) error {
	if f.Sector == "" {
		return nil
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return err
	}
	f.sector = []int64{0}
	for _, l := range dir.All() {
		if l.Sector == f.Sector {
			f.sector = append(f.sector, l.ID)
		}
	}
	return nil
}

// CaseCounts counts the cases that match in each state, whatever states the filter names.
func (d *Desk) CaseCounts(ctx context.Context, f CaseFilter) (n map[CaseState]int64, err error) {
	if err := d.sectorOf(ctx, &f); err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		n, err = countCases(tx, &f)
		return err
	})
	return n, err
}

// Resolve finds a case by its number ("2026-0042", with or without the ticket's letters) or id.
func (d *Desk) Resolve(ctx context.Context, name string) (Case, error) {
	name = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "T-I")
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		return d.Case(ctx, id)
	}
	return d.CaseByNumber(ctx, name)
}

// ResolveReport finds a report by its number or id.
func (d *Desk) ResolveReport(ctx context.Context, name string) (Report, error) {
	name = strings.TrimSpace(name)
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		return d.Report(ctx, id)
	}
	return d.ReportByNumber(ctx, name)
}

// Person finds an account of the staff that may lead a case or do a task: me, nobody or "", or its number. What is not found is a
// fault.Problems that names the field.
func (d *Desk) Person(ctx context.Context, by act.Actor, field, who string) (id int64, name string, err error) {
	who = strings.TrimSpace(who)
	if who == "" || who == "nobody" {
		return 0, "", nil
	}
	if who == "me" && by.Rights != nil && by.Rights.Account != 0 {
		who = strconv.FormatInt(by.Rights.Account, 10)
	}
	people, err := d.Findings.Assignees(ctx)
	if err != nil {
		return 0, "", err
	}
	for _, p := range people {
		if strconv.FormatInt(p.ID, 10) == who {
			return p.ID, p.Name, nil
		}
	}
	return 0, "", fault.Problems{{Field: field, Message: fmt.Sprintf("%q is no account that looks after incidents: use me, nobody or a number", who)}}
}
