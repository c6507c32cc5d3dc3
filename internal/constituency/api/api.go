// Package api is the REST side of the constituency and the nation: constituents with their contacts and assets, import and
// export, conflicts, refreshes from the registries, who owns an address and why, and the nation's profile.
package api

import (
	"net/http"

	"tocsin/internal/constituency"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
)

// The permissions.
const (
	read        act.Permission = "constituency.read"
	write       act.Permission = "constituency.write"
	readNation  act.Permission = "nation.read"
	writeNation act.Permission = "nation.write"
)

const maxImport = 512 << 20

type room struct {
	store  *constituency.Store
	nation *nation.Store
}

// Routes returns the operations.
func Routes(s *constituency.Store, n *nation.Store) []api.Route {
	r := &room{s, n}
	var all []api.Route
	for _, routes := range [][]api.Route{r.constituents(), r.holdings(), r.registry(), r.requests(), r.questions()} {
		all = append(all, routes...)
	}
	return all
}

func (r *room) constituents() []api.Route {
	return []api.Route{
		api.Operation[listInput, constituentPage]{Method: http.MethodGet, Path: "/api/constituents", ID: "list-constituents",
			Summary: "List constituents by name", Permission: read, Handle: r.list},
		api.Operation[createInput, Constituent]{Method: http.MethodPost, Path: "/api/constituents", ID: "create-constituent",
			Status: http.StatusCreated, Summary: "Add a constituent", Permission: write, Handle: r.create},
		api.Operation[RefPath, Constituent]{Method: http.MethodGet, Path: "/api/constituents/{ref}", ID: "get-constituent",
			Summary: "One constituent", Permission: read, Handle: r.one},
		api.Operation[patchInput, Constituent]{Method: http.MethodPatch, Path: "/api/constituents/{ref}", ID: "change-constituent",
			Summary: "Change a constituent", Permission: write, Handle: r.patch,
			Description: "What is left out stays as it is. With valid_until the constituent ends on that day, but not what it has: " +
				"use the operation that retires it."},
		api.Operation[retireInput, Constituent]{Method: http.MethodPost, Path: "/api/constituents/{ref}/retire", ID: "retire-constituent",
			Summary: "End a constituent with all it has", Permission: write, Handle: r.retire},
	}
}

func (r *room) holdings() []api.Route {
	return []api.Route{
		api.Operation[RefPath, api.Page[Contact]]{Method: http.MethodGet, Path: "/api/constituents/{ref}/contacts", ID: "list-contacts",
			Summary: "List the contacts of a constituent", Permission: read, Handle: r.contacts},
		api.Operation[assetsInput, api.Page[Asset]]{Method: http.MethodGet, Path: "/api/constituents/{ref}/assets", ID: "list-assets",
			Summary: "List the assets of a constituent", Permission: read, Handle: r.assets},
		api.Operation[contactInput, Contact]{Method: http.MethodPost, Path: "/api/contacts", ID: "add-contact",
			Status: http.StatusCreated, Summary: "Add a contact", Permission: write, Handle: r.addContact},
		api.Operation[keysInput, Contact]{Method: http.MethodPut, Path: "/api/contacts/{id}/keys", ID: "set-contact-keys",
			Summary: "Give a contact other keys", Permission: write, Handle: r.setKeys,
			Description: "Type and fingerprint follow from a key. One that is expired, revoked, weak, private, not for encrypting mail, or for another address is refused."},
		api.Operation[heldInput, api.Page[HeldKey]]{Method: http.MethodGet, Path: "/api/contact-keys", ID: "list-contact-keys",
			Summary: "List the keys of contacts, the worst first", Permission: read, Handle: r.heldKeys},
		api.Operation[endInput, api.Nothing]{Method: http.MethodPatch, Path: "/api/contacts/{id}", ID: "end-contact",
			Summary: "End a contact", Permission: write, Handle: r.endContact},
		api.Operation[assetInput, Asset]{Method: http.MethodPost, Path: "/api/assets", ID: "add-asset",
			Status: http.StatusCreated, Summary: "Add an asset", Permission: write, Handle: r.addAsset},
		api.Operation[endInput, api.Nothing]{Method: http.MethodPatch, Path: "/api/assets/{id}", ID: "end-asset",
			Summary: "End an asset", Permission: write, Handle: r.endAsset},
	}
}

func (r *room) registry() []api.Route {
	return []api.Route{
		api.Download[exportInput]{Path: "/api/constituency/export", ID: "export-constituency",
			Summary: "Export what people entered", Permission: read, Types: []string{"application/json", "text/csv"}, Handle: r.export},
		api.Operation[importInput, Imported]{Method: http.MethodPost, Path: "/api/constituency/import", ID: "import-constituency",
			Summary: "Import a registry file", Permission: write, MaxBytes: maxImport, Handle: r.importFile,
			Description: "All of it or nothing; what is wrong is told with line and column. Send one file, or the body with ?name=."},
		api.Operation[nationalInput, constituency.Tally]{Method: http.MethodPost, Path: "/api/constituency/national", ID: "import-national",
			Summary: "Import the prefixes delegated to the nation", Permission: write, MaxBytes: 64 << 20, Handle: r.national,
			Description: "The files together become what the origin says: one prefix a line, # begins a comment."},
		api.Operation[refreshesInput, api.Page[constituency.Refresh]]{Method: http.MethodGet, Path: "/api/constituency/refreshes",
			ID: "list-refreshes", Summary: "List the refreshes from the regional registries", Permission: read, Handle: r.refreshes},
		api.Operation[refreshInput, constituency.Refresh]{Method: http.MethodGet, Path: "/api/constituency/refreshes/{id}",
			ID: "get-refresh", Summary: "One refresh with what it changed", Permission: read, Handle: r.refresh},
		api.Operation[conflictsInput, api.Page[Conflict]]{Method: http.MethodGet, Path: "/api/conflicts", ID: "list-conflicts",
			Summary: "List what of the registry disagrees with itself", Permission: read, Handle: r.conflicts},
	}
}

func (r *room) questions() []api.Route {
	return []api.Route{
		api.Operation[whyInput, constituency.Answer]{Method: http.MethodGet, Path: "/api/why", ID: "why",
			Summary: "Who owns an address, domain, URL or AS number, and why", Permission: read, Handle: r.why},
		api.Operation[struct{}, Nation]{Method: http.MethodGet, Path: "/api/nation", ID: "get-nation",
			Summary: "The nation's profile", Permission: readNation, Handle: r.profile},
		api.Operation[profileInput, Nation]{Method: http.MethodPut, Path: "/api/nation", ID: "choose-nation",
			Summary: "Choose the nation's profile", Permission: writeNation, Handle: r.choose,
			Description: "The file is TOML in the form of the profiles that come with Tocsin."},
	}
}
