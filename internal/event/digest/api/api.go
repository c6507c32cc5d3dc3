// Package api is the REST side of digests: policies, suppressions, what was told, what was answered and what came of it.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

const (
	read   act.Permission = "digest.read"
	write  act.Permission = "digest.write"
	decide act.Permission = "finding.write"
)

type room struct{ desk *digest.Desk }

// Routes returns the operations.
func Routes(d *digest.Desk) []api.Route {
	r := &room{d}
	return []api.Route{
		api.Operation[struct{}, digest.Standing]{Method: http.MethodGet, Path: "/api/digests/standing", ID: "get-digest-standing",
			Summary: "How everything that is to be told stands", Permission: read, Handle: r.standing},
		api.Operation[listInput, api.Page[digest.Message]]{Method: http.MethodGet, Path: "/api/digests/messages", ID: "list-digests",
			Summary: "Who was told what about findings", Permission: read, Handle: r.list},
		api.Operation[Numbered, One]{Method: http.MethodGet, Path: "/api/digests/messages/{id}", ID: "get-digest",
			Summary: "One digest with what it tells of", Permission: read, Handle: r.one},
		api.Operation[Numbered, api.Nothing]{Method: http.MethodPost, Path: "/api/digests/messages/{id}/revoke", ID: "revoke-answer-link",
			Summary: "Make the answer link of a digest worthless", Permission: write, Handle: r.revoke},
		api.Operation[FeedName, api.Nothing]{Method: http.MethodPost, Path: "/api/digests/feeds/{name}/begin", ID: "begin-telling",
			Summary: "End the first intake of a feed: what it brings from here on is told", Permission: write, Handle: r.begin},
		api.Operation[previewInput, digest.Preview]{Method: http.MethodGet, Path: "/api/digests/preview", ID: "preview-digest",
			Summary: "What a constituent would be told now", Permission: read, Handle: r.preview},
		api.Operation[callInput, digest.Call]{Method: http.MethodGet, Path: "/api/digests/preview/webhook", ID: "preview-digest-webhook",
			Summary: "What a constituent's webhook would get now", Permission: read, Handle: r.previewCall,
			Description: "The answer is in the form in which digests are posted to webhooks; the secret of its answer link is left out."},
		api.Operation[findingInput, About]{Method: http.MethodGet, Path: "/api/digests/findings/{id}", ID: "get-finding-told",
			Summary: "Who is told of a finding, and what was answered", Permission: read, Handle: r.about},
		api.Operation[struct{}, api.Page[Policy]]{Method: http.MethodGet, Path: "/api/digests/policies", ID: "list-digest-policies",
			Summary: "How soon findings are told", Permission: read, Handle: r.policies,
			Description: "Where no policy fits: critical at once, high daily, medium, low and what is not rated weekly, info and counts of devices never."},
		api.Operation[policyInput, Policy]{Method: http.MethodPut, Path: "/api/digests/policies", ID: "set-digest-policy",
			Summary: "Set the policy of a case", Permission: write, Handle: r.setPolicy},
		api.Operation[Numbered, api.Nothing]{Method: http.MethodDelete, Path: "/api/digests/policies/{id}", ID: "remove-digest-policy",
			Summary: "Take a policy away", Permission: write, Handle: r.removePolicy},
		api.Operation[endedInput, api.Page[Suppression]]{Method: http.MethodGet, Path: "/api/digests/suppressions", ID: "list-suppressions",
			Summary: "What is kept back for a time", Permission: read, Handle: r.suppressions},
		api.Operation[suppressInput, Suppression]{Method: http.MethodPost, Path: "/api/digests/suppressions", ID: "suppress", Status: http.StatusCreated,
			Summary: "Keep findings from being told for a time", Permission: write, Handle: r.suppress},
		api.Operation[Numbered, api.Nothing]{Method: http.MethodDelete, Path: "/api/digests/suppressions/{id}", ID: "end-suppression",
			Summary: "End a suppression before its day", Permission: write, Handle: r.endSuppression},
		api.Operation[answersInput, api.Page[digest.Answer]]{Method: http.MethodGet, Path: "/api/digests/answers", ID: "list-answers",
			Summary: "What recipients answered", Permission: read, Handle: r.answers},
		api.Operation[Numbered, digest.Claim]{Method: http.MethodGet, Path: "/api/digests/claims/{id}", ID: "get-claim",
			Summary: "A claim that findings are not theirs", Permission: read, Handle: r.claim},
		api.Operation[decideInput, api.Nothing]{Method: http.MethodPost, Path: "/api/digests/claims/{id}", ID: "decide-claim",
			Summary: "Approve or refuse a claim", Permission: decide, Handle: r.decide},
		api.Operation[effectInput, api.Page[digest.Effect]]{Method: http.MethodGet, Path: "/api/digests/effect", ID: "get-effect",
			Summary: "What came of telling, by Kaplan and Meier", Permission: read, Handle: r.effect},
		api.Operation[struct{}, api.Page[digest.Deaf]]{Method: http.MethodGet, Path: "/api/digests/deaf", ID: "list-deaf",
			Summary: "Who never reacts", Permission: read, Handle: r.deaf},
		api.Operation[dryRunInput, digest.Replayed]{Method: http.MethodPost, Path: "/api/digests/dry-run", ID: "dry-run-digests", MaxBytes: 32 << 20,
			Summary: "Whose mail a draft of the registry or of policies would change", Permission: read, Handle: r.dryRun},
		api.Operation[Numbered, digest.Setting]{Method: http.MethodGet, Path: "/api/digests/settings/{id}", ID: "get-digest-setting",
			Summary: "How a constituent wants to be told", Permission: read, Handle: r.setting},
		api.Operation[settingInput, digest.Setting]{Method: http.MethodPut, Path: "/api/digests/settings/{id}", ID: "set-digest-setting",
			Summary: "Say how a constituent wants to be told", Permission: write, Handle: r.set},
	}
}

// Numbered is the path of something with a number.
type Numbered struct {
	ID int64 `path:"id" minimum:"1"`
}

func (r *room) standing(ctx context.Context, _ api.Caller, _ *struct{}) (*digest.Standing, error) {
	s, err := r.desk.Standing(ctx)
	return &s, err
}

type place struct {
	Before int64 `json:"b"`
}

func before(cursor string) (int64, error) {
	var p place
	if cursor == "" {
		return 0, nil
	}
	err := api.ReadCursor(cursor, &p)
	return p.Before, err
}

func next(n int64) (string, error) {
	if n == 0 {
		return "", nil
	}
	return api.Cursor(place{n})
}

type listInput struct {
	Constituent int64 `query:"constituent" minimum:"0" doc:"Only to this one"`
	api.Paging
}

func (r *room) list(ctx context.Context, _ api.Caller, in *listInput) (*api.Page[digest.Message], error) {
	from, err := before(in.Cursor)
	if err != nil {
		return nil, err
	}
	var of []int64
	if in.Constituent != 0 {
		of = []int64{in.Constituent}
	}
	list, n, err := r.desk.Messages(ctx, of, from, in.Limit)
	if err != nil {
		return nil, err
	}
	cursor, err := next(n)
	return api.NewPage(list, cursor), err
}

// One is a digest with what it tells of.
type One struct {
	digest.Message
	Items []digest.Item `json:"items" nullable:"false"`
}

func (r *room) one(ctx context.Context, _ api.Caller, in *Numbered) (*One, error) {
	m, items, err := r.desk.One(ctx, in.ID)
	return &One{m, items}, err
}

func (r *room) revoke(ctx context.Context, c api.Caller, in *Numbered) (*api.Nothing, error) {
	return nil, r.desk.Revoke(ctx, c.Actor, in.ID)
}

type previewInput struct {
	Constituent int64  `query:"constituent" minimum:"1" required:"true"`
	Language    string `query:"language" maxLength:"20" doc:"Its own without one"`
}

func (r *room) preview(ctx context.Context, _ api.Caller, in *previewInput) (*digest.Preview, error) {
	return r.desk.Preview(ctx, in.Constituent, in.Language)
}

type callInput struct {
	Constituent int64 `query:"constituent" minimum:"1" required:"true"`
}

func (r *room) previewCall(ctx context.Context, _ api.Caller, in *callInput) (*digest.Call, error) {
	return r.desk.PreviewCall(ctx, in.Constituent)
}

// Policy says how soon findings of a case are told. What is absent means any.
type Policy struct {
	ID        int64            `json:"id"`
	Ref       string           `json:"ref,omitempty" doc:"A constituent's reference"`
	Sector    string           `json:"sector,omitempty"`
	Type      string           `json:"type,omitempty" doc:"A report type's name"`
	Severity  string           `json:"severity" doc:"any, or unrated to critical"`
	Frequency digest.Frequency `json:"frequency"`
	Reason    string           `json:"reason"`
	At        int64            `json:"at" doc:"UTC microseconds"`
	By        string           `json:"by"`
}

func view(p digest.Policy) Policy {
	out := Policy{ID: p.ID, Ref: p.Ref, Sector: p.Sector, Type: p.Type, Severity: "any", Frequency: p.Frequency, Reason: p.Reason, At: p.At, By: p.By}
	if p.Severity != digest.AnySeverity {
		out.Severity = event.Severity(p.Severity).String()
	}
	return out
}

func (r *room) policies(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[Policy], error) {
	list, err := r.desk.Policies(ctx)
	out := make([]Policy, 0, len(list))
	for _, p := range list {
		out = append(out, view(p))
	}
	return api.NewPage(out, ""), err
}

type policyInput struct {
	Body struct {
		Ref       string `json:"ref,omitempty" maxLength:"80"`
		Sector    string `json:"sector,omitempty" maxLength:"40"`
		Type      string `json:"type,omitempty" maxLength:"100"`
		Severity  string `json:"severity,omitempty" maxLength:"20" doc:"any when absent"`
		Frequency string `json:"frequency" enum:"immediate,daily,weekly,none"`
		Reason    string `json:"reason" maxLength:"500"`
	}
}

func (r *room) setPolicy(ctx context.Context, c api.Caller, in *policyInput) (*Policy, error) {
	severity, err := digest.ParseSeverity(in.Body.Severity)
	if err != nil {
		return nil, err
	}
	p, err := r.desk.SetPolicy(ctx, c.Actor, digest.Policy{Ref: in.Body.Ref, Sector: in.Body.Sector, Type: in.Body.Type, Severity: severity,
		Frequency: digest.Frequency(in.Body.Frequency), Reason: in.Body.Reason})
	out := view(p)
	return &out, err
}

func (r *room) removePolicy(ctx context.Context, c api.Caller, in *Numbered) (*api.Nothing, error) {
	return nil, r.desk.RemovePolicy(ctx, c.Actor, in.ID)
}

// Suppression keeps findings from being told for a time.
type Suppression struct {
	ID      int64                  `json:"id"`
	Kind    digest.SuppressionKind `json:"kind"`
	Value   string                 `json:"value"`
	From    string                 `json:"from" format:"date"`
	Until   string                 `json:"until" format:"date" doc:"The last day"`
	Reason  string                 `json:"reason"`
	By      string                 `json:"by"`
	EndedAt int64                  `json:"ended_at,omitempty"`
	EndedBy string                 `json:"ended_by,omitempty"`
	Held    int64                  `json:"held" doc:"Findings that it keeps back now"`
}

func shown(s digest.Suppression) Suppression {
	return Suppression{s.ID, s.Kind, s.Value, s.From.String(), s.Until.String(), s.Reason, s.By, s.EndedAt, s.EndedBy, s.Held}
}

type endedInput struct {
	Ended bool `query:"ended" doc:"Those that have ended too"`
}

func (r *room) suppressions(ctx context.Context, _ api.Caller, in *endedInput) (*api.Page[Suppression], error) {
	list, err := r.desk.Suppressions(ctx, in.Ended)
	out := make([]Suppression, 0, len(list))
	for _, s := range list {
		out = append(out, shown(s))
	}
	return api.NewPage(out, ""), err
}

type suppressInput struct {
	Body struct {
		Kind   string `json:"kind" enum:"constituent,prefix,asn,type,feed"`
		Value  string `json:"value" maxLength:"200" doc:"A constituent's reference, a prefix, AS64500, a report type or a feed"`
		From   string `json:"from,omitempty" maxLength:"10" doc:"Today when absent"`
		Until  string `json:"until" maxLength:"10" doc:"The last day"`
		Reason string `json:"reason" maxLength:"500"`
	}
}

func (r *room) suppress(ctx context.Context, c api.Caller, in *suppressInput) (*Suppression, error) {
	s := digest.Suppression{Kind: digest.SuppressionKind(in.Body.Kind), Value: in.Body.Value, Reason: in.Body.Reason}
	for _, d := range []struct {
		field, text string
		to          *event.Day
	}{{"from", in.Body.From, &s.From}, {"until", in.Body.Until, &s.Until}} {
		if d.text == "" {
			continue
		}
		day, err := event.ParseDay(d.text)
		if err != nil {
			return nil, fault.Problems{{Field: d.field, Message: strconv.Quote(d.text) + " is no day: write YYYY-MM-DD"}}
		}
		*d.to = day
	}
	s, err := r.desk.Suppress(ctx, c.Actor, s)
	out := shown(s)
	return &out, err
}

func (r *room) endSuppression(ctx context.Context, c api.Caller, in *Numbered) (*api.Nothing, error) {
	return nil, r.desk.EndSuppression(ctx, c.Actor, in.ID)
}

type answersInput struct {
	Constituent int64  `query:"constituent" minimum:"0"`
	State       string `query:"state" maxLength:"20" doc:"Only claims in this state: open, approved, refused"`
	api.Paging
}

func (r *room) answers(ctx context.Context, _ api.Caller, in *answersInput) (*api.Page[digest.Answer], error) {
	from, err := before(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, n, err := r.desk.Answers(ctx, digest.AnswerFilter{Constituent: in.Constituent, State: in.State, Before: from, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	cursor, err := next(n)
	return api.NewPage(list, cursor), err
}

func (r *room) claim(ctx context.Context, _ api.Caller, in *Numbered) (*digest.Claim, error) {
	c, err := r.desk.Claim(ctx, in.ID)
	return &c, err
}

type decideInput struct {
	Numbered
	Body struct {
		Approve     bool   `json:"approve"`
		Constituent string `json:"constituent,omitempty" maxLength:"80" doc:"Whose it is: it is entered into the registry; absent when you corrected the registry yourself"`
		Reason      string `json:"reason" maxLength:"500"`
	}
}

func (r *room) decide(ctx context.Context, c api.Caller, in *decideInput) (*api.Nothing, error) {
	return nil, r.desk.DecideClaim(ctx, c.Actor, in.ID, in.Body.Approve, in.Body.Constituent, in.Body.Reason)
}

type effectInput struct {
	By   string `query:"by" enum:"type,sector" default:"type"`
	Days int    `query:"days" minimum:"1" maximum:"400" default:"90" doc:"Told in the latest so many days"`
}

func (r *room) effect(ctx context.Context, _ api.Caller, in *effectInput) (*api.Page[digest.Effect], error) {
	list, err := r.desk.Effect(ctx, in.By, in.Days)
	return api.NewPage(list, ""), err
}

func (r *room) deaf(ctx context.Context, _ api.Caller, _ *struct{}) (*api.Page[digest.Deaf], error) {
	list, err := r.desk.Deaf(ctx)
	return api.NewPage(list, ""), err
}

type dryRunInput struct {
	Body struct {
		Days     int             `json:"days,omitempty" minimum:"1" maximum:"90" default:"30"`
		Replace  bool            `json:"replace,omitempty" doc:"What the registry's draft does not have is gone"`
		Registry json.RawMessage `json:"registry,omitempty" doc:"A document as for the registry's import"`
		Policies json.RawMessage `json:"policies,omitempty" doc:"A list of policies; one without a frequency takes one away"`
		Suppress json.RawMessage `json:"suppressions,omitempty" doc:"A list of suppressions with kind and value, or with end and the number of one"`
	}
}

func (r *room) dryRun(ctx context.Context, _ api.Caller, in *dryRunInput) (*digest.Replayed, error) {
	d := digest.Draft{Replace: in.Body.Replace}
	var err error
	if len(in.Body.Registry) > 0 {
		if d.Registry, err = constituency.Read("draft.json", constituency.JSON, strings.NewReader(string(in.Body.Registry))); err != nil {
			return nil, err
		}
	}
	if len(in.Body.Policies) > 0 {
		if d.Policies, err = digest.ReadPolicies(in.Body.Policies); err != nil {
			return nil, err
		}
	}
	if len(in.Body.Suppress) > 0 {
		if d.Suppress, d.End, err = digest.ReadSuppressions(in.Body.Suppress); err != nil {
			return nil, err
		}
	}
	return r.desk.DryRun(ctx, in.Body.Days, d)
}

func (r *room) setting(ctx context.Context, _ api.Caller, in *Numbered) (*digest.Setting, error) {
	s, err := r.desk.Setting(ctx, in.ID)
	return &s, err
}

type settingInput struct {
	Numbered
	Body SettingChange
}

// SettingChange is how a constituent wants to be told.
type SettingChange struct {
	Zone      string `json:"zone,omitempty" maxLength:"60" doc:"IANA name; the nation's when absent"`
	Weekdays  []int  `json:"weekdays,omitempty" maxItems:"7" doc:"Business days, 0 is Sunday; Monday to Friday when absent"`
	Hour      int    `json:"hour,omitempty" minimum:"-1" maximum:"23" default:"-1" doc:"Local; -1 is the usual one"`
	Frequency string `json:"frequency,omitempty" enum:",immediate,daily,weekly" doc:"In place of daily and weekly; as policies say when absent"`
	Channel   string `json:"channel" enum:"mail,webhook,both,portal"`
}

func (r *room) set(ctx context.Context, c api.Caller, in *settingInput) (*digest.Setting, error) {
	b := in.Body
	s := digest.Setting{Constituent: in.ID, Zone: b.Zone, Weekdays: b.Weekdays, Hour: b.Hour, Frequency: digest.Frequency(b.Frequency), Channel: b.Channel}
	if err := r.desk.Set(ctx, c.Actor, s); err != nil {
		return nil, err
	}
	out, err := r.desk.Setting(ctx, in.ID)
	return &out, err
}

// FeedName is the path of a feed.
type FeedName struct {
	Name string `path:"name" maxLength:"64"`
}

func (r *room) begin(ctx context.Context, c api.Caller, in *FeedName) (*api.Nothing, error) {
	return nil, r.desk.Begin(ctx, c.Actor, in.Name)
}

type findingInput struct {
	ID string `path:"id" maxLength:"200" doc:"In hexadecimal"`
}

// About is who is told of a finding, and what was answered.
type About struct {
	Told    []digest.Telling `json:"told" nullable:"false"`
	Answers []digest.Answer  `json:"answers" nullable:"false"`
}

func (r *room) about(ctx context.Context, _ api.Caller, in *findingInput) (*About, error) {
	id, err := event.ParseID(in.ID)
	if err != nil {
		return nil, err
	}
	told, answers, err := r.desk.About(ctx, id)
	return &About{told, answers}, err
}
