package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Given is a checkpoint from elsewhere. Name says where it comes from.
type Given struct {
	Name string
	Data []byte
}

// Verification is what to verify a log with besides itself.
type Verification struct {
	Checkpoints []Given
	Keys        []string // verifier keys, name+hash+key; those that the log knows are used anyway
	Progress    func(done, all int64)
}

// Damage is one thing that is wrong. Entry is 0 when no single entry is meant.
type Damage struct {
	Entry int64  `json:"entry,omitempty"`
	What  string `json:"what"`
}

// Report is what a verification found.
type Report struct {
	Size        int64    `json:"size"`
	Root        string   `json:"root"`        // recomputed from the entries, in base64
	Checkpoints int      `json:"checkpoints"` // that agree, stored and given
	Damaged     int      `json:"damaged"`     // how much is wrong
	Damages     []Damage `json:"damages"`     // the first hundred
}

// Err is nil for a log that verifies, and else a fault of kind Invalid that says what is wrong.
func (r Report) Err() error {
	if r.Damaged == 0 {
		return nil
	}
	var b strings.Builder
	for i, d := range r.Damages {
		if i == 10 {
			fmt.Fprintf(&b, "\n… and %d more", r.Damaged-i)
			break
		}
		b.WriteString("\n" + d.What)
	}
	return fault.Invalidf("the audit log does not verify:%s", b.String())
}

const (
	verifyBlock = 4096
	maxDamages  = 100
)

// Verify reads every entry, computes every hash of the log anew and compares it with the stored one, and the root with every
// stored checkpoint and those given. It holds one block of entries in memory. What is wrong is in the report; an error means
// that it could not be found out.
func (l *Log) Verify(ctx context.Context, with Verification) (r Report, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		v := verifier{with: with, report: Report{Damages: []Damage{}}}
		defer func() { r = v.report }()
		return v.run(tx, l)
	})
	return r, err
}

type verifier struct {
	with   Verification
	report Report
	keys   note.Verifiers
	given  []claim // the smallest first
	tree   tree
}

// claim is what a checkpoint from elsewhere says.
type claim struct {
	name string
	statement
}

func (v *verifier) wrong(entry int64, format string, args ...any) {
	v.report.Damaged++
	if len(v.report.Damages) < maxDamages {
		v.report.Damages = append(v.report.Damages, Damage{entry, fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) run(tx *db.Tx, l *Log) error {
	size, err := readHead(tx)
	if err != nil {
		return err
	}
	v.report.Size = size
	if err := v.findKeys(tx, l); err != nil {
		return err
	}
	v.readGiven()
	v.compareGiven()
	for from := int64(0); from < size; from += verifyBlock {
		b, err := readBlock(tx, from, min(from+verifyBlock, size))
		if err != nil {
			return err
		}
		v.block(b)
		if v.with.Progress != nil {
			v.with.Progress(v.tree.size, size)
		}
	}
	v.report.Root = text(v.tree.root())
	for _, c := range v.given {
		v.removed(c.name, c.size)
	}
	return v.beyond(tx)
}

// findKeys collects the keys that checkpoints may be signed with.
func (v *verifier) findKeys(tx *db.Tx, l *Log) error {
	keys, err := listKeys(tx)
	if err != nil {
		return err
	}
	texts := slices.Clone(v.with.Keys)
	for _, k := range keys {
		texts = append(texts, k.Verifier)
	}
	switch own, err := readKey(l.keyFile); {
	case err == nil:
		texts = append(texts, own.verifier)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	slices.Sort(texts)
	var list []note.Verifier
	for _, t := range slices.Compact(texts) {
		k, err := note.NewVerifier(t)
		if err != nil {
			if slices.Contains(v.with.Keys, t) {
				return fault.Invalidf("%q is no verifier key: it looks like %s+1a2b3c4d+…", t, l.origin)
			}
			v.wrong(0, "the key %q in the database is damaged", t)
			continue
		}
		list = append(list, k)
	}
	v.keys = note.VerifierList(list...)
	return nil
}

func (v *verifier) readGiven() {
	for _, g := range v.with.Checkpoints {
		s, err := openCheckpoint(g.Data, v.keys)
		if err != nil {
			v.wrong(0, "%s is no checkpoint that can be verified: %s", g.Name, err)
			continue
		}
		v.given = append(v.given, claim{g.Name, s})
	}
	slices.SortStableFunc(v.given, func(a, b claim) int { return cmp.Compare(a.size, b.size) })
}

func (v *verifier) block(b block) {
	for _, n := range b.twice {
		v.wrong(n, "entry %d is there twice", n)
	}
	for i := range b.entries {
		v.entry(&b.entries[i], b.hashes[i])
		for len(b.checkpoints) > 0 && b.checkpoints[0].Size == v.tree.size {
			v.compareStored(b.checkpoints[0])
			b.checkpoints = b.checkpoints[1:]
		}
		v.compareGiven()
	}
}

// entry adds the next entry to the tree. Where stored hashes differ from those computed, it goes on with the stored ones, so that one
// change is told once and where it is.
func (v *verifier) entry(e *Entry, stored []byte) {
	n := v.tree.size + 1
	var leaf tlog.Hash
	switch {
	case e.ID == 0 && len(stored) < tlog.HashSize:
		v.wrong(n, "entry %d is missing, with its hash: it was removed", n)
	case e.ID == 0:
		v.wrong(n, "entry %d is missing: it was removed", n)
		leaf = tlog.Hash(stored[:tlog.HashSize])
	case len(stored) < tlog.HashSize:
		v.wrong(n, "entry %d has no hash: it was put in, or its hash was removed", n)
		leaf = e.leaf()
	default:
		leaf = tlog.Hash(stored[:tlog.HashSize])
		if e.leaf() != leaf {
			v.wrong(n, "entry %d (%s %s by %s) was changed: it does not have the hash that was recorded with it", n, e.Verb, e.Object, e.Actor)
		}
	}
	want := v.tree.add(leaf)
	if len(stored) >= tlog.HashSize && len(stored) != len(want)*tlog.HashSize {
		v.wrong(n, "the hashes stored with entry %d were changed", n)
		return
	}
	for level := 1; level < len(want) && len(stored) > 0; level++ {
		have := stored[level*tlog.HashSize:][:tlog.HashSize]
		if bytes.Equal(have, want[level][:]) {
			continue
		}
		v.wrong(n, "the hash over entries %d to %d does not fit theirs: one of them was changed together with its hash", n-1<<level+1, n)
		v.tree.edge[len(want)-1] = tlog.Hash(stored[len(stored)-tlog.HashSize:])
		return
	}
}

func (v *verifier) compareStored(c Checkpoint) {
	s, err := openCheckpoint([]byte(c.Note), v.keys)
	switch {
	case err != nil:
		v.wrong(0, "the stored checkpoint of the first %d entries was changed: %s", c.Size, err)
	case s.size != c.Size:
		v.wrong(0, "the stored checkpoint of the first %d entries was changed: it says %d", c.Size, s.size)
	default:
		v.compare("the stored checkpoint", s)
	}
}

// compareGiven compares the tree with the checkpoints from elsewhere that are of its size.
func (v *verifier) compareGiven() {
	for len(v.given) > 0 && v.given[0].size == v.tree.size {
		v.compare(v.given[0].name, v.given[0].statement)
		v.given = v.given[1:]
	}
}

func (v *verifier) compare(name string, s statement) {
	if got := v.tree.root(); got != s.root {
		v.wrong(0, "%s of the first %d entries has the root %s, the log %s: one of these entries was changed, put in or removed after it was signed",
			name, s.size, base64.StdEncoding.EncodeToString(s.root[:]), text(got))
		return
	}
	v.report.Checkpoints++
}

func (v *verifier) removed(name string, size int64) {
	v.wrong(v.tree.size+1, "%s is of %d entries, the log has %d: entries %d to %d were removed", name, size, v.tree.size, v.tree.size+1, size)
}

// beyond tells what has numbers that the log does not have.
func (v *verifier) beyond(tx *db.Tx) error {
	entries, hashes, checkpoints, err := strays(tx, v.tree.size)
	if err != nil {
		return err
	}
	for _, n := range entries {
		v.wrong(n, "entry %d is not in the log, which has the entries 1 to %d: it was put in, or the log was cut", n, v.tree.size)
	}
	for _, n := range hashes {
		v.wrong(n, "there is a hash of entry %d, the log has the entries 1 to %d: it was cut", n, v.tree.size)
	}
	for _, c := range checkpoints {
		v.removed("the stored checkpoint", c.Size)
	}
	return nil
}
