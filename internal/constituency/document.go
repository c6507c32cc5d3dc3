package constituency

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/platform/fault"
)

// Format is how a document is written.
type Format string

// The formats of documents.
const (
	JSON Format = "json"
	CSV  Format = "csv"
)

// Document is a registry file that was read and checked by itself: whether it fits what is stored is for Import to say.
type Document struct {
	File        string
	entries     []*entry
	national    []netip.Prefix
	hasNational bool // an empty list was given, too
}

// place is where something stands in a file.
type place struct {
	line   int64
	column int
}

// entry is a constituent of a document with what it has. An implied one only carries contacts and assets of a constituent
// that the document does not describe.
type entry struct {
	Constituent
	implied     bool
	given       map[string]place // the fields that the file sets
	at          place
	contacts    []contactEntry
	assets      []assetEntry
	parentRef   string
	delegateRef string
}

type contactEntry struct {
	Contact
	at place
}

type assetEntry struct {
	Asset
	at place
}

// The fields of each record, in the order of the files.
var (
	constituentFields = []string{"parent", "name", "kind", "sector", "designation", "delegate", "language", "note", "valid_from",
		"valid_until"}
	contactFields = []string{"role", "name", "mail", "phone", "language", "keys", "encrypt", "clearance", "valid_from", "valid_until"}
	assetFields   = []string{"kind", "value", "also_notify", "valid_from", "valid_until"}
)

func newConstituent() Constituent {
	return Constituent{Kind: OtherKind, Designation: OtherDesignation, Source: Manual, ValidUntil: Open}
}

func (e *entry) set(field, v string) (err error) {
	switch field {
	case "ref":
		e.Ref = v
	case "parent":
		e.parentRef = line(v)
	case "name":
		e.Name = v
	case "kind":
		e.Kind = Kind(either(v, string(OtherKind)))
	case "sector":
		e.Sector = v
	case "designation":
		e.Designation = Designation(either(v, string(OtherDesignation)))
	case "delegate":
		e.delegateRef = line(v)
	case "language":
		e.Language = v
	case "note":
		e.Note = v
	case "valid_from":
		e.ValidFrom, err = ParseDay(line(v), 0)
	case "valid_until":
		e.ValidUntil, err = ParseDay(line(v), Open)
	}
	return err
}

func (c *Contact) set(field, v string) (err error) {
	switch field {
	case "role":
		c.Role = v
	case "name":
		c.Name = v
	case "mail":
		c.Mail = v
	case "phone":
		c.Phone = v
	case "language":
		c.Language = v
	case "keys":
		c.Keys, err = parseKeys(v)
	case "encrypt":
		c.Encrypt, err = parseFlag(v)
	case "clearance":
		c.Clearance = v
	case "valid_from":
		c.ValidFrom, err = ParseDay(line(v), 0)
	case "valid_until":
		c.ValidUntil, err = ParseDay(line(v), Open)
	}
	return err
}

func (a *Asset) set(field, v string) (err error) {
	switch field {
	case "kind":
		a.Kind = AssetKind(line(v))
	case "value":
		a.Value = v
	case "also_notify":
		a.AlsoNotify, err = parseFlag(v)
	case "valid_from":
		a.ValidFrom, err = ParseDay(line(v), 0)
	case "valid_until":
		a.ValidUntil, err = ParseDay(line(v), Open)
	}
	return err
}

func parseFlag(v string) (on bool, err error) {
	if v = line(v); v != "" {
		if on, err = strconv.ParseBool(strings.ToLower(v)); err != nil {
			err = fmt.Errorf("%q is neither true nor false", v)
		}
	}
	return on, err
}

func parseKeys(v string) ([]Key, error) {
	if line(v) == "" {
		return nil, nil
	}
	var ks []Key
	d := json.NewDecoder(strings.NewReader(v))
	d.DisallowUnknownFields()
	if err := d.Decode(&ks); err != nil {
		return nil, fmt.Errorf("is no list of {type, fingerprint, key}: %w", err)
	}
	if len(ks) == 0 {
		return nil, nil
	}
	return ks, nil
}

func either(v, other string) string {
	if v = line(v); v == "" {
		return other
	}
	return v
}

// builder collects a document and everything that is wrong with it.
type builder struct {
	doc      *Document
	byRef    map[string]*entry
	problems fault.Problems
	dropped  int
}

const maxProblems = 1000

func newBuilder(file string) *builder {
	return &builder{doc: &Document{File: file}, byRef: map[string]*entry{}}
}

func (b *builder) bad(at place, field, format string, args ...any) {
	if len(b.problems) >= maxProblems {
		b.dropped++
		return
	}
	b.problems = append(b.problems, fault.Problem{File: b.doc.File, Line: at.line, Column: at.column, Field: field,
		Message: fmt.Sprintf(format, args...)})
}

// wrongAt reports with the place of the field, where the file has it, else of the object.
func (b *builder) wrongAt(at place, fields map[string]place) wrong {
	return func(field, format string, args ...any) {
		p, ok := fields[field]
		if !ok {
			p = at
		}
		b.bad(p, field, format, args...)
	}
}

// constituent takes a complete entry. A second one with its ref is a mistake, unless the first was only implied.
func (b *builder) constituent(e *entry) {
	c := e.Constituent
	if _, ok := e.given["name"]; !ok {
		c.Name = "-" // an existing constituent keeps its name; whether there is one is known later
	}
	c.clean(b.wrongAt(e.at, e.given))
	if _, ok := e.given["name"]; !ok {
		c.Name = ""
	}
	e.Constituent = c
	switch known := b.byRef[e.Ref]; {
	case known == nil:
		b.byRef[e.Ref] = e
		b.doc.entries = append(b.doc.entries, e)
	case known.implied:
		e.contacts, e.assets = known.contacts, known.assets
		*known = *e
	default:
		b.bad(e.at, "ref", "%q is there already, in line %d", e.Ref, known.at.line)
	}
}

// owner finds the entry of a ref, or implies one.
func (b *builder) owner(ref string, at place) *entry {
	ref = line(ref)
	e := b.byRef[ref]
	if e == nil {
		e = &entry{Constituent: newConstituent(), implied: true, at: at}
		e.Ref = ref
		b.byRef[ref] = e
		b.doc.entries = append(b.doc.entries, e)
	}
	return e
}

func (b *builder) prefix(v string, at place) {
	p, err := CanonicalPrefix(line(v))
	if err != nil {
		b.bad(at, "national_prefixes", "%v", err)
		return
	}
	b.doc.national = append(b.doc.national, p)
}

// twice reports contacts and assets that the document has twice for one time.
func (b *builder) twice() {
	for _, e := range b.doc.entries {
		contacts := map[contactKey][]contactEntry{}
		for _, c := range e.contacts {
			k := c.identity()
			for _, o := range contacts[k] {
				if overlap(c.ValidFrom, c.ValidUntil, o.ValidFrom, o.ValidUntil) {
					b.bad(c.at, "mail", "contact %s of %s is there already, in line %d", c.label(), e.Ref, o.at.line)
				}
			}
			contacts[k] = append(contacts[k], c)
		}
		assets := map[assetKey][]assetEntry{}
		for _, a := range e.assets {
			k := a.identity()
			for _, o := range assets[k] {
				if overlap(a.ValidFrom, a.ValidUntil, o.ValidFrom, o.ValidUntil) {
					b.bad(a.at, "value", "%s of %s is there already, in line %d", a.Value, e.Ref, o.at.line)
				}
			}
			assets[k] = append(assets[k], a)
		}
	}
}

func (b *builder) finish() (*Document, error) {
	if len(b.problems) == 0 {
		b.twice()
	}
	if len(b.problems) > 0 {
		slices.SortStableFunc(b.problems, func(a, b fault.Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		if b.dropped > 0 {
			b.problems = append(b.problems, fault.Problem{File: b.doc.File, Message: fmt.Sprintf("… and %d more", b.dropped)})
		}
		return nil, b.problems
	}
	return b.doc, nil
}

type contactKey struct{ role, mail, name, phone string }

// identity is what stays the same while a contact's details change. One without mail is known by its phone.
func (c *Contact) identity() contactKey {
	k := contactKey{role: c.Role, mail: strings.ToLower(c.Mail), name: c.Name}
	if c.Mail == "" {
		k.phone = c.Phone
	}
	return k
}

func (c *Contact) label() string { return c.Role + " " + either(c.Mail, c.Phone) }

type assetKey struct {
	kind  AssetKind
	value string
}

func (a *Asset) identity() assetKey { return assetKey{a.Kind, a.Value} }

func overlap(from, until, from2, until2 Day) bool { return from < until2 && from2 < until }
