package notify

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"

	"tocsin/internal/disclosure"
)

// A content is kept as zstd over parts that each begin with their length: first all that is small as JSON, then the text, the HTML and
// the bytes of each attachment as they are. JSON for everything would cost more than all the rest of a letter's way.

// head is all that is small of a content. Objects that are marked alike stand together: there are many, and of few kinds.
type head struct {
	Content
	Objects []objects `json:"objects,omitempty"`
}

type objects struct {
	Mark disclosure.Marking `json:"marking"`
	Refs []disclosure.Ref   `json:"refs"`
}

func (o *Outbox) packContent(c *Content) ([]byte, error) {
	small := head{Content: *c}
	small.Text, small.HTML, small.Attachments, small.About = "", "", nil, nil
	for _, a := range c.About {
		if n := len(small.Objects); n == 0 || !a.Mark.Equal(small.Objects[n-1].Mark) {
			small.Objects = append(small.Objects, objects{Mark: a.Mark})
		}
		last := &small.Objects[len(small.Objects)-1]
		last.Refs = append(last.Refs, a.Object)
	}
	for _, a := range c.Attachments {
		a.Bytes = nil
		small.Attachments = append(small.Attachments, a)
	}
	first, err := json.Marshal(small)
	if err != nil {
		return nil, err
	}
	n := len(first) + len(c.Text) + len(c.HTML) + binary.MaxVarintLen64*(3+len(c.Attachments))
	for _, a := range c.Attachments {
		n += len(a.Bytes)
	}
	b := make([]byte, 0, n)
	b = append(binary.AppendUvarint(b, uint64(len(first))), first...)
	b = append(binary.AppendUvarint(b, uint64(len(c.Text))), c.Text...)
	b = append(binary.AppendUvarint(b, uint64(len(c.HTML))), c.HTML...)
	for _, a := range c.Attachments {
		b = append(binary.AppendUvarint(b, uint64(len(a.Bytes))), a.Bytes...)
	}
	return o.pack.EncodeAll(b, nil), nil
}

// A message is kept for minutes, or days when there is trouble: it is compressed fast, with a mark before it that no zstd begins with,
// as which messages were kept before.
const fastMark = 0

func (o *Outbox) packMessage(message []byte) []byte {
	room, _ := o.rooms.Get().(*[]byte)
	if room == nil || cap(*room) < s2.MaxEncodedLen(len(message)) {
		b := make([]byte, s2.MaxEncodedLen(len(message)))
		room = &b
	}
	packed := s2.Encode((*room)[:cap(*room)], message)
	b := append(make([]byte, 0, 1+len(packed)), fastMark)
	b = append(b, packed...)
	if cap(*room) <= maxRoom {
		o.rooms.Put(room)
	}
	return b
}

// maxRoom is how large a buffer is kept for the next message.
const maxRoom = 1 << 20

func (o *Outbox) unpackMessage(packed []byte) ([]byte, error) {
	if len(packed) == 0 || packed[0] != fastMark {
		return o.unpack.DecodeAll(packed, nil)
	}
	n, err := s2.DecodedLen(packed[1:])
	if err == nil && n > maxUnpacked {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("a message is damaged: %w", err)
	}
	return s2.Decode(nil, packed[1:])
}

func (o *Outbox) unpackContent(packed []byte) (*Content, error) {
	b, err := o.unpack.DecodeAll(packed, nil)
	if err == nil {
		var c *Content
		if c, err = readContent(b); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("the content of a letter is damaged: %w", err)
}

var errCut = errors.New("it ends too early, or too late")

// readContent reads what packContent wrote.
func readContent(b []byte) (*Content, error) {
	part := func() ([]byte, error) {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, errCut
		}
		p := b[k : k+int(n) : k+int(n)]
		b = b[k+int(n):]
		return p, nil
	}
	first, err := part()
	if err != nil {
		return nil, err
	}
	var h head
	if err := json.Unmarshal(first, &h); err != nil {
		return nil, err
	}
	c := h.Content
	for _, some := range h.Objects {
		for _, ref := range some.Refs {
			c.About = append(c.About, About{ref, some.Mark})
		}
	}
	text, err := part()
	if err != nil {
		return nil, err
	}
	html, err := part()
	if err != nil {
		return nil, err
	}
	c.Text, c.HTML = string(text), string(html)
	for i := range c.Attachments {
		if c.Attachments[i].Bytes, err = part(); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 {
		return nil, errCut
	}
	return &c, nil
}
