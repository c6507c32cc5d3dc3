package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"tocsin/internal/constituency"
)

// A sighting is a finding in one report: the key it has in every report and what this report says of it.
type sighting struct {
	id       ID
	verdict  *constituency.Verdict
	names    *names // nil for most: the id says all
	first    int64  // time.source of its first event in the report
	last     int64  // time.source of the event that names the verdict
	severity Severity
}

// names are the parts of a subject that an id holds only as a digest.
type names struct {
	transport  string
	name       string
	identifier string
}

// present is a finding that the latest report still has. The list of them, ordered by id, is kept beside the type, so
// that the next report is compared in memory and only the differences are written.
type present struct {
	id       ID
	owner    int64
	severity Severity
}

const presencePart = 1 << 19 // bytes of a part, so that no single value gets large

// encodePresence writes the list in parts. An entry is the id without its type (length byte first), the owner as a
// varint, and the severity.
func encodePresence(list iter.Seq[present]) [][]byte {
	var parts [][]byte
	b := make([]byte, 0, presencePart+64)
	for p := range list {
		if len(b) >= presencePart {
			parts = append(parts, b)
			b = make([]byte, 0, presencePart+64)
		}
		b = append(b, byte(len(p.id)-4))
		b = append(b, p.id[4:]...)
		b = binary.AppendUvarint(b, uint64(p.owner))
		b = append(b, byte(p.severity))
	}
	if len(b) > 0 {
		parts = append(parts, b)
	}
	return parts
}

var errPresence = errors.New("the presence list is damaged")

// decodePresence calls fn for every entry of a part. The ids share one copy of it.
func decodePresence(typ int64, part []byte, fn func(present)) error {
	prefix := binary.BigEndian.AppendUint32(nil, uint32(typ))
	for len(part) > 0 {
		n := int(part[0]) + 1
		if len(part) < n+2 {
			return fmt.Errorf("type %d: %w", typ, errPresence)
		}
		id := make([]byte, 0, n+3)
		id = append(append(id, prefix...), part[1:n]...)
		owner, k := binary.Uvarint(part[n:])
		if k <= 0 || len(part) < n+k+1 {
			return fmt.Errorf("type %d: %w", typ, errPresence)
		}
		fn(present{ID(id), int64(owner), Severity(part[n+k])})
		part = part[n+k+1:]
	}
	return nil
}
