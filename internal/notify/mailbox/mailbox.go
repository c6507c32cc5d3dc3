// Package mailbox takes in what comes by mail: replies, bounces, reports of feeds. It keeps every original, threads replies to the
// letters of the outbox, tells bounces that name a letter of ours from those that only claim to, offers reports to the intake, and lets
// people answer. A message is a stranger's word: by itself it moves nothing but the state of the letter that it proves to be about,
// and nothing is ever answered but by a person. What events are in a report, it does not know.
package mailbox

import (
	"context"
	"io"
	"log/slog"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/format/eml"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/job"
	"tocsin/internal/platform/mail/protect"
	"tocsin/internal/platform/spool"
)

// Config is what a Box stands on.
type Config struct {
	DB           *db.DB
	Clock        clock.Clock // the world's
	Real         clock.Clock // leases
	Log          *slog.Logger
	Outbox       *notify.Outbox
	Constituency *constituency.Store
	Files        file.Dir // where originals are kept
	Spool        spool.Dir
	Source       *imap.Mailbox // nil: none is read; what was taken is still there
	Client       *fetch.Client // gets linked reports; nil: none
	Reports      Reports
	Incidents    Incidents
	Trust        Trust
	// Open takes the protection off a message that came, and says what it was worth; nil: what is encrypted stays so.
	Open     func(ctx context.Context, raw []byte) (protect.Opened, error)
	MaxBytes int64 // of a message; of a larger one so many are kept. 0 is 25 MiB

	// Step is called at every named step of taking a message; the crash tests end there. It may be nil.
	Step func(name string)
}

// Reports is what the mailbox knows of feeds. The functions may be nil: then nothing is recognised.
type Reports struct {
	// Named is the feed whose report a file is by its name; "" when it is none's.
	Named func(ctx context.Context, file string) (feed string, err error)
	// Linked is the feed that an address belongs to, by the host that its configuration names; "" when it is none's.
	Linked func(ctx context.Context, url string) (feed string, err error)
	// Take takes a file in and says what became of it. taken is false when nothing of it was.
	Take func(ctx context.Context, feed, name string, size int64, open func() (io.ReadCloser, error)) (outcome string, taken bool, err error)
}

// Incidents is what the mailbox knows of incidents. The functions may be nil: then letters are letters.
type Incidents struct {
	// Known tells whether a ticket is a report's or a case's, which nobody may have written to yet.
	Known func(tx *db.Tx, ticket string) (bool, error)
	// Take makes a report of a letter in the caller's transaction, and returns its ticket and constituent. A fault of kind Invalid leaves
	// the letter where it is.
	Take func(ctx context.Context, tx *db.Tx, m *Message) (ticket string, constituent int64, err error)
	// Add adds what a letter says to the report or case that its ticket names, if it names one.
	Add func(ctx context.Context, tx *db.Tx, m *Message) error
}

// Trust says whose word about senders counts. The zero value asks nobody: an address is then what the message says.
type Trust struct {
	// Server is the name by which our own mail server writes Authentication-Results (RFC 8601). It must take out those of its name that
	// come from elsewhere.
	Server string
	// Reporters are addresses whose reports are taken in without a person, when Server vouches for them.
	Reporters []string
	// Intake are our own addresses whose mail becomes reports of incidents without a person.
	Intake []string
}

// Box is a world's mailbox. It is safe for concurrent use.
type Box struct{ Config }

// Shown is how many characters of a message a conversation shows.
const Shown = 20_000

const (
	defaultBytes = 25 << 20
	pollEvery    = time.Minute
	perVisit     = 1000 // messages; the others at the next one
	perBatch     = 100  // that are recorded together
	maxBatch     = 32 << 20
	keepers      = 8 // originals that are made durable at once
)

// New returns the mailbox of a world.
func New(c Config) *Box {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultBytes
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Box{c}
}

// Register adds the mailbox's jobs to the world's queue: reading every minute, and taking reports in.
func (b *Box) Register(q *job.Queue) {
	if b.Source != nil {
		q.Periodic("mailbox.read", pollEvery, func(ctx context.Context, _ job.Job) error {
			_, err := b.Read(ctx)
			return err
		})
	}
	if b.Reports.Take != nil {
		q.Handle(reportJob, b.takeReport)
	}
}

// Kind is what sort of message came.
type Kind string

// The kinds.
const (
	Letter    Kind = "letter"    // a person wrote it, for all that it says
	Automatic Kind = "automatic" // an answering machine did: shown, never answered
	Bounce    Kind = "bounce"    // a delivery report: it failed
	Delivery  Kind = "delivery"  // another delivery report: delayed, delivered
	List      Kind = "list"      // a mailing list passed it on
	Own       Kind = "own"       // a letter of the outbox that came back to us
)

// State is what a message waits for.
type State string

// The states.
const (
	Waiting   State = "waiting"   // in the inbox: it fits nowhere
	Open      State = "open"      // in a conversation, and nobody dealt with it
	Done      State = "done"      // dealt with, or there is nothing to do
	Dismissed State = "dismissed" // put aside, with a reason
)

// States lists the states.
func States() []State { return []State{Waiting, Open, Done, Dismissed} }

// How a message came to its conversation.
const (
	ByReference = "reference" // it names a letter or a message of it
	ByTicket    = "ticket"    // the ticket stands in its subject
	ByReport    = "report"    // a delivery report names a letter, and the address it went to
	ByHand      = "hand"
	ByIntake    = "intake" // it became a report of an incident
)

// Message is what came.
type Message struct {
	ID          int64
	Source      string
	Taken       int64 // UTC microseconds, like all times; 0: not known
	Received    int64
	Sent        int64 // as it says itself
	FromName    string
	From        string
	ReplyTo     string // where answers should go to, when it is another address
	Subject     string
	Text        string
	Kind        Kind
	AutomaticBy string // the field by which it says that no person wrote it
	MessageID   string // without brackets
	Earlier     []string
	Report      *eml.Report
	Flaws       []eml.Flaw
	Protection  *protect.Verdict // nil: it is neither encrypted nor signed
	Ticket      string           // of its conversation; "" without one
	Letter      int64            // of the outbox that it is about; 0
	Constituent int64            // of that letter; 0
	Threaded    string
	// Verified says that the sender's address is one that we write to, and our mail server does not deny it; of a bounce that it names
	// a letter of ours and its address.
	Verified  bool
	Authentic Authentic
	State     State
	Reason    string
	Answer    int64 // the letter that answers it; 0
	Size      int64 // bytes as the server has it
	Stored    int64 // bytes kept
	SHA256    string
	Files     []File

	path     string
	content  string
	to       string        // that the letter went to
	delivery *eml.Delivery // what a report says of that address
}

// Authentic is whether the message comes from the domain that its sender's address has.
type Authentic int

// What our own mail server says of it.
const (
	Denied  Authentic = -1 // it does not vouch for the domain
	Unasked Authentic = 0  // there is no server whose word counts: anybody can write any sender
	Proven  Authentic = 1
)

// Cut says that only the beginning of the message was kept.
func (m Message) Cut() bool { return m.Stored < m.Size }

// Answerable says whether a person may answer the message: machines are never answered, nor are messages without an address.
func (m Message) Answerable() bool {
	return (m.Kind == Letter || m.Kind == List) && m.From != ""
}

// FileState is how far a file of a message is.
type FileState string

// The states of a file.
const (
	Kept   FileState = "kept"   // in the original, and nowhere else
	Queued FileState = "queued" // to be taken in
	Took   FileState = "taken"
	Failed FileState = "failed"
)

// File is an attachment, or a link to a report.
type File struct {
	Number  int // within its message, from 1
	Name    string
	Type    string
	URL     string // of a link
	Bytes   int64
	SHA256  string
	Feed    string // whose report it is, by its name or host; "" when it is nobody's
	State   FileState
	Outcome string
}

// Status is how the reading of a mailbox goes.
type Status struct {
	Name    string
	Looked  int64 // when it was last read; 0: never
	Trouble string
	Since   int64 // of the trouble
	Taken   int64 // messages so far
}

// Counts is how many messages are in each state.
type Counts struct {
	Waiting, Open, Done, Dismissed int64
}
