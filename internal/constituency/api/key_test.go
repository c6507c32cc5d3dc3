package api

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/mail/protect/protecttest"
)

func TestKeysOfContactsAreSetAndListed(t *testing.T) {
	each(t, func(s *service) {
		ctx := context.Background()
		c, err := s.store.Create(ctx, act.Machine, constituency.Constituent{Ref: "a", Name: "A", Kind: constituency.ISP, Designation: constituency.OtherDesignation})
		if err != nil {
			s.Fatal(err)
		}
		k, err := s.store.AddContact(ctx, act.Machine, constituency.Contact{Constituent: c.ID, Role: "abuse", Mail: "abuse@a.example"})
		if err != nil {
			s.Fatal(err)
		}
		at := fmt.Sprintf("/api/contacts/%d/keys", k.ID)
		body := func(key string) string {
			b, err := json.Marshal(map[string]any{"keys": []map[string]string{{"key": key}}, "encrypt": true})
			if err != nil {
				s.Fatal(err)
			}
			return string(b)
		}
		soon, private := protecttest.Certificate(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), "abuse@a.example")
		s.ask("PUT", at, body(private), 422, "private key")
		s.ask("PUT", at, body(soon), 200, `"state":"expiring"`, `"expires":"2026-03-20T00:00:00Z"`, `"encrypt":true`, `"type":"smime"`)
		s.ask("PUT", "/api/contacts/999/keys", body(soon), 404)
		s.ask("GET", "/api/contact-keys?trouble=true", "", 200, `"state":"expiring"`, `"constituent":"a"`, `"mail":"abuse@a.example"`)
		s.ask("GET", "/api/contact-keys?state=none", "", 200, `"items":[]`)
		s.ask("GET", "/api/constituents/a/contacts", "", 200, `"key_states":[{"state":"expiring"`)
	})
}
