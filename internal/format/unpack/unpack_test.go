package unpack

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

type file struct{ *bytes.Reader }

func (file) Close() error { return nil }

// at is a source that can be read at will, stream one that cannot.
func at(name string, b []byte) Source {
	return Source{Name: name, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return file{bytes.NewReader(b)}, nil }}
}

func stream(name string, b []byte) Source {
	return Source{Name: name, Size: -1, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func both(name string, b []byte) []Source { return []Source{at(name, b), stream(name, b)} }

// contents renders every member as "name: content" or "name: error".
func contents(t *testing.T, src Source, l Limits) []string {
	t.Helper()
	var out []string
	err := Each(src, l, func(m Member) error {
		b, err := io.ReadAll(m.Reader)
		if err != nil {
			out = append(out, m.Name+": "+err.Error())
			return nil
		}
		out = append(out, m.Name+": "+string(b))
		return nil
	})
	if err != nil {
		out = append(out, err.Error())
	}
	return out
}

func gz(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		io.WriteString(w, p)
		w.Close()
	}
	return b.Bytes()
}

func zipped(files ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: files[i], Method: zip.Deflate, Modified: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)})
		if err != nil {
			panic(err)
		}
		io.WriteString(f, files[i+1])
	}
	w.Close()
	return b.Bytes()
}

func TestKindIsToldByTheFirstBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		want []string
	}{
		{"a.csv", []byte("x,y\n"), []string{"a.csv: x,y\n"}},
		{"a.csv", nil, []string{"a.csv: "}},
		{"a.csv.gz", []byte("x"), []string{"a.csv.gz: x"}},
		{"/in/a.csv.gz", gz("one,", "two"), []string{"a.csv.gz: one,two"}},
		{"a.csv", gz("x"), []string{"a.csv: x"}},
		{"a.bin", zipped("b.csv", "1", "sub/", "", "sub/c.csv", "2"), []string{"b.csv: 1", "c.csv: 2"}},
		{"a.zip", zipped(), nil},
	} {
		for _, src := range both(c.name, c.in) {
			if got := contents(t, src, Limits{}); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s of size %d: got %q", c.name, src.Size, got)
			}
		}
	}
}

func TestZipMemberKeepsItsTime(t *testing.T) {
	err := Each(at("a.zip", zipped("b.csv", "1")), Limits{}, func(m Member) error {
		if !m.Modified.Equal(time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)) {
			t.Errorf("modified %v", m.Modified)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNamesAreBaseNames(t *testing.T) {
	for in, want := range map[string]string{"../../etc/passwd": "passwd", `..\..\evil.csv`: "evil.csv", `C:\x\a.csv`: "a.csv", "c:a.csv": "a.csv",
		"..": "unnamed", "": "unnamed", "/": "unnamed", "a\x00b\n.csv": "ab.csv", ".hidden": "hidden", "x\xff.csv": "x\uFFFD.csv"} {
		if got := BaseName(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

func TestTruncatedGzipSaysWhere(t *testing.T) {
	whole := gz(strings.Repeat("some text, ", 10_000))
	for _, cut := range []int{5, 30, len(whole) - 1} {
		got := contents(t, at("a.csv.gz", whole[:cut]), Limits{})
		want := fmt.Sprintf("truncated: the compressed data ends after %d bytes", cut)
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("cut at %d: %.200q", cut, got)
		}
	}
	two := append(gz("one"), gz("two")[:4]...)
	if got := contents(t, at("a.csv.gz", two), Limits{}); !strings.Contains(got[0], "truncated") {
		t.Errorf("second member cut: %q", got)
	}
}

func TestDamageIsNamed(t *testing.T) {
	sum := gz("hello")
	sum[len(sum)-6] ^= 1
	text := gz(strings.Repeat("hello ", 100))
	text[12] ^= 0xff
	trailing := append(gz("hello"), "garbage that is no gzip"...)
	dir := zipped("a.csv", "1")
	inside := zipped("a.csv", strings.Repeat("hello", 1000))
	inside[bytes.Index(inside, []byte("PK\x07\x08"))-3] ^= 0xff
	for name, in := range map[string][]byte{"checksum": sum, "damaged": text, "is no gzip data": trailing, "truncated": dir[:len(dir)-10], "damage": inside} {
		got := contents(t, at("x", in), Limits{})
		if len(got) != 1 || !strings.Contains(got[0], name) {
			t.Errorf("%s: %.300q", name, got)
		}
	}
}

// zeros compresses n zero bytes without holding them.
func zeros(n int64) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.CopyN(w, zero{}, n)
	w.Close()
	return b.Bytes()
}

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestBombIsStopped(t *testing.T) {
	bomb := zeros(80 << 20)
	drain := func(src Source, l Limits) (n int64, err error) {
		each := Each(src, l, func(m Member) error {
			k, e := io.Copy(io.Discard, m.Reader)
			n, err = n+k, errors.Join(err, e)
			return nil
		})
		return n, errors.Join(each, err)
	}
	n, err := drain(at("bomb.gz", bomb), Limits{})
	var wrong *Error
	if !errors.As(err, &wrong) || wrong.Kind != TooLarge || !strings.Contains(err.Error(), "decompression bomb") || n > 65<<20 {
		t.Errorf("by ratio: %d bytes, %v", n, err)
	}
	n, err = drain(at("big.gz", gz(strings.Repeat("abc", 1000))), Limits{Bytes: 1000})
	if !errors.As(err, &wrong) || wrong.Kind != TooLarge || n > 1000 {
		t.Errorf("by size: %d bytes, %v", n, err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range 3 {
		f, _ := w.Create(fmt.Sprintf("%d.csv", i))
		io.CopyN(f, zero{}, 600)
	}
	w.Close()
	n, err = drain(at("many.zip", b.Bytes()), Limits{Bytes: 1000})
	if !errors.As(err, &wrong) || wrong.Kind != TooLarge || n > 1000 {
		t.Errorf("members together: %d bytes, %v", n, err)
	}
	b.Reset()
	w = zip.NewWriter(&b)
	f, _ := w.Create("zeros.csv")
	io.CopyN(f, zero{}, 80<<20)
	w.Close()
	if _, err = drain(at("bomb.zip", b.Bytes()), Limits{}); !errors.As(err, &wrong) || wrong.Kind != TooLarge {
		t.Errorf("in a zip: %v", err)
	}
}

func TestWrongMemberDoesNotHideTheOthers(t *testing.T) {
	got := contents(t, at("a.zip", zipped("inner.zip", string(zipped("x", "y")), "inner.gz", string(gz("x")), "b.csv", "1")), Limits{})
	want := []string{"inner.zip: a.zip: inner.zip: an archive in an archive: unpack it first",
		"inner.gz: a.zip: inner.gz: an archive in an archive: unpack it first", "b.csv: 1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestOneMemberIsOpenedByItsNumber(t *testing.T) {
	for _, src := range append(both("a.zip", zipped("a", "1", "dir/", "", "dir/b", "2")), both("c.gz", gz("3"))...) {
		var got []string
		for k := 0; ; k++ {
			r, err := OpenMember(src, Limits{}, k)
			if err != nil {
				break
			}
			b, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				t.Error(err)
			}
			got = append(got, string(b))
		}
		if want := map[string]string{"a.zip": "[1 2]", "c.gz": "[3]"}[src.Name]; fmt.Sprint(got) != want {
			t.Errorf("%s: %v", src.Name, got)
		}
	}
}

func TestEncryptedMemberIsNamed(t *testing.T) {
	b := zipped("a.csv", "1")
	i := bytes.Index(b, []byte("PK\x01\x02"))
	b[i+8] |= 1
	if got := contents(t, at("a.zip", b), Limits{}); len(got) != 1 || !strings.Contains(got[0], "encrypted") {
		t.Errorf("got %q", got)
	}
}

func TestCallersErrorEndsIt(t *testing.T) {
	stop, n := errors.New("stop"), 0
	err := Each(at("a.zip", zipped("a", "1", "b", "2")), Limits{}, func(Member) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}

// FuzzReadUnpack: no input makes it panic, hang, or give more than the limit.
func FuzzReadUnpack(f *testing.F) {
	f.Add([]byte("a,b\n"))
	f.Add(gz("hello", "world"))
	f.Add(zipped("a.csv", "1", "b/c.csv", "2"))
	f.Add(gz(strings.Repeat("x", 5000)))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, src := range []Source{at("x", in), stream("x", in)} {
			var n int64
			_ = Each(src, Limits{Bytes: 4096}, func(m Member) error {
				k, err := io.Copy(io.Discard, m.Reader)
				n += k
				return err
			})
			if n > 4096 {
				t.Fatalf("%d bytes", n)
			}
		}
	})
}
