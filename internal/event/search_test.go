package event_test

import (
	"context"
	"testing"

	"tocsin/internal/event"
)

func TestASearchForAPrefixFindsWhoHasSomethingThere(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.prefix("a", "192.0.2.0/24", "")
		s.prefix("b", "198.51.100.0/24", "")
		l := event.NewLister(s.db).WithRegistry(s.registry)
		for query, want := range map[string]string{"192.0.2.128/25": "a", "198.51.0.0/16": "b", "203.0.113.0/24": ""} {
			f, err := l.Search(context.Background(), query)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, o := range f.Constituents {
				got += o.Ref
			}
			if got != want {
				t.Errorf("%s: %q has something there, want %q", query, got, want)
			}
		}
	})
}
