package delimited

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// all reads in in blocks of the given size and renders every record or fault as "line@offset: …".
func all(t testing.TB, in string, o Options) []string {
	t.Helper()
	s, out := New(strings.NewReader(in), o), []string{}
	for {
		var rec Record
		err := s.Next(&rec)
		var bad *Error
		switch {
		case err == io.EOF:
			return out
		case errors.As(err, &bad):
			out = append(out, fmt.Sprintf("%d@%d: %v", bad.Line, bad.Offset, bad))
		case err != nil:
			t.Fatal(err)
		default:
			out = append(out, fmt.Sprintf("%d@%d: %s", rec.Line, rec.Offset, strings.Join(rec.Fields, "|")))
		}
	}
}

func TestRecordsAreSplitAtAnyBlockSize(t *testing.T) {
	cases := []struct {
		name, in string
		want     []string
	}{
		{"plain", "a,b\nc,d\n", []string{"1@0: a|b", "2@4: c|d"}},
		{"no newline at the end", "a,b\nc,d", []string{"1@0: a|b", "2@4: c|d"}},
		{"crlf", "a,b\r\nc,d\r\n", []string{"1@0: a|b", "2@5: c|d"}},
		{"quoted crlf", "\"a\",\"b\"\r\n\"c\",\"d\"\r\n", []string{"1@0: a|b", "2@9: c|d"}},
		{"byte order mark", "\xEF\xBB\xBFa,b\n\"c\",d", []string{"1@3: a|b", "2@7: c|d"}},
		{"byte order mark before a quote", "\xEF\xBB\xBF\"a\",b\n", []string{"1@3: a|b"}},
		{"empty fields", ",\n,,\n\"\",\n", []string{"1@0: |", "2@2: ||", "3@5: |"}},
		{"trailing delimiter at the end", "a,", []string{"1@0: a|"}},
		{"empty lines", "\n\r\na\n\n\nb\n\n", []string{"3@3: a", "6@7: b"}},
		{"doubled quotes", "\"a\"\"b\",\"\"\"\"\n", []string{"1@0: a\"b|\""}},
		{"newline in quotes", "\"a\nb\",c\nd,e\n", []string{"1@0: a\nb|c", "3@8: d|e"}},
		{"delimiter in quotes", "\"a,b\",c\n", []string{"1@0: a,b|c"}},
		{"bare quote in a bare field", "a\"b,c\n", []string{"1@0: a\"b|c"}},
		{"carriage return inside", "a\rb,c\n", []string{"1@0: a\rb|c"}},
		{"quoted at the end", "a,\"b\"", []string{"1@0: a|b"}},
		{"quoted and carriage return at the end", "a,\"b\"\r", []string{"1@0: a|b"}},
		{"nothing", "", []string{}},
		{"only a byte order mark", "\xEF\xBB\xBF", []string{}},
	}
	for _, c := range cases {
		for _, block := range []int{1, 2, 3, 7, 64, 4096} {
			if got := all(t, c.in, Options{Block: block}); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, block %d:\n got %q\nwant %q", c.name, block, got, c.want)
			}
		}
	}
}

func TestOpenQuoteCostsOneRow(t *testing.T) {
	in := "a,b\n1,\"open\n2,x\n3,y\n"
	want := []string{"1@0: a|b", "2@4: the quoted field that begins in column 2 has no closing quote", "3@12: 2|x", "4@16: 3|y"}
	for _, block := range []int{1, 5, 4096} {
		if got := all(t, in, Options{Block: block}); !reflect.DeepEqual(got, want) {
			t.Errorf("block %d: got %q", block, got)
		}
	}
}

func TestTextBehindClosingQuoteIsTakenAsItStands(t *testing.T) {
	in := "\"a\"x,b\n\"\\\"v=1\\\" \\\"w\\\"\",c\r\nd,\"e\"f\r\n\"g\"h"
	want := []string{"1@0: \"a\"x|b", "2@7: \\\"v=1\\\" \\\"w\\\"|c", "3@26: d|\"e\"f", "4@34: \"g\"h"}
	for _, block := range []int{1, 3, 8, 4096} {
		if got := all(t, in, Options{Block: block}); !reflect.DeepEqual(got, want) {
			t.Errorf("block %d:\n got %q\nwant %q", block, got, want)
		}
	}
}

func TestOpenQuoteDoesNotSwallowTheNextRow(t *testing.T) {
	got := all(t, "a,\"b\nc,\"d\"\ne,f\n", Options{})
	want := []string{"1@0: text follows the closing quote of column 2; expected the delimiter or the end of the line", "2@5: c|d", "3@11: e|f"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestLongRowIsSkippedAndReadingGoesOn(t *testing.T) {
	long := strings.Repeat("x", 500)
	for _, block := range []int{1, 16, 100, 4096} {
		got := all(t, "a,b\n"+long+",1\nc,d\n", Options{Block: block, Longest: 100})
		want := []string{"1@0: a|b", "2@4: the row is longer than 100 bytes", "3@507: c|d"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("block %d: got %q", block, got)
		}
		if got := all(t, long, Options{Block: block, Longest: 100}); len(got) != 1 {
			t.Errorf("block %d: a long row without an end: got %q", block, got)
		}
	}
}

// endless yields n bytes of x without a newline.
func endless(n int64) io.Reader { return io.LimitReader(repeat('x'), n) }

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func TestTwoGigabyteLineNeedsBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 2 GiB")
	}
	in := io.MultiReader(strings.NewReader("a,b\n"), endless(2<<30), strings.NewReader("\nc,d\n"))
	s := New(in, Options{})
	var rec Record
	var rows, bad int
	for {
		err := s.Next(&rec)
		if err == io.EOF {
			break
		}
		if err != nil {
			bad++
			continue
		}
		rows++
		if cap(s.w.buf) > 4<<20 {
			t.Fatalf("the block grew to %d bytes", cap(s.w.buf))
		}
	}
	if rows != 2 || bad != 1 {
		t.Errorf("got %d rows and %d faults", rows, bad)
	}
}

func TestStreamErrorEndsReading(t *testing.T) {
	for _, broken := range []error{errors.New("broken"), io.ErrUnexpectedEOF, io.ErrClosedPipe} {
		s := New(io.MultiReader(strings.NewReader("a,b\nc"), iotest.ErrReader(broken)), Options{})
		var rec Record
		if err := s.Next(&rec); err != nil {
			t.Fatal(err)
		}
		if err := s.Next(&rec); !errors.Is(err, broken) {
			t.Errorf("half a record was taken: %v %q", err, rec.Fields)
		}
		l := NewLines(io.MultiReader(strings.NewReader("a\nc"), iotest.ErrReader(broken)), Options{})
		var line Line
		if err := l.Next(&line); err != nil {
			t.Fatal(err)
		}
		if err := l.Next(&line); !errors.Is(err, broken) {
			t.Errorf("half a line was taken: %v %q", err, line.Text)
		}
	}
}

func TestReaderWithoutProgressIsGivenUp(t *testing.T) {
	var rec Record
	if err := New(stuck{}, Options{}).Next(&rec); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestStringsOutliveTheRecord(t *testing.T) {
	s := New(strings.NewReader(strings.Repeat("\"a\"\"b\",cd\n", 1000)), Options{Block: 64})
	var rec Record
	var kept []string
	for s.Next(&rec) == nil {
		kept = append(kept, rec.Fields...)
	}
	for i := 0; i < len(kept); i += 2 {
		if kept[i] != "a\"b" || kept[i+1] != "cd" {
			t.Fatalf("record %d changed to %q, %q", i/2, kept[i], kept[i+1])
		}
	}
}

func TestPlainMeansASCIIWithoutNUL(t *testing.T) {
	for in, want := range map[string]bool{"abcdefghij,k\n": true, "abcdefg\x00ij\n": false, "abcdefghij\x00\n": false, "é\n": false, "abcdefghié\n": false} {
		var rec Record
		if err := New(strings.NewReader(in), Options{}).Next(&rec); err != nil || rec.Plain != want {
			t.Errorf("%q: plain %v, %v", in, rec.Plain, err)
		}
	}
}

func TestLinesKeepTheirPlace(t *testing.T) {
	for _, block := range []int{1, 4, 4096} {
		s := NewLines(strings.NewReader("\xEF\xBB\xBF{}\r\n\n  \nxx\n"+strings.Repeat("y", 300)+"\nlast"), Options{Block: block, Longest: 200})
		var got []string
		for {
			var l Line
			err := s.Next(&l)
			if err == io.EOF {
				break
			}
			got = append(got, fmt.Sprintf("%d@%d %s %v", l.Line, l.Offset, l.Text, err))
		}
		want := []string{"1@3 {} <nil>", "4@11 xx <nil>", "5@14  the row is longer than 200 bytes", "6@315 last <nil>"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("block %d: got %q", block, got)
		}
	}
}

// reference splits with encoding/csv; ok is false when it refuses the input.
func reference(in []byte) (rows [][]string, ok bool) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(in, []byte("\xEF\xBB\xBF"))))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	return rows, err == nil
}

// FuzzReadDelimited: what encoding/csv accepts is split the same, at any block size, and no input is lost or looped over.
func FuzzReadDelimited(f *testing.F) {
	for _, s := range []string{"a,b\n1,\"x\"\"y\"\n", "\"a\nb\",\r\n", "\"", "a\"b\n\n", "\xEF\xBB\xBFa", ",\r", "\"a\"\r", "\"a\"x\n1"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, block int) {
		o := Options{Block: 1 + (block&0x7fffffff)%97}
		s := New(bytes.NewReader(in), o)
		var got [][]string
		var rec Record
		faults := 0
		last := int64(-1)
		for {
			err := s.Next(&rec)
			if err == io.EOF {
				break
			}
			if rec.Offset <= last || rec.Line < 1 {
				t.Fatalf("record at %d after one at %d", rec.Offset, last)
			}
			last = rec.Offset
			if err != nil {
				faults++
				continue
			}
			got = append(got, append([]string(nil), rec.Fields...))
		}
		want, ok := reference(in)
		if !ok {
			return
		}
		if faults > 0 || len(got) != len(want) {
			t.Fatalf("%d records and %d faults, encoding/csv has %d", len(got), faults, len(want))
		}
		for i := range want {
			if len(got[i]) != len(want[i]) {
				t.Fatalf("record %d: %q, encoding/csv has %q", i, got[i], want[i])
			}
			for j := range want[i] {
				// encoding/csv turns CRLF inside quotes into LF; the evidence stays as it is here.
				if v := strings.ReplaceAll(got[i][j], "\r\n", "\n"); v != want[i][j] {
					t.Fatalf("record %d field %d: %q, encoding/csv has %q", i, j, v, want[i][j])
				}
			}
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	row := `"2026-01-01 00:00:00","tcp","203.0.113.7",30123,64500,"RS","BEOGRAD","BEOGRAD","host-203-0-113-7.example.net",517311,"Communications, Service Provider, and Hosting Service",,,,"198.51.100.9",22,64501,"DE","HESSEN","FRANKFURT AM MAIN",,518210,"CAPRICA-EU","ssh-brute-force",` + "\n"
	in := strings.Repeat(row, 10_000)
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	n := 0
	for n < b.N {
		s := New(strings.NewReader(in), Options{})
		var rec Record
		for n < b.N && s.Next(&rec) == nil {
			n++
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
