package event

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// State is where a finding stands. It is derived, never written: see Finding.
type State string

// The states.
const (
	Open         State = "open"
	NoLongerSeen State = "no-longer-seen" // of a snapshot: three complete days without it
	Lapsed       State = "lapsed"         // of an observation: fourteen days since it was last seen
	Closed       State = "closed"         // by a person, and not seen since
	// What would be open, had a person not ruled otherwise.
	FalsePositive State = "false-positive" // until the ruling is taken back
	AcceptedRisk  State = "accepted-risk"  // to the end of a day
)

// States are all states in the order people think of them.
func States() []State {
	return []State{Open, NoLongerSeen, Lapsed, Closed, FalsePositive, AcceptedRisk}
}

// Finding is one open or past problem as it stands in a list.
type Finding struct {
	ID         ID
	TypeID     int64
	Feed       string
	Type       string // report type
	Title      string // of the type
	Class      string // RSIT class
	Kind       string // RSIT type
	Identifier string // its own, or the type's
	Address    netip.Addr
	Port       int32 // -1 where it is no part of the identity
	Transport  string
	Name       string
	Severity   Severity
	Owner      Owner
	FirstSeen  int64 // time.source of the first event, UTC microseconds
	FirstDay   Day
	LastDay    Day // of the latest report that had it
	ClosedDay  Day // -1 when no person closed it
	State      State
	Ruling     Ruling
	Assignee   Assignee

	run         run
	explanation int64
}

// Owner is the constituent a finding belongs to; the zero Owner is nobody.
type Owner struct {
	ID          int64
	Ref         string
	Name        string
	Kind        string
	Sector      string
	Designation string
}

// Filter says which findings are meant. The zero Filter means every open one; fields narrow it together, the values of
// one field are alternatives.
type Filter struct {
	States       []State // empty: open ones only, or any with Dispositions that are not none
	AnyState     bool
	Feeds        []string
	Types        []string // names of report types, of any feed
	Classes      []string
	Kinds        []string
	Severities   []Severity
	MinSeverity  Severity
	Sectors      []string
	OwnerKinds   []string
	Designations []string
	Owner        string // a constituent's ref or number
	Branch       bool   // with Owner: and everybody below it
	Unattributed bool
	NoContact    bool         // the owner has no contact that could be told
	Within       netip.Prefix // a single address is a prefix of full length
	Ports        []int32
	Transport    string
	Name         string // part of the name, in any case
	Domain       string // the name's host is this domain or below it
	Identifier   string // part of the identifier, in any case: "CVE-2024-"
	New          bool   // first seen in the latest report of its type
	Scope        Scope  // nil: everybody's
	FirstFrom    Day    // 0: no bound; the days of the bounds are included
	FirstUntil   Day
	LastFrom     Day
	LastUntil    Day
	Assignee     int64 // the account it is assigned to; 0: any
	Unassigned   bool  // assigned to nobody
	Dispositions []Disposition
}

// Order is what a list is sorted by.
type Order string

// The orders. Ties go by severity or last day where these are not the order itself, at last by id.
const (
	ByLastSeen  Order = "last-seen"  // the latest first
	ByFirstSeen Order = "first-seen" // the latest first
	BySeverity  Order = "severity"   // the gravest first
	ByAddress   Order = "address"    // IPv4 first, ascending; what has no address before
	ByType      Order = "type"       // by name
	ByOwner     Order = "owner"      // by name; nobody's last
)

// Orders are all orders.
func Orders() []Order {
	return []Order{ByLastSeen, ByFirstSeen, BySeverity, ByAddress, ByType, ByOwner}
}

// Sort is an order and its direction. The zero Sort is the latest seen first.
type Sort struct {
	By      Order
	Reverse bool
}

// PageRequest asks for a part of a list.
type PageRequest struct {
	Cursor string // Next or Prev of another page of the same sort; "" begins
	Limit  int    // 1 … 1000; 0 is 100
}

// Page is a part of a list. Total counts the whole list.
type Page struct {
	Items []Finding
	Total int64
	Next  string // "" at the end
	Prev  string // "" at the beginning
}

const (
	defaultPage = 100
	maxPage     = 1000
)

// Lister reads findings. It keeps what lists are filtered and sorted by in memory, one block of columns per report type,
// and checks on every question that each block is of the version the records have; a block that is not is read again
// before the answer. So answers are as fresh as the records, whoever wrote them, and any filter and sort costs one pass
// over the columns. It is safe for concurrent use.
type Lister struct {
	registry *constituency.Store // nil: searches look at names only
	db       *db.DB
	clock    clock.Clock
	mu       sync.Mutex // held while blocks are read, so that one question reads for all
	index    atomic.Pointer[index]
	staff    func(context.Context) ([]Assignee, error) // nil: nobody but who has findings
}

// WithRegistry lets a search for a prefix or a domain find the constituents that have something there, and returns l.
func (l *Lister) WithRegistry(r *constituency.Store) *Lister {
	l.registry = r
	return l
}

// WithClock makes l go by the world's clock, which says when an accepted risk is over, and returns l.
func (l *Lister) WithClock(c clock.Clock) *Lister {
	l.clock = c
	return l
}

// WithStaff makes l know whom findings can be assigned to besides those who have some, and returns l.
func (l *Lister) WithStaff(staff func(context.Context) ([]Assignee, error)) *Lister {
	l.staff = staff
	return l
}

func (l *Lister) today() Day { return DayOf(l.clock.Now().UnixMicro()) }

// NewLister returns a lister of a world's findings by the machine's clock. Nothing is read until the first question or Warm.
func NewLister(d *db.DB) *Lister {
	l := &Lister{db: d, clock: clock.Real()}
	l.index.Store(&index{blocks: map[int64]*block{}, owners: &owners{version: -1}})
	return l
}

// Warm reads what changed, so that the next question need not wait: call it at the start and after an intake.
func (l *Lister) Warm(ctx context.Context) error {
	return l.db.View(ctx, func(tx *db.Tx) error {
		_, err := l.current(tx)
		return err
	})
}

// List returns a page of the findings that the filter means. A filter or cursor that makes no sense is a fault of kind
// Invalid.
func (l *Lister) List(ctx context.Context, f Filter, s Sort, p PageRequest) (*Page, error) {
	if p.Limit == 0 {
		p.Limit = defaultPage
	}
	if p.Limit < 1 || p.Limit > maxPage {
		return nil, fault.Invalidf("a page has 1 to %d findings, not %d", maxPage, p.Limit)
	}
	if s.By == "" {
		s.By = ByLastSeen
	}
	var out *Page
	err := l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.current(tx)
		if err != nil {
			return err
		}
		q, err := ix.compile(f)
		if err != nil {
			return err
		}
		c, err := ix.place(s, p.Cursor)
		if err != nil {
			return err
		}
		hits, total := ix.pick(q, c, p.Limit+1)
		out, err = ix.page(tx, c, hits, p.Limit)
		if out != nil {
			out.Total = total
		}
		return err
	})
	return out, err
}

// Count counts the findings that the filter means.
func (l *Lister) Count(ctx context.Context, f Filter) (n int64, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		ix, err := l.current(tx)
		if err != nil {
			return err
		}
		q, err := ix.compile(f)
		if err == nil {
			n = ix.count(q)
		}
		return err
	})
	return n, err
}
