package filing

import (
	"context"

	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Call is what the staff writes down for somebody who called, came or wrote from abroad.
type Call struct {
	Origin      incident.Origin // FromStaff, also when empty, or FromPartner
	Constituent int64           // for whom; 0: nobody of the constituency
	Receipt     bool            // send the receipt to the mail address that was given
	Filing      incident.Filing
}

// Write files the report of a caller.
func (c *Counter) Write(ctx context.Context, by act.Actor, call Call) (r incident.Report, err error) {
	if by.Kind != act.Local && (by.Rights == nil || !by.Rights.Staff) {
		return r, fault.New(fault.Forbidden, "only the staff of the CERT writes reports of others down")
	}
	from := incident.Reporter{Origin: call.Origin, Constituent: call.Constituent}
	switch call.Origin {
	case "":
		from.Origin = incident.FromStaff
	case incident.FromStaff, incident.FromPartner:
	default:
		return r, fault.Problems{{Field: "origin", Message: "a report that the staff writes down is of a caller (staff) or a partner"}}
	}
	if call.Constituent != 0 {
		dir, err := c.Constituency.Directory(ctx)
		if err != nil {
			return r, err
		}
		if _, ok := dir.ByID(call.Constituent); !ok {
			return r, fault.Problems{{Field: "constituent", Message: "there is no such constituent"}}
		}
	}
	if call.Receipt && call.Filing.Mail == "" {
		return r, fault.Problems{{Field: "mail", Message: "the receipt needs a mail address to go to"}}
	}
	_, err = c.linked(ctx, by, "report.file", from, call.Filing, func(tx *db.Tx, filed *incident.Report) error {
		r = *filed
		if !call.Receipt {
			return nil
		}
		err := c.receipt(tx, &r)
		return err
	})
	return r, err
}

// ByRef is the number of the constituent with a ref; without one the fault names the form's field.
func (c *Counter) ByRef(ctx context.Context, ref string) (int64, error) {
	dir, err := c.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	l, err := dir.ByRef(ref)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return 0, fault.Problems{{Field: "constituent", Message: err.Error()}}
	}
	return l.ID, err
}
