package constituency

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Listed is a constituent as the directory shows it.
type Listed struct {
	Constituent
	ParentRef   string
	DelegateRef string // of the branch, inherited
	Contacts    int    // valid today
	Reachable   bool   // one of them has a mail address
	Assets      int    // valid today
}

// Directory is the tree of constituents at one version of the registry and one day. It is immutable and safe for
// concurrent use; it searches in memory, because the engines fold the case of ASCII only.
type Directory struct {
	version  int64
	day      Day
	all      []Listed // by name, then id
	folded   []string // what a search looks in, in the order of all
	byID     map[int64]int
	byRef    map[string]int
	children map[int64][]int
}

// Directory returns the directory of the registry as it is now; it is loaded anew only after a change or a new day.
func (s *Store) Directory(ctx context.Context) (*Directory, error) {
	day := DayOf(s.clock.Now())
	s.listing.Lock()
	defer s.listing.Unlock()
	var now int64
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		if now, err = version(tx); err != nil || s.directory != nil && s.directory.version == now && s.directory.day == day {
			return err
		}
		s.directory, err = loadDirectory(tx, now, day)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the directory: %w", err)
	}
	return s.directory, nil
}

func newDirectory(version int64, day Day, cs []Constituent) *Directory {
	d := &Directory{version: version, day: day, byID: map[int64]int{}, byRef: map[string]int{}, children: map[int64][]int{}}
	slices.SortFunc(cs, func(a, b Constituent) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for i, c := range cs {
		d.all = append(d.all, Listed{Constituent: c})
		d.folded = append(d.folded, strings.ToLower(c.Name+"\n"+c.Ref))
		d.byID[c.ID], d.byRef[c.Ref] = i, i
		d.children[c.Parent] = append(d.children[c.Parent], i)
	}
	for i := range d.all {
		l := &d.all[i]
		if p, ok := d.byID[l.Parent]; ok {
			l.ParentRef = d.all[p].Ref
		}
		for _, up := range append(d.Path(l.ID), *l) { // the nearest is the last one that has any
			if k, ok := d.byID[up.Delegate]; ok {
				l.DelegateRef = d.all[k].Ref
			}
		}
	}
	return d
}

// Version is the registry's version that the directory shows.
func (d *Directory) Version() int64 { return d.version }

// All lists the constituents by name, ended ones included. The slice must not be changed.
func (d *Directory) All() []Listed { return d.all }

// ByID finds a constituent.
func (d *Directory) ByID(id int64) (Listed, bool) {
	i, ok := d.byID[id]
	if !ok {
		return Listed{}, false
	}
	return d.all[i], true
}

// ByRef finds a constituent by its reference.
func (d *Directory) ByRef(ref string) (Listed, error) {
	i, ok := d.byRef[ref]
	if !ok {
		return Listed{}, fault.NotFoundf("there is no constituent %q", ref)
	}
	return d.all[i], nil
}

// Children lists who stands directly below a constituent, by name; 0 has the roots.
func (d *Directory) Children(id int64) []Listed {
	var out []Listed
	for _, i := range d.children[id] {
		out = append(out, d.all[i])
	}
	return out
}

// Path lists who stands above a constituent, the root first.
func (d *Directory) Path(id int64) []Listed {
	var out []Listed
	for l, ok := d.ByID(id); ok && len(out) < maxDepth; {
		if l, ok = d.ByID(l.Parent); ok {
			out = append(out, l)
		}
	}
	slices.Reverse(out)
	return out
}

// Branch lists a constituent and all below it.
func (d *Directory) Branch(id int64) []int64 {
	out := []int64{id}
	for i := 0; i < len(out); i++ {
		for _, c := range d.children[out[i]] {
			out = append(out, d.all[c].ID)
		}
	}
	return out
}

// Delegated lists whose business a CERT looks after, by name.
func (d *Directory) Delegated(cert Listed) []Listed {
	var out []Listed
	for _, l := range d.all {
		if l.DelegateRef == cert.Ref && l.ID != cert.ID {
			out = append(out, l)
		}
	}
	return out
}

// Filter narrows a list of constituents; the zero value is everybody who is one today.
type Filter struct {
	Text        string // in name or ref, any case
	Sector      string
	Kind        Kind
	Designation Designation
	Source      Source
	Delegate    string // ref of the CERT
	NoContact   bool   // nobody has a mail address
	Ended       bool   // ended and future ones too
	Sort        string // one of Sorts, with - before it from the last to the first; name when empty
	After       string // Page.Next of the page before
	Limit       int    // 50 when 0, at most 1,000
}

// Page is a part of a list. Next is empty on the last one.
type Page struct {
	Items []Listed
	Total int // of all pages
	Next  string
}

// List lists constituents in the order that is asked for; equal ones by name.
func (d *Directory) List(f Filter) (Page, error) {
	limit := min(f.Limit, 1000)
	if limit <= 0 {
		limit = 50
	}
	after, err := decodeCursor(f.After)
	if err != nil {
		return Page{}, err
	}
	key, down, err := order(f.Sort)
	if err != nil {
		return Page{}, err
	}
	text := strings.ToLower(line(f.Text))
	var all []placed
	for i, l := range d.all {
		if f.takes(l, d.day) && (text == "" || strings.Contains(d.folded[i], text)) {
			all = append(all, placed{cursor{key(l), l.Name, l.ID}, i})
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return a.cmp(b.cursor, down) })
	p := Page{Total: len(all)}
	for _, at := range all {
		if f.After != "" && at.cmp(after, down) <= 0 {
			continue
		}
		if len(p.Items) == limit {
			last := p.Items[limit-1]
			p.Next = cursor{key(last), last.Name, last.ID}.encode()
			break
		}
		p.Items = append(p.Items, d.all[at.i])
	}
	return p, nil
}

func (f *Filter) takes(l Listed, day Day) bool {
	return (f.Sector == "" || l.Sector == f.Sector) && (f.Kind == "" || l.Kind == f.Kind) &&
		(f.Designation == "" || l.Designation == f.Designation) && (f.Source == "" || l.Source == f.Source) &&
		(f.Delegate == "" || l.DelegateRef == f.Delegate) && (!f.NoContact || !l.Reachable) &&
		(f.Ended || l.ValidFrom <= day && day < l.ValidUntil)
}
