package api

import (
	"context"
	"io"

	"tocsin/internal/nation"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

// Nation is the nation's profile as the REST interface shows it.
type Nation struct {
	Chosen       bool                        `json:"chosen" doc:"False until a profile is chosen: this is the generic one"`
	Name         string                      `json:"name"`
	Code         string                      `json:"code" doc:"ISO 3166-1 alpha-2"`
	Status       string                      `json:"status"`
	TimeZone     string                      `json:"time_zone"`
	Languages    []string                    `json:"languages" nullable:"false"`
	Team         Team                        `json:"team"`
	Taxonomy     string                      `json:"taxonomy"`
	Edition      string                      `json:"taxonomy_edition"`
	Sectors      []Named                     `json:"sectors" nullable:"false"`
	Severities   []Level                     `json:"severities" nullable:"false"`
	Matrix       *Matrix                     `json:"severity_matrix,omitempty"`
	Designations map[string]nation.Localized `json:"designations"`
	Regimes      []Regime                    `json:"regimes" nullable:"false"`
	Yearly       *Yearly                     `json:"yearly,omitempty"`
	Holidays     []Holiday                   `json:"holidays" nullable:"false" doc:"Only what is urgent is told on them"`
}

// Team is the national CERT.
type Team struct {
	Name    string   `json:"name"`
	Mails   []string `json:"mails" nullable:"false"`
	Phone   string   `json:"phone"`
	Hours   string   `json:"hours"`
	RFC2350 string   `json:"rfc2350"`
}

// Named is an id with its name by language.
type Named struct {
	ID    string           `json:"id"`
	Names nation.Localized `json:"name"`
}

// Level is a step of the nation's severity scale.
type Level struct {
	Named
	Level int `json:"level"`
}

// Matrix rates an incident by its impact and its reach, each from the least to the most.
type Matrix struct {
	Impact []Named `json:"impact" nullable:"false"`
	Reach  []Named `json:"reach" nullable:"false"`
	Levels [][]int `json:"levels" nullable:"false" doc:"A row for each impact, in it a severity level for each reach"`
}

// Yearly is the statistics of a year that operators return, and the window of the next year in which they do.
type Yearly struct {
	Designations []string `json:"designations" nullable:"false"`
	From         string   `json:"from" doc:"MM-DD"`
	Until        string   `json:"until" doc:"MM-DD, the last day"`
	FirstYear    int      `json:"first_year,omitempty"`
}

// Regime is a law that asks for reports.
type Regime struct {
	Named
	Source       string   `json:"source"`
	ValidFrom    string   `json:"valid_from"`
	ValidUntil   string   `json:"valid_until"`
	Confirmed    bool     `json:"confirmed"`
	Note         string   `json:"note"`
	Designations []string `json:"designations" nullable:"false" doc:"Whom it binds; empty for everybody"`
	When         string   `json:"when" enum:"always,personal-data,significant" doc:"The incidents that it asks reports of"`
	Steps        []Step   `json:"steps" nullable:"false"`
}

// Step is one report that a regime asks for: due a number of hours, or of calendar months, after its trigger.
type Step struct {
	Named
	Trigger string            `json:"trigger"`
	Hours   float64           `json:"hours,omitempty"`
	Months  int               `json:"months,omitempty"`
	By      string            `json:"by" enum:"entity,cert" doc:"Who owes it"`
	To      string            `json:"to"`
	Remind  []nation.Duration `json:"remind,omitempty" doc:"Spans before it is due; without them a quarter and a twentieth of the term"`
}

// Holiday is a day on which the nation rests: the same of every year, or listed ones.
type Holiday struct {
	Named
	Day        string   `json:"day,omitempty" doc:"Month and day, of every year"`
	Days       []string `json:"days" nullable:"false"`
	ValidFrom  string   `json:"valid_from,omitempty"`
	ValidUntil string   `json:"valid_until,omitempty"`
}

func (r *room) profile(ctx context.Context, _ api.Caller, _ *struct{}) (*Nation, error) {
	p, chosen, err := r.nation.Load(ctx)
	if err != nil {
		return nil, err
	}
	return viewNation(p, chosen), nil
}

func viewNation(p *nation.Profile, chosen bool) *Nation {
	n := &Nation{Chosen: chosen, Name: p.Name, Code: p.Code, Status: p.Status, TimeZone: p.TimeZone, Languages: p.Languages,
		Team:     Team{p.Team.Name, append([]string{}, p.Team.Mails...), p.Team.Phone, p.Team.Hours, p.Team.RFC2350},
		Taxonomy: p.Taxonomy.Name, Edition: p.Taxonomy.Edition, Sectors: []Named{}, Severities: []Level{},
		Designations: p.Designations, Regimes: []Regime{}, Holidays: []Holiday{}}
	n.Sectors = append(n.Sectors, named(p.Sectors)...)
	for _, s := range p.Severities {
		n.Severities = append(n.Severities, Level{Named{s.ID, s.Names}, s.Level})
	}
	if y := p.Yearly; y.From.String() != "" {
		n.Yearly = &Yearly{y.Designations, y.From.String(), y.Until.String(), y.FirstYear}
	}
	if m := p.Matrix; len(m.Levels) > 0 {
		n.Matrix = &Matrix{named(m.Impact), named(m.Reach), m.Levels}
	}
	for _, g := range p.Regimes {
		v := Regime{Named: Named{g.ID, g.Names}, Source: g.Source, ValidFrom: g.ValidFrom.String(), ValidUntil: g.ValidUntil.String(),
			Confirmed: g.Confirmed, Note: g.Note, Designations: append([]string{}, g.Designations...), When: g.When, Steps: []Step{}}
		for _, s := range g.Steps {
			v.Steps = append(v.Steps, Step{Named{s.ID, s.Names}, s.Trigger, s.Due.Hours(), s.Months, s.By, s.To, s.Remind})
		}
		n.Regimes = append(n.Regimes, v)
	}
	for _, h := range p.Holidays {
		v := Holiday{Named: Named{h.ID, h.Names}, Day: h.Day, Days: []string{}, ValidFrom: h.ValidFrom.String(), ValidUntil: h.ValidUntil.String()}
		for _, d := range h.Days {
			v.Days = append(v.Days, d.String())
		}
		n.Holidays = append(n.Holidays, v)
	}
	return n
}

func named(list []nation.Named) []Named {
	out := make([]Named, len(list))
	for i, n := range list {
		out[i] = Named{n.ID, n.Names}
	}
	return out
}

type profileInput struct {
	File api.Upload
	Name string `query:"name" maxLength:"200" doc:"Of the file, where the body is the file itself"`
}

func (r *room) choose(ctx context.Context, c api.Caller, in *profileInput) (*Nation, error) {
	var out *Nation
	err := in.File.Each(func(name string, body io.Reader) error {
		if out != nil {
			return fault.Invalidf("send one profile")
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		p, err := r.nation.Set(ctx, c.Actor, name, b)
		if err == nil {
			out = viewNation(p, true)
		}
		return err
	})
	return out, err
}
