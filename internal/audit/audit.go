// Package audit keeps what was done: one entry for every act, written as the last write of the act's own transaction into an
// append-only Merkle log (RFC 6962 hashes, golang.org/x/mod/sumdb/tlog). It signs checkpoints of the log, proves that an entry is
// in it and verifies the whole. What left the nation is disclosure's.
//
// Entry number n is the log's leaf n-1. The leaf's record is the byte 1, then the number and the time as 8 bytes each, then actor, name,
// verb, object and detail in this order, each as its length in 4 bytes and its UTF-8 bytes; all numbers are big-endian. A
// change of the encoding is a new first byte.
package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
)

// Entry is one act as it was recorded.
type Entry struct {
	ID     int64  `json:"id"` // its number in the log, 1 for the first; there are no gaps
	At     int64  `json:"at"` // UTC microseconds of the world's clock
	Actor  string `json:"actor"`
	Name   string `json:"name"`
	Verb   string `json:"verb"`
	Object string `json:"object"`
	Detail string `json:"detail,omitempty"`
}

// Recorder returns what db.Open needs to record acts at the world's time. Acts queue on the log's head from here to their
// commit, so the recorder is the last to write.
func Recorder(c clock.Clock) db.Recorder {
	return func(tx *db.Tx, a act.Act) error {
		id, err := advance(tx, 1)
		if err != nil {
			return fmt.Errorf("lock the head of the audit log: %w", err)
		}
		if id == 1 {
			if id, err = begin(tx); err != nil {
				return err
			}
		}
		e := Entry{ID: id, At: c.Now().UnixMicro(), Actor: legible(a.Actor.Subject()), Name: legible(a.Actor.Name), Verb: legible(a.Verb),
			Object: legible(a.Object), Detail: legible(a.Detail)}
		if err = insert(tx, e); err == nil {
			err = appendHashes(tx, id-1, e.leaf())
		}
		if err != nil {
			return fmt.Errorf("record %s: %w", e.Verb, err)
		}
		return nil
	}
}

// legible is the text as both engines keep it: what is hashed must be what is read again.
func legible(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// leaf is the hash of the entry's record.
func (e *Entry) leaf() tlog.Hash {
	b := make([]byte, 0, 17+5*4+len(e.Actor)+len(e.Name)+len(e.Verb)+len(e.Object)+len(e.Detail))
	b = append(b, 1)
	b = binary.BigEndian.AppendUint64(b, uint64(e.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(e.At))
	for _, s := range [...]string{e.Actor, e.Name, e.Verb, e.Object, e.Detail} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return tlog.RecordHash(b)
}

// appendHashes adds the leaf n to the hashes of the log, whose size is n.
func appendHashes(tx *db.Tx, n int64, leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(n, leaf, reader{tx})
	if err != nil {
		return err
	}
	return insertHashes(tx.Exec, n+1, pack(hashes))
}

func pack(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

var errDamaged = errors.New("they are damaged: run tocsin audit verify")

// reader reads stored hashes by tlog's index. A row has those that its leaf completed.
type reader struct{ tx *db.Tx }

// ReadHashes implements tlog.HashReader.
func (r reader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var have []byte
	var haveOf int64
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		entry := (n + 1) << level // the last entry of the subtree
		if entry != haveOf {
			var err error
			if have, err = hashesOf(r.tx, entry); err != nil {
				return nil, fmt.Errorf("read the hashes of audit entry %d: %w", entry, err)
			}
			haveOf = entry
		}
		if len(have) < (level+1)*tlog.HashSize {
			return nil, fmt.Errorf("the hashes of audit entry %d: %w", entry, errDamaged)
		}
		copy(out[i][:], have[level*tlog.HashSize:])
	}
	return out, nil
}
