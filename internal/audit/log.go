package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

// Config is what a log stands on.
type Config struct {
	DB      *db.DB
	World   string // the origin of its checkpoints is tocsin/<World>
	KeyFile string // the private key that signs them; made when it is first needed
	Clock   clock.Clock
	Log     *slog.Logger
}

// Log is a world's audit log. It is safe for concurrent use.
type Log struct {
	db      *db.DB
	origin  string
	keyFile string
	clock   clock.Clock
	log     *slog.Logger
}

// New returns the log of a world.
func New(c Config) *Log {
	return &Log{db: c.DB, origin: "tocsin/" + c.World, keyFile: c.KeyFile, clock: c.Clock, log: c.Log}
}

func (l *Log) key() (*signer, error) { return openKey(l.keyFile, l.origin) }

// Register has a checkpoint written every hour in which the log grew, to the database and to the process's own log, so that
// whoever collects that log keeps it elsewhere.
func (l *Log) Register(q *job.Queue) {
	q.Periodic("audit.checkpoint", time.Hour, func(ctx context.Context, _ job.Job) error {
		before, err := l.Checkpoints(ctx, 0, 1)
		if err != nil {
			return err
		}
		c, err := l.Checkpoint(ctx)
		if err == nil && c.Size > 0 && (len(before) == 0 || before[0].Size != c.Size) {
			l.log.Info("audit checkpoint", "size", c.Size, "root", c.Root(), "note", strings.TrimSpace(c.Note))
		}
		return err
	})
}

// maxCheckpoints bounds one list.
const maxCheckpoints = 1000

// Checkpoints lists stored checkpoints of fewer than before entries, the largest first; before 0 is from the latest on.
func (l *Log) Checkpoints(ctx context.Context, before int64, limit int) (out []Checkpoint, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	err = l.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = checkpointsBefore(tx, before, min(max(limit, 1), maxCheckpoints))
		return err
	})
	return out, err
}

// CheckpointOf is the stored checkpoint of a size.
func (l *Log) CheckpointOf(ctx context.Context, size int64) (c Checkpoint, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) (err error) {
		c, err = checkpointOf(tx, size)
		return err
	})
	return c, err
}

// Covering is the smallest stored checkpoint that covers an entry; nil when there is none yet.
func (l *Log) Covering(ctx context.Context, id int64) (c *Checkpoint, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		cs, err := checkpointsFrom(tx, id)
		if len(cs) > 0 {
			c = &cs[0]
		}
		return err
	})
	return c, err
}

// Keys lists the keys that signed checkpoints of this log, the oldest first. Checkpoints of a world that was restored verify
// by those from before.
func (l *Log) Keys(ctx context.Context) (out []Key, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = listKeys(tx)
		return err
	})
	return out, err
}

// Proof says that an entry is in the log: with Leaf and Hashes anybody computes Root (RFC 6962, section 2.1.1), which a
// checkpoint of Size states. Hashes are in base64.
type Proof struct {
	Size   int64    `json:"size"`
	Root   string   `json:"root"`
	Leaf   string   `json:"leaf"` // of the entry as it is stored now
	Hashes []string `json:"hashes" nullable:"false"`
	Valid  bool     `json:"valid"` // false: the entry, or the log, was changed
}

// Proved is an entry with its proof.
type Proved struct {
	Entry Entry `json:"entry"`
	Proof Proof `json:"proof"`
}

// ByID is an entry and the proof that the log as it is has it.
func (l *Log) ByID(ctx context.Context, id int64) (p Proved, err error) {
	err = l.db.View(ctx, func(tx *db.Tx) error {
		if p.Entry, err = entryOf(tx, id); err != nil {
			return err
		}
		p.Proof, err = prove(tx, p.Entry)
		return err
	})
	return p, err
}

func prove(tx *db.Tx, e Entry) (p Proof, err error) {
	leaf := e.leaf()
	p = Proof{Leaf: text(leaf), Hashes: []string{}}
	if p.Size, err = readHead(tx); err != nil || e.ID < 1 || e.ID > p.Size {
		return p, err // an entry that is not in the log has no proof
	}
	root, err := tlog.TreeHash(p.Size, reader{tx})
	var hashes tlog.RecordProof
	if err == nil {
		hashes, err = tlog.ProveRecord(p.Size, e.ID-1, reader{tx})
	}
	if errors.Is(err, errDamaged) {
		return p, nil // the entry stays readable, without a proof
	}
	if err != nil {
		return p, err
	}
	p.Root = text(root)
	for _, h := range hashes {
		p.Hashes = append(p.Hashes, text(h))
	}
	p.Valid = tlog.CheckRecord(hashes, p.Size, root, e.ID-1, leaf) == nil
	return p, nil
}

func text(h tlog.Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }
