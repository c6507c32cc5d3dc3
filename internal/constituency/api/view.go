package api

import (
	"tocsin/internal/constituency"
	"tocsin/internal/platform/api"
)

// Constituent is a constituent as the REST interface shows it; it refers to others by ref.
type Constituent struct {
	ID          int64  `json:"id"`
	Ref         string `json:"ref" doc:"The nation's own name for it"`
	Parent      string `json:"parent" doc:"Ref of the one above it"`
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Sector      string `json:"sector"`
	Designation string `json:"designation"`
	Delegate    string `json:"delegate" doc:"Ref of the CERT that looks after the branch, inherited from above"`
	Language    string `json:"language"`
	Note        string `json:"note"`
	Source      string `json:"source" doc:"manual or automatic"`
	Origin      string `json:"origin" doc:"The registry it came from"`
	ValidFrom   string `json:"valid_from" doc:"YYYY-MM-DD, empty for always"`
	ValidUntil  string `json:"valid_until" doc:"The first day it no longer is valid, empty for open"`
	Contacts    int    `json:"contacts" doc:"Valid today"`
	Reachable   bool   `json:"reachable" doc:"A contact has a mail address"`
	Assets      int    `json:"assets" doc:"Valid today"`
}

func view(l constituency.Listed) Constituent {
	return Constituent{ID: l.ID, Ref: l.Ref, Parent: l.ParentRef, Name: l.Name, Kind: string(l.Kind), Sector: l.Sector,
		Designation: string(l.Designation), Delegate: l.DelegateRef, Language: l.Language, Note: l.Note,
		Source: string(l.Source), Origin: l.Origin, ValidFrom: l.ValidFrom.String(), ValidUntil: l.ValidUntil.String(),
		Contacts: l.Contacts, Reachable: l.Reachable, Assets: l.Assets}
}

type constituentPage struct {
	api.Page[Constituent]
	Total int `json:"total" doc:"On all pages"`
}

// Contact is a contact as the REST interface shows it.
type Contact struct {
	ID         int64              `json:"id"`
	Role       string             `json:"role"`
	Name       string             `json:"name"`
	Mail       string             `json:"mail"`
	Phone      string             `json:"phone"`
	Language   string             `json:"language"`
	Keys       []constituency.Key `json:"keys" nullable:"false"`
	Encrypt    bool               `json:"encrypt" doc:"Nothing is sent to it in clear"`
	KeyStates  []KeyState         `json:"key_states" nullable:"false" doc:"How far the keys can be used"`
	Clearance  string             `json:"clearance" doc:"The highest TLP label it may be sent"`
	Source     string             `json:"source"`
	Origin     string             `json:"origin"`
	ValidFrom  string             `json:"valid_from"`
	ValidUntil string             `json:"valid_until"`
}

func (r *room) viewContact(c constituency.Contact) Contact {
	keys := c.Keys
	if keys == nil {
		keys = []constituency.Key{}
	}
	states := []KeyState{}
	for _, i := range r.store.KeyInfos(c) {
		states = append(states, viewKey(i))
	}
	return Contact{c.ID, c.Role, c.Name, c.Mail, c.Phone, c.Language, keys, c.Encrypt, states, c.Clearance, string(c.Source), c.Origin,
		c.ValidFrom.String(), c.ValidUntil.String()}
}

// Asset is an asset as the REST interface shows it.
type Asset struct {
	ID         int64  `json:"id"`
	Kind       string `json:"kind"`
	Value      string `json:"value" doc:"In canonical form"`
	AlsoNotify bool   `json:"also_notify"`
	Source     string `json:"source"`
	Origin     string `json:"origin"`
	ValidFrom  string `json:"valid_from"`
	ValidUntil string `json:"valid_until"`
}

func viewAsset(a constituency.Asset) Asset {
	return Asset{a.ID, string(a.Kind), a.Value, a.AlsoNotify, string(a.Source), a.Origin, a.ValidFrom.String(), a.ValidUntil.String()}
}

// Conflict is a conflict with the days on which it holds.
type Conflict struct {
	constituency.Conflict
	From  string `json:"valid_from"`
	Until string `json:"valid_until"`
}

// Imported is what an import changed, or would change.
type Imported struct {
	constituency.Diff
	DryRun bool `json:"dry_run"`
}
