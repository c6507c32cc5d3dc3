package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	auditapi "tocsin/internal/audit/api"
	auditweb "tocsin/internal/audit/web"
	constituencyapi "tocsin/internal/constituency/api"
	specialapi "tocsin/internal/constituency/special/api"
	specialweb "tocsin/internal/constituency/special/web"
	constituencyweb "tocsin/internal/constituency/web"
	"tocsin/internal/disclosure"
	disclosureapi "tocsin/internal/disclosure/api"
	disclosureweb "tocsin/internal/disclosure/web"
	eventapi "tocsin/internal/event/api"
	digestapi "tocsin/internal/event/digest/api"
	digestweb "tocsin/internal/event/digest/web"
	feedapi "tocsin/internal/event/feed/api"
	feedweb "tocsin/internal/event/feed/web"
	eventweb "tocsin/internal/event/web"
	"tocsin/internal/identity"
	identityapi "tocsin/internal/identity/api"
	passkeyapi "tocsin/internal/identity/passkey/api"
	providerapi "tocsin/internal/identity/provider/api"
	identityweb "tocsin/internal/identity/web"
	affectedapi "tocsin/internal/incident/affected/api"
	affectedweb "tocsin/internal/incident/affected/web"
	incidentapi "tocsin/internal/incident/api"
	deadlineapi "tocsin/internal/incident/deadline/api"
	deadlineweb "tocsin/internal/incident/deadline/web"
	filingapi "tocsin/internal/incident/filing/api"
	filingweb "tocsin/internal/incident/filing/web"
	leakapi "tocsin/internal/incident/leak/api"
	leakweb "tocsin/internal/incident/leak/web"
	letterapi "tocsin/internal/incident/letter/api"
	letterweb "tocsin/internal/incident/letter/web"
	incidentweb "tocsin/internal/incident/web"
	yearlyapi "tocsin/internal/incident/yearly/api"
	yearlyweb "tocsin/internal/incident/yearly/web"
	"tocsin/internal/nation"
	notifyapi "tocsin/internal/notify/api"
	mailboxapi "tocsin/internal/notify/mailbox/api"
	mailboxweb "tocsin/internal/notify/mailbox/web"
	signingapi "tocsin/internal/notify/signing/api"
	signingweb "tocsin/internal/notify/signing/web"
	notifyweb "tocsin/internal/notify/web"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/web"
	portalapi "tocsin/internal/portal/api"
	portalweb "tocsin/internal/portal/web"
	"tocsin/internal/situation"
	situationapi "tocsin/internal/situation/api"
	sitrepapi "tocsin/internal/situation/sitrep/api"
	sitrepweb "tocsin/internal/situation/sitrep/web"
	statisticapi "tocsin/internal/situation/statistic/api"
	statisticweb "tocsin/internal/situation/statistic/web"
	situationweb "tocsin/internal/situation/web"
	viewapi "tocsin/internal/view/api"
	viewweb "tocsin/internal/view/web"
)

// console puts the rooms together.
func (s *Server) console(ctx context.Context) (http.Handler, error) {
	w := s.world
	profile, _, err := w.Nation.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the nation's profile: %w", err)
	}
	keys, err := s.passkeys(profile.Team.Name)
	if err != nil {
		return nil, err
	}
	rooms := append(s.rooms(profile, s.ways(keys)), s.passkeyRoom(keys), s.providerRoom())
	for _, room := range rooms {
		for _, rt := range room.Routes {
			if err := s.declare(rt.Pattern(), rt.Permission()); err != nil {
				return nil, err
			}
			s.allow(rt.Pattern(), rt.Permission(), rt.Body())
		}
	}
	return web.New(web.Config{Nation: profile.Name, Team: profile.Team.Name, Version: Release(), World: w.Name(),
		Languages: profile.Languages, Zone: profile.Location(), Clock: w.Clock(), Actor: actor, Allowed: identity.Allowed, Log: s.log,
		SignIn: "/sign-in", Home: identityweb.Home, Secure: s.secure, Outside: disclosure.Outside, Client: Client, Took: s.took,
		Views: viewweb.Menu(w.Views), Sending: notifyweb.Frame(w.Outbox, identity.Allowed)},
		rooms...)
}

// Declared is a page, action or operation that a server answers, and what it asks of its caller.
type Declared struct {
	Pattern    string // method and path, as http.ServeMux has it: "GET /findings/{id}"
	Permission act.Permission
}

// Declared lists what the rooms declared, in their order.
func (s *Server) Declared() []Declared { return slices.Clone(s.declared) }

// declare refuses a route whose permission no role has: nobody could ever use it.
func (s *Server) declare(pattern string, p act.Permission) error {
	if !identity.Known(p) {
		return fmt.Errorf("%s asks for the permission %q, which no role has: add it to the table of roles in identity", pattern, p)
	}
	s.declared = append(s.declared, Declared{pattern, p})
	if method, path, _ := strings.Cut(pattern, " "); p == identity.Open && method != http.MethodGet {
		path, _, _ = strings.Cut(path, "/{")
		s.forms = append(s.forms, path)
	}
	return nil
}

// allow lets a form of strangers send more than the few words that forms have, when its room bounds it itself.
func (s *Server) allow(pattern string, p act.Permission, body int64) {
	if p == identity.Open && body > formBody {
		s.large.Handle(pattern, bound(body))
	}
}

// bound is how much a form may send; it stands in a ServeMux to be found by a request's path.
type bound int64

// ServeHTTP is never called: what is found is asked for its bound.
func (bound) ServeHTTP(http.ResponseWriter, *http.Request) {}

// rooms are the console's; a new one is a line here.
func (s *Server) rooms(profile *nation.Profile, ways []identityweb.Way) []web.Room {
	w := s.world
	return []web.Room{
		identityweb.Room(identityweb.Config{Store: w.Identity, Team: profile.Team.Name, URL: strings.TrimSuffix(s.PublicURL().String(), "/"), Name: w.ConstituentName, Find: w.ConstituentByRef, Clear: s.clearColleagues, Ways: ways, Mail: s.invitationMail()}),
		viewweb.Room(w.Views),
		situationweb.Room(w.Situation, s.sharer(), profile.SectorName),
		sitrepweb.Room(w.Sitreps),
		statisticweb.Room(w.Statistics),
		incidentweb.Room(w.Incidents, profile.SectorName),
		eventweb.Room(w.Findings, w.Intake, profile.SectorName, w.Digest),
		deadlineweb.Room(w.Deadlines, profile.SectorName),
		constituencyweb.Room(w.Constituency, w.Nation, s.toldLast),
		digestweb.Room(w.Digest, profile.SectorName),
		affectedweb.Room(w.Affected),
		letterweb.Room(w.Letters),
		leakweb.Room(w.Leaks),
		specialweb.Room(w.Special),
		yearlyweb.Room(w.Yearly),
		mailboxweb.Room(w.Mailbox),
		filingweb.Room(w.Filing),
		portalweb.Room(w.Portal, profile.SectorName),
		disclosureweb.Room(w.Gate),
		notifyweb.Room(s.outboxRoom()),
		feedweb.Room(feedweb.Config{Feeds: w.Feeds, Collect: w.Collect, Original: w.Intake.Original}),
		signingweb.Room(w.MailKeys),
		auditweb.Room(w.Audit),
	}
}

// sharer tells the national picture to those outside.
func (s *Server) sharer() *situation.Sharer {
	return &situation.Sharer{Situation: s.world.Situation, Gate: s.world.Gate, Feeds: s.world.Feeds}
}

// rest puts the operations together; a room's are a line here.
func (s *Server) rest() (http.Handler, error) {
	w := s.world
	var routes []api.Route
	routes = append(routes, identityapi.Routes(w.Identity)...)
	routes = append(routes, passkeyapi.Routes(w.Identity)...)
	routes = append(routes, providerapi.Routes(w.Identity, s.options.Providers)...)
	routes = append(routes, eventapi.Routes(w.Findings, w.Intake)...)
	routes = append(routes, incidentapi.Routes(w.Incidents)...)
	routes = append(routes, digestapi.Routes(w.Digest)...)
	routes = append(routes, affectedapi.Routes(w.Affected)...)
	routes = append(routes, letterapi.Routes(w.Letters)...)
	routes = append(routes, leakapi.Routes(w.Leaks)...)
	routes = append(routes, viewapi.Routes(w.Views)...)
	routes = append(routes, situationapi.Routes(w.Situation, s.sharer())...)
	routes = append(routes, sitrepapi.Routes(w.Sitreps)...)
	routes = append(routes, statisticapi.Routes(w.Statistics)...)
	routes = append(routes, constituencyapi.Routes(w.Constituency, w.Nation)...)
	routes = append(routes, specialapi.Routes(w.Special)...)
	routes = append(routes, yearlyapi.Routes(w.Yearly)...)
	routes = append(routes, mailboxapi.Routes(w.Mailbox)...)
	routes = append(routes, filingapi.Routes(w.Filing)...)
	routes = append(routes, portalapi.Routes(w.Portal)...)
	routes = append(routes, feedapi.Routes(feedapi.Config{Feeds: w.Feeds, Collect: w.Collect, Original: w.Intake.Original})...)
	routes = append(routes, signingapi.Routes(w.MailKeys)...)
	routes = append(routes, deadlineapi.Routes(w.Deadlines)...)
	routes = append(routes, auditapi.Routes(w.Audit)...)
	routes = append(routes, disclosureapi.Routes(w.Gate)...)
	routes = append(routes, notifyapi.Routes(s.outboxOperations())...)
	for _, rt := range routes {
		if err := s.declare(api.PathOf(rt), api.PermissionOf(rt)); err != nil {
			return nil, err
		}
	}
	return api.New(api.Config{Title: "Tocsin", Version: Release(),
		Description: "The REST interface of a national CERT: findings, events, feeds, files and the constituency.",
		Actor:       actor, Allowed: identity.Allowed, Outside: disclosure.Outside, Took: s.took, Log: s.log}, routes...)
}

// took records what staff take away as a file: it does not pass the gate, so the ledger does not have it.
func (s *Server) took(ctx context.Context, a act.Actor, path, query string) error {
	detail, err := json.Marshal(map[string]string{"query": query[:min(len(query), 4000)]})
	if err != nil {
		return err
	}
	return s.world.DB().Act(ctx, act.Act{Actor: a, Verb: "export.take", Object: "path:" + path, Detail: string(detail)}, func(*db.Tx) error { return nil })
}
