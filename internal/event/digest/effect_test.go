package digest

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"strings"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/platform/fault"
)

// TestCurveIsKaplanMeiers compares with the worked example of six remission times: 6, 6, 6, 6+, 7, 9+ (a plus is censored).
func TestCurveIsKaplanMeiers(t *testing.T) {
	var times times
	for _, x := range []struct {
		days int
		over bool
	}{{6, true}, {6, true}, {6, true}, {6, false}, {7, true}, {9, false}} {
		times.add(x.days, x.over)
	}
	c := times.curve()
	want := []Step{{6, 6, 3, 0.5}, {7, 2, 1, 0.25}}
	if len(c.Steps) != 2 || c.Over != 4 || c.Median != 6 {
		t.Fatalf("curve %+v", c)
	}
	for i, s := range c.Steps {
		if s.Day != want[i].Day || s.AtRisk != want[i].AtRisk || s.Over != want[i].Over || math.Abs(s.Share-want[i].Share) > 1e-9 {
			t.Errorf("step %+v, want %+v", s, want[i])
		}
	}
}

func TestEffectCountsOpenOnesAsFollowedAndPoolsApart(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.next(1)
		w.report("scan_rdp", "198.51.100.7 3389 critical", "198.51.100.8 3389 critical", "198.51.101.9 3389 critical")
		w.tell()
		n := w.notices(w.link("clinic"))
		w.ok(w.AnswerLink(ctx, w.link("clinic"), Reply{Answer: Fixed, Findings: []string{n.Items[0].Finding}}))
		for range 5 {
			w.next(1)
			w.report("scan_rdp", "198.51.100.8 3389 critical", "198.51.101.9 3389 critical")
		}
		w.collect()
		for by, group := range map[string]string{"type": "scan_rdp", "sector": "health"} {
			list, err := w.Effect(ctx, by, 30)
			w.ok(err)
			if len(list) != 2 || list[0].Group != group || list[0].Pool || !list[1].Pool {
				t.Fatalf("effect by %s: %+v", by, list)
			}
			e := list[0]
			if e.Told != 2 || e.Answered != 1 || e.Seen.Over != 1 || e.Seen.Median != 1 || e.Fixed.Over != 1 || e.Fixed.Steps[0].Day != 0 || e.Fixed.Steps[0].AtRisk != 2 {
				t.Errorf("effect by %s: %+v", by, e)
			}
			if p := list[1]; p.Told != 1 || p.Seen.Over != 0 || p.Seen.Median != -1 {
				t.Errorf("effect of pools: %+v", p)
			}
		}
		for range 2 {
			w.next(7)
			w.report("scan_rdp", "198.51.100.8 3389 critical", "198.51.101.9 3389 critical", "198.51.101."+w.clock.Now().Format("2")+" 3389 critical")
			w.tell()
		}
		deaf, err := w.Deaf(ctx)
		w.ok(err)
		if len(deaf) != 1 || deaf[0].Ref != "cable" || deaf[0].Messages != 3 {
			t.Errorf("deaf are %+v", deaf)
		}
	})
}

func TestDryRunShowsWhoseMailWouldDifferAndChangesNothing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.report("scan_smb", "198.51.100.7 445 low", "203.0.113.7 445 high", "192.0.2.7 445 high")
		w.collect()
		before := w.directives()
		same, err := w.DryRun(ctx, 30, Draft{})
		w.ok(err)
		if len(same.Differences) != 0 || same.Findings != 5 || same.Moved != 0 {
			t.Errorf("without a draft: %+v", same)
		}
		doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(`{"constituents":[
			{"ref":"mute","name":"Nobody there","kind":"operator","sector":"health","contacts":[{"role":"security","mail":"new@mute.example"}],
			"assets":[{"kind":"prefix","value":"192.0.2.0/24"},{"kind":"address","value":"198.51.100.7"}]}]}`))
		w.ok(err)
		policies, err := ReadPolicies([]byte(`[{"type":"scan_smb","severity":"high","frequency":"none"}]`))
		w.ok(err)
		r, err := w.DryRun(ctx, 30, Draft{Registry: doc, Policies: policies})
		w.ok(err)
		got := map[string]Difference{}
		for _, d := range r.Differences {
			got[d.Ref+" "+d.Address] = d
		}
		if d := got["mute new@mute.example"]; r.Moved != 1 || d.Gained != 1 || d.After.Weekly != 1 {
			t.Errorf("the newcomer: %+v of %+v", d, r)
		}
		if d := got["clinic it@clinic.example"]; d.Lost != 1 || d.Some[0] != "- 198.51.100.7 scan_smb" {
			t.Errorf("the clinic: %+v", d)
		}
		if d := got["hospital soc@hospital.example"]; d.Lost != 1 || d.Before.Daily != 2 || d.After.Daily != 1 {
			t.Errorf("the hospital: %+v", d)
		}
		if d := got["mute "]; d.Lost != 1 {
			t.Errorf("who had nobody: %+v", d)
		}
		w.want(before...)
		if now, err := w.DryRun(ctx, 30, Draft{}); err != nil || len(now.Differences) != 0 {
			t.Errorf("afterwards it differs: %+v, %v", now, err)
		}
	})
}

func FuzzReadPolicies(f *testing.F) {
	f.Add([]byte(`[{"ref":"a","type":"scan_ftp","severity":"high","frequency":"daily"}]`))
	f.Add([]byte(`[{"severity":"5"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ReadPolicies(b)
		if err != nil {
			return
		}
		for _, p := range list {
			if p.Severity < AnySeverity || p.Severity > int(event.Critical) {
				t.Errorf("severity %d", p.Severity)
			}
		}
	})
}

func FuzzAttachedRows(f *testing.F) {
	f.Add("a,b\n", "=1,\"x\ny\"")
	f.Add("", `{"a":"+1","b":{"c":2}}`)
	f.Fuzz(func(t *testing.T, header, raw string) {
		tab := &table{at: map[string]int{}}
		if !tab.add(header, raw) {
			return
		}
		b := tab.bytes()
		back, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err == nil && len(back) != len(tab.rows)+1 && len(tab.columns) > 1 {
			t.Errorf("%d rows came back of %d: %q", len(back)-1, len(tab.rows), b)
		}
		if err != nil && len(tab.columns) > 0 {
			t.Errorf("it is no CSV: %v\n%q", err, b)
		}
		for _, line := range tab.rows {
			for _, cell := range line {
				if s := safe(cell); s != "" && strings.ContainsAny(s[:1], "=+-@\t\r") {
					t.Errorf("the cell %q is a formula", s)
				}
			}
		}
		if bytes.HasPrefix(b, []byte("=")) {
			t.Error("the file begins with a formula")
		}
	})
}

func TestDryRunTriesSuppressionsByASNAndEndsOthers(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.reportWith("scan_smb", "asn", "198.51.100.7 445 high 64500", "198.51.100.8 445 high 64501", "203.0.113.7 445 high 64500")
		kept, err := w.Suppress(ctx, officer, Suppression{Kind: OfPrefix, Value: "198.51.100.8", Until: w.today() + 9, Reason: "sold"})
		w.ok(err)
		_, err = w.Suppress(ctx, officer, Suppression{Kind: OfASN, Value: "AS64999", Until: w.today() + 9, Reason: "nobody's"})
		w.ok(err)
		w.collect()
		before := w.directives()
		add, end, err := ReadSuppressions([]byte(fmt.Sprintf(`[{"kind":"asn","value":"64500"},{"kind":"constituent","value":"isp"},{"end":%d}]`, kept.ID)))
		w.ok(err)
		r, err := w.DryRun(ctx, 30, Draft{Suppress: add, End: end})
		w.ok(err)
		got := map[string]Difference{}
		for _, d := range r.Differences {
			got[d.Ref] = d
		}
		if d := got["clinic"]; d.Lost != 1 || d.Gained != 1 {
			t.Errorf("the clinic: %+v", d)
		}
		if d := got["hospital"]; d.Lost != 1 || d.Gained != 0 {
			t.Errorf("the hospital: %+v", d)
		}
		if d := got["isp"]; d.Lost == 0 || d.After.Copies != 0 || d.Gained != 0 {
			t.Errorf("the ISP: %+v", d)
		}
		w.want(before...)
		for _, wrong := range []string{`{}`, `[{"kind":"asn","value":"x"}]`, `[{"kind":"planet","value":"x"}]`} {
			if _, _, err := ReadSuppressions([]byte(wrong)); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", wrong, err)
			}
		}
		for _, d := range []Draft{{End: []int64{999}}, {Suppress: []Suppression{{Kind: OfConstituent, Value: "nobody"}}}} {
			if _, err := w.DryRun(ctx, 30, d); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%+v: %v", d, err)
			}
		}
	})
}
