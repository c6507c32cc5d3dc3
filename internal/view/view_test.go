package view_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/view"
)

func person(id int64) act.Actor {
	return act.Actor{Kind: act.Person, ID: fmt.Sprint(id), Name: fmt.Sprint("P", id), Rights: &act.Rights{Account: id, Staff: true}}
}

func each(t *testing.T, fn func(t *testing.T, s *view.Store)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, view.NewStore(d)) })
}

func names(t *testing.T, s *view.Store, by act.Actor) string {
	t.Helper()
	list, err := s.List(context.Background(), by)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range list {
		out = append(out, v.Name)
	}
	return strings.Join(out, ",")
}

func TestOnlyOnesOwnAndSharedViewsAreSeen(t *testing.T) {
	each(t, func(t *testing.T, s *view.Store) {
		ctx := context.Background()
		var ids []int64
		for i, name := range []string{"b", "a"} {
			v, err := s.Save(ctx, person(1), view.View{Name: name, Path: "/findings", Query: "?sector=energy&after=xyz"})
			if err != nil || v.Address() != "/findings?sector=energy" {
				t.Fatalf("%d: %+v %v", i, v, err)
			}
			ids = append(ids, v.ID)
		}
		if _, err := s.Save(ctx, identity.LocalActor, view.View{Name: "local", Path: "/"}); err != nil {
			t.Fatal(err)
		}
		if got := names(t, s, person(1)); got != "b,a" {
			t.Errorf("one's own are %s", got)
		}
		if got := names(t, s, person(2)); got != "" {
			t.Errorf("another sees %s", got)
		}
		for name, err := range map[string]error{"changed": s.Change(ctx, person(2), ids[0], "x", true), "deleted": s.Delete(ctx, person(2), ids[0])} {
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("another's view is %s: %v", name, err)
			}
		}
		if err := s.Change(ctx, person(1), ids[0], "energy", true); err != nil {
			t.Fatal(err)
		}
		if got := names(t, s, person(2)); got != "energy" {
			t.Errorf("shared, another sees %q", got)
		}
		if err := s.Delete(ctx, person(1), ids[0]); err != nil || names(t, s, person(2)) != "" || names(t, s, person(1)) != "a" {
			t.Errorf("%v: after deleting", err)
		}
	})
}

func TestAViewLeadsToThisConsoleOnly(t *testing.T) {
	each(t, func(t *testing.T, s *view.Store) {
		ctx := context.Background()
		for _, path := range []string{"", "findings", "//example.org/x", "https://example.org", "/a/../b", "/a//b", "/a?b", "/a#b", `/\example.org`,
			"/\x00", "/%0d%0aSet-Cookie", "/" + strings.Repeat("a", 300)} {
			if v, err := s.Save(ctx, person(1), view.View{Name: "x", Path: path}); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q is saved: %+v %v", path, v, err)
			}
		}
		for _, v := range []view.View{{Path: "/"}, {Name: strings.Repeat("x", 101), Path: "/"}, {Name: "a\x00", Path: "/"}, {Name: "x", Path: "/", Query: "%zz"}} {
			if _, err := s.Save(ctx, person(1), v); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%+v is saved: %v", v, err)
			}
		}
	})
}

func TestAnAccountHasAHundredViews(t *testing.T) {
	each(t, func(t *testing.T, s *view.Store) {
		for i := range view.Most + 1 {
			_, err := s.Save(context.Background(), person(1), view.View{Name: fmt.Sprint(i), Path: "/findings"})
			if want := map[bool]fault.Kind{true: fault.Conflict, false: fault.Internal}[i == view.Most]; fault.KindOf(err) != want {
				t.Fatalf("view %d: %v", i, err)
			}
		}
	})
}
