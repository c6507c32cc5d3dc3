// Package notify is the outbox: it delivers letters by mail and webhook, retries, keeps what became of them, and can be stopped at
// once. The capability that has something to say composes it; notify knows no findings, and nothing leaves it but through the gate.
// A letter is written down in the transaction of what it tells of, and every step is committed before the next one is taken, so that
// a crash loses nothing and doubles only what died between DATA and its answer, with the same Message-ID.
package notify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/mail"
)

// Composer writes the contents of letters of its kind when their turn comes: of as many of them as it likes to at once, in their order,
// and at least of the first; for the others it is called again. It is called outside any transaction, may be called again after a
// crash, and must say the same again or something newer. ErrNothing cancels a letter, a *Hold keeps it back, a fault of kind Invalid
// gives it up; any other error is tried again later.
type Composer func(ctx context.Context, ls []Letter) []Composed

// Reviewer tells of letters of its kind, in their order, what they tell of as it is marked in a transaction: the one in which they leave,
// however long they waited since they were composed. The gate judges by that.
type Reviewer func(tx *db.Tx, ls []*Letter) ([][]About, error)

// Composed is what a letter says, or why it says nothing.
type Composed struct {
	Content Content
	Err     error
}

// Single is a Composer that writes one letter at a time: enough for kinds of which few are due at once.
func Single(fn func(ctx context.Context, l Letter) (Content, error)) Composer {
	return func(ctx context.Context, ls []Letter) []Composed {
		c, err := fn(ctx, ls[0])
		return []Composed{{c, err}}
	}
}

// Plain is a rendered message before it is protected for the one its letter goes to.
type Plain struct {
	Letter  Letter
	Message []byte // whole (RFC 5322, lines that end in CRLF), also once it is protected
	Err     error  // what kept it from that
}

// Protector signs and encrypts messages, each for its recipient. A *Hold as error keeps the letter back: it is never sent with less
// protection than it asks for.
type Protector func(ctx context.Context, all ...*Plain)

// Config is what an outbox stands on.
type Config struct {
	DB     *db.DB
	Clock  clock.Clock // the world's: when letters are due
	Real   clock.Clock // leases, and the timestamps of webhooks
	Gate   *disclosure.Gate
	Sender *mail.Sender  // nil: no mail server
	Client *fetch.Client // for webhooks; nil: none are called
	Seal   *identity.Seal
	Log    *slog.Logger

	Sealed  bool      // nothing can leave this world: letters are kept
	Protect Protector // nil: nothing is signed, and what must be encrypted is held
	// Enough tells whether a message that was protected before and is still here is protected as its letter must be now. One that is
	// not is rendered anew.
	Enough func(ctx context.Context, l Letter, message []byte) (bool, error)

	Workers   int           // hand-overs at once; 0 is 16
	PerMinute int           // letters to one destination; 0 is 120
	Burst     int           // of them at once; 0 is 20
	Tick      time.Duration // how long an idle outbox waits; 0 is a second

	// Step is called at every named step of a delivery; the crash tests end the process there.
	Step func(name string)
}

// Outbox is a world's outbox. It is safe for concurrent use.
type Outbox struct {
	Config
	holder string // this process, in leases
	wake   chan struct{}
	pace   *pace
	pack   *zstd.Encoder
	unpack *zstd.Decoder
	rooms  sync.Pool // buffers that messages are packed in

	mu        sync.Mutex
	composers map[string]Composer
	reviewers map[string]Reviewer
	forgotten map[string]bool // kinds
	secrets   []*regexp.Regexp
}

// New returns the outbox of a world. Work delivers.
func New(c Config) (*Outbox, error) {
	if c.Workers == 0 {
		c.Workers = 16
	}
	if c.PerMinute == 0 {
		c.PerMinute = 120
	}
	if c.Burst == 0 {
		c.Burst = 20
	}
	if c.Tick == 0 {
		c.Tick = time.Second
	}
	if c.Step == nil {
		c.Step = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	o := &Outbox{Config: c, wake: make(chan struct{}, 1), pace: newPace(c.PerMinute, c.Burst), composers: map[string]Composer{}, reviewers: map[string]Reviewer{}, forgotten: map[string]bool{}}
	var b [8]byte
	rand.Read(b[:])
	o.holder = hex.EncodeToString(b[:])
	var err error
	if o.pack, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(drafting), zstd.WithLowerEncoderMem(true)); err != nil {
		return nil, err
	}
	o.unpack, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderConcurrency(c.Workers))
	return o, err
}

// Compose registers who composes the letters of a kind that are enqueued without a content. Call it before Work.
func (o *Outbox) Compose(kind string, c Composer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.composers[kind] = c
}

// Review registers who tells of the letters of a kind how what they tell of is marked when they leave. Call it before Work.
func (o *Outbox) Review(kind string, r Reviewer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reviewers[kind] = r
}

func (o *Outbox) reviewer(kind string) Reviewer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reviewers[kind]
}

func (o *Outbox) composer(kind string) Composer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.composers[kind]
}

// Composes tells whether letters of a kind say nothing before their turn comes.
func (o *Outbox) Composes(kind string) bool { return o.composer(kind) != nil }

// Forget has nothing kept of what letters of a kind say once they are handed over, given up or cancelled; that they were there stays. One
// that was given up and is sent again is composed anew. Call it before Work.
func (o *Outbox) Forget(kind string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forgotten[kind] = true
}

func (o *Outbox) forgets(kind string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.forgotten[kind]
}

// drop drops what letters say whose kinds are forgotten, now that they are settled.
func (o *Outbox) drop(tx *db.Tx, ls ...*Letter) error {
	var ids []int64
	for _, l := range ls {
		if o.forgets(l.Kind) {
			ids = append(ids, l.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return dropContents(tx, ids)
}

// cancel cancels letters, and drops what those say whose kinds are forgotten.
func (o *Outbox) cancel(tx *db.Tx, ids []int64, reason string) (int64, error) {
	n, err := cancel(tx, ids, reason, o.Clock.Now().UnixMicro())
	if err != nil {
		return n, err
	}
	for some := range slices.Chunk(ids, 1000) {
		ls, err := cancelled(tx, some)
		if err != nil {
			return n, err
		}
		for i := range ls {
			if err := o.drop(tx, &ls[i]); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Wake makes an idle outbox look at once instead of at the next tick.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// MessageID is the Message-ID that the letter with a key has, in angle brackets; "" without a mail server.
func (o *Outbox) MessageID(key string) string { return o.Sender.MessageID(key) }

// ErrNothing is what a Composer returns when there is nothing to say any more: the letter is cancelled.
var ErrNothing = fault.New(fault.Invalid, "there is nothing to say any more")

// Hold is why a letter is kept back until a person does something about it.
type Hold struct {
	Why    string // HoldEncryption or another of the holds
	Reason string // for people: what is missing
}

// Error is the reason.
func (h *Hold) Error() string { return h.Reason }
