// Package identity says who acts and what they may do: accounts, how they sign in, sessions, tokens, and the roles that give
// permissions. What left the nation is disclosure's, what was done is audit's.
package identity

import "tocsin/internal/platform/act"

// LocalActor is whoever has the data directory in hand: the command line.
var LocalActor = act.Actor{Kind: act.Local, ID: "local", Name: "Command line"}

// Allowed tells whether the actor has the permission. The command line and Tocsin itself have every one, everybody else what
// their rights say; Open is everybody's.
func Allowed(a act.Actor, p act.Permission) bool {
	switch {
	case p == "":
		return false
	case p == Open || a.Kind == act.Local || a.Kind == act.System:
		return true
	}
	return a.Rights != nil && a.Rights.Permissions[p]
}
