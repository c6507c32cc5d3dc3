// Package act names who does what: the actor behind every write and the permission every route declares. It holds no
// policy; identity decides what an actor may do and says it in the actor's rights.
package act

import "slices"

// Kind tells what sort of actor acts.
type Kind string

// The kinds of actor.
const (
	Local   Kind = "local"   // a person at the machine, with the data directory in hand: the command line
	System  Kind = "system"  // Tocsin itself: jobs, schedules, upkeep
	Person  Kind = "person"  // somebody who signed in
	Service Kind = "service" // a program with a token or a client certificate
	Public  Kind = "public"  // anybody: nobody signed in
)

// Actor is who acts.
type Actor struct {
	Kind   Kind
	ID     string  // stable within its kind
	Name   string  // for people to read
	Rights *Rights // nil: none, or for Local and System everything
}

// Subject is the actor as "kind:id", how audit rows and the egress ledger name it.
func (a Actor) Subject() string { return string(a.Kind) + ":" + a.ID }

// Constituents are those an actor from outside acts for, in order; nil for everybody else.
func (a Actor) Constituents() []int64 {
	if a.Rights == nil {
		return nil
	}
	return a.Rights.Constituents
}

// Manages are the constituents whose people an actor from outside may invite and remove; nil for everybody else.
func (a Actor) Manages() []int64 {
	if a.Rights == nil {
		return nil
	}
	return a.Rights.Manages
}

// Rights are what identity found an actor may do, once per request. They are not changed after that.
type Rights struct {
	Roles       []string
	Permissions map[Permission]bool
	// Constituents are those whose objects somebody from outside may see and act for: their own, and for a sector CERT those
	// of its delegated branch. Whatever a route of theirs reads or writes is limited to them in the query itself.
	Constituents []int64
	// Manages are those of Constituents whose people they may invite and remove: who manages one and is a member of another
	// does not manage both.
	Manages []int64
	Staff   bool  // of the CERT itself
	Account int64 // of a person or of the owner of a token; 0 without
	Session int64 // of a signed-in browser; 0 without
}

// Covers tells whether the rights reach the objects of a constituent; those of staff reach everybody's.
func (r *Rights) Covers(constituent int64) bool {
	return r != nil && (r.Staff || slices.Contains(r.Constituents, constituent))
}

// Machine is the actor of everything that Tocsin does by itself.
var Machine = Actor{Kind: System, ID: "tocsin", Name: "Tocsin"}

// Anybody is the actor of a request that nobody signed in for.
var Anybody = Actor{Kind: Public, ID: "public", Name: "public"}

// Act is one write: who, what, on what. Object is "kind:id"; Detail is a JSON object or empty.
type Act struct {
	Actor  Actor
	Verb   string // "constituency.import", "file.ingest" …
	Object string
	Detail string
}

// Permission is what a route asks of its caller, "capability.verb": "finding.read", "constituency.write".
type Permission string
