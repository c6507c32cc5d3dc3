// Package fault has the few kinds of error that a caller can act on. Pages, operations and the command line map a kind
// once; an error without a kind is internal: logged in full, shown as a reference.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is what a caller can do about an error.
type Kind int

// The kinds.
const (
	Internal    Kind = iota // a fault of Tocsin or its machine
	Invalid                 // the input is wrong: mend it
	NotFound                // there is no such thing
	Conflict                // somebody else changed it: look again
	Forbidden               // not allowed
	Unavailable             // try again later
)

// String is the kind's name as it stands in problem+json and logs.
func (k Kind) String() string {
	return [...]string{"internal", "invalid", "not-found", "conflict", "forbidden", "unavailable"}[k]
}

type kinded struct {
	kind Kind
	err  error
}

func (k *kinded) Error() string { return k.err.Error() }
func (k *kinded) Unwrap() error { return k.err }

// New returns an error of the kind. The message is for people: what is wrong, where, what to do. %w wraps.
func New(k Kind, format string, args ...any) error {
	return &kinded{k, fmt.Errorf(format, args...)}
}

// Invalidf is New(Invalid, …).
func Invalidf(format string, args ...any) error { return New(Invalid, format, args...) }

// NotFoundf is New(NotFound, …).
func NotFoundf(format string, args ...any) error { return New(NotFound, format, args...) }

// Conflictf is New(Conflict, …).
func Conflictf(format string, args ...any) error { return New(Conflict, format, args...) }

// KindOf is the kind of the outermost kinded error in err's chain, Internal when there is none.
func KindOf(err error) Kind {
	var k *kinded
	if errors.As(err, &k) {
		return k.kind
	}
	var p Problems
	if errors.As(err, &p) {
		return Invalid
	}
	return Internal
}

// Problem is one thing wrong in an input, with its place. Line and Column count from 1; 0 is unknown.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int64  `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// String is "file:line:column: field: message", with what is unknown left out.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, "%d:", p.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems is an Invalid error that names every place.
type Problems []Problem

// Add names another place.
func (ps *Problems) Add(field, format string, args ...any) {
	*ps = append(*ps, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Err is the problems as an error; nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Error lists the first ten problems, one a line.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i == 10 {
			fmt.Fprintf(&b, "\n… and %d more", len(ps)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String())
	}
	return b.String()
}
