package api

import (
	"cmp"
	"encoding/json"
	"time"

	"tocsin/internal/incident"
)

// Report is what somebody reported.
type Report struct {
	ID           int64            `json:"id"`
	Number       string           `json:"number" doc:"On the receipt; it cannot be guessed"`
	Origin       string           `json:"origin" enum:"portal,public,rest,mail,staff,partner"`
	State        string           `json:"state" enum:"unconfirmed,received,accepted,merged,duplicate,rejected"`
	Constituent  int64            `json:"constituent,omitempty"`
	Title        string           `json:"title"`
	Text         string           `json:"text"`
	More         bool             `json:"more,omitempty" doc:"In a list: there is more of the text"`
	Type         string           `json:"type,omitempty" doc:"RSIT, as the reporter sees it"`
	Step         string           `json:"step,omitempty" doc:"The statutory step that it takes"`
	TLP          string           `json:"tlp"`
	Name         string           `json:"name,omitempty"`
	Organisation string           `json:"organisation,omitempty"`
	Mail         string           `json:"mail,omitempty"`
	Phone        string           `json:"phone,omitempty"`
	Language     string           `json:"language,omitempty"`
	Details      incident.Details `json:"details"`
	Happened     *time.Time       `json:"happened,omitempty"`
	Aware        *time.Time       `json:"aware"`
	Reported     *time.Time       `json:"reported,omitempty"`
	Received     *time.Time       `json:"received"`
	Receipted    *time.Time       `json:"receipted,omitempty"`
	Decided      *time.Time       `json:"decided,omitempty"`
	DecidedBy    string           `json:"decided_by,omitempty"`
	Reason       string           `json:"reason,omitempty"`
	Case         int64            `json:"case,omitempty"`
	SameAs       int64            `json:"same_as,omitempty" doc:"The report that it repeats"`
	SHA256       string           `json:"sha256" doc:"Of the record of what was handed in"`
	Version      int64            `json:"version"`
	Additions    []ReportAddition `json:"additions,omitempty"`
	Files        []CaseFile       `json:"files,omitempty"`
}

// ReportAddition is what a reporter said later.
type ReportAddition struct {
	ID      int64             `json:"id"`
	At      *time.Time        `json:"at"`
	Via     string            `json:"via"`
	Name    string            `json:"name,omitempty"`
	Step    string            `json:"step,omitempty"`
	Text    string            `json:"text"`
	Details *incident.Details `json:"details,omitempty"`
	SHA256  string            `json:"sha256"`
}

// CaseFile is a file as it came.
type CaseFile struct {
	ID     int64      `json:"id"`
	Case   int64      `json:"case,omitempty"`
	Report int64      `json:"report,omitempty"`
	Name   string     `json:"name"`
	Type   string     `json:"type" doc:"As the sender calls it"`
	Bytes  int64      `json:"bytes"`
	SHA256 string     `json:"sha256"`
	At     *time.Time `json:"at"`
	By     string     `json:"by"`
	Note   string     `json:"note,omitempty"`
}

// Case is an incident as the CERT deals with it.
type Case struct {
	ID          int64       `json:"id"`
	Number      string      `json:"number"`
	Ticket      string      `json:"ticket" doc:"What the mail of its conversations bears"`
	Title       string      `json:"title"`
	Summary     string      `json:"summary"`
	State       string      `json:"state" enum:"open,containment,eradication,recovery,resolved,closed,merged"`
	Class       string      `json:"class,omitempty" doc:"RSIT"`
	Type        string      `json:"type,omitempty"`
	Edition     string      `json:"taxonomy" doc:"Edition of the taxonomy"`
	Impact      string      `json:"impact,omitempty" doc:"Of the nation's severity matrix"`
	Reach       string      `json:"reach,omitempty"`
	Severity    int         `json:"severity" minimum:"0" maximum:"5" doc:"0 unrated, 1 info … 5 critical"`
	TLP         string      `json:"tlp"`
	PAP         string      `json:"pap,omitempty"`
	CrossBorder bool        `json:"cross_border"`
	Personal    bool        `json:"personal_data"`
	Lead        int64       `json:"lead,omitempty"`
	LeadName    string      `json:"lead_name,omitempty"`
	Aware       *time.Time  `json:"aware"`
	Opened      *time.Time  `json:"opened"`
	Changed     *time.Time  `json:"changed"`
	Resolved    *time.Time  `json:"resolved,omitempty"`
	Closed      *time.Time  `json:"closed,omitempty"`
	Reopened    int64       `json:"reopened" doc:"How often"`
	MergedInto  int64       `json:"merged_into,omitempty"`
	Version     int64       `json:"version" doc:"Send it back with a change: when somebody else changed the case meanwhile, nothing is done"`
	Parties     []CaseParty `json:"parties,omitempty"`
}

// CaseParty is a constituent that a case is about.
type CaseParty struct {
	Constituent int64      `json:"constituent"`
	Part        string     `json:"part" enum:"reporter,victim,source,helper"`
	At          *time.Time `json:"at"`
	By          string     `json:"by"`
}

// CaseEntry is a line of a case's timeline.
type CaseEntry struct {
	ID      int64      `json:"id"`
	At      *time.Time `json:"at" doc:"When it happened"`
	Written *time.Time `json:"written"`
	Kind    string     `json:"kind"`
	Text    string     `json:"text,omitempty"`
	Detail  any        `json:"detail,omitempty"`
	Shared  bool       `json:"shared" doc:"Participants from outside may read it"`
	Name    string     `json:"name"`
}

func at(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}

func reportOf(r *incident.Report, more bool) *Report {
	return &Report{ID: r.ID, Number: r.Number, Origin: string(r.Origin), State: string(r.State), Constituent: r.Constituent, Title: r.Title, Text: r.Text, More: more,
		Type: r.Guess, Step: r.Step, TLP: r.Marking().Effective().String(), Name: r.Name, Organisation: r.Organisation, Mail: r.Mail, Phone: r.Phone, Language: r.Language,
		Details: r.Details, Happened: at(r.Happened), Aware: at(r.Aware), Reported: at(r.Reported), Received: at(r.Received), Receipted: at(r.Receipted),
		Decided: at(r.Decided), DecidedBy: r.DecidedBy, Reason: r.Reason, Case: r.Case, SameAs: r.SameAs, SHA256: r.SHA256, Version: r.Version}
}

func fileOf(f *incident.File) CaseFile {
	return CaseFile{ID: f.ID, Case: f.Case, Report: f.Report, Name: f.Name, Type: f.Type, Bytes: f.Bytes, SHA256: f.SHA256, At: at(f.At), By: f.By, Note: f.Note}
}

func caseOf(c *incident.Case) *Case {
	out := &Case{ID: c.ID, Number: c.Number, Ticket: c.Ticket(), Title: c.Title, Summary: c.Summary, State: string(c.State), Class: c.Class, Type: c.Type, Edition: c.Edition,
		Impact: c.Impact, Reach: c.Reach, Severity: c.Severity, TLP: c.Label.String(), PAP: c.PAP.String(), CrossBorder: c.CrossBorder, Personal: c.Personal, Lead: c.Lead,
		LeadName: c.LeadName, Aware: at(c.Aware), Opened: at(c.Opened), Changed: at(c.Changed), Resolved: at(c.Resolved), Closed: at(c.Closed), Reopened: c.Reopened,
		MergedInto: c.MergedInto, Version: c.Version}
	for _, p := range c.Parties {
		out.Parties = append(out.Parties, CaseParty{p.Constituent, p.Part, at(p.At), p.By})
	}
	return out
}

func entryOf(e *incident.Entry) CaseEntry {
	out := CaseEntry{ID: e.ID, At: at(e.At), Written: at(e.Written), Kind: e.Kind, Text: e.Text, Shared: e.Shared, Name: e.Name}
	if raw := cmp.Or(e.Detail, "null"); json.Valid([]byte(raw)) {
		out.Detail = json.RawMessage(raw)
	}
	return out
}
