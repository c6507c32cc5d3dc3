package app

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// invitation is a mail with the link by which one person joins.
type invitation struct {
	link    *identity.Link
	message mail.Raw
}

// Ref implements disclosure.Item.
func (i invitation) Ref() disclosure.Ref {
	return disclosure.Ref(fmt.Sprintf("invitation:%d", i.link.ID))
}

// person is how the gate and its ledger name who is invited.
func (i invitation) person() string { return fmt.Sprintf("person:invited-%d", i.link.ID) }

// Marking implements disclosure.Item. It stays with the organisation that somebody is invited for; who has none is of the
// community.
func (i invitation) Marking() disclosure.Marking {
	switch {
	case i.link.Constituent != 0:
		return disclosure.Marking{Label: tlp.AmberStrict, Owners: []int64{i.link.Constituent}}
	case i.link.Role.Staff():
		return disclosure.Marking{Label: tlp.AmberStrict}
	}
	return disclosure.Marking{Label: tlp.Green}
}

// References implements disclosure.Item.
func (i invitation) References() []disclosure.Item { return nil }

// recipient is who is invited, of the kind that they become by it.
func (i invitation) recipient() disclosure.Recipient {
	to := disclosure.Recipient{Subject: i.person(), Name: i.link.Login}
	switch i.link.Role {
	case identity.Manager, identity.Member:
		to.Kind, to.Organisations = disclosure.Constituent, []int64{i.link.Constituent}
	case identity.SectorCERT:
		to.Kind, to.Branch = disclosure.SectorCERT, []int64{i.link.Constituent}
	case identity.Authority:
		to.Kind = disclosure.Authority
	case identity.Enforcement:
		to.Kind = disclosure.Enforcement
	case identity.Partner:
		to.Kind = disclosure.Partner
	case identity.GuestPartner:
		to.Kind = disclosure.GuestPartner
	default:
		to.Kind = disclosure.Staff
	}
	return to
}

// invitationMail sends invitations through the gate; nil without a mail server. They do not wait in the outbox, where the link could
// be read by others, but its switch stops them too.
func (s *Server) invitationMail() func(ctx context.Context, l *identity.Link, subject, text string) error {
	if s.world.Mail == nil {
		return nil
	}
	return func(ctx context.Context, l *identity.Link, subject, text string) error {
		if on, err := s.world.Outbox.Switch(ctx); err != nil || !on.Sending {
			return errors.Join(err, fault.New(fault.Unavailable, "all sending is switched off"))
		}
		b, err := s.world.Mail.Render(mail.Message{To: (&netmail.Address{Name: l.Name, Address: l.Login}).String(), Subject: subject, Text: text,
			Key: fmt.Sprintf("invitation-%d-%d", l.ID, l.Created)})
		if err != nil {
			return err
		}
		p := notify.Plain{Letter: notify.Letter{Kind: "invitation", To: l.Login, Constituent: l.Constituent}, Message: b}
		if s.world.MailKeys.Protect(ctx, &p); p.Err != nil {
			return p.Err
		}
		it := invitation{l, mail.Raw{To: l.Login, Bytes: p.Message}}
		out, err := s.clearInvitation(ctx, it)
		if err != nil {
			return err
		}
		line, err := s.world.Mail.Dial(ctx)
		if err != nil {
			return err
		}
		defer line.Close()
		return line.Send(ctx, out)
	}
}

func (s *Server) clearInvitation(ctx context.Context, it invitation) (out egress.Cleared[mail.Raw], err error) {
	err = s.world.DB().View(ctx, func(tx *db.Tx) error {
		cleared, _, err := disclosure.Clear(ctx, tx, s.world.Gate, it.recipient(), disclosure.Mail, []invitation{it}, func(i invitation) mail.Raw { return i.message })
		if err != nil {
			return err
		}
		messages, grant, err := cleared.Open()
		if err != nil {
			return err
		}
		if len(messages) != 1 {
			return fmt.Errorf("the gate keeps the invitation of %s back", it.link.Login)
		}
		out, err = disclosure.Whole(messages[0], grant)
		return err
	})
	return out, err
}
