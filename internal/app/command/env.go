package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tocsin/internal/platform/config"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

// dir is the data directory.
func (e *Env) dir() string {
	if e.Data != "" {
		return e.Data
	}
	abs, err := filepath.Abs(config.DataDir)
	if err != nil {
		return config.DataDir
	}
	return abs
}

// withNew runs fn on the world, beside a server that may run, and makes the world when it is not there.
func (e *Env) withNew(fn func(*world.World) error) error {
	return e.on(world.Config{Dir: e.dir(), DatabaseURL: e.Database, Log: e.Log}, fn)
}

// with runs fn on a world that is there: a command that only reads must not make an empty one of a misspelt directory.
func (e *Env) with(fn func(*world.World) error) error {
	if !world.Exists(e.dir()) && e.Database == "" {
		return fault.NotFoundf("there is no data directory %s: name it with --data, or make one with tocsin serve or tocsin ingest", e.dir())
	}
	return e.withNew(fn)
}

func (e *Env) on(cfg world.Config, fn func(*world.World) error) (err error) {
	w, err := world.Open(e.Ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return fn(w)
}

// unreadable is the fault of a file that a person named and that cannot be read.
func unreadable(err error) error {
	var pe *fs.PathError
	switch {
	case err == nil || !errors.As(err, &pe):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.NotFoundf("there is no file %s", pe.Path)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Forbidden, "%s may not be read by this user", pe.Path)
	}
	return fault.New(fault.Unavailable, "%w", err)
}

// maxRead bounds the files that are read into memory.
const maxRead = 256 << 20

// read reads a file whole; - is standard input.
func (e *Env) read(name string) ([]byte, error) {
	in := e.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, unreadable(err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxRead+1))
	if err != nil {
		return nil, unreadable(err)
	}
	if len(data) > maxRead {
		return nil, fault.Invalidf("%s has more than %s: is it the right file?", name, size(maxRead))
	}
	return data, nil
}

// strict decodes one JSON value and refuses fields that nobody reads.
func strict(file string, data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		line := int64(1 + bytes.Count(data[:min(int(d.InputOffset()), len(data))], []byte("\n")))
		return fault.Problems{{File: filepath.Base(file), Line: line, Message: err.Error()}}
	}
	return nil
}
