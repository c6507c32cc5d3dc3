package constituency

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
	"sync/atomic"
)

// key is everything a verdict depends on within one version of the registry: the nodes that matched (0 for none) and the
// span of validity in which the query's day lies.
type key struct {
	node, span [4]uint32
	nameFirst  bool
}

func (k *key) hash() uint64 {
	const m = 0x9e3779b97f4a7c15
	h := uint64(m)
	for i := range k.node {
		h = (h ^ (uint64(k.node[i])<<32 | uint64(k.span[i]))) * m
		h ^= h >> 29
	}
	if k.nameFirst {
		h = ^h
	}
	return h
}

const (
	cacheSets = 1 << 13
	cacheWays = 8
	internMax = 1 << 15 // a generation of interned verdicts
)

type cached struct {
	key     key
	verdict *Verdict
}

// cache is a set-associative cache that readers pass without a lock. Its memory is bounded: at most sets × ways entries,
// and two generations of verdicts.
type cache struct {
	slots [cacheSets * cacheWays]atomic.Pointer[cached]
	turn  atomic.Uint32

	mu         sync.Mutex
	young, old map[[16]byte]*Verdict
}

func (c *cache) get(k key) *Verdict {
	set := int(k.hash()>>40) % cacheSets * cacheWays
	for i := range cacheWays {
		if e := c.slots[set+i].Load(); e != nil && e.key == k {
			return e.verdict
		}
	}
	return nil
}

func (c *cache) put(k key, v *Verdict) *Verdict {
	v = c.intern(v)
	set := int(k.hash()>>40) % cacheSets * cacheWays
	e := &cached{k, v}
	for i := range cacheWays {
		if c.slots[set+i].CompareAndSwap(nil, e) {
			return v
		}
	}
	c.slots[set+int(c.turn.Add(1)%cacheWays)].Store(e)
	return v
}

// intern gives v its digest and returns the verdict that stands for all that are equal to it.
func (c *cache) intern(v *Verdict) *Verdict {
	v.Digest = digest(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.young[v.Digest]; known != nil {
		return known
	}
	if known := c.old[v.Digest]; known != nil {
		v = known
	}
	if c.young == nil || len(c.young) >= internMax {
		c.old, c.young = c.young, map[[16]byte]*Verdict{}
	}
	c.young[v.Digest] = v
	return v
}

// digest is the first half of the SHA-256 of the verdict's JSON, whose fields and lists have one fixed order.
func digest(v *Verdict) (d [16]byte) {
	b, err := json.Marshal(v)
	if err != nil { // a verdict is made of numbers and strings
		panic(err)
	}
	sum := sha256.Sum256(b)
	copy(d[:], sum[:])
	return d
}
