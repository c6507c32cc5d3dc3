package event

import (
	"errors"
	"io"
	"strings"
	"time"

	"tocsin/internal/format/unpack"
)

// typicalRatio estimates how large compressed reports are; for progress and for sharing out work only.
const typicalRatio = 8

// expand opens what a source holds: itself, decompressed, or the members of a zip.
func expand(src Source) ([]*input, error) {
	src.Name = unpack.BaseName(src.Name)
	packed, err := isPacked(src)
	if err != nil {
		return nil, err
	}
	if !packed {
		return []*input{src.input(src.Name, src.Size, time.Time{}, src.Open)}, nil
	}
	u := unpack.Source{Name: src.Name, Size: src.Size, Open: src.Open}
	if u.Size <= 0 {
		u.Size = -1
	}
	var out []*input
	err = unpack.Each(u, unpack.Limits{}, func(m unpack.Member) error {
		k := len(out)
		out = append(out, src.input(m.Name, src.Size*typicalRatio, m.Modified, func() (io.ReadCloser, error) { return unpack.OpenMember(u, unpack.Limits{}, k) }))
		return nil
	})
	if err != nil && !(len(out) == 1 && unpack.IsError(err)) { // a damaged gzip is told when it is read, as that file's fault
		return nil, err
	}
	for _, in := range out {
		in.size /= int64(len(out))
	}
	if len(out) == 0 {
		return nil, errors.New("the archive holds no file")
	}
	return out, nil
}

func (src Source) input(name string, size int64, modified time.Time, open func() (io.ReadCloser, error)) *input {
	in := &input{Identity: src.Identity, issued: src.Issued, size: size, open: open}
	in.Name = name
	if name != src.Name && !modified.IsZero() {
		in.issued = modified
	}
	return in
}

func isPacked(src Source) (bool, error) {
	r, err := src.Open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	var head [4]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	h := string(head[:n])
	return strings.HasPrefix(h, "\x1f\x8b") || strings.HasPrefix(h, "PK\x03\x04") || strings.HasPrefix(h, "PK\x05\x06"), nil
}
