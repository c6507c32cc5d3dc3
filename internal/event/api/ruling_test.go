package api_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

type ruled struct {
	ID, Findings, Skipped, Left   int64
	Verb, Filter, UndoneAt, Actor string
}

func TestFindingsAreRuledInBulkAndUndone(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		var p page
		ask(t, s, "GET", "/api/findings", "", 200, &p)
		var d ruled
		ask(t, s, "POST", "/api/finding-acts?address=203.0.113.0/28", `{"verb":"false-positive","note":"ours","expected":3}`, 409, nil)
		ask(t, s, "POST", "/api/finding-acts?address=203.0.113.0/28", `{"verb":"false-positive","expected":15}`, 422, nil)
		ask(t, s, "POST", "/api/finding-acts?address=203.0.113.0/28", `{"verb":"false-positive","note":"ours","expected":15}`, 200, &d)
		if d.Findings != 15 || d.Filter != "address=203.0.113.0%2F28" || d.Verb != "false-positive" {
			t.Errorf("%+v", d)
		}
		ask(t, s, "GET", "/api/findings?disposition=false-positive", "", 200, &p)
		if p.Total != 15 || p.Items[0].State != "false-positive" {
			t.Errorf("%d by disposition: %+v", p.Total, p.Items[0])
		}
		var detail struct {
			Act      ruled
			Findings []struct{ ID string }
		}
		ask(t, s, "GET", fmt.Sprintf("/api/finding-acts/%d", d.ID), "", 200, &detail)
		if detail.Act.ID != d.ID || len(detail.Findings) != 15 {
			t.Errorf("%+v", detail)
		}
		ask(t, s, "POST", fmt.Sprintf("/api/finding-acts/%d/undo", d.ID), "", 200, &d)
		ask(t, s, "POST", fmt.Sprintf("/api/finding-acts/%d/undo", d.ID), "", 409, nil)
		ask(t, s, "POST", "/api/finding-acts/999/undo", "", 404, nil)
		ask(t, s, "GET", "/api/findings", "", 200, &p)
		if p.Total != 20 {
			t.Errorf("%d open after the undoing", p.Total)
		}
	})
}

func TestOneFindingIsNotedAssignedAndAcceptedForATime(t *testing.T) {
	each(t, func(t *testing.T, s *httptest.Server) {
		var p page
		ask(t, s, "GET", "/api/findings?address=203.0.113.1", "", 200, &p)
		id := p.Items[0].ID
		do := func(body string, status int) {
			t.Helper()
			ask(t, s, "POST", "/api/finding-acts", fmt.Sprintf(`{"findings":[%q],%s}`, id, body), status, nil)
		}
		do(`"verb":"note","note":"called them"`, 200)
		do(`"verb":"assign","assignee":{"id":7,"name":"Ana"}`, 200)
		do(`"verb":"assign","assignee":{"id":7,"name":"Ana"}`, 409)
		do(`"verb":"accept-risk","note":"old","until":"2000-01-01"`, 422)
		do(`"verb":"accept-risk","note":"replaced in spring","until":"2027-03-01"`, 200)
		do(`"verb":"dance","note":"x"`, 422)
		var d struct {
			Finding struct {
				State, Disposition string
				Until              string `json:"accepted_until"`
				Assignee           struct{ Name string }
			}
			Notes []struct {
				ID     int
				Body   string
				Author string
			}
			Acts   []ruled
			Reason string
		}
		ask(t, s, "GET", "/api/findings/"+id, "", 200, &d)
		if d.Finding.State != "accepted-risk" || d.Finding.Until != "2027-03-01" || d.Finding.Assignee.Name != "Ana" || d.Reason != "replaced in spring" ||
			len(d.Notes) != 1 || d.Notes[0].Body != "called them" || len(d.Acts) != 2 || d.Acts[1].Verb != "assign" {
			t.Errorf("%+v", d)
		}
		csv := ask(t, s, "GET", "/api/findings/export?format=csv&assignee=7&state=all", "", 200, nil)
		if !strings.Contains(csv, "disposition,accepted_until,assignee\n") || !strings.Contains(csv, ",accepted-risk,2027-03-01,Ana\n") {
			t.Errorf("%s", csv)
		}
		ask(t, s, "POST", fmt.Sprintf("/api/finding-notes/%d/retract", d.Notes[0].ID), "", 204, nil)
		ask(t, s, "POST", fmt.Sprintf("/api/finding-notes/%d/retract", d.Notes[0].ID), "", 409, nil)
		ask(t, s, "GET", "/api/findings?assignee=me", "", 422, nil)
		var list struct {
			Items []ruled
			Next  string
		}
		ask(t, s, "GET", "/api/finding-acts?limit=2", "", 200, &list)
		if len(list.Items) != 2 || list.Items[0].Verb != "accept-risk" || list.Next == "" {
			t.Fatalf("%+v", list)
		}
		ask(t, s, "GET", "/api/finding-acts?limit=2&cursor="+list.Next, "", 200, &list)
		if len(list.Items) != 1 || list.Items[0].Verb != "note" {
			t.Errorf("%+v", list)
		}
	})
}
