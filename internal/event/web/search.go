package web

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

// number is an autonomous system, as people write it.
var number = regexp.MustCompile(`^(?i)as[0-9]{1,10}$`)

type searchIn struct {
	Query string `query:"q" max:"500"`
	Stay  bool   `query:"stay"`
}

// results is the page of a search.
type results struct {
	Query string
	Found *event.Found
	Rows  []rowView
	All   string // the list of all findings that match
	Why   string // the page that says who owns it
	Wrong []string
	Empty web.Empty
	to    string
}

// PageTitle has the query.
func (s *results) PageTitle() string { return s.Query }

// Elsewhere is the page of the only exact hit.
func (s *results) Elsewhere() string { return s.to }

// Shown tells whether there is anything to show.
func (s *results) Shown() bool {
	return s.Found != nil && len(s.Rows)+len(s.Found.Constituents)+len(s.Found.Types) > 0
}

// Savable says that the search can be saved: when it found something.
func (s *results) Savable() bool { return s.Shown() }

func (r *room) search(ctx context.Context, v web.Visitor, in searchIn) (*results, error) {
	p := &results{Query: in.Query, Empty: web.Empty{Title: v.T("search.none"), Text: v.T("search.hint")}}
	if strings.TrimSpace(in.Query) == "" {
		p.Query, p.Empty.Title = v.T("title.search"), v.T("title.search")
		return p, nil
	}
	f, err := r.list.Search(ctx, in.Query)
	if fault.KindOf(err) == fault.Invalid {
		p.Wrong = wrongs(err)
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.Found = f
	for _, x := range f.Findings {
		p.Rows = append(p.Rows, rowView{Finding: x, Sector: r.sector(v, x.Owner.Sector)})
	}
	if f.Total > int64(len(f.Findings)) {
		p.All = allOf(f)
	}
	if f.What == "address" || f.What == "domain" || number.MatchString(f.Query) {
		p.Why = "/why?q=" + url.QueryEscape(f.Query)
	}
	switch {
	case in.Stay:
	case p.Why != "" && !p.Shown(): // nothing is known to be wrong there; whose it is can still be told
		p.to = p.Why
	default:
		p.to = exact(f)
	}
	return p, nil
}

// exact is where a search leads that has one exact hit.
func exact(f *event.Found) string {
	named := 0
	to := ""
	for _, o := range f.Constituents {
		if strings.EqualFold(o.Ref, f.Query) || strings.EqualFold(o.Name, f.Query) {
			named++
			to = fmt.Sprint("/constituents/", o.ID)
		}
	}
	switch {
	case f.What != "text" && f.Total == 1 && len(f.Constituents) == 0 && (f.What == "finding" || f.What == "address"):
		return "/findings/" + f.Findings[0].ID.String()
	case named == 1 && f.Total == 0:
		return to
	}
	return ""
}

// allOf is the list with the search's filter.
func allOf(f *event.Found) string {
	q := url.Values{"state": {"all"}}
	if f.Filter.Within.IsValid() {
		q.Set("address", f.Filter.Within.String())
	}
	for name, value := range map[string]string{"domain": f.Filter.Domain, "identifier": f.Filter.Identifier, "name": f.Filter.Name} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/findings?" + q.Encode()
}
