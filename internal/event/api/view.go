package api

import (
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
)

type owner struct {
	ID          int64  `json:"id"`
	Ref         string `json:"ref" doc:"The nation's own name for it"`
	Name        string `json:"name"`
	Kind        string `json:"kind,omitempty"`
	Sector      string `json:"sector,omitempty"`
	Designation string `json:"designation,omitempty"`
}

type finding struct {
	ID         string `json:"id"`
	State      string `json:"state" enum:"open,no-longer-seen,lapsed,closed,false-positive,accepted-risk"`
	Severity   string `json:"severity" enum:"unrated,info,low,medium,high,critical"`
	Feed       string `json:"feed"`
	Type       string `json:"type" doc:"Report type"`
	Title      string `json:"title,omitempty" doc:"Of the report type"`
	Class      string `json:"class,omitempty" doc:"RSIT class"`
	Kind       string `json:"kind,omitempty" doc:"RSIT type"`
	Identifier string `json:"identifier,omitempty"`
	Address    string `json:"address,omitempty"`
	Port       *int32 `json:"port,omitempty"`
	Transport  string `json:"transport,omitempty"`
	Name       string `json:"name,omitempty" doc:"Host, URL or account, where that is the subject"`
	Owner      *owner `json:"owner,omitempty" doc:"Absent where nobody known owns it"`
	FirstSeen  string `json:"first_seen,omitempty" format:"date-time" doc:"time.source of the first event"`
	FirstDay   string `json:"first_day" format:"date" doc:"Day of the first report that had it"`
	LastDay    string `json:"last_day" format:"date" doc:"Day of the latest report that had it"`

	Disposition string    `json:"disposition,omitempty" enum:"false-positive,accepted-risk" doc:"What people ruled; an accepted risk stays here after its day"`
	Until       string    `json:"accepted_until,omitempty" format:"date" doc:"The last day of an accepted risk"`
	Assignee    *assignee `json:"assignee,omitempty" doc:"Who looks after it"`
}

type findingDetail struct {
	Finding finding       `json:"finding"`
	Subject string        `json:"subject" enum:"service,address,name"`
	Closing string        `json:"closing" enum:"snapshot,observation,manual" doc:"When a finding of this type is over"`
	Verdict *verdict      `json:"verdict,omitempty" doc:"Why it belongs to its owner, and who lost"`
	Runs    []run         `json:"runs" nullable:"false" doc:"When reports had it, oldest first"`
	Steps   []step        `json:"steps" nullable:"false" doc:"What happened to it, oldest first"`
	Acts    []findingAct  `json:"acts" nullable:"false" doc:"What people did with it but for notes, latest first"`
	Notes   []findingNote `json:"notes" nullable:"false" doc:"Oldest first"`
	Reason  string        `json:"reason,omitempty" doc:"Why it was ruled a false positive or an accepted risk"`
}

type verdict struct {
	Owner  int64       `json:"owner" doc:"0 is nobody"`
	Winner candidate   `json:"winner"`
	Ties   []candidate `json:"ties,omitempty" doc:"Equally good: a conflict"`
	Lost   []candidate `json:"lost,omitempty"`
	Copies []int64     `json:"copies,omitempty" doc:"Constituents that get a copy"`
}

type candidate struct {
	Constituent int64  `json:"constituent" doc:"0 for the nation's own address space"`
	Ref         string `json:"ref,omitempty"`
	Name        string `json:"name,omitempty"`
	Rule        string `json:"rule" doc:"exact-address, manual-prefix, automatic-prefix, domain-suffix, manual-asn, automatic-asn, country-fallback, none"`
	Matched     string `json:"matched,omitempty" doc:"What of the registry matched: 203.0.113.0/24, AS64500, hospital.example"`
	Source      string `json:"source,omitempty" doc:"manual or automatic"`
	AlsoNotify  bool   `json:"also_notify,omitempty"`
	Why         string `json:"why,omitempty" doc:"Of a loser: the reason it lost"`
}

type run struct {
	From     string `json:"from" format:"date"`
	To       string `json:"to" format:"date"`
	Still    bool   `json:"still" doc:"The latest report still has it"`
	Owner    *owner `json:"owner,omitempty"`
	Severity string `json:"severity"`
}

type step struct {
	Day      string `json:"day" format:"date"`
	What     string `json:"what" enum:"first-seen,seen-again,reopened,transferred,severity,no-longer-seen,lapsed"`
	From     *owner `json:"from,omitempty"`
	To       *owner `json:"to,omitempty"`
	Severity string `json:"severity"`
}

type storedEvent struct {
	Day   string         `json:"day" format:"date" doc:"Report day"`
	Feed  string         `json:"feed"`
	Type  string         `json:"type"`
	File  int64          `json:"file" doc:"The source file"`
	Row   int64          `json:"row" doc:"Of the file's data, from 1"`
	Owner int64          `json:"owner" doc:"As of intake; 0 is nobody"`
	IDF   map[string]any `json:"event" doc:"The event, by IDF field names"`
}

type reportType struct {
	Feed       string `json:"feed"`
	Name       string `json:"name"`
	Title      string `json:"title,omitempty"`
	Class      string `json:"class,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Identifier string `json:"identifier,omitempty"`
	Severity   string `json:"severity"`
	Subject    string `json:"subject"`
	Closing    string `json:"closing"`
	Known      bool   `json:"known" doc:"False: not in the schema, to be looked at by a person"`
	FirstDay   string `json:"first_day,omitempty" doc:"Of its full reports"`
	LastDay    string `json:"last_day,omitempty"`
}

type found struct {
	What         string       `json:"what" doc:"How the query was read: finding, address, prefix, domain, identifier, text"`
	Findings     []finding    `json:"findings" nullable:"false" doc:"The first of them, in any state"`
	Total        int64        `json:"total" doc:"How many findings there are"`
	Constituents []owner      `json:"constituents" nullable:"false"`
	Types        []reportType `json:"types" nullable:"false"`
}

func ownerOf(o event.Owner) *owner {
	if o.ID == 0 {
		return nil
	}
	return &owner{o.ID, o.Ref, o.Name, o.Kind, o.Sector, o.Designation}
}

func findingOf(f *event.Finding) finding {
	out := finding{ID: f.ID.String(), State: string(f.State), Severity: f.Severity.String(), Feed: f.Feed, Type: f.Type,
		Title: f.Title, Class: f.Class, Kind: f.Kind, Identifier: f.Identifier, Transport: f.Transport, Name: f.Name,
		Owner: ownerOf(f.Owner), FirstSeen: event.Stamp(f.FirstSeen), FirstDay: f.FirstDay.String(), LastDay: f.LastDay.String(),
		Disposition: string(f.Ruling.Disposition), Until: until(f.Ruling.Until), Assignee: assigneeOf(f.Assignee)}
	if f.Address.IsValid() {
		out.Address = f.Address.String()
	}
	if f.Port >= 0 {
		out.Port = &f.Port
	}
	return out
}

func findingsOf(list []event.Finding) []finding {
	out := make([]finding, len(list))
	for i := range list {
		out[i] = findingOf(&list[i])
	}
	return out
}

func detailOf(d *event.Detail) *findingDetail {
	out := &findingDetail{Finding: findingOf(&d.Finding), Subject: string(d.Subject), Closing: string(d.Closing), Verdict: verdictOf(d.Verdict),
		Runs: []run{}, Steps: []step{}, Acts: []findingAct{}, Notes: []findingNote{}, Reason: d.Ruling.Reason}
	for _, r := range d.Runs {
		out.Runs = append(out.Runs, run{r.From.String(), r.To.String(), r.Still, ownerOf(r.Owner), r.Severity.String()})
	}
	for _, s := range d.Steps {
		out.Steps = append(out.Steps, step{s.Day.String(), s.What, ownerOf(s.From), ownerOf(s.To), s.Severity.String()})
	}
	for _, a := range d.Acts {
		out.Acts = append(out.Acts, deedOf(a))
	}
	for _, n := range d.Notes {
		out.Notes = append(out.Notes, findingNote{n.ID, event.Stamp(n.At), n.Author, n.Body, event.Stamp(n.RetractedAt), n.RetractedBy})
	}
	return out
}

func typeOf(t event.TypeRow) reportType {
	out := reportType{Feed: t.Feed, Name: t.Name, Title: t.Title, Class: t.Class, Kind: t.Kind, Identifier: t.Identifier,
		Severity: t.Severity.String(), Subject: string(t.Subject), Closing: string(t.Closing), Known: t.Known}
	if t.LastDay >= 0 {
		out.FirstDay, out.LastDay = t.FirstDay.String(), t.LastDay.String()
	}
	return out
}

func eventOf(e *event.StoredEvent) storedEvent {
	return storedEvent{Day: e.Day.String(), Feed: e.Feed, Type: e.Type, File: e.File, Row: e.Row, Owner: e.Owner, IDF: e.IDF()}
}

func verdictOf(v *constituency.Verdict) *verdict {
	if v == nil {
		return nil
	}
	return &verdict{v.Owner, candidateOf(v.Winner), candidatesOf(v.Ties), candidatesOf(v.Lost), v.Copies}
}

func candidatesOf(list []constituency.Candidate) []candidate {
	var out []candidate
	for _, c := range list {
		out = append(out, candidateOf(c))
	}
	return out
}

func candidateOf(c constituency.Candidate) candidate {
	return candidate{c.Constituent, c.Ref, c.Name, c.Rule.String(), c.Matched, c.Source, c.AlsoNotify, strings.TrimPrefix(c.Why, "why.")}
}
