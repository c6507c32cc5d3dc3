package web

import (
	"context"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event/digest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type blankOut struct{ Days int }

func (r *room) blank(context.Context, web.Visitor, none) (blankOut, error) { return blankOut{30}, nil }

type dryRunOut struct {
	*digest.Replayed
	Empty web.Empty
}

func (r *room) dryRun(ctx context.Context, v web.Visitor, in struct {
	Days     int    `form:"days" min:"1" max:"90" default:"30"`
	Registry string `form:"registry" max:"500000"`
	Policies string `form:"policies" max:"200000"`
	Suppress string `form:"suppressions" max:"200000"`
}) (web.Done, error) {
	draft, err := draftOf(in.Registry, in.Policies, in.Suppress)
	if err != nil {
		return web.Done{}, err
	}
	out, err := r.desk.DryRun(ctx, in.Days, draft)
	if err != nil {
		return web.Done{}, err
	}
	return web.Done{Page: dryRunOut{out, web.Empty{Title: v.T("dry.same"), Text: v.T("dry.same-text")}}, Template: "dry-run-done.html"}, nil
}

// draftOf reads the parts of a draft.
func draftOf(registry, policies, suppressions string) (d digest.Draft, err error) {
	if strings.TrimSpace(registry) != "" {
		if d.Registry, err = constituency.Read("draft.json", constituency.JSON, strings.NewReader(registry)); err != nil {
			return d, err
		}
	}
	if strings.TrimSpace(policies) != "" {
		if d.Policies, err = digest.ReadPolicies([]byte(policies)); err != nil {
			return d, err
		}
	}
	if strings.TrimSpace(suppressions) != "" {
		d.Suppress, d.End, err = digest.ReadSuppressions([]byte(suppressions))
	}
	if d.Registry == nil && len(d.Policies)+len(d.Suppress)+len(d.End) == 0 && err == nil {
		err = fault.Problems{{Field: "policies", Message: "give a draft of the registry, of policies or of suppressions"}}
	}
	return d, err
}
