package egress

import "errors"

// ErrNotCleared is what an exit says to a value that the gate never saw.
var ErrNotCleared = errors.New("the value was not cleared for anybody: it comes from disclosure.Clear")

// Grant is why a value may leave: to whom, by which exit, under which rule. The gate makes it.
type Grant struct {
	Recipient string   // "person:12", "constituent:7", "public:public": how the ledger names it
	Channel   string   // mail, webhook, portal, rest, feed, export, page
	Rules     []string // those that let the items through, each once
	Highest   string   // the most restrictive marking among the items: "TLP:AMBER"
	Items     int
	Withheld  int
	Ledger    int64 // the row that says so; 0 while page views are still summed up
}

// Cleared is a value that the gate has let through for one recipient and one exit. The zero value is refused by every exit.
type Cleared[V any] struct {
	v V
	g *Grant
}

// MakeCleared is the gate's constructor. Only disclosure calls it; the house plan says so.
func MakeCleared[V any](v V, g *Grant) Cleared[V] { return Cleared[V]{v, g} }

// Open is what an exit does with the value: it gets it together with the grant, or an error when there is none.
func (c Cleared[V]) Open() (V, *Grant, error) {
	if c.g == nil {
		var none V
		return none, nil, ErrNotCleared
	}
	return c.v, c.g, nil
}
