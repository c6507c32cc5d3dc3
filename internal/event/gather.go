package event

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"strings"
	"unsafe"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/fault"
)

// gatherer turns the rows of a report's files into rows of the segment and sightings.
type gatherer struct {
	t         *taking
	b         *built
	w         *segmentWriter
	sightings []sighting
	ids       []byte // arena of the sightings' ids
	overlap   bool
	rows      map[[16]byte]int // how often a row stands in the files before
	here      map[[16]byte]int // and in this one
	hash      hash.Hash
	buf       []byte
}

func (g *gatherer) file(ctx context.Context, s *source) error {
	g.t.meter.file(s.Name)
	if g.overlap {
		g.here = map[[16]byte]int{}
		if g.rows == nil {
			g.rows, g.hash = map[[16]byte]int{}, sha256.New()
		}
	}
	if s.in == nil {
		if s.path == "" {
			return takenAway(s)
		}
		a, err := openArchived(g.t.Archive, s.path)
		if errors.Is(err, fs.ErrNotExist) {
			return takenAway(s)
		}
		if err != nil {
			return err
		}
		defer a.Close()
		r, err := a.reader(0)
		if err != nil {
			return err
		}
		return g.read(s, contextReader{ctx, r}, nil)
	}
	return g.t.archive(ctx, s, func(r io.Reader, a *archiver) error { return g.read(s, r, a) })
}

// errGone is a file of the report that retention took.
var errGone = errors.New("no longer in the archive")

func takenAway(s *source) error {
	return fmt.Errorf("%s, which it adds to, is %w (retention): the day cannot be read anew and stays as it is", s.Name, errGone)
}

func (g *gatherer) read(s *source, r io.Reader, a *archiver) error {
	rd, err := g.t.format.Open(s.Identity, r)
	if err != nil {
		return err
	}
	s.rows, s.events, s.repeated, s.rejected, s.unattributed, s.problems = 0, 0, 0, 0, 0, nil
	var e Event
	for {
		err := rd.Next(&e)
		if err == io.EOF {
			g.t.meter.rows.Add(s.rows % 1024)
			return nil
		}
		var wrong *RowError
		if err != nil && !errors.As(err, &wrong) {
			return err
		}
		if s.rows++; s.rows%1024 == 0 {
			g.t.meter.rows.Add(1024)
			g.t.meter.tell(false)
		}
		if a != nil {
			a.row(e.Offset)
		}
		if wrong != nil {
			s.rejected++
			if len(s.problems) < keepProblems {
				s.problems = append(s.problems, fault.Problem{File: s.Name, Line: wrong.Line, Column: wrong.Column, Field: wrong.Field,
					Message: wrong.Reason})
			}
			continue
		}
		if g.overlap && g.seen(&e) {
			s.repeated++
			continue
		}
		if err := g.take(s, &e); err != nil {
			return err
		}
	}
}

// seen tells whether a file before this one has the row as often as this one so far: overlapping subscriptions count it
// once, and a file that really says something twice is believed.
func (g *gatherer) seen(e *Event) bool {
	b := g.buf[:0]
	for _, n := range []int64{e.Time, e.Observed, int64(e.Port), int64(e.ASN), int64(e.DestinationPort), int64(e.DestinationASN), int64(e.Severity)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = appendAddress(appendAddress(b, e.IP), e.DestinationIP)
	for _, s := range []string{e.CC, e.Region, e.City, e.ReverseDNS, e.FQDN, e.URL, e.Account, e.Network, e.DestinationCC,
		e.DestinationFQDN, e.DestinationURL, e.Transport, e.Application, e.Class, e.Kind, e.Identifier, e.Malware, e.Vendor,
		e.Product, e.Version, e.Vulnerabilities, e.Status, e.Text, e.Extra} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	g.buf = b
	g.hash.Reset()
	g.hash.Write(b)
	var k [16]byte
	copy(k[:], g.hash.Sum(nil))
	g.here[k]++
	if g.here[k] <= g.rows[k] {
		return true
	}
	g.rows[k] = g.here[k]
	return false
}

func (g *gatherer) take(s *source, e *Event) error {
	p := g.b.plan
	v := g.t.resolver.Resolve(queryOf(&p.typ, e))
	s.events++
	if v.Owner == 0 {
		s.unattributed++
	}
	g.b.events[v.Owner]++
	g.b.counted++
	if g.w.full() {
		if err := g.w.flush(); err != nil {
			return err
		}
	}
	row := g.w.add()
	row.set(e, v.Owner)
	row.Feed, row.Type, row.Day, row.File, row.Report = g.t.feed.Name, p.typ.Name, int32(p.day), s.id, g.b.report
	g.sight(e, v)
	return nil
}

func queryOf(t *ReportType, e *Event) constituency.Query {
	q := constituency.Query{IP: e.IP, ASN: e.ASN, At: e.Time, NameFirst: t.Subject == Name}
	q.Names[0] = e.FQDN
	if e.URL != "" {
		q.Names[1] = hostOf(e.URL)
	}
	if q.Names[0] == "" && e.Account != "" {
		if _, domain, ok := strings.Cut(e.Account, "@"); ok {
			q.Names[0] = domain
		}
	}
	return q
}

// hostOf is the host of a URL, however broken the rest of it is.
func hostOf(u string) string {
	if _, rest, ok := strings.Cut(u, "://"); ok {
		u = rest
	}
	if i := strings.IndexAny(u, "/?#"); i >= 0 {
		u = u[:i]
	}
	if i := strings.LastIndexByte(u, '@'); i >= 0 {
		u = u[i+1:]
	}
	if strings.HasPrefix(u, "[") {
		if i := strings.IndexByte(u, ']'); i > 0 {
			return u[1:i]
		}
	}
	if i := strings.LastIndexByte(u, ':'); i >= 0 && strings.Count(u, ":") == 1 {
		u = u[:i]
	}
	return u
}

func (g *gatherer) sight(e *Event, v *constituency.Verdict) {
	sub := subjectOf(&g.b.plan.typ, e)
	if cap(g.ids)-len(g.ids) < 64 {
		g.ids = make([]byte, 0, 1<<16)
	}
	n := len(g.ids)
	g.ids = sub.appendID(g.ids, g.b.plan.id)
	id := ID(unsafe.String(&g.ids[n], len(g.ids)-n)) // the arena is never written again below n
	sg := sighting{id: id, verdict: v, severity: e.Severity, first: e.Time, last: e.Time}
	if !sub.numbered() { // copies, so that a reader's block is not kept for a name
		sg.names = &names{strings.Clone(sub.transport), strings.Clone(sub.name), strings.Clone(sub.identifier)}
	}
	g.sightings = append(g.sightings, sg)
}
