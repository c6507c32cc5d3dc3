package web

import (
	"context"

	"tocsin/internal/platform/act"
)

// Told is what a constituent was told last, and what it answered.
type Told struct {
	Digests []ToldDigest
	Answers []ToldAnswer
}

// ToldDigest is a digest to a constituent.
type ToldDigest struct {
	ID, At             int64
	Ticket, Frequency  string
	Fresh, Still, Gone int64
	Answers            int64
}

// ToldAnswer is an answer of a constituent.
type ToldAnswer struct {
	Digest, At int64
	Answer, By string
	Findings   int64
}

// tellings is the permission to see what constituents were told.
const tellings act.Permission = "digest.read"

// Teller finds what a constituent was told last, the latest first, a few of each.
type Teller func(ctx context.Context, constituent int64) (Told, error)
