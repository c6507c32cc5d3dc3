package mailbox

import (
	"fmt"
	"io"

	"golang.org/x/text/encoding/htmlindex"
)

// charset decodes the character sets that browsers know, which are those that people's mail is written in.
func charset(label string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("the character set %q is not known", label)
	}
	return e.NewDecoder().Reader(r), nil
}
