package constituency

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// badAddresses would put a field of their own into a message's header, reach somebody else too, or nobody.
var badAddresses = []string{"abuse@a.example\r\nBcc: eve@evil.example", "abuse@a.example\nBcc: eve@evil.example", "abuse@a.example\rX: y", "abuse@a.example, eve@evil.example",
	"Desk <abuse@a.example>", "abuse@a.example;eve@evil.example", "@a.example", "abuse", "abuse@a.example\u2028Bcc: eve@evil.example", strings.Repeat("a", 10<<20) + "@a.example"}

func TestAnAddressWithANewlineIsNoContactHoweverItComes(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		k := desk(t, s, "a", "abuse@a.example")
		for _, mail := range badAddresses {
			name := mail[:min(len(mail), 60)]
			if _, err := s.AddContact(ctx, act.Machine, Contact{Constituent: k.Constituent, Role: "abuse", Mail: mail}); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q is entered: %v", name, err)
			}
			step := ChangeStep{Op: ContactAdd, Want: Record{Role: "abuse", Mail: mail}}
			if _, err := s.Propose(ctx, act.Machine, k.Constituent, []ChangeStep{step}, "please"); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q is asked for: %v", name, err)
			}
			file, err := json.Marshal(map[string]any{"constituents": []any{map[string]any{"ref": "a", "name": "A", "kind": "isp", "contacts": []any{map[string]string{"role": "abuse", "mail": mail}}}}})
			if err != nil {
				t.Fatal(err)
			}
			doc, err := Read("x.json", JSON, bytes.NewReader(file))
			if err == nil {
				_, err = s.Import(ctx, act.Machine, doc, ImportOptions{})
			}
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q is imported: %v", name, err)
			}
		}
		cs, err := s.Contacts(ctx, k.Constituent)
		if err != nil || len(cs) != 1 {
			t.Errorf("contacts %+v, %v", cs, err)
		}
	})
}
