package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/generic"
	"tocsin/internal/event/feed/idf"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Formats gives the reader of a feed's files. A newer Shadowserver schema is kept in the records, so that every node of a world
// reads alike; the last one used is kept in memory.
type Formats struct {
	db *db.DB

	mu     sync.Mutex
	digest [32]byte
	schema *shadowserver.Schema
}

// Of is the reader of a feed's files.
func (s *Formats) Of(f feed.Feed) (event.Format, error) {
	switch f.Format {
	case "shadowserver":
		schema, err := s.Schema(context.Background())
		if err != nil {
			return nil, err
		}
		return shadowserver.New(schema), nil
	case "idf":
		return idf.New(), nil
	case "generic":
		return mapped(f.Settings.Mapping)
	}
	return nil, fault.Invalidf("the feed %s has the format %q, which this version of Tocsin does not read", f.Name, f.Format)
}

// Schema is the Shadowserver schema in force: the loaded one, else the one that is built in.
func (s *Formats) Schema(ctx context.Context) (*shadowserver.Schema, error) {
	var reports, mapping []byte
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		reports, mapping, err = loadSchema(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the Shadowserver schema: %w", err)
	}
	digest := sha256.Sum256(append(append(reports[:len(reports):len(reports)], 0), mapping...))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.schema == nil || s.digest != digest {
		schema, err := parseSchema(reports, mapping)
		if err != nil {
			return nil, err
		}
		s.schema, s.digest = schema, digest
	}
	return s.schema, nil
}

// SetSchema loads newer schema files, Shadowserver's reports.json and intelmq.json; either may be nil, both nil goes back to
// what is built in. A file that cannot be used is a fault of kind Invalid and changes nothing.
func (s *Formats) SetSchema(ctx context.Context, actor act.Actor, reports, mapping []byte) (*shadowserver.Schema, error) {
	schema, err := parseSchema(reports, mapping)
	if err != nil {
		return nil, err
	}
	a := act.Act{Actor: actor, Verb: "feed.schema", Object: "format:shadowserver",
		Detail: fmt.Sprintf(`{"date":%q,"types":%d}`, schema.Date(), len(schema.Types()))}
	return schema, s.db.Act(ctx, a, func(tx *db.Tx) error { return saveSchema(tx, reports, mapping) })
}

func parseSchema(reports, mapping []byte) (*shadowserver.Schema, error) {
	if len(reports) == 0 && len(mapping) == 0 {
		return shadowserver.Builtin(), nil
	}
	reader := func(b []byte) io.Reader {
		if len(b) == 0 {
			return nil
		}
		return bytes.NewReader(b)
	}
	return shadowserver.Load(reader(reports), reader(mapping))
}

// maxMapping bounds a mapping file.
const maxMapping = 1 << 20

// mapped is the generic format with the feed's mapping file, read anew each time: people change it.
func mapped(path string) (event.Format, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Invalidf("read the feed's mapping file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMapping+1))
	if err != nil {
		return nil, fmt.Errorf("read the feed's mapping file: %w", err)
	}
	if len(text) > maxMapping {
		return nil, fault.Invalidf("the mapping file %s has more than 1 MiB: is it the right file?", path)
	}
	m, err := generic.Parse(path, text)
	if err != nil {
		return nil, err
	}
	return generic.New(m), nil
}
