package portal_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
)

// answer is one pull.
type answer struct {
	Items []map[string]any
	Next  string
	More  bool

	status int
	tag    string
	body   string
}

func (w *town) pull(query, tag string, status int) (a answer) {
	w.t.Helper()
	r := httptest.NewRequest("GET", "/api/portal/events?"+query, nil)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	rec := httptest.NewRecorder()
	w.rest.ServeHTTP(rec, r)
	if rec.Code != status {
		w.t.Fatalf("%s: %d, want %d: %s", query, rec.Code, status, rec.Body)
	}
	if strings.Contains(rec.Body.String(), "CANARY") || strings.Contains(rec.Body.String(), "canary") {
		w.t.Errorf("%s gives out what belongs to others: %s", query, rec.Body)
	}
	a.status, a.tag, a.body = rec.Code, rec.Header().Get("ETag"), rec.Body.String()
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
			w.t.Fatal(err)
		}
		if rec.Header().Get("Tocsin-Next") != a.Next || !strings.Contains(rec.Header().Get("Link"), `rel="next"`) {
			w.t.Errorf("headers %v", rec.Header())
		}
	}
	return a
}

func TestAConstituentPullsItsEventsOnceInOrder(t *testing.T) {
	eachTown(t, func(w *town) {
		w.as(identity.Member, "7", "alpha")
		all := w.pull("", "", 200)
		if len(all.Items) != 2 || all.More || all.Items[0]["time.source"] != "2026-03-02T01:02:03+00:00" || all.Items[1]["time.source"] != "2026-03-03T01:02:03+00:00" ||
			all.Items[0]["source.ip"] != "203.0.113.7" || all.Items[0]["extra.finding"] == nil {
			t.Fatalf("%+v", all)
		}
		var one []string
		for next, n := "", 0; ; n++ {
			a := w.pull("limit=1&after="+next, "", 200)
			for _, e := range a.Items {
				one = append(one, e["time.source"].(string))
			}
			if next = a.Next; !a.More || n > 5 {
				break
			}
		}
		if strings.Join(one, " ") != "2026-03-02T01:02:03+00:00 2026-03-03T01:02:03+00:00" {
			t.Errorf("one by one: %q", one)
		}
		if a := w.pull("after="+all.Next, "", 200); len(a.Items) != 0 || a.More {
			t.Errorf("again: %+v", a)
		}
		if a := w.pull("from=2026-03-03", "", 200); len(a.Items) != 1 {
			t.Errorf("from a day: %+v", a)
		}
		w.take("shadowserver", "scan_ntp", "", 4)
		if a := w.pull("after="+all.Next, "", 200); len(a.Items) != 1 || a.Items[0]["time.source"] != "2026-03-04T01:02:03+00:00" {
			t.Errorf("what came in since: %+v", a)
		}
		for _, bad := range []string{"after=x", "after=1.2.3", "after=1.2.3.-9", "limit=0", "limit=10001", "from=yesterday", "format=xml"} {
			w.pull(bad, "", 422)
		}
	})
}

func TestAPullAnswersThatNothingCameIn(t *testing.T) {
	eachTown(t, func(w *town) {
		w.as(identity.Member, "7", "alpha")
		first := w.pull("", "", 200)
		if first.tag == "" {
			t.Fatal("no tag")
		}
		entries := func() int {
			t.Helper()
			es, _, err := w.portal.Gate.Ledger(context.Background(), disclosure.LedgerFilter{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			return len(es)
		}
		before := entries()
		if a := w.pull("", first.tag, 304); a.body != "" || a.tag != first.tag {
			t.Errorf("%+v", a)
		}
		w.pull("", `W/"x", `+first.tag, 304)
		if n := entries(); n != before {
			t.Errorf("the ledger has %d rows more of what did not leave", n-before)
		}
		w.pull("after="+first.Next, first.tag, 200) // another question
		w.take("shadowserver", "scan_ntp", "", 4)
		if a := w.pull("", first.tag, 200); len(a.Items) != 3 {
			t.Errorf("after an intake: %+v", a)
		}
		w.as(identity.Member, "8", "bravo")
		r := httptest.NewRequest("GET", "/api/portal/events", nil)
		r.Header.Set("If-None-Match", first.tag)
		rec := httptest.NewRecorder()
		if w.rest.ServeHTTP(rec, r); rec.Code != 200 || !strings.Contains(rec.Body.String(), "203.0.113.200") || strings.Contains(rec.Body.String(), "203.0.113.7\"") {
			t.Errorf("another constituent: %d %s", rec.Code, rec.Body)
		}
		if n := entries(); n <= before {
			t.Error("a pull is not in the ledger")
		}
	})
}

func TestACorrectedReportIsPulledAgainAndWhatIsNoLongerOnesOwnIsNot(t *testing.T) {
	eachTown(t, func(w *town) {
		ctx := context.Background()
		w.as(identity.Member, "7", "alpha")
		first := w.pull("", "", 200)
		w.take("shadowserver", "scan_ntp", "corrected ", 3)
		a := w.pull("after="+first.Next, "", 200)
		if len(a.Items) != 1 || !strings.Contains(a.body, "corrected") || strings.Contains(a.body, "2026-03-02T") {
			t.Errorf("after a correction: %s", a.body)
		}
		if a := w.pull("", "", 200); len(a.Items) != 2 {
			t.Errorf("from the beginning: %s", a.body)
		}
		as, _, err := w.registry.Assets(ctx, constituency.AssetFilter{Constituent: w.ids["alpha"]})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.registry.EndAsset(ctx, act.Machine, as[0].ID, constituency.DayOf(w.clock.Now())-3); err != nil {
			t.Fatal(err)
		}
		if err := w.intake.Reattribute(ctx); err != nil {
			t.Fatal(err)
		}
		if a := w.pull("", "", 200); len(a.Items) != 0 {
			t.Errorf("after the address went to nobody: %s", a.body)
		}
	})
}

func TestAPullComesInThreeFormats(t *testing.T) {
	eachTown(t, func(w *town) {
		w.as(identity.Member, "7", "alpha")
		idf := strings.Split(strings.TrimSpace(w.pull("format=idf", "", 200).body), "\n")
		var m map[string]any
		if len(idf) != 2 || json.Unmarshal([]byte(idf[1]), &m) != nil || m["source.port"] != 123.0 || m["feed.name"] != "shadowserver" {
			t.Errorf("idf: %q", idf)
		}
		csv := strings.Split(strings.TrimSpace(w.pull("format=csv", "", 200).body), "\n")
		if len(csv) != 3 || !strings.HasPrefix(csv[0], "time.source,feed.name,feed.code,") || !strings.HasPrefix(csv[1], "2026-03-02T01:02:03+00:00,shadowserver,scan_ntp,") {
			t.Errorf("csv: %q", csv)
		}
		w.as(identity.Reader, "9")
		w.pull("", "", 403)
	})
}
