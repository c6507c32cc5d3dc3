package event

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sort"

	"tocsin/internal/platform/db"
)

// index is what lists are filtered and sorted by, as of one moment. It is immutable; a newer one shares the blocks that
// did not change.
type index struct {
	types  []*listType // by id; a type's place in it is its rank among ids
	blocks map[int64]*block
	owners *owners
	today  Day // of the world
}

// listType is a report type as lists need it.
type listType struct {
	ReportType
	id       int64
	feed     string
	lastDay  Day
	firstDay Day
	cutoff   Day
	version  int64
	block    *block
	order    uint64 // place by name
}

// block has the columns of one type's findings in the order of their ids.
type block struct {
	version  int64
	ids      []byte   // the ids without their type, one after the other
	ends     []uint32 // where each ends
	owner    []uint32
	first    []int32 // first_day
	from, to []int32 // the latest run
	severity []uint8 // with the flags below
	closed   map[uint32]Day
	rulings  map[uint32]ruled
	risks    bool   // some of them accept a risk
	texts    []text // by row, of those that have any
}

// text is what not every finding has.
type text struct {
	row                         uint32
	name, identifier, transport string // the name in lower case
}

// Flags of a severity: a person closed the finding; it has a text; people ruled of it.
const (
	hasClosed    = 0x80
	hasText      = 0x40
	hasRuling    = 0x20
	severityBits = 0x07
)

func (b *block) len() int { return len(b.ends) }

// id is the id of a row without its type.
func (b *block) id(row int) []byte {
	if row == 0 {
		return b.ids[:b.ends[0]]
	}
	return b.ids[b.ends[row-1]:b.ends[row]]
}

// search is the first row whose id is not before key.
func (b *block) search(key []byte) int {
	return sort.Search(b.len(), func(i int) bool { return bytes.Compare(b.id(i), key) >= 0 })
}

// text is what a row with the flag hasText has.
func (b *block) text(row int) *text {
	if len(b.texts) == b.len() {
		return &b.texts[row]
	}
	i, _ := slices.BinarySearchFunc(b.texts, uint32(row), func(t text, row uint32) int { return cmp.Compare(t.row, row) })
	return &b.texts[i]
}

// portOf is the port and the transport within an id without its type; see portAndTransport.
func portOf(id []byte) (port int32, transport byte) {
	at := 1
	switch id[0] {
	case 4:
		at = 5
	case 6:
		at = 17
	}
	return portAndTransport(id[at:])
}

func fullID(typ int64, id []byte) ID {
	b := make([]byte, 0, len(id)+4)
	return ID(append(binary.BigEndian.AppendUint32(b, uint32(typ)), id...))
}

// lastSeen is the day of the latest report that had the row.
func (t *listType) lastSeen(from, to int32) Day { return max(Day(from), min(Day(to), t.lastDay)) }

// state derives where a finding stands.
func (t *listType) state(last, closed Day, in Disposition) State {
	return States()[t.stateIndex(last, closed, in)]
}

// current is the index as of the transaction. It reads the blocks of the types that changed since the last question.
func (l *Lister) current(tx *db.Tx) (*index, error) {
	types, err := listTypes(tx)
	if err != nil {
		return nil, fmt.Errorf("read the report types: %w", err)
	}
	registry, err := registryVersion(tx)
	if err != nil {
		return nil, fmt.Errorf("read the registry's version: %w", err)
	}
	known := l.index.Load()
	if !known.covers(types, registry) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if known, err = l.refresh(tx, types, registry); err != nil {
			return nil, err
		}
	}
	ix := &index{types: types, blocks: known.blocks, owners: known.owners, today: l.today()}
	ix.settle()
	return ix, nil
}

// covers tells whether nothing has to be read. A block newer than the transaction is as good: it has what others wrote
// since this question began.
func (ix *index) covers(types []*listType, registry int64) bool {
	for _, t := range types {
		if b := ix.blocks[t.id]; b == nil || b.version < t.version {
			return false
		}
	}
	return ix.owners.version >= registry
}

func (l *Lister) refresh(tx *db.Tx, types []*listType, registry int64) (*index, error) {
	old := l.index.Load()
	fresh := &index{blocks: maps.Clone(old.blocks), owners: old.owners}
	for _, t := range types {
		if b := fresh.blocks[t.id]; b != nil && b.version >= t.version {
			continue
		}
		b, err := readBlock(tx, t.id, t.version, fresh.blocks[t.id])
		if err != nil {
			return nil, fmt.Errorf("read the findings of %s: %w", t.Name, err)
		}
		fresh.blocks[t.id] = b
	}
	if old.owners.version < registry {
		o, err := readOwners(tx, registry)
		if err != nil {
			return nil, fmt.Errorf("read the owners of findings: %w", err)
		}
		fresh.owners = o
	}
	l.index.Store(fresh)
	return fresh, nil
}

// settle gives every type its block and its place by name.
func (ix *index) settle() {
	for _, t := range ix.types {
		t.block = ix.blocks[t.id]
	}
	byName := slices.Clone(ix.types)
	slices.SortFunc(byName, func(a, b *listType) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.feed, b.feed)) })
	for place, t := range byName {
		t.order = uint64(place)
	}
}

// owners is what lists need of constituents.
type owners struct {
	version int64
	list    []ownerRow      // by name
	at      map[int64]int32 // place in list by id
	places  []uint32        // place in list by id, for ids below its length; unknown ones are last
}

type ownerRow struct {
	Owner
	parent  int64
	contact bool
}

func newOwners(version int64, list []ownerRow) *owners {
	slices.SortFunc(list, func(a, b ownerRow) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	o := &owners{version: version, list: list, at: make(map[int64]int32, len(list))}
	top := int64(0)
	for i, r := range list {
		o.at[r.ID] = int32(i)
		top = max(top, r.ID)
	}
	o.places = make([]uint32, min(top+1, 1<<22))
	for i := range o.places {
		o.places[i] = uint32(len(list))
	}
	for i, r := range list {
		if r.ID < int64(len(o.places)) {
			o.places[r.ID] = uint32(i)
		}
	}
	return o
}

// place is where an owner stands by name; nobody and who is not known stand after all others.
func (o *owners) place(id uint32) uint32 {
	if int(id) < len(o.places) {
		return o.places[id]
	}
	if i, ok := o.at[int64(id)]; ok {
		return uint32(i)
	}
	return uint32(len(o.list))
}

func (o *owners) byID(id int64) Owner {
	if i, ok := o.at[id]; ok {
		return o.list[i].Owner
	}
	return Owner{ID: id}
}
