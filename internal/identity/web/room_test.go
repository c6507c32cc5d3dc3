package web_test

import (
	"testing"

	"tocsin/internal/identity"
	"tocsin/internal/identity/web"
	"tocsin/internal/platform/web/webtest"
)

func TestTemplatesAndCatalogues(t *testing.T) {
	keys := []string{"sign-in.passkey", "role.", "method.", "people.any", "people.none", "person.no-role", "done."}
	for _, r := range identity.Roles() {
		keys = append(keys, "role."+string(r))
	}
	webtest.Check(t, web.Room(web.Config{}), keys...)
}
