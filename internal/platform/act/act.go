// Package act names who does what: the actor behind every write and the permission every route declares. It holds no
// policy; identity decides what an actor may do.
package act

// Kind tells what sort of actor acts.
type Kind string

// The kinds of actor.
const (
	Local  Kind = "local"  // a person at the machine, before sign-in exists
	System Kind = "system" // Tocsin itself: jobs, schedules, upkeep
)

// Actor is who acts.
type Actor struct {
	Kind Kind
	ID   string // stable within its kind
	Name string // for people to read
}

// Machine is the actor of everything that Tocsin does by itself.
var Machine = Actor{Kind: System, ID: "tocsin", Name: "Tocsin"}

// Act is one write: who, what, on what. Object is "kind:id"; Detail is a JSON object or empty.
type Act struct {
	Actor  Actor
	Verb   string // "constituency.import", "file.ingest" …
	Object string
	Detail string
}

// Permission is what a route asks of its caller, "capability.verb": "finding.read", "constituency.write".
type Permission string
