package constituency

import (
	"testing"

	"tocsin/internal/platform/fault"
)

func TestAMistypedAddressIsNoDomain(t *testing.T) {
	for _, s := range []string{"999.1.1.1", "192.0.2", "a..example", "http://999.1.1.1/x", "..", "."} {
		if _, kind, err := ParseSubject(s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q is a %s: %v", s, kind, err)
		}
	}
	for s, want := range map[string]string{"hospital.example": "domain", "1.hospital.example.": "domain", "192.0.2.7": "address", "AS64500": "asn"} {
		if _, kind, err := ParseSubject(s); err != nil || kind != want {
			t.Errorf("%q is a %s, want %s: %v", s, kind, want, err)
		}
	}
}
