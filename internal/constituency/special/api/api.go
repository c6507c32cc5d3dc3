// Package api is the REST room of the register of special CERTs. It translates and decides nothing.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/constituency/special"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
)

const (
	read  act.Permission = "constituency.read"
	write act.Permission = "constituency.write"
)

type room struct{ register *special.Register }

// Routes are the room's operations.
func Routes(r *special.Register) []api.Route {
	o := &room{r}
	return []api.Route{
		api.Operation[struct{}, api.Page[special.Public]]{Method: http.MethodGet, Path: "/api/register/special-certs", ID: "list-published-special-certs",
			Summary: "The public register of special CERTs", Permission: identity.Open, Handle: o.published,
			Description: "Those that hold today. Contact data stand in it where their owner allowed that."},
		api.Download[struct{}]{Path: "/api/register/special-certs/csv", ID: "export-special-certs", Summary: "The public register as CSV", Permission: identity.Open,
			Types: []string{"text/csv"}, Handle: o.file},
		api.Operation[struct{}, api.Page[SpecialCERT]]{Method: http.MethodGet, Path: "/api/special-certs", ID: "list-special-certs",
			Summary: "The register as the staff keep it, ended entries included", Permission: read, Handle: o.list},
		api.Operation[entryInput, SpecialCERT]{Method: http.MethodPost, Path: "/api/special-certs", ID: "enter-special-cert", Summary: "Enter a special CERT",
			Permission: write, Status: http.StatusCreated, Handle: o.enter},
		api.Operation[Number, SpecialCERT]{Method: http.MethodGet, Path: "/api/special-certs/{id}", ID: "get-special-cert", Summary: "One entry", Permission: read,
			Handle: o.one},
		api.Operation[changeInput, SpecialCERT]{Method: http.MethodPut, Path: "/api/special-certs/{id}", ID: "put-special-cert", Summary: "Change an entry",
			Permission: write, Handle: o.change, Description: "An approval is of the contact data as they were: changing those and not its words takes it back."},
	}
}

func (o *room) published(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[special.Public], error) {
	all, err := o.register.Published(ctx)
	return api.NewPage(all, ""), err
}

func (o *room) file(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Stream, error) {
	all, err := o.register.Published(ctx)
	return &api.Stream{ContentType: "text/csv; charset=utf-8", Name: "special-certs.csv", Write: func(_ context.Context, w io.Writer) error {
		return special.WriteCSV(w, all)
	}}, err
}

// Number is an entry in a path.
type Number struct {
	ID int64 `path:"id" minimum:"1"`
}

// Entry is what the staff write.
type Entry struct {
	Name         string `json:"name" maxLength:"200"`
	Organisation string `json:"organisation" maxLength:"200" doc:"Whose CERT it is"`
	Scope        string `json:"scope" maxLength:"1000" doc:"Whom it serves"`
	Mail         string `json:"mail,omitempty" maxLength:"254"`
	Phone        string `json:"phone,omitempty" maxLength:"100"`
	Website      string `json:"website,omitempty" maxLength:"1000"`
	RFC2350      string `json:"rfc2350,omitempty" maxLength:"1000" doc:"URL of its description"`
	Fingerprint  string `json:"fingerprint,omitempty" maxLength:"200" doc:"Follows from the key"`
	Key          string `json:"key,omitempty" maxLength:"100000" doc:"An armored OpenPGP public key, or a certificate in PEM"`
	Note         string `json:"note,omitempty" maxLength:"10000"`
	Approved     bool   `json:"approved,omitempty" doc:"Mail, phone and key may be published"`
	Approval     string `json:"approval,omitempty" maxLength:"1000" doc:"Who allowed it, and how"`
	Since        string `json:"since,omitempty" maxLength:"10" doc:"YYYY-MM-DD"`
	Until        string `json:"until,omitempty" maxLength:"10" doc:"YYYY-MM-DD, the first day on which it is none any more"`
	Version      int64  `json:"version,omitempty" minimum:"0" doc:"Of the entry that is changed"`
}

// SpecialCERT is an entry with who changed it last.
type SpecialCERT struct {
	ID int64 `json:"id"`
	Entry
	Changed   time.Time `json:"changed"`
	ChangedBy string    `json:"changed_by"`
}

func viewOf(c special.CERT) SpecialCERT {
	return SpecialCERT{c.ID, Entry{c.Name, c.Organisation, c.Scope, c.Mail, c.Phone, c.Website, c.RFC2350, c.Fingerprint, c.Key, c.Note, c.Approved, c.Approval,
		c.Since.String(), c.Until.String(), c.Version}, time.UnixMicro(c.Changed).UTC(), c.ChangedBy}
}

func (o *room) list(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[SpecialCERT], error) {
	all, err := o.register.All(ctx)
	var out []SpecialCERT
	for _, c := range all {
		out = append(out, viewOf(c))
	}
	return api.NewPage(out, ""), err
}

func (o *room) one(ctx context.Context, _ api.Caller, in *Number) (*SpecialCERT, error) {
	c, err := o.register.ByID(ctx, in.ID)
	out := viewOf(c)
	return &out, err
}

type entryInput struct{ Body Entry }

type changeInput struct {
	Number
	Body Entry
}

func (o *room) enter(ctx context.Context, c api.Caller, in *entryInput) (*SpecialCERT, error) {
	return o.save(ctx, c, 0, in.Body)
}

func (o *room) change(ctx context.Context, c api.Caller, in *changeInput) (*SpecialCERT, error) {
	return o.save(ctx, c, in.ID, in.Body)
}

func (o *room) save(ctx context.Context, c api.Caller, id int64, e Entry) (*SpecialCERT, error) {
	since, until, err := special.Days(e.Since, e.Until)
	if err != nil {
		return nil, err
	}
	saved, err := o.register.Save(ctx, c.Actor, special.CERT{ID: id, Version: e.Version, Name: e.Name, Organisation: e.Organisation, Scope: e.Scope, Mail: e.Mail,
		Phone: e.Phone, Website: e.Website, RFC2350: e.RFC2350, Fingerprint: e.Fingerprint, Key: e.Key, Note: e.Note, Approved: e.Approved,
		Approval: e.Approval, Since: since, Until: until})
	out := viewOf(saved)
	return &out, err
}
