package api

import (
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/filing"
	"tocsin/internal/platform/fault"
)

// ReportFiling is what a reporter hands in.
type ReportFiling struct {
	Title        string           `json:"title,omitempty" maxLength:"200" doc:"The first line of the text when absent"`
	Text         string           `json:"text,omitempty" maxLength:"200000" doc:"What happened"`
	Type         string           `json:"type,omitempty" maxLength:"60" doc:"A type of the Reference Security Incident Taxonomy, as the reporter sees it"`
	Happened     *time.Time       `json:"happened,omitempty" doc:"When it began"`
	Aware        *time.Time       `json:"aware,omitempty" doc:"When it was noticed; needed to hand a report in"`
	Reported     *time.Time       `json:"reported,omitempty" doc:"When it was told to the CERT, where that was before now"`
	Step         string           `json:"step,omitempty" maxLength:"40" doc:"The statutory step that it takes: early-warning"`
	Details      incident.Details `json:"details,omitempty"`
	Name         string           `json:"name,omitempty" maxLength:"200"`
	Organisation string           `json:"organisation,omitempty" maxLength:"200"`
	Mail         string           `json:"mail,omitempty" maxLength:"254" doc:"Where the receipt goes to"`
	Phone        string           `json:"phone,omitempty" maxLength:"60"`
	Language     string           `json:"language,omitempty" maxLength:"35"`
	Label        string           `json:"tlp,omitempty" maxLength:"20" doc:"How far the report may travel; AMBER without it"`
}

func (f ReportFiling) filing() (incident.Filing, error) {
	label, err := tlp.Parse(f.Label)
	if err != nil {
		return incident.Filing{}, fault.Problems{{Field: "tlp", Message: err.Error()}}
	}
	return incident.Filing{Title: f.Title, Text: f.Text, Guess: f.Type, Happened: micros(f.Happened), Aware: micros(f.Aware), Reported: micros(f.Reported), Step: f.Step,
		Details: f.Details, Name: f.Name, Organisation: f.Organisation, Mail: f.Mail, Phone: f.Phone, Language: f.Language, Label: label}, nil
}

func micros(t *time.Time) int64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := time.UnixMicro(micros).UTC()
	return &t
}

// OwnReport is a report as its reporter sees it.
type OwnReport struct {
	ID          int64      `json:"id"`
	Number      string     `json:"number"`
	State       string     `json:"state" enum:"draft,unconfirmed,received,accepted,duplicate,rejected"`
	Origin      string     `json:"origin"`
	Constituent int64      `json:"constituent,omitempty"`
	Received    *time.Time `json:"received"`
	Receipted   *time.Time `json:"receipted,omitempty"`
	SHA256      string     `json:"sha256,omitempty" doc:"Of what was handed in, as the record has it"`
	Reason      string     `json:"reason,omitempty" doc:"Why it is not taken up"`
	ReportFiling
}

func viewReport(r incident.Report) OwnReport {
	f := ReportFiling{Title: r.Title, Text: r.Text, Type: r.Guess, Happened: at(r.Happened), Aware: at(r.Aware), Reported: at(r.Reported), Step: r.Step, Details: r.Details,
		Name: r.Name, Organisation: r.Organisation, Mail: r.Mail, Phone: r.Phone, Language: r.Language}
	if r.Label != tlp.None {
		f.Label = r.Label.String()
	}
	return OwnReport{r.ID, r.Number, string(r.State), string(r.Origin), r.Constituent, at(r.Received), at(r.Receipted), r.SHA256, r.Reason, f}
}

// OwnAddition is what was said later.
type OwnAddition struct {
	ID      int64             `json:"id"`
	At      *time.Time        `json:"at"`
	Via     string            `json:"via"`
	Name    string            `json:"name,omitempty"`
	Step    string            `json:"step,omitempty"`
	Text    string            `json:"text"`
	Details *incident.Details `json:"details,omitempty"`
	SHA256  string            `json:"sha256"`
}

func viewAddition(a incident.Addition) OwnAddition {
	return OwnAddition{a.ID, at(a.At), a.Via, a.Name, a.Step, a.Text, a.Details, a.SHA256}
}

// OwnFile is a file of a report.
type OwnFile struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func viewFile(f incident.File) OwnFile { return OwnFile{f.ID, f.Name, f.Type, f.Bytes, f.SHA256} }

// OwnFiles are files that were kept.
type OwnFiles struct {
	Items []OwnFile `json:"items" nullable:"false"`
}

// OwnReportDetail is a report with everything that belongs to it.
type OwnReportDetail struct {
	OwnReport
	Additions []OwnAddition   `json:"additions" nullable:"false"`
	Files     []OwnFile       `json:"files" nullable:"false"`
	Advice    []filing.Advice `json:"advice" nullable:"false"`
}

func viewTold(t *filing.Told) (*OwnReportDetail, error) {
	out := &OwnReportDetail{OwnReport: viewReport(t.Report), Additions: []OwnAddition{}, Files: []OwnFile{}, Advice: append([]filing.Advice{}, t.Advice...)}
	for _, a := range t.Additions {
		out.Additions = append(out.Additions, viewAddition(a))
	}
	for _, f := range t.Files {
		out.Files = append(out.Files, viewFile(f))
	}
	return out, nil
}

// ReportingSteps are statutory reports.
type ReportingSteps struct {
	Items []filing.Step `json:"items" nullable:"false"`
}
