package app

import (
	"slices"
	"testing"

	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	identityweb "tocsin/internal/identity/web"
	"tocsin/internal/platform/act"
	"tocsin/internal/world"
)

// TestPeopleOfAnotherConstituentAreNotShown hands the gate a page that a careless query filled.
func TestPeopleOfAnotherConstituentAreNotShown(t *testing.T) {
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	page := &identityweb.Colleagues{Self: 1}
	page.People = slices.Grow(page.People, 2)[:2]
	page.Invitations = slices.Grow(page.Invitations, 2)[:2]
	for i := range 2 {
		constituent := int64(7 + i)
		page.People[i].ID = int64(1 + i)
		page.People[i].Roles = []identity.Held{{Role: identity.Member, Constituent: constituent}}
		page.Invitations[i].ID, page.Invitations[i].Constituent = int64(1+i), constituent
	}
	manager := act.Actor{Kind: act.Person, ID: "1", Rights: &act.Rights{Roles: []string{string(identity.Manager)}, Constituents: []int64{7}, Account: 1}}
	cleared, err := (&Server{world: w}).clearColleagues(t.Context(), manager, page)
	if err != nil {
		t.Fatal(err)
	}
	shown, grant, err := cleared.Open()
	if err != nil {
		t.Fatal(err)
	}
	if len(shown.People) != 1 || shown.People[0].ID != 1 || len(shown.Invitations) != 1 || shown.Invitations[0].ID != 1 || shown.Self != 1 {
		t.Errorf("shown: %+v", shown)
	}
	if grant.Items != 2 || grant.Withheld != 2 || grant.Channel != string(disclosure.Portal) {
		t.Errorf("grant: %+v", grant)
	}
}
