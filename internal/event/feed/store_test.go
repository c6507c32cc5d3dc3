package feed

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

func record(*db.Tx, act.Act) error { return nil }

var analyst = act.Actor{Kind: act.Local, ID: "local", Name: "Analyst"}

func each(t *testing.T, fn func(t *testing.T, ctx context.Context, s *Store)) {
	dbtest.Each(t, record, func(t *testing.T, d *db.DB) {
		s := NewStore(d)
		ctx := context.Background()
		if err := s.Ensure(ctx); err != nil {
			t.Fatal(err)
		}
		fn(t, ctx, s)
	})
}

func settleJobs(t *testing.T, s *Store) (payloads []string) {
	t.Helper()
	err := s.db.View(context.Background(), func(tx *db.Tx) error {
		js, err := job.List(tx, "ready", 100)
		for _, j := range js {
			if j.Kind == SettleJob {
				payloads = append(payloads, j.Payload)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return payloads
}

func TestFirstStartHasShadowserver(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		if err := s.Ensure(ctx); err != nil {
			t.Fatalf("second start: %v", err)
		}
		feeds, err := s.List(ctx)
		if err != nil || len(feeds) != 1 {
			t.Fatalf("got %v, %v; want one feed", feeds, err)
		}
		f := feeds[0]
		if f.Name != "shadowserver" || f.Marking != "AMBER" || f.Audience != OwnerAndCopies || !f.Enabled || f.Settings.Share() != 0.8 {
			t.Errorf("got %+v", f)
		}
		if g, err := s.ByID(ctx, f.ID); err != nil || g.Name != f.Name {
			t.Errorf("by id: %+v, %v", g, err)
		}
		if _, err := s.ByName(ctx, "none"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown name: %v", err)
		}
		if _, err := s.ByID(ctx, 99); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown id: %v", err)
		}
	})
}

func schedule(t *testing.T, s string) Schedule {
	t.Helper()
	sc, err := ParseSchedule(s)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func TestSaveKeepsEverything(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		want := Feed{
			Name: "partner", Format: "idf", Title: "Partner", Marking: "GREEN", Audience: Owner, Enabled: true,
			Collector: Collector{Kind: URL, URL: &URLSource{
				URL: "https://example.net/latest.json", Headers: map[string]Secret{"Authorization": {Env: "TOCSIN_SECRET_PARTNER"}},
				Schedule: schedule(t, "daily 06:30")}},
			Settings: Settings{UsualTypes: []string{"b", "a", "b"}, DeltaWeekday: "monday", CompleteShare: 0.5},
		}
		saved, err := s.Save(ctx, analyst, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.ByName(ctx, "partner")
		if err != nil {
			t.Fatal(err)
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(saved)
		if string(g) != string(w) {
			t.Errorf("got %s, want %s", g, w)
		}
		if !slices.Equal(got.Settings.UsualTypes, []string{"a", "b"}) || got.Collector.Schedule().String() != "daily 06:30" {
			t.Errorf("got %s", g)
		}
		if _, err := s.Save(ctx, analyst, want); fault.KindOf(err) != fault.Conflict {
			t.Errorf("the same name again: %v", err)
		}
		got.Name = "other"
		if _, err := s.Save(ctx, analyst, got); fault.KindOf(err) != fault.Invalid {
			t.Errorf("another name: %v", err)
		}
		got.Name, got.Format = "partner", "shadowserver"
		if _, err := s.Save(ctx, analyst, got); err != nil {
			t.Errorf("another format before the first file: %v", err)
		}
		if err := s.Delete(ctx, analyst, "partner"); err != nil {
			t.Error(err)
		}
		if _, err := s.ByName(ctx, "partner"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("after removal: %v", err)
		}
	})
}

func TestRulingAndListingKeepEachOther(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, s *Store) {
		f, _ := s.ByName(ctx, "shadowserver")
		yes := true
		if err := s.RuleDay(ctx, analyst, f.Name, 20000, &yes); err != nil {
			t.Fatal(err)
		}
		if err := s.SetListing(ctx, act.Machine, f.Name, 20000, []string{"scan_b", "scan_a", "scan_b"}); err != nil {
			t.Fatal(err)
		}
		if err := s.SetListing(ctx, act.Machine, f.Name, 20001, nil); err != nil {
			t.Fatal(err)
		}
		days, err := s.Days(ctx, f.ID, 19990, 20010)
		if err != nil || len(days) != 2 {
			t.Fatalf("got %v, %v", days, err)
		}
		d := days[0]
		if d.Ruled == nil || !*d.Ruled || !slices.Equal(d.Listing, []string{"scan_a", "scan_b"}) || d.Complete || d.Types != 0 ||
			len(d.Missing) != 0 || d.Date() != "2024-10-04" {
			t.Errorf("got %+v", d)
		}
		if days[1].Ruled != nil || days[1].Listing == nil || len(days[1].Listing) != 0 {
			t.Errorf("an empty listing is a listing: %+v", days[1])
		}
		if first, err := s.FirstDays(ctx); err != nil || len(first) != 1 || first[f.ID] != 20000 {
			t.Errorf("first days: %v, %v", first, err)
		}
		if err := s.RuleDay(ctx, analyst, f.Name, 20000, nil); err != nil {
			t.Fatal(err)
		}
		days, _ = s.Days(ctx, f.ID, 20000, 20000)
		if days[0].Ruled != nil || len(days[0].Listing) != 2 {
			t.Errorf("after the ruling was taken back: %+v", days[0])
		}
		if js := settleJobs(t, s); !slices.Equal(js, []string{"shadowserver"}) {
			t.Errorf("got settle jobs %v, want one of the feed", js)
		}
		if err := s.RuleDay(ctx, analyst, "none", 20000, nil); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown feed: %v", err)
		}
		if err := s.RuleDay(ctx, analyst, f.Name, -1, nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a day before time: %v", err)
		}
	})
}

func TestValidateNamesEveryFault(t *testing.T) {
	f := Feed{Name: "A b", Format: "x", Marking: "WHITE", Audience: "all",
		Collector: Collector{Kind: API, API: &APISource{Base: "ftp://x", Key: Secret{Env: "PATH"}, Secret: Secret{File: "rel"}, Days: 1000},
			Folder: &FolderSource{}},
		Settings: Settings{UsualTypes: []string{"a/b"}, DeltaWeekday: "Mon", CompleteShare: 2, Mapping: "m.toml"}}
	var ps fault.Problems
	if !errors.As(f.Validate(), &ps) {
		t.Fatal("want problems")
	}
	var fields []string
	for _, p := range ps {
		fields = append(fields, p.Field)
	}
	for _, want := range []string{"name", "format", "title", "marking", "audience", "settings.usual_types", "settings.delta_weekday",
		"settings.complete_share", "settings.mapping", "collector.folder", "collector.api.base", "collector.api.key.env",
		"collector.api.secret.file", "collector.api.days", "collector.api.schedule"} {
		if !slices.Contains(fields, want) {
			t.Errorf("no problem names %s: %v", want, strings.Join(fields, " "))
		}
	}
	if err := Shadowserver().Validate(); err != nil {
		t.Errorf("the built-in feed: %v", err)
	}
}
