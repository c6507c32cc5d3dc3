package leak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

const (
	maxAddresses = 5_000_000 // of a list: 160 MB while it is sorted
	perPart      = 1000      // addresses in clear that are sealed together
)

// gathered is a list while it is read.
type gathered struct {
	domains map[string][]int64 // of the registry
	hashes  [][32]byte
	owned   map[string][][32]byte // by domain of the registry
	plain   map[string][]string   // the same in clear; nil: nobody allowed that
}

// Load reads a list for a case: one address a line, or a CSV. It is read as a stream and never written down as it is. Kept are the hashes of
// its addresses, how many are in each domain of today's registry and, when l.Permit says who allowed it, those in clear under the seal.
func (d *Desk) Load(ctx context.Context, by act.Actor, l Leak, r io.Reader) (Leak, error) {
	if !identity.Allowed(by, "incident.write") {
		return l, fault.New(fault.Forbidden, "this asks for the permission incident.write, which you do not have")
	}
	if err := l.check(); err != nil {
		return l, err
	}
	if l.Permit != "" && !identity.Allowed(by, "incident.rule") {
		return l, fault.New(fault.Forbidden, "a duty officer decides that owners of domains get addresses in clear, with the permission incident.rule")
	}
	g := gathered{owned: map[string][][32]byte{}}
	if l.Permit != "" {
		g.plain = map[string][]string{}
	}
	err := d.DB.View(ctx, func(tx *db.Tx) (err error) {
		if err = takes(tx, by, &l); err != nil {
			return err
		}
		g.domains, err = constituency.Domains(tx, constituency.DayOf(d.Clock.Now()))
		return err
	})
	if err != nil {
		return l, err
	}
	if l.Skipped, err = addresses(r, g.add); err != nil {
		return l, err
	}
	g.sort()
	if len(g.hashes) == 0 {
		return l, fault.Problems{{Field: "file", Message: "has no mail address: give one a line, or a CSV"}}
	}
	l.Addresses, l.At, l.By, l.Withdrawn, l.WithdrawnBy = int64(len(g.hashes)), d.Clock.Now().UnixMicro(), by.Name, 0, ""
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "leak.load"}, func(tx *db.Tx) error {
		if err := takes(tx, by, &l); err != nil { // again: reading takes a while
			return err
		}
		if err := insert(tx, &l); err != nil {
			return err
		}
		if err := insertBuckets(tx, l.ID, d.buckets(l.ID, g.hashes)); err != nil {
			return err
		}
		for _, domain := range slices.Sorted(maps.Keys(g.owned)) {
			if err := insertDomain(tx, l.ID, domain, int64(len(g.owned[domain]))); err != nil {
				return err
			}
			n := 0
			for part := range slices.Chunk(g.plain[domain], perPart) {
				if err := insertPlain(tx, l.ID, domain, n, d.Seal.Lock(strings.Join(part, "\n"), plainOwner(l.ID, domain, n))); err != nil {
					return err
				}
				n++
			}
		}
		said := detail(map[string]any{"leak": l.ID, "title": l.Title, "addresses": l.Addresses, "skipped": l.Skipped, "domains": len(g.owned), "permit": l.Permit, "lowered": l.Lowered})
		tx.Note(string(l.Ref()), said)
		return d.Enter(tx, by, incident.Entry{Case: l.Case, Kind: KindLeak, Text: l.Title, Detail: said})
	})
	return l, err
}

// takes tells whether the case of a list takes it. Its title, and what those in it are told, leave as TLP:AMBER, to whoever is in it: out of
// a stricter case only a duty officer lets them, and says why.
func takes(tx *db.Tx, by act.Actor, l *Leak) error {
	find := incident.ReadCase
	if tx.Writes() {
		find = incident.LockCase
	}
	c, err := find(tx, l.Case)
	if err != nil {
		return err
	}
	if c.State == incident.Joined {
		return fault.Conflictf("the case %s is part of another one now: load the list there", c.Number)
	}
	if label := c.Marking().Effective(); label > tlp.Amber {
		if !identity.Allowed(by, "incident.rule") {
			return fault.New(fault.Forbidden, "the case is %s: a duty officer decides that people are told of a list of it, with the permission incident.rule", label)
		}
		if l.Lowered == "" {
			return fault.Problems{{Field: "lowered", Message: fmt.Sprintf("the case is %s: say why those in the list, and owners of their domains, may be told as TLP:AMBER", label)}}
		}
	}
	return nil
}

func (g *gathered) add(address string) error {
	if len(g.hashes) >= maxAddresses {
		g.sort() // the same address may stand there often
		if len(g.hashes) >= maxAddresses*9/10 {
			return fault.Invalidf("the list has more than %d addresses: load it in parts", maxAddresses*9/10)
		}
	}
	h := Hash(address)
	g.hashes = append(g.hashes, h)
	for name := address[strings.LastIndexByte(address, '@')+1:]; name != ""; _, name, _ = strings.Cut(name, ".") {
		if len(g.domains[name]) == 0 {
			continue
		}
		g.owned[name] = append(g.owned[name], h)
		if g.plain != nil {
			g.plain[name] = append(g.plain[name], strings.Clone(address)) // without the line that it stands in
		}
		break
	}
	return nil
}

// sort brings what was read in order, each address once.
func (g *gathered) sort() {
	once := func(hs [][32]byte) [][32]byte {
		slices.SortFunc(hs, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
		return slices.Compact(hs)
	}
	g.hashes = once(g.hashes)
	for name := range g.owned {
		g.owned[name] = once(g.owned[name])
	}
	for name, as := range g.plain {
		slices.Sort(as)
		g.plain[name] = slices.Compact(as)
	}
}

// bucket is the hashes of a list that begin with the same 16 bits.
type bucket struct {
	prefix int64
	sealed string
}

// buckets gives the sorted hashes of a list in buckets, sealed; nil at the end.
func (d *Desk) buckets(leak int64, hashes [][32]byte) func() *bucket {
	return func() *bucket {
		if len(hashes) == 0 {
			return nil
		}
		prefix, n := int64(binary.BigEndian.Uint16(hashes[0][:])), 0
		var b []byte
		for n < len(hashes) && int64(binary.BigEndian.Uint16(hashes[n][:])) == prefix {
			b = append(b, hashes[n][:]...)
			n++
		}
		hashes = hashes[n:]
		return &bucket{prefix, d.Seal.Lock(string(b), bucketOwner(leak, prefix))}
	}
}

func bucketOwner(leak, prefix int64) string { return fmt.Sprintf("leak:%d:%d", leak, prefix) }

func plainOwner(leak int64, domain string, part int) string {
	return fmt.Sprintf("leak:%d:%s:%d", leak, domain, part)
}

// hashesOf opens the bucket that a hash is in, of every list that was not withdrawn: the hashes, and by list.
func (d *Desk) hashesOf(ctx context.Context, prefix int64) (out map[int64][][32]byte, err error) {
	var sealed map[int64]string
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		sealed, err = bucketsAt(tx, prefix)
		return err
	})
	if err != nil {
		return nil, err
	}
	out = map[int64][][32]byte{}
	for leak, s := range sealed {
		b, err := d.Seal.Unlock(s, bucketOwner(leak, prefix))
		if err != nil {
			return nil, fmt.Errorf("open a bucket of the list %d: %w", leak, err)
		}
		for h := range slices.Chunk([]byte(b), 32) {
			if len(h) == 32 {
				out[leak] = append(out[leak], [32]byte(h))
			}
		}
	}
	return out, nil
}

// in tells which lists an address is in, the first first.
func (d *Desk) in(ctx context.Context, address string) (out []Leak, err error) {
	h := Hash(address)
	at, err := d.hashesOf(ctx, int64(binary.BigEndian.Uint16(h[:])))
	if err != nil {
		return nil, err
	}
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		out = nil
		for _, id := range slices.Sorted(maps.Keys(at)) {
			if !slices.Contains(at[id], h) {
				continue
			}
			l, err := byID(tx, id)
			if err != nil {
				return err
			}
			out = append(out, l)
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b Leak) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

// LoadEvidence is Load of a file of the case's evidence; that it was read stands in the audit log.
func (d *Desk) LoadEvidence(ctx context.Context, by act.Actor, l Leak, file int64) (Leak, error) {
	all, err := d.FilesOf(ctx, l.Case, 0)
	if err != nil {
		return l, err
	}
	if !slices.ContainsFunc(all, func(f incident.File) bool { return f.ID == file }) {
		return l, fault.Problems{{Field: "evidence", Message: fmt.Sprintf("the case has no file %d", file)}}
	}
	if err := l.check(); err != nil {
		return l, err
	}
	_, r, err := d.Take(ctx, by, file)
	if err != nil {
		return l, err
	}
	defer r.Close()
	return d.Load(ctx, by, l, r)
}
