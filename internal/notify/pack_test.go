package notify

import (
	"reflect"
	"testing"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/mail"
)

func packer(t testing.TB) *Outbox {
	o, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAContentIsKeptAsItIs(t *testing.T) {
	o := packer(t)
	for _, c := range []Content{{Subject: "a", Text: "b"}, {Subject: "č", Text: "x\r\n", HTML: "<p>", Headers: map[string]string{"X-A": "b"}, References: []string{"<a@b>"},
		Marking: disclosure.Marking{Label: tlp.Amber, PAP: disclosure.PAPRed, Owners: []int64{1}, Audience: disclosure.Owner, Circles: []string{"energy"}},
		About: []About{{"finding:1", disclosure.Marking{Default: tlp.Green}}, {"finding:2", disclosure.Marking{Default: tlp.Green}},
			{"finding:3", disclosure.Marking{Default: tlp.Green, Owners: []int64{3}}}, {"finding:4", disclosure.Marking{Default: tlp.Green}}},
		Attachments: []mail.Attachment{{Name: "a.csv", Type: "text/csv", Bytes: []byte{0, 255}}, {Name: "b", Bytes: []byte{}}}}} {
		b, err := o.packContent(&c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.unpackContent(b); err != nil || !reflect.DeepEqual(*got, c) {
			t.Errorf("%v: %+v, want %+v", err, got, c)
		}
	}
}

func FuzzReadContent(f *testing.F) {
	o := packer(f)
	b, err := o.packContent(&Content{Subject: "a", Text: "b", Attachments: []mail.Attachment{{Name: "c", Bytes: []byte("d")}}})
	if err != nil {
		f.Fatal(err)
	}
	raw, err := o.unpack.DecodeAll(b, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readContent(b)
		if err != nil {
			return
		}
		again, err := o.packContent(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.unpackContent(again); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
