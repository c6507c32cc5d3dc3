package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/generate"
	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/world"
)

// fill makes the fictional nation in w: a week of reports that ends yesterday, taken in through the ordinary way.
func fill(t *testing.T, w *world.World) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	profile, err := nation.Shipped("ruritania")
	must(err)
	_, err = w.Nation.Set(ctx, identity.LocalActor, "ruritania.toml", profile)
	must(err)
	today := event.DayOf(w.Clock().Now().UnixMicro())
	g, err := generate.New(generate.Spec{From: today - 7, Days: 7, Rows: 600, Types: 20, Prefixes: 300, Seed: 1})
	must(err)
	registry, err := json.Marshal(g.Constituency())
	must(err)
	doc, err := constituency.Read("constituency.json", constituency.JSON, bytes.NewReader(registry))
	must(err)
	_, err = w.Constituency.Import(ctx, identity.LocalActor, doc, constituency.ImportOptions{})
	must(err)
	var sources []event.Source
	for _, day := range g.Days() {
		for _, f := range g.Files(day) {
			var report bytes.Buffer
			_, err := g.WriteReport(&report, day, f.Type)
			must(err)
			sources = append(sources, event.Source{Name: f.Name, Issued: (day + 1).Time(), Size: int64(report.Len()),
				Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(report.Bytes())), nil }})
		}
	}
	sum, err := w.Intake.Take(ctx, identity.LocalActor, "shadowserver", sources, nil)
	must(err)
	if n := len(sum.Failures()); n > 0 || sum.Events == 0 {
		t.Fatalf("%d files failed, %d events", n, sum.Events)
	}
	must(w.Drain(ctx))
}
