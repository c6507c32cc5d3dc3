package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Checkpoint is the log at one size, signed. Note is in the format of C2SP tlog-checkpoint: origin, size and root, then the
// signature; what is kept elsewhere to prove later that nothing was removed.
type Checkpoint struct {
	Size int64  `json:"size"`
	At   int64  `json:"at"` // UTC microseconds of the world's clock
	Note string `json:"note"`
}

// Root is the root hash that the note states, in base64; "" when the note is damaged.
func (c Checkpoint) Root() string {
	text, _, _ := strings.Cut(c.Note, "\n\n")
	s, err := parseStatement(text + "\n")
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(s.root[:])
}

// statement is what a checkpoint says.
type statement struct {
	origin string
	size   int64
	root   tlog.Hash
}

func (s statement) String() string {
	return fmt.Sprintf("%s\n%d\n%s\n", s.origin, s.size, base64.StdEncoding.EncodeToString(s.root[:]))
}

// parseStatement reads the text of a checkpoint: three lines, and extension lines that are not looked at.
func parseStatement(text string) (s statement, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" {
		return s, errors.New("it needs the lines origin, size and root")
	}
	s.origin = lines[0]
	if s.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || s.size < 0 || strconv.FormatInt(s.size, 10) != lines[1] {
		return s, fmt.Errorf("%q is no size", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return s, fmt.Errorf("%q is no root hash", lines[2])
	}
	s.root = tlog.Hash(root)
	return s, nil
}

// openCheckpoint reads a signed checkpoint and verifies its signature by one of the keys.
func openCheckpoint(signed []byte, keys note.Verifiers) (statement, error) {
	n, err := note.Open(signed, keys)
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return statement{}, errors.New("it is signed by a key that this log does not know: name the key with --key")
	}
	if err != nil {
		return statement{}, err
	}
	s, err := parseStatement(n.Text)
	if err == nil && s.origin != n.Sigs[0].Name {
		err = fmt.Errorf("it is of the log %q, the key of %q", s.origin, n.Sigs[0].Name)
	}
	return s, err
}

// Checkpoint signs the log as it is and keeps the checkpoint. A log that has not grown since the latest one has that. One that
// does not agree with the latest is a fault of kind Invalid: two checkpoints that contradict each other are never signed.
func (l *Log) Checkpoint(ctx context.Context) (c Checkpoint, err error) {
	key, err := l.key()
	if err != nil {
		return c, err
	}
	err = l.db.Upkeep(ctx, func(tx *db.Tx) (err error) {
		size, err := readHead(tx)
		if err != nil {
			return err
		}
		latest, err := agreeing(tx, size)
		if err != nil {
			return err
		}
		if len(latest) > 0 && latest[0].Size == size {
			c = latest[0]
			return nil
		}
		root, err := tlog.TreeHash(size, reader{tx})
		if err != nil {
			return err
		}
		signed, err := note.Sign(&note.Note{Text: statement{l.origin, size, root}.String()}, key)
		if err != nil {
			return err
		}
		c = Checkpoint{Size: size, At: l.clock.Now().UnixMicro(), Note: string(signed)}
		if err := insertKey(tx, key.verifier, c.At); err != nil || size == 0 {
			return err
		}
		return insertCheckpoint(tx, c)
	})
	if err != nil {
		return c, fmt.Errorf("sign a checkpoint of the audit log: %w", err)
	}
	return c, nil
}

// agreeing is the latest stored checkpoint, when there is one, and an error when the log does not have what it states.
func agreeing(tx *db.Tx, size int64) ([]Checkpoint, error) {
	latest, err := checkpointsBefore(tx, 1<<63-1, 1)
	if err != nil || len(latest) == 0 {
		return nil, err
	}
	c := latest[0]
	if c.Size > size {
		return nil, fault.Invalidf("the log has %d entries, its latest checkpoint %d: entries were removed, run tocsin audit verify", size, c.Size)
	}
	root, err := tlog.TreeHash(c.Size, reader{tx})
	if err != nil {
		return nil, err
	}
	if text(root) != c.Root() {
		return nil, fault.Invalidf("the log does not have the root of its latest checkpoint, of %d entries: it was changed, run tocsin audit verify", c.Size)
	}
	return latest, nil
}
