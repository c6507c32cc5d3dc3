package rsit

import (
	"encoding/json"
	"os"
	"testing"
)

func TestTaxonomyIsThePublishedOne(t *testing.T) {
	raw, err := os.ReadFile("../../../../shared/data/rsit/rsit.json")
	if err != nil {
		t.Skipf("the published taxonomy is not here: %v", err)
	}
	var file struct {
		Predicates []struct{ Value, Expanded string }
		Values     []struct {
			Predicate string
			Entry     []struct{ Value, Expanded string }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Predicates) != len(Classes()) {
		t.Errorf("%d classes, published are %d", len(Classes()), len(file.Predicates))
	}
	for i, p := range file.Predicates {
		if c := Classes()[i]; c.Name != p.Value || c.Title != p.Expanded {
			t.Errorf("class %d is %v, published is %v", i, c, p)
		}
	}
	n := 0
	for _, v := range file.Values {
		for _, e := range v.Entry {
			n++
			if got, ok := ByName(e.Value); !ok || got.Class != v.Predicate || got.Title != e.Expanded {
				t.Errorf("type %s of %s is %v", e.Value, v.Predicate, got)
			}
		}
	}
	if n != len(Types()) {
		t.Errorf("%d types, published are %d", len(Types()), n)
	}
}

func TestElevenClassesThirtyNineTypes(t *testing.T) {
	if len(Classes()) != 11 || len(Types()) != 39 {
		t.Errorf("%d classes and %d types", len(Classes()), len(Types()))
	}
	for _, ty := range Types() {
		if !Valid(ty.Class, ty.Name) {
			t.Errorf("%v is not valid", ty)
		}
	}
	if Valid("fraud", "spam") || Valid("", "") || Valid("other", "blocklist") {
		t.Error("a pair that does not exist is valid")
	}
}

func TestLegacyTypesGetTheirCurrentName(t *testing.T) {
	for _, c := range []struct{ class, kind, wantClass, wantKind string }{
		{"other", "blacklist", "other", "blocklist"},
		{"", "blocklist", "other", "blocklist"},
		{"vulnerable", "vulnerable service", "vulnerable", "vulnerable-system"},
		{"malicious-code", "phishing", "fraud", "phishing"},
		{"", "c2server", "malicious-code", "c2-server"},
	} {
		if class, kind, ok := Classify(c.class, c.kind); class != c.wantClass || kind != c.wantKind || !ok {
			t.Errorf("%s/%s became %s/%s %v", c.class, c.kind, class, kind, ok)
		}
	}
	if class, kind, ok := Classify("odd", "new-thing"); class != "odd" || kind != "new-thing" || ok {
		t.Errorf("an unknown type was changed: %s/%s", class, kind)
	}
}
