package app

import (
	"context"
	netmail "net/mail"

	notifyapi "tocsin/internal/notify/api"
	notifyweb "tocsin/internal/notify/web"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// ownAddress is the mail address of who asks: the login of their account, when it is one. Tests go to nobody else.
func (s *Server) ownAddress(ctx context.Context, a act.Actor) (string, error) {
	if a.Rights == nil || a.Rights.Account == 0 {
		return "", fault.New(fault.Forbidden, "a test goes to the address of an account, and you have none")
	}
	account, err := s.world.Identity.ByID(ctx, a.Rights.Account)
	if err != nil {
		return "", err
	}
	if to, err := netmail.ParseAddress(account.Login); err != nil || to.Address != account.Login {
		return "", fault.Invalidf("a test goes to the address of your account, and the login %s is no mail address", account.Login)
	}
	return account.Login, nil
}

func (s *Server) outboxRoom() notifyweb.Config {
	w := s.world
	return notifyweb.Config{Outbox: w.Outbox, Address: s.ownAddress, Constituent: w.ConstituentName, Find: w.ConstituentByRef}
}

func (s *Server) outboxOperations() notifyapi.Config {
	return notifyapi.Config{Outbox: s.world.Outbox, Address: s.ownAddress}
}
