package event_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tocsin/internal/event"
)

// TestEventsAreWhatAFilterOfAllGives over few and many segments, compacted and not, with reports replaced meanwhile.
func TestEventsAreWhatAFilterOfAllGives(t *testing.T) {
	s := lone(t)
	s.own("a", "prefix", "192.0.2.0/29", "manual", "", "")
	ctx := context.Background()
	day := func(d int) event.Day { return event.Day(20454 + d) }
	types := []string{"scan_ftp", "event4_sinkhole", "phish_url"}
	all := func() []event.StoredEvent {
		es, err := s.Events(ctx, event.EventQuery{Limit: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		return es
	}
	var findings []string
	look := func(t *rapid.T) {
		events := all()
		q := event.EventQuery{Limit: rapid.SampledFrom([]int{1, 3, 20, 100_000}).Draw(t, "limit")}
		e := rapid.SampledFrom(events).Draw(t, "like")
		if rapid.Bool().Draw(t, "by address") {
			q.Address = e.IP
		}
		if rapid.Bool().Draw(t, "by type") {
			q.Type = event.TypeID(e.Feed, e.Type)
		}
		if rapid.Bool().Draw(t, "by owner") {
			q.Owner = e.Owner
		}
		if rapid.Bool().Draw(t, "from") {
			q.From = e.Day
		}
		if rapid.Bool().Draw(t, "until") {
			q.Until = e.Day + event.Day(rapid.IntRange(0, 3).Draw(t, "days"))
		}
		want := slices.DeleteFunc(slices.Clone(events), func(e event.StoredEvent) bool {
			return q.Address.IsValid() && e.IP != q.Address || q.Type != 0 && event.TypeID(e.Feed, e.Type) != q.Type ||
				q.Owner != 0 && e.Owner != q.Owner || q.From != 0 && e.Day < q.From || q.Until != 0 && e.Day > q.Until
		})
		got, err := s.Events(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != min(len(want), q.Limit) {
			t.Fatalf("%+v gives %d events, want %d", q, len(got), min(len(want), q.Limit))
		}
		key := func(e event.StoredEvent) string {
			return fmt.Sprint(e.File, "/", e.Row, e.IP, e.Port, e.URL, e.Type, e.Owner)
		}
		for i, e := range got {
			if e.Day != want[i].Day { // which of a day is open, which days is not
				t.Fatalf("%+v: event %d is of %s, want %s", q, i, e.Day, want[i].Day)
			}
			if !slices.ContainsFunc(want, func(w event.StoredEvent) bool { return key(w) == key(e) }) {
				t.Fatalf("%+v: has %s", q, key(e))
			}
		}
		if q.Limit > len(want) {
			a, b := keys(got, key), keys(want, key)
			if a != b {
				t.Fatalf("%+v:\n%s", q, diffLines(b, a))
			}
		}
		id, err := event.ParseID(rapid.SampledFrom(findings).Draw(t, "finding"))
		if err != nil {
			t.Fatal(err)
		}
		of, err := s.Events(ctx, event.EventQuery{Finding: id, Limit: 100_000})
		if err != nil || len(of) == 0 {
			t.Fatalf("finding %s has %d events (%v)", id, len(of), err)
		}
	}
	for d := range 24 {
		for _, typ := range types {
			b := strings.Builder{}
			b.WriteString("timestamp,ip,src_ip,port,src_port,protocol,url\n")
			for i := range 20 {
				fmt.Fprintf(&b, "%s 00:00:%02d,192.0.2.%d,192.0.2.%d,%d,%d,tcp,http://h%d.example/\n", day(d), i, i*d%16+1, i*d%16+1, i%3+1, i+1, i%4)
			}
			s.take(issued(day(d).String()+"-"+typ+"-x.csv", b.String(), 1))
		}
		if d%7 == 6 { // a correction
			s.take(issued(day(d-3).String()+"-scan_ftp-x.csv", "timestamp,ip,port,protocol\n"+day(d-3).String()+" 00:00:00,192.0.2.99,9,tcp\n", 2))
		}
	}
	for range 2 {
		findings = nil
		sum := 0
		for _, b := range column[[]byte](s, `SELECT id FROM finding`) {
			id := event.ID(b)
			findings = append(findings, id.String())
			es, err := s.Events(ctx, event.EventQuery{Finding: id, Limit: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			sum += len(es)
		}
		if n := len(all()); sum != n || n == 0 {
			t.Fatalf("the findings have %d events, all are %d", sum, n)
		}
		rapid.Check(t, look)
		if _, err := s.Compact(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func keys(es []event.StoredEvent, key func(event.StoredEvent) string) string {
	var out []string
	for _, e := range es {
		out = append(out, key(e))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}
