// Package rpsl reads objects in the Routing Policy Specification Language (RFC 2622), the form of the regional registries'
// bulk files: attributes of one or more lines, objects apart by an empty line. It knows the form, not what objects mean.
package rpsl

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Attribute is a name in lower case and its value without comments, its lines joined by a space.
type Attribute struct {
	Name, Value string
}

// Object is one object; its first attribute names its class and holds its key.
type Object struct {
	Line       int64 // where it begins, from 1
	Attributes []Attribute
}

// Class is the class: "inetnum".
func (o *Object) Class() string { return o.Attributes[0].Name }

// Key is the value of the class's own attribute.
func (o *Object) Key() string { return o.Attributes[0].Value }

// Get is the first non-empty value of an attribute, "" without one.
func (o *Object) Get(name string) string {
	for _, a := range o.Attributes {
		if a.Name == name && a.Value != "" {
			return a.Value
		}
	}
	return ""
}

// All lists the non-empty values of an attribute.
func (o *Object) All(name string) []string {
	var out []string
	for _, a := range o.Attributes {
		if a.Name == name && a.Value != "" {
			out = append(out, a.Value)
		}
	}
	return out
}

// Bounds of what is taken for an object: whatever is longer is no registry file.
const (
	maxLine       = 1 << 20
	maxAttributes = 100_000
)

// Reader reads objects one after another. It is for one goroutine.
type Reader struct {
	r       *bufio.Reader
	line    int64
	classes map[string]bool
	object  Object
}

// NewReader reads r, plain or gzip, and passes over objects of other classes than those given; none is all. Text that is
// not UTF-8 is read as Latin-1, which the registries still use.
func NewReader(r io.Reader, classes ...string) (*Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if head, err := b.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("open gzip: %w", err)
		}
		b = bufio.NewReaderSize(z, 1<<16)
	}
	out := &Reader{r: b}
	for _, c := range classes {
		if out.classes == nil {
			out.classes = map[string]bool{}
		}
		out.classes[strings.ToLower(c)] = true
	}
	return out, nil
}

// Next returns the next object, which is valid until the call after it; io.EOF at the end. Every other error names the
// line and ends the reading.
func (r *Reader) Next() (*Object, error) {
	for {
		wanted, err := r.read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
		if wanted && len(r.object.Attributes) > 0 {
			return &r.object, nil
		}
		if err != nil {
			return nil, io.EOF
		}
	}
}

// read takes lines up to the next empty one; wanted is false for an object of another class.
func (r *Reader) read() (wanted bool, err error) {
	r.object = Object{Attributes: r.object.Attributes[:0]}
	wanted = true
	for {
		l, err := r.readLine()
		if err != nil && len(l) == 0 {
			return wanted, err
		}
		trimmed := bytes.TrimRight(l, " \t\r\n")
		switch {
		case len(trimmed) == 0:
			if len(r.object.Attributes) > 0 || !wanted {
				return wanted, nil
			}
		case trimmed[0] == '%' || trimmed[0] == '#':
		case !wanted:
		case l[0] == ' ' || l[0] == '\t' || l[0] == '+':
			r.more(trimmed[1:])
		default:
			if err := r.attribute(trimmed); err != nil {
				return false, err
			}
			wanted = len(r.classes) == 0 || r.classes[r.object.Attributes[0].Name]
		}
		if err != nil {
			return wanted, err
		}
	}
}

func (r *Reader) readLine() ([]byte, error) {
	r.line++
	l, err := r.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return l, err
	}
	long := bytes.Clone(l)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(long) > maxLine {
			return nil, fmt.Errorf("is longer than %d bytes", maxLine)
		}
		l, err = r.r.ReadSlice('\n')
		long = append(long, l...)
	}
	return long, err
}

func (r *Reader) attribute(l []byte) error {
	name, value, ok := bytes.Cut(l, []byte(":"))
	if !ok || len(name) == 0 || len(name) > 64 || bytes.ContainsAny(name, " \t\"<>{}") {
		return fmt.Errorf("%.40q is no attribute like \"inetnum: …\"", l)
	}
	if len(r.object.Attributes) >= maxAttributes {
		return fmt.Errorf("the object that begins in line %d has more than %d attributes", r.object.Line, maxAttributes)
	}
	if len(r.object.Attributes) == 0 {
		r.object.Line = r.line
	}
	r.object.Attributes = append(r.object.Attributes, Attribute{intern(name), clean(value)})
	return nil
}

// more joins a continuation line to the attribute before; one without is dropped.
func (r *Reader) more(l []byte) {
	n := len(r.object.Attributes)
	v := clean(l)
	if n == 0 || v == "" {
		return
	}
	a := &r.object.Attributes[n-1]
	if len(a.Value) > maxLine {
		return
	}
	if a.Value != "" {
		v = " " + v
	}
	a.Value += v
}

// clean drops the comment and makes valid UTF-8 without NUL.
func clean(v []byte) string {
	if i := bytes.IndexByte(v, '#'); i >= 0 {
		v = v[:i]
	}
	v = bytes.TrimSpace(v)
	if bytes.IndexByte(v, 0) >= 0 {
		v = bytes.ReplaceAll(v, []byte{0}, nil)
	}
	if utf8.Valid(v) {
		return string(v)
	}
	var b strings.Builder
	for _, c := range v {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// intern spares an allocation for the names that stand in nearly every object.
func intern(name []byte) string {
	for _, n := range [...]string{"inetnum", "netname", "descr", "country", "org", "admin-c", "tech-c", "status", "mnt-by",
		"created", "last-modified", "source", "remarks", "inet6num", "abuse-c", "abuse-mailbox", "address", "nic-hdl"} {
		if string(name) == n {
			return n
		}
	}
	return strings.ToLower(string(name))
}
