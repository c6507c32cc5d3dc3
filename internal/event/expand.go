package event

import (
	"bufio"
	"compress/gzip"
	"io"
)

// expand opens what a source holds: itself, decompressed, or the members of a zip.
func expand(src Source) ([]*input, error) {
	in := &input{Identity: src.Identity, issued: src.Issued, size: src.Size}
	in.Name = src.Name
	in.open = func() (io.ReadCloser, error) {
		r, err := src.Open()
		if err != nil {
			return nil, err
		}
		br := bufio.NewReaderSize(r, 64<<10)
		if b, _ := br.Peek(2); len(b) == 2 && b[0] == 0x1f && b[1] == 0x8b {
			z, err := gzip.NewReader(br)
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{z, r}, nil
		}
		return struct {
			io.Reader
			io.Closer
		}{br, r}, nil
	}
	return []*input{in}, nil
}
