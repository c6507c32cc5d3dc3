package generate_test

import (
	"bytes"
	"io"
	"testing"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/event/generate"
)

// TestEveryRowIsReadByTheFeed: no generated row is rejected, and each tells when, where or about whom, and how bad it is.
func TestEveryRowIsReadByTheFeed(t *testing.T) {
	g, err := generate.New(generate.Spec{Rows: 20_000, Types: 171, Days: 15})
	if err != nil {
		t.Fatal(err)
	}
	format := shadowserver.New(shadowserver.Builtin())
	for _, day := range []event.Day{g.Spec().From, g.Spec().From + 12} {
		for _, f := range g.Files(day) {
			var b bytes.Buffer
			want, err := g.WriteReport(&b, day, f.Type)
			if err != nil {
				t.Fatal(err)
			}
			id, err := format.Identify(f.Name)
			if err != nil || id.Type != f.Type || id.Day != day {
				t.Fatalf("Identify(%q) = %+v, %v", f.Name, id, err)
			}
			r, err := format.Open(id, &b)
			if err != nil {
				t.Fatal(err)
			}
			rows := 0
			var e event.Event
			for err = r.Next(&e); err == nil; err = r.Next(&e) {
				rows++
				if event.DayOf(e.Time) != day || !e.IP.IsValid() && e.FQDN == "" || e.Severity == event.Unrated ||
					e.Class == "" || e.Kind == "" || e.Identifier == "" {
					t.Fatalf("%s: %+v", f.Name, e)
				}
			}
			if err != io.EOF || rows != want {
				t.Errorf("%s: %d of %d rows, then %v", f.Name, rows, want, err)
			}
		}
	}
}
