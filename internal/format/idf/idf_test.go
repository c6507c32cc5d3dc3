package idf

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func decode(text string) (map[string]string, error) {
	got := map[string]string{}
	err := Decode(text, func(k, v string) error {
		got[k] = v
		return nil
	})
	return got, err
}

func TestFlatAndNestedKeysReadTheSame(t *testing.T) {
	want := map[string]string{"source.ip": "203.0.113.7", "source.port": "443", "extra.tag": "a,b", "extra.ok": "true"}
	for _, in := range []string{
		`{"source.ip":"203.0.113.7","source.port":443,"extra.tag":"a,b","extra.ok":true,"feed.name":null}`,
		` { "source" : { "ip" : "203.0.113.7" , "port" : 443 } , "extra" : { "tag" : [ "a" , "b" ] , "ok" : true } } `,
	} {
		if got, err := decode(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %v %v", in, got, err)
		}
	}
}

func TestEscapesAreRead(t *testing.T) {
	got, err := decode(`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x"}`)
	if want := "\"\\/\b\f\n\r\té😀\uFFFDx"; err != nil || got["a"] != want {
		t.Errorf("got %q %v", got["a"], err)
	}
}

func TestArrayOfObjectsKeepsItsJSON(t *testing.T) {
	got, err := decode(`{"a":[{"b":1},[2]],"c":[]}`)
	if err != nil || got["a"] != `[{"b":1},[2]]` || got["c"] != "" {
		t.Errorf("got %q %v", got, err)
	}
}

func TestWhatIsNoObjectIsRefusedWithItsPlace(t *testing.T) {
	for in, want := range map[string]string{
		`[1]`:                              "byte 1: expected a JSON object",
		`{"a":1`:                           "byte 7: expected a comma or }",
		`{"a":1} x`:                        "byte 9: text follows",
		`{"a" 1}`:                          "byte 6: expected a colon",
		`{"a":tru}`:                        "byte 6: expected a string",
		`{"a":01}`:                         "byte 7: expected a comma",
		`{"a":"x`:                          "the string has no end",
		"{\"a\":\"\x01\"}":                 "control characters",
		strings.Repeat(`{"a":`, 100) + "1": "nested too deep",
		`{"` + strings.Repeat("k", 5000) + `":{` + strings.Repeat(`"a":1,`, 5000) + `"a":1}}`: "too long",
		`{"a":` + strings.Repeat(`[`, 100_000):                                                "nested too deep",
	} {
		_, err := decode(in)
		var bad *SyntaxError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %s", in, err, want)
		}
	}
}

func TestWrittenStringsAreCleanJSON(t *testing.T) {
	in := "a\"\\\n\r\t\x00\x01\x7f\xff\xc3é😀\u2028"
	out := AppendString(nil, in)
	var back string
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	if want := "a\"\\\n\r\t\uFFFD\x01\x7f\uFFFD\uFFFDé😀\u2028"; back != want || Clean(in) != want {
		t.Errorf("got %q, clean %q", back, Clean(in))
	}
}

// FuzzReadIDF: Decode accepts the objects that encoding/json accepts, and reads their strings the same.
func FuzzReadIDF(f *testing.F) {
	for _, s := range []string{`{"a":{"b":"c"}}`, `{"a":[1,"x",null,{}]}`, `{"a":"\u12`, `{"a":-0.5e+1}`, `{}`, `{"a":"\ud800\udc00"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		n := 0
		err := Decode(in, func(k, v string) error {
			n++
			if out := AppendString(nil, v); !json.Valid(out) || !utf8.Valid(out) {
				t.Fatalf("%q is written as %q", v, out)
			}
			return nil
		})
		var want map[string]any
		ref := json.Unmarshal([]byte(in), &want)
		if want == nil || strings.TrimLeft(in, " \t\r\n")[0] != '{' {
			if err == nil && ref != nil {
				t.Fatalf("accepted what encoding/json refuses: %v", ref)
			}
			return
		}
		if (err == nil) != (ref == nil) && (err == nil || !strings.Contains(err.Error(), "nested")) {
			t.Fatalf("error %v, encoding/json has %v", err, ref)
		}
	})
}
