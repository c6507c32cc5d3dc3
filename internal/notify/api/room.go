// Package api is the REST side of the outbox: letters and what became of them, the release queue, the switch, the health of contacts,
// and webhooks.
package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	read    act.Permission = "notify.read"
	write   act.Permission = "notify.write"
	release act.Permission = "notify.release"
	stop    act.Permission = "notify.stop"
)

// Config is what the operations stand on.
type Config struct {
	Outbox *notify.Outbox
	// Address is the mail address of an actor's own, for tests; a fault when there is none.
	Address func(ctx context.Context, a act.Actor) (string, error)
}

type room struct{ Config }

// Routes returns the operations.
func Routes(c Config) []api.Route {
	r := &room{c}
	return append(r.letterRoutes(), r.hookRoutes()...)
}

func (r *room) letterRoutes() []api.Route {
	return []api.Route{
		api.Operation[struct{}, OutboxStatus]{Method: http.MethodGet, Path: "/api/outbox", ID: "get-outbox",
			Summary: "How the outbox stands: the switch, letters by state, lines out of order", Permission: read, Handle: r.status},
		api.Operation[reasonInput, api.Nothing]{Method: http.MethodPost, Path: "/api/outbox/stop", ID: "stop-sending",
			Summary: "Stop all sending at once", Permission: stop, Handle: r.stop},
		api.Operation[reasonInput, api.Nothing]{Method: http.MethodPost, Path: "/api/outbox/start", ID: "start-sending",
			Summary: "Start sending; needs a reason", Permission: release, Handle: r.start},
		api.Operation[struct{}, OutboxNumber]{Method: http.MethodPost, Path: "/api/outbox/test", ID: "send-test",
			Summary: "Send a test to one's own address", Permission: write, Handle: r.test},
		api.Operation[letterIDs, OutboxChanged]{Method: http.MethodPost, Path: "/api/outbox/release", ID: "release-letters", Permission: release, Handle: r.release,
			Summary: "Release the recipients of held letters", Description: "All later letters to the same recipients leave by themselves. `all` releases everybody whose letter waits."},
		api.Operation[letterIDs, OutboxChanged]{Method: http.MethodPost, Path: "/api/outbox/cancel", ID: "cancel-letters", Permission: write, Handle: r.cancel,
			Summary: "Cancel letters that were not handed over; needs a reason"},
		api.Operation[letterIDs, OutboxChanged]{Method: http.MethodPost, Path: "/api/outbox/resend", ID: "resend-letters", Permission: write, Handle: r.resend,
			Summary: "Try letters again that were given up, or held for encryption or by the gate"},
		api.Operation[listInput, api.Page[OutboxLetter]]{Method: http.MethodGet, Path: "/api/outbox/letters", ID: "list-letters",
			Summary: "List letters, the last first", Permission: read, Handle: r.list},
		api.Operation[NumberPath, OutboxLetter]{Method: http.MethodGet, Path: "/api/outbox/letters/{id}", ID: "get-letter", Summary: "One letter",
			Permission: read, Handle: r.letter},
		api.Operation[NumberPath, OutboxContent]{Method: http.MethodGet, Path: "/api/outbox/letters/{id}/content", ID: "preview-letter",
			Summary: "What a letter says, or would say now", Permission: read, Handle: r.content},
		api.Download[attachmentInput]{Path: "/api/outbox/letters/{id}/attachments/{n}", ID: "get-letter-attachment",
			Summary: "A file that goes with a letter", Permission: read, Types: []string{"application/octet-stream"}, Handle: r.attachment},
		api.Operation[healthInput, api.Page[ContactHealth]]{Method: http.MethodGet, Path: "/api/contact-health", ID: "list-contact-health",
			Summary: "How well the addresses of contacts take letters", Permission: read, Handle: r.health},
	}
}

// OutboxNumber is the number of something new.
type OutboxNumber struct {
	ID int64 `json:"id"`
}

// NumberPath is the path of something with a number.
type NumberPath struct {
	ID int64 `path:"id" minimum:"1"`
}

// OutboxChanged tells how many letters were changed.
type OutboxChanged struct {
	Letters int64 `json:"letters"`
}

// OutboxStatus is how the outbox stands.
type OutboxStatus struct {
	Switch OutboxSwitch     `json:"switch"`
	States map[string]int64 `json:"states" doc:"Letters in each state; held ones also as held:release, held:encryption, held:gate"`
	Lines  []OutboxLine     `json:"lines" nullable:"false" doc:"Ways out that are out of order"`
	Oldest *time.Time       `json:"oldest,omitempty" doc:"Due since, of those that could be sent"`
}

// OutboxSwitch says whether anything is sent.
type OutboxSwitch struct {
	Sending bool       `json:"sending"`
	Sealed  bool       `json:"sealed" doc:"Nothing leaves this world, whatever the switch says"`
	Reason  string     `json:"reason"`
	At      *time.Time `json:"at,omitempty"`
	Actor   string     `json:"actor,omitempty"`
	Name    string     `json:"name,omitempty"`
	Waiting int64      `json:"waiting" doc:"Letters that would be sent; those that wait for a release are not counted"`
}

// OutboxLine is a way out that is out of order.
type OutboxLine struct {
	Name     string     `json:"name" doc:"mail, webhook:7"`
	Since    *time.Time `json:"since"`
	Next     *time.Time `json:"next" doc:"Tried again then"`
	Failures int        `json:"failures"`
	Reason   string     `json:"reason"`
}

func (r *room) status(ctx context.Context, _ api.Caller, _ *struct{}) (*OutboxStatus, error) {
	s, err := r.Outbox.Status(ctx)
	if err != nil {
		return nil, err
	}
	v := OutboxStatus{OutboxSwitch{s.Switch.Sending, s.Switch.Sealed, s.Switch.Reason, at(s.Switch.At), s.Switch.Subject, s.Switch.Name, s.Switch.Waiting},
		s.States, []OutboxLine{}, at(s.Oldest)}
	for _, l := range s.Lines {
		v.Lines = append(v.Lines, OutboxLine{l.Name, at(l.Since), at(l.Next), l.Failures, l.Reason})
	}
	return &v, nil
}

type reasonInput struct {
	Body struct {
		Reason string `json:"reason" maxLength:"500"`
	}
}

func (r *room) stop(ctx context.Context, c api.Caller, in *reasonInput) (*api.Nothing, error) {
	return nil, r.Outbox.Stop(ctx, c.Actor, in.Body.Reason)
}

func (r *room) start(ctx context.Context, c api.Caller, in *reasonInput) (*api.Nothing, error) {
	return nil, r.Outbox.Start(ctx, c.Actor, in.Body.Reason)
}

func (r *room) test(ctx context.Context, c api.Caller, _ *struct{}) (*OutboxNumber, error) {
	to, err := r.Address(ctx, c.Actor)
	if err != nil {
		return nil, err
	}
	id, err := r.Outbox.SendTest(ctx, c.Actor, notify.Letter{To: to, Name: c.Actor.Name, Content: &notify.Content{
		Subject: "A test of the outbox", Text: "This message says that mail from here reaches you.\n"}})
	return &OutboxNumber{id}, err
}

type letterIDs struct {
	Body struct {
		Letters []int64 `json:"letters,omitempty" maxItems:"10000"`
		All     bool    `json:"all,omitempty" doc:"Of release: everybody whose letter waits"`
		Reason  string  `json:"reason,omitempty" maxLength:"500" doc:"Of cancel"`
	}
}

func (r *room) release(ctx context.Context, c api.Caller, in *letterIDs) (*OutboxChanged, error) {
	if in.Body.All {
		n, err := r.Outbox.ReleaseAll(ctx, c.Actor)
		return &OutboxChanged{n}, err
	}
	n, err := r.Outbox.Release(ctx, c.Actor, in.Body.Letters...)
	return &OutboxChanged{n}, err
}

func (r *room) cancel(ctx context.Context, c api.Caller, in *letterIDs) (*OutboxChanged, error) {
	n, err := r.Outbox.Refuse(ctx, c.Actor, in.Body.Reason, in.Body.Letters...)
	return &OutboxChanged{n}, err
}

func (r *room) resend(ctx context.Context, c api.Caller, in *letterIDs) (*OutboxChanged, error) {
	n, err := r.Outbox.Resend(ctx, c.Actor, in.Body.Letters...)
	return &OutboxChanged{n}, err
}

type listInput struct {
	api.Paging
	State       string `query:"state" enum:"queued,rendered,held,handed-over,answered,bounced,dead,cancelled"`
	Hold        string `query:"hold" enum:"release,encryption,gate" doc:"Of held letters: why"`
	Kind        string `query:"kind" maxLength:"40"`
	To          string `query:"to" maxLength:"254" doc:"Exactly this address"`
	Ticket      string `query:"ticket" maxLength:"300"`
	Constituent int64  `query:"constituent" minimum:"1"`
}

type place struct {
	Before int64 `json:"b"`
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*api.Page[OutboxLetter], error) {
	f := notify.Filter{State: notify.State(in.State), Hold: in.Hold, Kind: in.Kind, Address: in.To, Ticket: in.Ticket, Constituent: in.Constituent, Limit: in.Limit}
	if in.Cursor != "" {
		var p place
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return nil, err
		}
		f.Before = max(p.Before, 1)
	}
	ls, next, err := r.Outbox.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var out []OutboxLetter
	for _, l := range ls {
		out = append(out, letterOf(l))
	}
	cursor := ""
	if next != 0 {
		cursor, err = api.Cursor(place{next})
	}
	return api.NewPage(out, cursor), err
}

// OutboxLetter is a letter and what became of it.
type OutboxLetter struct {
	ID          int64      `json:"id"`
	Key         string     `json:"key"`
	Kind        string     `json:"kind"`
	Channel     string     `json:"channel" enum:"mail,webhook"`
	Constituent int64      `json:"constituent,omitempty"`
	To          string     `json:"to" doc:"A mail address, or the number of a webhook"`
	Name        string     `json:"name,omitempty"`
	Language    string     `json:"language,omitempty"`
	Ticket      string     `json:"ticket,omitempty"`
	Object      string     `json:"object,omitempty"`
	Subject     string     `json:"subject,omitempty"`
	Encrypted   bool       `json:"encryption_required,omitempty"`
	State       string     `json:"state" enum:"queued,rendered,held,handed-over,answered,bounced,dead,cancelled"`
	Hold        string     `json:"hold,omitempty" enum:"release,encryption,gate"`
	Reason      string     `json:"reason,omitempty" doc:"The last trouble, or why it was cancelled"`
	Attempts    int        `json:"attempts"`
	Due         *time.Time `json:"due,omitempty"`
	Created     *time.Time `json:"created,omitempty"`
	Rendered    *time.Time `json:"rendered,omitempty"`
	HandedOver  *time.Time `json:"handed_over,omitempty"`
	Settled     *time.Time `json:"settled,omitempty" doc:"When it was answered, bounced, given up or cancelled"`
	MessageID   string     `json:"message_id,omitempty"`
	Bytes       int64      `json:"bytes"`
	SHA256      string     `json:"sha256,omitempty" doc:"Of what is handed over"`
	Ledger      int64      `json:"ledger,omitempty" doc:"Its row of the egress ledger"`
}

func letterOf(l notify.Letter) OutboxLetter {
	return OutboxLetter{ID: l.ID, Key: l.Key, Kind: l.Kind, Channel: string(l.Channel), Constituent: l.Constituent, To: l.To, Name: l.Name, Language: l.Language,
		Ticket: l.Ticket, Object: string(l.Object), Subject: l.Subject, Encrypted: l.EncryptionRequired, State: string(l.State), Hold: l.Hold,
		Reason: l.Reason, Attempts: l.Attempts, Due: at(l.Due), Created: at(l.Created), Rendered: at(l.Rendered), HandedOver: at(l.HandedAt),
		Settled: at(l.Settled), MessageID: l.MessageID, Bytes: l.Bytes, SHA256: l.SHA256, Ledger: l.Ledger}
}

// at writes UTC microseconds; 0 is none.
func at(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}

func (r *room) letter(ctx context.Context, _ api.Caller, in *NumberPath) (*OutboxLetter, error) {
	l, err := r.Outbox.ByID(ctx, in.ID)
	v := letterOf(l)
	return &v, err
}

// OutboxContent is what a letter says.
type OutboxContent struct {
	Subject     string             `json:"subject"`
	Text        string             `json:"text" doc:"Of a webhook the JSON that is posted"`
	HTML        string             `json:"html,omitempty"`
	Headers     map[string]string  `json:"headers,omitempty"`
	References  []string           `json:"references,omitempty"`
	Marking     string             `json:"marking"`
	Attachments []OutboxAttachment `json:"attachments" nullable:"false"`
}

// OutboxAttachment is a file that goes with a letter; its place in the list is its number.
type OutboxAttachment struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes int    `json:"bytes"`
}

func (r *room) content(ctx context.Context, _ api.Caller, in *NumberPath) (*OutboxContent, error) {
	_, c, err := r.Outbox.Preview(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := OutboxContent{Subject: c.Subject, Text: c.Text, HTML: c.HTML, Headers: c.Headers, References: c.References, Marking: c.Marking.Effective().String(),
		Attachments: []OutboxAttachment{}}
	for _, a := range c.Attachments {
		v.Attachments = append(v.Attachments, OutboxAttachment{a.Name, a.Type, len(a.Bytes)})
	}
	return &v, nil
}

type attachmentInput struct {
	NumberPath
	N int `path:"n" minimum:"0" maximum:"1000"`
}

func (r *room) attachment(ctx context.Context, _ api.Caller, in *attachmentInput) (*api.Stream, error) {
	_, c, err := r.Outbox.Preview(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.N >= len(c.Attachments) {
		return nil, fault.NotFoundf("letter %d has no attachment %d", in.ID, in.N)
	}
	a := c.Attachments[in.N]
	return &api.Stream{ContentType: "application/octet-stream", Name: a.Name, Write: func(_ context.Context, w io.Writer) error {
		_, err := w.Write(a.Bytes)
		return err
	}}, nil
}

type healthInput struct {
	api.Paging
	Failing bool `query:"failing" doc:"Only addresses that refuse"`
}

type healthPlace struct {
	After string `json:"a"`
}

// ContactHealth is how well an address takes letters.
type ContactHealth struct {
	Address     string     `json:"address" doc:"A mail address, or webhook:7"`
	Failures    int        `json:"failures" doc:"Refusals and bounces for good, one after the other"`
	LastFailure *time.Time `json:"last_failure,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	LastSuccess *time.Time `json:"last_success,omitempty"`
	Sent        int64      `json:"sent" doc:"Letters handed over, of all time"`
}

func (r *room) health(ctx context.Context, _ api.Caller, in *healthInput) (*api.Page[ContactHealth], error) {
	var p healthPlace
	if in.Cursor != "" {
		if err := api.ReadCursor(in.Cursor, &p); err != nil {
			return nil, err
		}
	}
	hs, next, err := r.Outbox.Health(ctx, in.Failing, p.After, in.Limit)
	if err != nil {
		return nil, err
	}
	cursor := ""
	if next != "" {
		cursor, err = api.Cursor(healthPlace{next})
	}
	var out []ContactHealth
	for _, h := range hs {
		out = append(out, ContactHealth{h.Address, h.Failures, at(h.LastFailure), h.Reason, at(h.LastSuccess), h.Sent})
	}
	return api.NewPage(out, cursor), err
}
