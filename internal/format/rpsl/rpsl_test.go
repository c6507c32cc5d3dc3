package rpsl

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

const sample = "% This is the Example Database\n#\n\ninetnum:        192.0.2.0 - 192.0.2.255   # a comment\n" +
	"netname:        EXAMPLE-NET\ndescr:          Caf\xe9\ndescr:\nCountry:        xr\n" +
	"remarks:        one\n                two # not this\n+               three\n+\norg:            ORG-EX1-TEST\n\n\n" +
	"person:         Nobody\nnic-hdl:        NN1-TEST\n               more\n\nrole:\tAbuse desk\r\nabuse-mailbox:  abuse@example.net\r\n"

func all(t *testing.T, r io.Reader, classes ...string) []Object {
	t.Helper()
	rd, err := NewReader(r, classes...)
	if err != nil {
		t.Fatal(err)
	}
	var out []Object
	for {
		o, err := rd.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Object{o.Line, append([]Attribute(nil), o.Attributes...)})
	}
}

func TestObjectsOfTheWantedClasses(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, sample)
	w.Close()
	for name, r := range map[string]io.Reader{"plain": strings.NewReader(sample), "gzip": &z} {
		os := all(t, r, "inetnum", "role")
		if len(os) != 2 {
			t.Fatalf("%s: %+v", name, os)
		}
		n := os[0]
		if n.Class() != "inetnum" || n.Key() != "192.0.2.0 - 192.0.2.255" || n.Line != 4 || n.Get("descr") != "Café" ||
			n.Get("country") != "xr" || n.Get("remarks") != "one two three" || len(n.All("descr")) != 1 || n.Get("none") != "" {
			t.Errorf("%s: %+v", name, n)
		}
		if os[1].Get("abuse-mailbox") != "abuse@example.net" || os[1].Key() != "Abuse desk" {
			t.Errorf("%s: %+v", name, os[1])
		}
	}
	if os := all(t, strings.NewReader(sample)); len(os) != 3 {
		t.Errorf("all classes: %+v", os)
	}
}

func TestWhatIsNoRegistryFileSaysWhere(t *testing.T) {
	for in, want := range map[string]string{
		"inetnum: 192.0.2.0/24\nno attribute\n":         "line 2",
		"<html>\n<body: x>\n":                           "line 1",
		"inetnum: " + strings.Repeat("9", 3<<20) + "\n": "longer than",
	} {
		r, err := NewReader(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = r.Next(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", in, err, want)
		}
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, sample)
	w.Close()
	r, err := NewReader(bytes.NewReader(z.Bytes()[:z.Len()-12]))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = r.Next()
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a truncated gzip is read to its end: %v", err)
	}
}

func TestRangesBecomeTheFewestPrefixes(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.0 - 192.0.2.255":                          "[192.0.2.0/24]",
		"192.0.2.1-192.0.2.6":                              "[192.0.2.1/32 192.0.2.2/31 192.0.2.4/31 192.0.2.6/32]",
		"0.0.0.0 - 255.255.255.255":                        "[0.0.0.0/0]",
		"255.255.255.255 - 255.255.255.255":                "[255.255.255.255/32]",
		"198.51.100.0 - 198.51.102.255":                    "[198.51.100.0/23 198.51.102.0/24]",
		"2001:db8::/32":                                    "[2001:db8::/32]",
		"2001:db8:: - 2001:db8:2:ffff:ffff:ffff:ffff:ffff": "[2001:db8::/47 2001:db8:2::/48]",
	} {
		got, err := Prefixes(in)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "-", "192.0.2.9 - 192.0.2.1", "192.0.2.0 - 2001:db8::", "192.0.2.0/33", "x"} {
		if got, err := Prefixes(in); err == nil {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// TestRangesAreCoveredExactly: no prefix can be joined with its neighbour, and together they are the range.
func TestRangesAreCoveredExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from := rng.Uint32()
		to := from + rng.Uint32N(1<<rng.UintN(32)+1)
		if to < from {
			continue
		}
		addr := func(n uint32) netip.Addr {
			return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		}
		next := addr(from)
		ps, err := Prefixes(addr(from).String() + " - " + addr(to).String())
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range ps {
			if p.Addr() != next || p.Masked() != p {
				t.Fatalf("gap at %v in %v", p, ps)
			}
			if i > 0 && ps[i-1].Bits() == p.Bits() && netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked() == netip.PrefixFrom(ps[i-1].Addr(), p.Bits()-1) {
				t.Fatalf("%v and %v are one", ps[i-1], p)
			}
			x := p.Addr().As4()
			n := uint32(x[0])<<24 | uint32(x[1])<<16 | uint32(x[2])<<8 | uint32(x[3])
			next = addr(n + uint32(uint64(1)<<(32-p.Bits())))
		}
		if next != addr(to+1) {
			t.Fatalf("%v does not end at %v", ps, addr(to))
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add([]byte("a:\n+\n \n\nb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), "inetnum", "a")
		if err != nil {
			return
		}
		for {
			o, err := r.Next()
			if err != nil {
				return
			}
			if c := o.Class(); c != "inetnum" && c != "a" {
				t.Errorf("class %q", c)
			}
		}
	})
}

func FuzzPrefixes(f *testing.F) {
	f.Add("192.0.2.1 - 192.0.2.6")
	f.Add("2001:db8::1 - 2001:db8::ffff")
	f.Add("::ffff:1.2.3.4 - ::ffff:1.2.3.9")
	f.Fuzz(func(t *testing.T, s string) {
		ps, err := Prefixes(s)
		if err == nil && (len(ps) == 0 || len(ps) > 256) {
			t.Errorf("%d prefixes", len(ps))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	var data bytes.Buffer
	for data.Len() < 16<<20 {
		data.WriteString(sample)
	}
	b.SetBytes(int64(data.Len()))
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(data.Bytes()), "inetnum")
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
	}
}
