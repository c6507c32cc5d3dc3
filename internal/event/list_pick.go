package event

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// A hit is a row that matched: its key in the order asked for, ascending, and its place, the rank of its type above the
// row in its block. Places are in the order of ids, which breaks ties.
type hit struct {
	key, place uint64
}

// cursor is a place between two rows of a sorted list.
type cursor struct {
	Sort
	back bool // towards the beginning
	at   *hit
	id   []byte // of the row at the place, without its type: by address, keys can be equal and ids differ
}

// cursorText is what a client carries. Key is the sort key where it does not depend on what else there is.
type cursorText struct {
	By      Order  `json:"b"`
	Reverse bool   `json:"r,omitempty"`
	Back    bool   `json:"p,omitempty"`
	Key     uint64 `json:"k,omitempty"`
	Owner   int64  `json:"o,omitempty"`
	ID      []byte `json:"i"`
}

const farDay = 1 << 24 // after every day

// latestFirst is a key of 27 bits: the later day first, then the graver severity.
func latestFirst(d Day, severity uint8) uint64 {
	return uint64(farDay-1-min(max(d, 0), farDay-1))<<3 | uint64(7-severity)
}

// key is a row's place in an order, but for ties.
func (ix *index) key(by Order, t *listType, row int, last Day) uint64 {
	b := t.block
	severity := b.severity[row] & severityBits
	switch by {
	case ByFirstSeen:
		return latestFirst(Day(b.first[row]), severity)
	case BySeverity:
		return uint64(7-severity)<<32 | latestFirst(last, 0)
	case ByType:
		return t.order
	case ByOwner:
		return uint64(ix.owners.place(b.owner[row]))<<32 | latestFirst(last, severity)
	case ByAddress:
		var head [8]byte
		copy(head[:], b.id(row)[:min(8, len(b.id(row)))])
		return binary.BigEndian.Uint64(head[:])
	}
	return latestFirst(last, severity)
}

// place reads a cursor of the sort; "" is the beginning.
func (ix *index) place(s Sort, text string) (c cursor, err error) {
	if !slices.Contains(Orders(), s.By) {
		return c, fault.Invalidf("%q is no order of findings: use last-seen, first-seen, severity, address, type or owner", s.By)
	}
	c.Sort = s
	if text == "" {
		return c, nil
	}
	var p cursorText
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > 1000 || json.Unmarshal(b, &p) != nil || len(p.ID) < 8 || p.By != s.By || p.Reverse != s.Reverse {
		return c, fault.Invalidf("the cursor is not one that this list gave out: begin again without it")
	}
	c.back, c.id = p.Back, p.ID[4:]
	rank, known := slices.BinarySearchFunc(ix.types, int64(binary.BigEndian.Uint32(p.ID)),
		func(t *listType, id int64) int { return cmp.Compare(t.id, id) })
	at := hit{key: p.Key, place: uint64(rank) << 33}
	if known {
		t := ix.types[rank]
		row := t.block.search(c.id)
		at.place |= uint64(row) << 1
		if row < t.block.len() && bytes.Equal(t.block.id(row), c.id) {
			at.place |= 1
		}
		if s.By == ByType {
			at.key = t.order
		}
	}
	if s.By == ByOwner {
		at.key = uint64(ix.owners.place(uint32(p.Owner)))<<32 | p.Key&0xffffffff
	}
	c.at = &at
	return c, nil
}

// text is the cursor at a finding.
func (ix *index) text(s Sort, back bool, f *Finding, key uint64) string {
	b, _ := json.Marshal(cursorText{By: s.By, Reverse: s.Reverse, Back: back, Key: key, Owner: f.Owner.ID, ID: []byte(f.ID)})
	return base64.RawURLEncoding.EncodeToString(b)
}

// compare orders two hits; places are doubled and odd for rows, so that a cursor at a row that is gone lies between rows.
func (ix *index) compare(by Order, a, b hit) int {
	if a.key != b.key {
		return cmp.Compare(a.key, b.key)
	}
	if by == ByAddress && a.place>>33 != b.place>>33 {
		return cmp.Or(bytes.Compare(ix.idAt(a), ix.idAt(b)), cmp.Compare(a.place, b.place))
	}
	return cmp.Compare(a.place, b.place)
}

func (ix *index) idAt(h hit) []byte {
	return ix.types[h.place>>33].block.id(int(h.place >> 1 & 0xffffffff))
}

// beyond tells whether a row lies after the cursor in the cursor's direction.
func (ix *index) beyond(c *cursor, h hit) bool {
	if c.at == nil {
		return true
	}
	var d int
	if c.By == ByAddress && h.key == c.at.key {
		d = cmp.Or(bytes.Compare(ix.idAt(h), c.id), cmp.Compare(h.place>>33, c.at.place>>33))
	} else {
		d = ix.compare(c.By, h, *c.at)
	}
	if c.Reverse != c.back {
		return d < 0
	}
	return d > 0
}

// pick finds the first n rows after the cursor, in the cursor's direction, and how many rows match at all.
func (ix *index) pick(q *query, c cursor, n int) (hits []hit, total int64) {
	descending := c.Reverse != c.back
	order := func(a, b hit) int {
		if descending {
			a, b = b, a
		}
		return ix.compare(c.By, a, b)
	}
	var mu sync.Mutex
	var sum atomic.Int64
	ix.each(q, descending, func(next func() (rank int, ok bool)) {
		best := collector{n: n, order: order}
		matched := int64(0)
		for rank, ok := next(); ok; rank, ok = next() {
			matched += ix.scan(q, rank, descending, func(t *listType, row int, last Day) {
				h := hit{ix.key(c.By, t, row, last), uint64(rank)<<33 | uint64(row)<<1 | 1}
				if best.full && h.key != best.worst.key && h.key > best.worst.key != descending {
					return // the usual case, without a closer look
				}
				if (c.at == nil || ix.beyond(&c, h)) && best.wants(h) {
					best.add(h)
				}
			})
		}
		sum.Add(matched)
		mu.Lock()
		defer mu.Unlock()
		hits = append(hits, best.hits...)
	})
	slices.SortFunc(hits, order)
	return hits[:min(n, len(hits))], sum.Load()
}

// each hands the types that can match to as many workers as there are processors.
func (ix *index) each(q *query, descending bool, work func(next func() (int, bool))) {
	var ranks []int
	rows := 0
	for i, t := range ix.types {
		if q.types[i] && t.block.len() > 0 {
			ranks = append(ranks, i)
			rows += t.block.len()
		}
	}
	if descending {
		slices.Reverse(ranks)
	}
	var at atomic.Int64
	next := func() (int, bool) {
		i := int(at.Add(1)) - 1
		if i >= len(ranks) {
			return 0, false
		}
		return ranks[i], true
	}
	workers := min(runtime.GOMAXPROCS(0), len(ranks), 1+rows/50_000)
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(func() { work(next) })
	}
	work(next)
	wg.Wait()
}

// count counts the rows that match.
func (ix *index) count(q *query) int64 {
	var sum atomic.Int64
	ix.each(q, false, func(next func() (int, bool)) {
		for rank, ok := next(); ok; rank, ok = next() {
			sum.Add(ix.scan(q, rank, false, func(*listType, int, Day) {}))
		}
	})
	return sum.Load()
}

// collector keeps the first n hits of those it is given.
type collector struct {
	n     int
	order func(a, b hit) int
	hits  []hit
	full  bool
	worst hit
}

func (c *collector) wants(h hit) bool { return !c.full || c.order(h, c.worst) < 0 }

func (c *collector) add(h hit) {
	c.hits = append(c.hits, h)
	if len(c.hits) < 4*c.n {
		return
	}
	slices.SortFunc(c.hits, c.order)
	c.hits = c.hits[:c.n]
	c.full, c.worst = true, c.hits[c.n-1]
}

// page reads the rows of the hits, of which there is one more than the page has when the list goes on.
func (ix *index) page(tx *db.Tx, c cursor, hits []hit, limit int) (*Page, error) {
	more := len(hits) > limit
	hits = hits[:min(limit, len(hits))]
	if c.back {
		slices.Reverse(hits)
	}
	ids := make([]ID, len(hits))
	for i, h := range hits {
		ids[i] = fullID(ix.types[h.place>>33].id, ix.idAt(h))
	}
	rows, err := ix.readFindings(tx, ids)
	if err != nil {
		return nil, err
	}
	p := &Page{Items: make([]Finding, 0, len(hits))}
	keys := make([]uint64, 0, len(hits))
	for i, h := range hits {
		if f, ok := rows[ids[i]]; ok {
			p.Items, keys = append(p.Items, f), append(keys, h.key)
		}
	}
	n := len(p.Items)
	if n == 0 {
		return p, nil
	}
	if more || c.back {
		p.Next = ix.text(c.Sort, false, &p.Items[n-1], keys[n-1])
	}
	if more && c.back || !c.back && c.at != nil {
		p.Prev = ix.text(c.Sort, true, &p.Items[0], keys[0])
	}
	return p, nil
}

// complete fills in what a finding has from its type and its owner.
func (ix *index) complete(f *Finding) {
	if t := ix.describe(f); t != nil {
		f.LastDay = t.lastSeen(int32(f.run.from), int32(f.run.to))
		f.State = t.state(f.LastDay, f.ClosedDay, f.Ruling.on(ix.today))
	}
}

// describe names the finding's owner and type; nil is a type that is not known.
func (ix *index) describe(f *Finding) *listType {
	f.Owner = ix.owners.byID(f.Owner.ID)
	rank, ok := slices.BinarySearchFunc(ix.types, f.TypeID, func(t *listType, id int64) int { return cmp.Compare(t.id, id) })
	if !ok {
		return nil
	}
	t := ix.types[rank]
	f.Feed, f.Type, f.Title, f.Class, f.Kind = t.feed, t.Name, t.Title, t.Class, t.ReportType.Kind
	if f.Identifier == "" {
		f.Identifier = t.Identifier
	}
	return t
}
