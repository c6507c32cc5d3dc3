// Package view keeps the lists that people saved: a page of the console with its query, under a name, for oneself or shared
// with all of the staff. What such a list shows is its page's business, and who may see that too.
package view

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// View is a saved list.
type View struct {
	ID     int64
	Name   string
	Path   string // "/findings"
	Query  string // "sector=energy"; the place in the list is no part of it
	Shared bool
	Mine   bool // of who asks
}

// Address leads to the list.
func (v View) Address() string {
	if v.Query == "" {
		return v.Path
	}
	return v.Path + "?" + v.Query
}

// Most is how many views one account can have, and how many of others a list shows.
const Most = 100

// Store keeps views. A view is of an account; all who have none, as the command line, are one.
type Store struct{ db *db.DB }

// NewStore returns the views of a world.
func NewStore(d *db.DB) *Store { return &Store{d} }

func account(a act.Actor) int64 {
	if a.Rights == nil {
		return 0
	}
	return a.Rights.Account
}

// List lists one's own views in their order, and then those that others share, by name.
func (s *Store) List(ctx context.Context, by act.Actor) (out []View, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out, err = list(tx, account(by))
		return err
	})
	return out, err
}

// Save keeps a list under a name, as the last of one's own.
func (s *Store) Save(ctx context.Context, by act.Actor, v View) (View, error) {
	if err := v.clean(); err != nil {
		return v, err
	}
	v.ID, v.Mine = 0, true
	err := s.db.Act(ctx, act.Act{Actor: by, Verb: "view.save"}, func(tx *db.Tx) error {
		n, err := count(tx, account(by))
		if err != nil {
			return err
		}
		if n >= Most {
			return fault.Conflictf("you have %d views, and cannot have more: delete one first", n)
		}
		v.ID, err = insert(tx, account(by), v)
		tx.Note(fmt.Sprintf("view:%d", v.ID), "")
		return err
	})
	return v, err
}

// Change gives one's own view another name, and shares it or not. Of others' views there is none to change: a fault of
// kind NotFound.
func (s *Store) Change(ctx context.Context, by act.Actor, id int64, name string, shared bool) error {
	v := View{Name: name, Path: "/"}
	if err := v.clean(); err != nil {
		return err
	}
	a := act.Act{Actor: by, Verb: "view.change", Object: fmt.Sprintf("view:%d", id), Detail: fmt.Sprintf(`{"shared":%t}`, shared)}
	return s.db.Act(ctx, a, func(tx *db.Tx) error { return there(id)(update(tx, account(by), id, v.Name, shared)) })
}

// Delete removes one's own view.
func (s *Store) Delete(ctx context.Context, by act.Actor, id int64) error {
	a := act.Act{Actor: by, Verb: "view.delete", Object: fmt.Sprintf("view:%d", id)}
	return s.db.Act(ctx, a, func(tx *db.Tx) error { return there(id)(remove(tx, account(by), id)) })
}

func there(id int64) func(n int64, err error) error {
	return func(n int64, err error) error {
		if err == nil && n == 0 {
			return fault.NotFoundf("you have no view %d", id)
		}
		return err
	}
}

// clean checks a view and brings it into its one form.
func (v *View) clean() error {
	var ps fault.Problems
	v.Name = strings.Join(strings.Fields(v.Name), " ")
	if v.Name == "" || utf8.RuneCountInString(v.Name) > 100 || !utf8.ValidString(v.Name) || strings.ContainsFunc(v.Name, unicode.IsControl) {
		ps = append(ps, fault.Problem{Field: "name", Message: "give it a name of at most 100 characters"})
	}
	u, err := url.Parse(v.Path)
	if err != nil || len(v.Path) > 300 || !strings.HasPrefix(v.Path, "/") || strings.ContainsAny(v.Path, "\\?#") || u.Host != "" ||
		u.Scheme != "" || path.Clean(u.Path) != u.Path || strings.ContainsFunc(u.Path, unicode.IsControl) {
		ps = append(ps, fault.Problem{Field: "path", Message: "is no path of a page of this console"})
	}
	q, err := url.ParseQuery(strings.TrimPrefix(v.Query, "?"))
	if err != nil || len(v.Query) > 4000 {
		ps = append(ps, fault.Problem{Field: "query", Message: "is no query of a page"})
	}
	q.Del("after")
	v.Query = q.Encode()
	if len(ps) > 0 {
		return ps
	}
	return nil
}
