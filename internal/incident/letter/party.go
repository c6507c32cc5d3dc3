package letter

import (
	"context"
	"fmt"
	netmail "net/mail"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// What sort of party somebody is.
const (
	Reporter    = "reporter"    // of the report, or of one of the case's
	Contact     = "contact"     // of a constituent
	Participant = "participant" // from outside, invited to the case
	Address     = "address"     // nobody whom the registry or the case has
)

// Party is somebody who can be written to.
type Party struct {
	Key      string `json:"key"` // how letters name it: "reporter:3", "contact:12", "participant:30"
	Kind     string `json:"kind" enum:"reporter,contact,participant,address"`
	Name     string `json:"name"`
	Person   string `json:"person,omitempty"` // who reads it, when the name is an organisation's
	Role     string `json:"role,omitempty"`   // of a contact
	Mail     string `json:"mail"`
	Language string `json:"language,omitempty"`

	recipient   disclosure.Recipient
	constituent int64
	encrypt     bool
	named       bool // the letter is theirs because it names them
	ticket      string
}

// maxParties is how many of a case can be chosen from; others are found by reference and role.
const maxParties = 500

// Parties lists who of a case or report can be written to by mail: its reporters, the contacts of its constituents, and its participants.
func (d *Desk) Parties(ctx context.Context, a About) ([]Party, error) {
	m, err := d.Matter(ctx, a)
	if err != nil {
		return nil, err
	}
	return d.parties(ctx, m)
}

func (d *Desk) parties(ctx context.Context, m *Matter) (out []Party, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	of := map[int64][]Party{} // contacts by constituent
	var contacts []Party
	for _, id := range m.constituents() {
		l, ok := dir.ByID(id)
		if !ok {
			continue
		}
		if of[id], err = d.contacts(ctx, l, ""); err != nil {
			return nil, err
		}
		contacts = append(contacts, of[id]...)
	}
	shown := m.shown()
	for i := range shown {
		r := &shown[i]
		if !r.Reachable() {
			continue
		}
		p := Party{Key: fmt.Sprintf("reporter:%d", r.ID), Kind: Reporter, Name: r.Name, Mail: r.Mail, Language: r.Language, recipient: r.Reporter(), named: true, ticket: r.Ticket()}
		if l, ok := dir.ByID(r.Constituent); ok {
			p.constituent, p.recipient, p.named, p.Person, p.Name = l.ID, disclosure.OfConstituent(l.ID, l.Name), false, r.Name, l.Name
		}
		for _, c := range of[r.Constituent] {
			if strings.EqualFold(c.Mail, r.Mail) { // a contact is written to as one, whatever they reported
				p.recipient, p.encrypt = c.recipient, c.encrypt
			}
		}
		out = append(out, p)
	}
	out = append(out, contacts...)
	if m.Case != 0 {
		ps, err := d.participants(ctx, m)
		if err != nil {
			return nil, err
		}
		out = append(out, ps...)
	}
	return out[:min(len(out), maxParties)], nil
}

// contacts are those of a constituent today, of a role or of all. What is asked of one of them holds for all that have its address: the
// lowest clearance, and encryption.
func (d *Desk) contacts(ctx context.Context, l constituency.Listed, role string) (out []Party, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		cs, err := constituency.Reach(tx, l.ID, constituency.DayOf(d.Clock.Now()))
		out = nil
		for _, c := range cs {
			if role != "" && c.Role != role {
				continue
			}
			to, encrypt := disclosure.OfContact(l, c), c.Encrypt
			for _, same := range cs {
				if !strings.EqualFold(same.Mail, c.Mail) {
					continue
				}
				if most := disclosure.OfContact(l, same).Clearance; most != tlp.None && (to.Clearance == tlp.None || most < to.Clearance) {
					to.Clearance = most
				}
				encrypt = encrypt || same.Encrypt
			}
			p := Party{Key: fmt.Sprintf("contact:%d", c.ID), Kind: Contact, Name: l.Name, Person: c.Name, Role: c.Role, Mail: c.Mail, Language: c.Language,
				recipient: to, constituent: l.ID, encrypt: encrypt}
			if p.Language == "" {
				p.Language = l.Language
			}
			out = append(out, p)
		}
		return err
	})
	return out, err
}

func (d *Desk) participants(ctx context.Context, m *Matter) (out []Party, err error) {
	all, err := d.Participants(ctx, m.Case)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if !p.Live(d.Clock.Now().UnixMicro()) {
			continue
		}
		mail, language, err := d.reach(ctx, p.Account)
		if err != nil {
			return nil, err
		}
		if address(mail) == nil {
			out = append(out, Party{Key: fmt.Sprintf("participant:%d", p.Account), Kind: Participant, Name: p.Name, Mail: mail, Language: language, named: true,
				recipient: disclosure.Recipient{Kind: disclosure.Public, Subject: fmt.Sprintf("person:%d", p.Account), Name: p.Name}})
		}
	}
	return out, nil
}

// address says what is wrong with a mail address.
func address(s string) error {
	if a, err := netmail.ParseAddress(s); err != nil || a.Address != s || len(s) > 254 {
		return fmt.Errorf("%.60q is no mail address", s)
	}
	return nil
}

// whom finds who a draft goes to.
func (d *Desk) whom(ctx context.Context, m *Matter, dr *Draft) ([]Party, error) {
	known, err := d.parties(ctx, m)
	if err != nil {
		return nil, err
	}
	var ps fault.Problems
	switch dr.To {
	case "":
		if dr.message != nil {
			return []Party{d.author(dr, known)}, nil
		}
		ps.Add("to", "choose who is written to")
	case Address:
		if err := address(dr.Address); err != nil {
			ps.Add("address", "%v", err)
		}
		if dr.Why == "" {
			ps.Add("why", "say why somebody is written to whom neither the registry nor the case has")
		}
		if len(ps) == 0 {
			return []Party{{Kind: Address, Mail: dr.Address, Language: dr.Language, recipient: disclosure.Anybody(), ticket: m.Ticket}}, nil
		}
	case "constituent":
		dir, err := d.Constituency.Directory(ctx)
		if err != nil {
			return nil, err
		}
		l, err := dir.ByRef(dr.Constituent)
		if err != nil {
			ps.Add("constituent", "%v", err)
			return nil, ps
		}
		all, err := d.contacts(ctx, l, dr.Role)
		if err != nil {
			return nil, err
		}
		var out []Party // one letter to an address, in however many roles it stands
		for _, p := range all {
			if !slices.ContainsFunc(out, func(o Party) bool { return strings.EqualFold(o.Mail, p.Mail) }) {
				out = append(out, p)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
		ps.Add("role", "%s has no contact of this role with a mail address", l.Name)
	default:
		for _, p := range known {
			if p.Key == dr.To {
				return []Party{p}, nil
			}
		}
		ps.Add("to", "%.60q is nobody of %s who can be written to", dr.To, m.Number)
	}
	return nil, ps
}

// author is who wrote the message that is answered: a party, when it is proven to come from one; else nobody that anybody knows.
func (d *Desk) author(dr *Draft, known []Party) Party {
	m := dr.message
	for _, p := range known {
		if m.Verified && strings.EqualFold(p.Mail, m.From) && (p.ticket == "" || p.ticket == m.Ticket) {
			p.ticket = m.Ticket
			return p
		}
	}
	return Party{Kind: Address, Name: m.FromName, Mail: m.From, recipient: disclosure.Anybody(), ticket: m.Ticket}
}

// Roles are those of contacts that letters go to, and "" for all.
func Roles() []string {
	return []string{"", "security", "abuse", "technical", "management", "press", "other"}
}
