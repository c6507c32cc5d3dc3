package disclosure

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
)

// RecipientKind is what sort of recipient the rules of TLP see.
type RecipientKind string

// The kinds of recipient.
const (
	Staff        RecipientKind = "staff"           // of the national CERT
	Constituent  RecipientKind = "constituent"     // an organisation of the constituency, or somebody of it
	SectorCERT   RecipientKind = "sector-cert"     // the CERT that looks after a branch, or somebody of it
	Authority    RecipientKind = "authority"       // a competent authority
	Enforcement  RecipientKind = "law-enforcement" // police, prosecution
	Partner      RecipientKind = "partner"         // a CERT abroad
	GuestPartner RecipientKind = "guest-partner"   // a CERT abroad, by web and mail
	Public       RecipientKind = "public"          // anybody
)

// RecipientKinds lists the kinds, the nearest first.
func RecipientKinds() []RecipientKind {
	return []RecipientKind{Staff, Constituent, SectorCERT, Authority, Enforcement, Partner, GuestPartner, Public}
}

// Recipient is to whom something would leave.
type Recipient struct {
	Kind    RecipientKind
	Subject string // "person:12", "service:4", "constituent:7", "public:public": how ledger, circles and overrides name it
	Name    string // for people
	// Organisations are the constituents that the recipient is, or belongs to.
	Organisations []int64
	// Branch are the constituents that a sector CERT looks after.
	Branch []int64
	// Clearance is the highest label that the recipient may be given; tlp.None when nobody said.
	Clearance tlp.Label
	// Session is that of a signed-in browser, 0 without: page views are summed up by it.
	Session int64

	placed bool // it is known which constituent a sector CERT is, and which it looks after
}

// In is the recipient with its place in the registry: of a sector CERT which constituent it is, and which it looks after. Clear finds
// that out by itself; who sends to many has it found out once.
func (r Recipient) In(d *constituency.Directory) Recipient {
	r.placed = true
	if r.Kind != SectorCERT && (r.Kind != Constituent || r.Person()) {
		return r
	}
	isCERT := func(id int64) bool {
		l, ok := d.ByID(id)
		return ok && (l.Kind == constituency.SectorCERT || l.Kind == constituency.SpecialCERT)
	}
	if r.Kind == SectorCERT {
		r.Organisations = slices.Concat(r.Organisations, slices.DeleteFunc(slices.Clone(r.Branch), func(id int64) bool { return !isCERT(id) }))
		return r
	}
	for _, id := range r.Organisations {
		if !isCERT(id) {
			continue
		}
		l, _ := d.ByID(id)
		r.Kind = SectorCERT
		for _, below := range d.Delegated(l) {
			r.Branch = append(r.Branch, below.ID)
		}
	}
	return r
}

// Person tells whether the recipient is one named person, which RED asks for.
func (r Recipient) Person() bool { return len(r.Subject) > 7 && r.Subject[:7] == "person:" }

// covers tells whether an organisation of the recipient is among the constituents, tends whether one of its branch is.
func (r Recipient) covers(constituents []int64) bool {
	return slices.ContainsFunc(constituents, func(c int64) bool { return slices.Contains(r.Organisations, c) })
}

func (r Recipient) tends(constituents []int64) bool {
	return slices.ContainsFunc(constituents, func(c int64) bool { return slices.Contains(r.Branch, c) })
}

// RecipientOf is the recipient that an actor is: what a page shows leaves to who asks for it. Of several roles the one with
// the most counts. The command line is staff: it holds the data directory. Of a sector CERT's constituents Clear finds out
// which it is and which it looks after.
func RecipientOf(a act.Actor) Recipient {
	r := Recipient{Kind: Public, Subject: act.Anybody.Subject(), Name: a.Name}
	switch {
	case a.Kind == act.Local || a.Kind == act.System:
		r.Kind, r.Subject = Staff, a.Subject()
		return r
	case a.Rights == nil || a.Kind == act.Public:
		return r
	}
	r.Subject, r.Session = a.Subject(), a.Rights.Session
	has := func(role identity.Role) bool { return slices.Contains(a.Rights.Roles, string(role)) }
	switch {
	case a.Rights.Staff:
		r.Kind = Staff
	case has(identity.SectorCERT):
		r.Kind, r.Branch = SectorCERT, slices.Clone(a.Rights.Constituents)
	case has(identity.Manager), has(identity.Member):
		r.Kind, r.Organisations = Constituent, slices.Clone(a.Rights.Constituents)
	case has(identity.Authority):
		r.Kind = Authority
	case has(identity.Enforcement):
		r.Kind = Enforcement
	case has(identity.Partner):
		r.Kind = Partner
	case has(identity.GuestPartner):
		r.Kind = GuestPartner
	}
	return r
}

// OfConstituent is a constituent as an organisation: whom its mail, its webhook and its feed reach. RED never leaves to an
// organisation.
func OfConstituent(id int64, name string) Recipient {
	return Recipient{Kind: Constituent, Subject: fmt.Sprintf("constituent:%d", id), Name: name, Organisations: []int64{id}}
}

// OfContact is a constituent as one of its contacts, who may be cleared for less than the organisation.
func OfContact(l constituency.Listed, c constituency.Contact) Recipient {
	to := OfConstituent(l.ID, l.Name)
	to.Clearance, _ = tlp.Parse(c.Clearance) // checked when it was written
	return to
}

// Anybody is the public: what anybody may be shown.
func Anybody() Recipient { return RecipientOf(act.Anybody) }

// Channel is an exit.
type Channel string

// The exits.
const (
	Page    Channel = "page"    // a page of the console, or of the open web
	Portal  Channel = "portal"  // a page of the constituents' portal
	REST    Channel = "rest"    // a poll by a program
	Export  Channel = "export"  // a file that a person downloads
	Feed    Channel = "feed"    // a list published for machines to act upon
	Mail    Channel = "mail"    // a digest or a message
	Webhook Channel = "webhook" // a push to a program
)

// Channels lists the exits.
func Channels() []Channel { return []Channel{Page, Portal, REST, Export, Feed, Mail, Webhook} }

// Automated tells whether no person stands at the other end of the exit at that moment.
func (c Channel) Automated() bool { return c == REST || c == Feed || c == Mail || c == Webhook }

// Push tells whether the exit sends by itself, instead of being asked.
func (c Channel) Push() bool { return c == Mail || c == Webhook }

// Viewed tells whether what leaves is looked at inside Tocsin: its views are summed up in the ledger by session and day.
func (c Channel) Viewed() bool { return c == Page || c == Portal }

// Outside tells whether a permission is held by people from outside: what their pages and operations show must be cleared.
func Outside(p act.Permission) bool {
	capability, _, _ := strings.Cut(string(p), ".")
	return slices.Contains([]string{"portal", "shared"}, capability)
}
