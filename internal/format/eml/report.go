package eml

import (
	"bufio"
	"io"
	"strings"
)

// Report is a delivery report (RFC 3464): what a mail server says became of a letter.
type Report struct {
	MTA        string // that reports
	Recipients []Delivery
	// Of the letter that was returned with the report; "" and nil when it was not. These are the report's claims: whoever
	// believes it compares them with what was sent.
	ID string
	To []Address
}

// Delivery is what became of a letter for one recipient.
type Delivery struct {
	Recipient string // the address it was delivered to
	Original  string // the address that the sender gave, "" when the report does not say
	Action    string // failed, delayed, delivered, relayed, expanded
	Status    string // enhanced status code: "5.1.1"
	Reason    string // what the remote server said
}

// Permanent says whether trying again is of no use.
func (d Delivery) Permanent() bool {
	return d.Action == "failed" && !strings.HasPrefix(d.Status, "4")
}

const maxDeliveries = 100

// status reads the fields of a delivery report, groups of them apart by empty lines: the first is of the message, the others
// of a recipient each.
func (d *decoder) status(r io.Reader) error {
	if d.m.Report == nil {
		d.m.Report = &Report{}
	}
	br := bufio.NewReader(r)
	for range maxDeliveries + 1 {
		h, err := d.header(br)
		if err != nil {
			return nil // the part ends early: a flaw already
		}
		if len(h) == 0 {
			if _, err := br.Peek(1); err != nil {
				return nil
			}
			continue
		}
		if v := h.get("Reporting-Mta"); v != "" {
			d.m.Report.MTA = typed(v)
		}
		if to := h.get("Final-Recipient"); to != "" || h.get("Action") != "" {
			status, _, _ := strings.Cut(line(h.get("Status"), 100), " ")
			d.m.Report.Recipients = append(d.m.Report.Recipients, Delivery{Recipient: typed(to), Original: typed(h.get("Original-Recipient")),
				Action: strings.ToLower(line(h.get("Action"), 20)), Status: status, Reason: typed(h.get("Diagnostic-Code"))})
		}
	}
	d.flaw(ManyParts)
	return nil
}

// typed is the value of a field like "rfc822; ana@isp.example" without its type.
func typed(v string) string {
	if _, after, ok := strings.Cut(v, ";"); ok {
		v = after
	}
	return line(strings.Trim(strings.TrimSpace(v), "<>"), 500)
}

// returned reads the header of the letter that a report is about.
func (d *decoder) returned(r io.Reader) error {
	h, err := d.header(bufio.NewReader(r))
	if err != nil {
		return nil
	}
	if d.m.Report == nil {
		d.m.Report = &Report{}
	}
	if ids := IDs(h.get("Message-Id")); len(ids) > 0 {
		d.m.Report.ID = ids[0]
	}
	d.m.Report.To = d.addresses(h.all("To"))
	return nil
}
