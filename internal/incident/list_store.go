package incident

import (
	"fmt"
	"slices"
	"strings"

	"tocsin/internal/platform/db"
)

// reportLine are the columns of a report in a list: the beginning of its text, and nothing of what stands folded away.
var reportLine = strings.Replace(strings.Replace(reportColumns, "body,", fmt.Sprintf("substr(body, 1, %d),", lineText+1), 1), "details,", "'{}',", 1)

func listReports(tx *db.Tx, f ReportFilter, after Place, limit int) (out []Line, err error) {
	w := where{parts: []string{"state <> 'draft'"}}
	if f.State != "" {
		w.add("state = $%d", string(f.State))
	}
	if f.Origin != "" {
		w.add("origin = $%d", string(f.Origin))
	}
	if f.Constituent != 0 {
		w.add("constituent = $%d", f.Constituent)
	}
	order, than := "DESC", "<"
	if f.Oldest {
		order, than = "ASC", ">"
	}
	if after != (Place{}) {
		w.add("(received, id) "+than+" ($%d, $%d)", after.Key, after.ID)
	}
	w.args = append(w.args, limit)
	sorted := fmt.Sprintf(`ORDER BY received %s, id %s`, order, order)
	err = tx.Each(fmt.Sprintf(`SELECT %s FROM incident_report WHERE id IN (SELECT id FROM incident_report WHERE %s %s LIMIT $%d) %s`, reportLine, w, sorted, len(w.args), sorted), w.args,
		func(scan func(...any) error) error {
			l, err := scanLine(scan)
			out = append(out, l)
			return err
		})
	return out, err
}

func scanLine(scan func(...any) error) (Line, error) {
	r, err := scanReport(scan)
	l := Line{Report: r}
	if text := []rune(r.Text); len(text) > lineText {
		l.Text, l.More = string(text[:lineText]), true
	}
	return l, err
}

// where gathers conditions and their arguments.
type where struct {
	parts []string
	args  []any
}

// add takes a condition in which %d stands for the numbers of the arguments.
func (w *where) add(condition string, args ...any) {
	numbers := make([]any, len(args))
	for i := range args {
		numbers[i] = len(w.args) + i + 1
	}
	w.parts, w.args = append(w.parts, fmt.Sprintf(condition, numbers...)), append(w.args, args...)
}

// among takes the condition that a column is one of some values.
func (w *where) among(column string, values []string) {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	w.add(column+" IN ("+strings.TrimSuffix(strings.Repeat("$%d, ", len(args)), ", ")+")", args...)
}

// String is the whole condition.
func (w where) String() string {
	if len(w.parts) == 0 {
		return "1 = 1"
	}
	return strings.Join(w.parts, " AND ")
}

// Numbers are the numbers of reports and cases by their ids, as people say them; an id of 0 is none.
func Numbers(tx *db.Tx, reports, cases []int64) (ofReports, ofCases map[int64]string, err error) {
	read := func(table string, of []int64) (map[int64]string, error) {
		out := map[int64]string{}
		of = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(of))), func(id int64) bool { return id == 0 })
		for part := range slices.Chunk(of, 500) {
			err := tx.Each(`SELECT id, number FROM `+table+` WHERE id IN (`+numbers(part)+`)`, nil, func(scan func(...any) error) error {
				var id int64
				var number string
				err := scan(&id, &number)
				out[id] = number
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if ofReports, err = read("incident_report", reports); err != nil {
		return nil, nil, err
	}
	ofCases, err = read("incident_case", cases)
	return ofReports, ofCases, err
}

// numbers writes ids into a condition.
func numbers(ids []int64) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ids)), ", "), "[]")
}

func countReports(tx *db.Tx) (map[ReportState]int64, error) {
	var q []string
	for _, s := range ReportStates() {
		if s != Draft { // in the order of an index, so that it is read and not the reports
			q = append(q, fmt.Sprintf(`SELECT CAST('%s' AS TEXT), COUNT(*) FROM (SELECT 1 AS one FROM incident_report WHERE state = '%s' ORDER BY received LIMIT %d) r`, s, s, MostCounted+1))
		}
	}
	out := map[ReportState]int64{}
	return out, tx.PreparedEach(strings.Join(q, ` UNION ALL `), nil, func(scan func(...any) error) error {
		var s ReportState
		var n int64
		err := scan(&s, &n)
		if n > 0 {
			out[s] = n
		}
		return err
	})
}

// matching is the condition of a filter but for its states.
func (f *CaseFilter) matching() (w where) {
	if f.MinSeverity > 0 {
		w.add("severity >= $%d", int32(f.MinSeverity))
	}
	if f.Class != "" {
		w.add("class = $%d", f.Class)
	}
	if f.Type != "" {
		w.add("type = $%d", f.Type)
	}
	if f.Lead == Nobody {
		w.add("lead = 0")
	} else if f.Lead != 0 {
		w.add("lead = $%d", f.Lead)
	}
	if f.CrossBorder {
		w.add("cross_border = 1")
	}
	if f.Personal {
		w.add("personal = 1")
	}
	if f.Constituent != 0 {
		w.add("id IN (SELECT case_id FROM incident_party WHERE constituent = $%d)", f.Constituent)
	}
	if f.sector != nil {
		w.add("id IN (SELECT case_id FROM incident_party WHERE constituent IN (" + numbers(f.sector) + "))")
	}
	return w
}

func listCases(tx *db.Tx, f *CaseFilter, s CaseSort, after Place, limit int) (out []Case, err error) {
	w := f.matching()
	states := f.States
	if len(states) == 0 {
		states = slices.DeleteFunc(CaseStates(), func(s CaseState) bool { return s == Closed || s == Joined })
	}
	if len(states) < len(CaseStates()) {
		in := make([]string, len(states))
		for i, s := range states {
			in[i] = string(s)
		}
		w.among("state", in)
	}
	column, falls := strings.CutPrefix(string(s), "-")
	order, than := "ASC", ">"
	if falls {
		order, than = "DESC", "<"
	}
	if after != (Place{}) {
		w.add("("+column+", id) "+than+" ($%d, $%d)", after.Key, after.ID)
	}
	w.args = append(w.args, limit)
	sorted := fmt.Sprintf(`ORDER BY %s %s, id %s`, column, order, order)
	err = tx.Each(fmt.Sprintf(`SELECT %s FROM incident_case WHERE id IN (SELECT id FROM incident_case WHERE %s %s LIMIT $%d) %s`, caseColumns, w, sorted, len(w.args), sorted), w.args,
		func(scan func(...any) error) error {
			c, err := scanCase(scan)
			out = append(out, c)
			return err
		})
	return out, err
}

func countCases(tx *db.Tx, f *CaseFilter) (map[CaseState]int64, error) {
	out := map[CaseState]int64{}
	w := f.matching()
	return out, tx.Each(`SELECT state, COUNT(*) FROM incident_case WHERE `+w.String()+` GROUP BY state`, w.args, func(scan func(...any) error) error {
		var s CaseState
		var n int64
		err := scan(&s, &n)
		out[s] = n
		return err
	})
}

// partiesOfCases fills in the constituents that cases are about.
func partiesOfCases(tx *db.Tx, cs []Case) error {
	if len(cs) == 0 {
		return nil
	}
	at := map[int64]int{}
	var ids []int64
	for i, c := range cs {
		at[c.ID], ids = i, append(ids, c.ID)
	}
	return tx.Each(`SELECT case_id, constituent, part, at, name FROM incident_party WHERE case_id IN (`+numbers(ids)+`) ORDER BY case_id, part, constituent LIMIT 20000`, nil,
		func(scan func(...any) error) error {
			var id int64
			var p Party
			err := scan(&id, &p.Constituent, &p.Part, &p.At, &p.By)
			c := &cs[at[id]]
			c.Parties = append(c.Parties, p)
			return err
		})
}
