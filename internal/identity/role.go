package identity

import (
	"slices"

	"tocsin/internal/platform/act"
)

// Role is a set of permissions that an account, token or certificate is given.
type Role string

// The roles. Administrator to Reader are of the CERT's staff; the others are from outside.
const (
	Administrator Role = "administrator"   // accounts, feeds, the nation's profile
	Duty          Role = "duty-officer"    // what the shift needs: all of an analyst, and what goes out
	Analyst       Role = "analyst"         // findings, constituency, intake
	Reader        Role = "reader"          // sees what the staff sees, changes nothing
	Manager       Role = "manager"         // of a constituent: its people, contacts and assets
	Member        Role = "member"          // of a constituent: sees and answers
	SectorCERT    Role = "sector-cert"     // as a manager, over the branch that is delegated to it
	Authority     Role = "authority"       // a competent authority: what the law gives it
	Enforcement   Role = "law-enforcement" // what the law gives it
	Partner       Role = "partner"         // a CERT abroad, with a node of its own
	GuestPartner  Role = "guest-partner"   // a CERT abroad that takes part by web and mail
)

// Permissions that belong to no other capability.
const (
	// Open is everybody's, signed in or not: sign-in itself.
	Open act.Permission = "identity.open"
	// Own is that of everybody with an account: their own profile, sessions, tokens.
	Own act.Permission = "identity.own"
	// Read and Write are of accounts, roles and service tokens.
	Read  act.Permission = "identity.read"
	Write act.Permission = "identity.write"
	// Recover is that of an administrator who gives an account back to its owner, together with another one.
	Recover act.Permission = "identity.recover"

	manage act.Permission = "portal.manage"
)

var (
	staffRead = []act.Permission{"situation.read", "finding.read", "constituency.read", "nation.read", "feed.read", "file.read",
		"disclosure.read", "audit.read", "view.write", "notify.read", "mailbox.read", "digest.read", "incident.read"}
	analystWrite = []act.Permission{"finding.write", "constituency.write", "constituency.approve", "file.ingest", "notify.stop", "mailbox.write", "incident.write"}
	dutyWrite    = []act.Permission{"feed.rule", "disclosure.write", "disclosure.override", "notify.write", "notify.release", "digest.write", "incident.rule"}
	portalRead   = []act.Permission{"portal.read", "portal.download"}
	portalWrite  = []act.Permission{"portal.write"}
	portalManage = []act.Permission{manage}
	takePart     = act.Permission("shared.take-part") // in a case that one was invited to
)

// roles says what each role may do. A permission that stands in none of them is nobody's, and a route that asks for it is a
// fault at the start.
var roles = map[Role][]act.Permission{
	Administrator: slices.Concat(staffRead, analystWrite, dutyWrite, []act.Permission{Read, Write, Own, "feed.write",
		"nation.write", "audit.write", Recover}),
	Duty:         slices.Concat(staffRead, analystWrite, dutyWrite, []act.Permission{Own}),
	Analyst:      slices.Concat(staffRead, analystWrite, []act.Permission{Own}),
	Reader:       slices.Concat(staffRead, []act.Permission{Own}),
	Manager:      slices.Concat(portalRead, portalWrite, portalManage, []act.Permission{Own, takePart}),
	Member:       slices.Concat(portalRead, portalWrite, []act.Permission{Own, takePart}),
	SectorCERT:   slices.Concat(portalRead, portalWrite, portalManage, []act.Permission{Own, takePart}),
	Authority:    {Own, "shared.read", takePart},
	Enforcement:  {Own, "shared.read", takePart},
	Partner:      {Own, "shared.read", takePart},
	GuestPartner: {Own, "shared.read", takePart},
}

// Staff tells whether a role is of the CERT itself.
func (r Role) Staff() bool {
	return r == Administrator || r == Duty || r == Analyst || r == Reader
}

// OfConstituent tells whether a role is held for a constituent, which must then be named with it.
func (r Role) OfConstituent() bool { return r == Manager || r == Member || r == SectorCERT }

// given tells whether a constituent's own managers hand the role out.
func (r Role) given() bool { return r == Manager || r == Member }

// Permissions lists what the role may do; a role that does not exist may do nothing.
func (r Role) Permissions() []act.Permission { return slices.Clone(roles[r]) }

// Roles lists all roles, the most powerful first.
func Roles() []Role {
	return []Role{Administrator, Duty, Analyst, Reader, Manager, Member, SectorCERT, Authority, Enforcement, Partner, GuestPartner}
}

// Known tells whether some role, or everybody, has the permission.
func Known(p act.Permission) bool {
	if p == Open {
		return true
	}
	for _, ps := range roles {
		if slices.Contains(ps, p) {
			return true
		}
	}
	return false
}
