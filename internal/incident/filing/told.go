package filing

import (
	"context"
	"fmt"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Told is a report as its reporter sees it: what they said, how it stands, what they were advised. Nothing of the case is in it, nor
// who of the staff decided.
type Told struct {
	Report    incident.Report
	Additions []incident.Addition
	Files     []incident.File
	Advice    []Advice
}

// Draft tells whether the report is not handed in yet.
func (t *Told) Draft() bool { return t.Report.State == incident.Draft }

// reporters is a report without what is the CERT's own.
func reporters(r *incident.Report) incident.Report {
	out := *r
	out.Case, out.SameAs, out.DecidedBy, out.Account, out.Version = 0, 0, "", 0, 0
	if out.State == incident.Merged { // that other reports of it came is the others' matter
		out.State = incident.Accepted
	}
	return out
}

// Marking is how far an advice may travel: to whom it was written for.
func (a adviceItem) Marking() disclosure.Marking {
	m := a.report.Marking()
	m.Label, m.Default = a.Label, tlp.Amber
	return m
}

// adviceItem is an advice as it goes to the gate.
type adviceItem struct {
	Advice
	report *incident.Report
}

// Ref implements disclosure.Item.
func (a adviceItem) Ref() disclosure.Ref { return disclosure.Ref(fmt.Sprintf("advice:%d", a.ID)) }

// References implements disclosure.Item.
func (a adviceItem) References() []disclosure.Item { return nil }

// told takes a report and what belongs to it through the gate. One that may not leave is not there.
func (c *Counter) told(ctx context.Context, r *incident.Report, to disclosure.Recipient, via disclosure.Channel) (none egress.Cleared[*Told], err error) {
	out := &Told{}
	if out.Additions, err = c.Additions(ctx, r.ID); err != nil {
		return none, err
	}
	if out.Files, err = c.FilesOf(ctx, 0, r.ID); err != nil {
		return none, err
	}
	for i := range out.Files {
		out.Files[i].Case, out.Files[i].Note, out.Files[i].By = 0, "", ""
	}
	var grants [2]*egress.Grant
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		given, err := adviceTo(tx, r.ID)
		if err != nil {
			return err
		}
		var items []adviceItem
		for _, a := range given {
			items = append(items, adviceItem{a, r})
		}
		cleared, _, err := disclosure.Clear(ctx, tx, c.Gate, to, via, []*incident.Report{r}, reporters)
		if err != nil {
			return err
		}
		var rs []incident.Report
		if rs, grants[0], err = cleared.Open(); err != nil {
			return err
		}
		if len(rs) == 0 {
			return fault.NotFoundf("there is no report %d", r.ID)
		}
		out.Report = rs[0]
		advice, _, err := disclosure.Clear(ctx, tx, c.Gate, to, via, items, func(a adviceItem) Advice {
			a.Advice.Letter = 0
			return a.Advice
		})
		if err != nil {
			return err
		}
		out.Advice, grants[1], err = advice.Open()
		return err
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, grants[:]...)
}

// papers takes what a report's receipt proves through the gate: the receipt, and the record that its hash is of.
func (c *Counter) papers(ctx context.Context, r *incident.Report, to disclosure.Recipient, via disclosure.Channel) (none egress.Cleared[*Papers], err error) {
	out := &Papers{}
	if out.Receipt, err = c.Receipt(ctx, r.ID); err != nil {
		return none, err
	}
	if out.Record, err = r.Record(); err != nil {
		return none, err
	}
	var g *egress.Grant
	err = c.DB.View(ctx, func(tx *db.Tx) error {
		cleared, _, err := disclosure.Clear(ctx, tx, c.Gate, to, via, []*incident.Report{r}, (*incident.Report).Ref)
		if err != nil {
			return err
		}
		refs, grant, err := cleared.Open()
		if err == nil && len(refs) == 0 {
			return fault.NotFoundf("there is no report %d", r.ID)
		}
		g = grant
		return err
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// Papers are what a reporter can show later.
type Papers struct {
	Receipt incident.Receipt
	Record  []byte // what was handed in, byte for byte: its SHA-256 stands on the receipt
}
