package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"

	"tocsin/internal/platform/fault"
)

// Page is a part of a list. Next is the cursor of what follows, empty at the end.
type Page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Ask again with cursor set to this for what follows; absent at the end"`
}

// NewPage makes a page whose items are never null in JSON.
func NewPage[T any](items []T, next string) *Page[T] {
	if items == nil {
		items = []T{}
	}
	return &Page[T]{Items: items, Next: next}
}

// Paging is what every operation that lists takes in: embed it in the input.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"2000" doc:"Where to go on: next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"At most so many items"`
}

// Cursor writes a place in a list as an opaque text: base64url of its JSON.
func Cursor(place any) (string, error) {
	b, err := json.Marshal(place)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// ReadCursor reads what Cursor wrote into place. Anything else is a fault of kind Invalid; the caller still checks the
// values, which come from outside.
func ReadCursor(cursor string, place any) error {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(cursor) > 2000 {
		return errCursor
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(place) != nil {
		return errCursor
	}
	if _, err := d.Token(); err != io.EOF {
		return errCursor
	}
	return nil
}

var errCursor = fault.Invalidf("the cursor is not one that this list gave out: begin again without it")
