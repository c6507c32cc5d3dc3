package app

import (
	"context"
	"fmt"
	"net/http"

	constituencyapi "tocsin/internal/constituency/api"
	constituencyweb "tocsin/internal/constituency/web"
	eventapi "tocsin/internal/event/api"
	feedapi "tocsin/internal/event/feed/api"
	feedweb "tocsin/internal/event/feed/web"
	eventweb "tocsin/internal/event/web"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/web"
	situationapi "tocsin/internal/situation/api"
	situationweb "tocsin/internal/situation/web"
	viewapi "tocsin/internal/view/api"
	viewweb "tocsin/internal/view/web"
)

// actor is who sends a request: until sign-in exists whoever sits at this machine.
func actor(*http.Request) act.Actor { return identity.LocalActor }

// console puts the rooms together.
func (s *Server) console(ctx context.Context) (http.Handler, error) {
	w := s.world
	profile, _, err := w.Nation.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the nation's profile: %w", err)
	}
	return web.New(web.Config{Nation: profile.Name, Team: profile.Team.Name, Version: Release(), World: w.Name(), LoopbackOnly: true,
		Languages: profile.Languages, Zone: profile.Location(), Clock: w.Clock(), Actor: actor, Allowed: identity.Allowed, Log: s.log,
		Views: viewweb.Menu(w.Views)},
		s.rooms(profile)...)
}

// rooms are the console's; a new one is a line here.
func (s *Server) rooms(profile *nation.Profile) []web.Room {
	w := s.world
	return []web.Room{
		viewweb.Room(w.Views),
		situationweb.Room(w.Situation, profile.SectorName),
		eventweb.Room(w.Findings, w.Intake, profile.SectorName),
		constituencyweb.Room(w.Constituency, w.Nation),
		feedweb.Room(feedweb.Config{Feeds: w.Feeds, Collect: w.Collect, Original: w.Intake.Original}),
	}
}

// rest puts the operations together; a room's are a line here.
func (s *Server) rest() (http.Handler, error) {
	w := s.world
	var routes []api.Route
	routes = append(routes, eventapi.Routes(w.Findings, w.Intake)...)
	routes = append(routes, viewapi.Routes(w.Views)...)
	routes = append(routes, situationapi.Routes(w.Situation)...)
	routes = append(routes, constituencyapi.Routes(w.Constituency, w.Nation)...)
	routes = append(routes, feedapi.Routes(feedapi.Config{Feeds: w.Feeds, Collect: w.Collect, Original: w.Intake.Original})...)
	return api.New(api.Config{Title: "Tocsin", Version: Release(),
		Description: "The REST interface of a national CERT: findings, events, feeds, files and the constituency.",
		Actor:       actor, Allowed: identity.Allowed, Log: s.log}, routes...)
}
