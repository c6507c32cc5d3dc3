package fault

import "io"

// Reader is r, with every error except io.EOF of kind Invalid: what somebody sends breaks off, or is not what it says it is.
// The message names what is read, as in "the upload".
func Reader(r io.Reader, what string) io.Reader { return &reader{r, what} }

type reader struct {
	io.Reader
	what string
}

func (r *reader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = Invalidf("%s broke off or is too large: %w; send it again, or in parts", r.what, err)
	}
	return n, err
}
