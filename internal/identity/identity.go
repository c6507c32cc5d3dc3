// Package identity says who acts and what they may do. Until sign-in exists there is one local actor who may do
// everything on a loopback address.
package identity

import "tocsin/internal/platform/act"

// LocalActor is whoever sits at this machine.
var LocalActor = act.Actor{Kind: act.Local, ID: "local", Name: "Local user"}

// Allowed tells whether the actor has the permission. Everybody local has every permission until roles exist.
func Allowed(a act.Actor, p act.Permission) bool {
	return p != "" && (a.Kind == act.Local || a.Kind == act.System)
}
