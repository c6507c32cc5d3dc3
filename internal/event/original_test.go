package event_test

import (
	"context"
	"fmt"
	"testing"

	"tocsin/internal/event"
)

func TestOriginalsAreTheRowsAsTheyCame(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		var rows []string
		for i := range 9000 { // several blocks of the archive
			rows = append(rows, fmt.Sprintf("192.0.%d.%d %d high", i/250, i%250, 21+i%3))
		}
		s.take(text(report("2026-01-01", "scan_ftp", "nation", rows...)))
		s.take(text(report("2026-01-02", "scan_ftp", "nation", "192.0.2.9 99 low")))
		ctx := context.Background()
		for _, refs := range [][]event.RowRef{{{1, 1}}, {{1, 9000}, {1, 1}, {1, 4500}, {2, 1}, {1, 4501}}} {
			got := map[event.RowRef]bool{}
			err := s.Originals(ctx, refs, func(ref event.RowRef, header, raw string) error {
				got[ref] = true
				h, r, err := s.Row(ctx, ref.File, ref.Row)
				if err != nil || h != header || r != raw || raw == "" {
					t.Errorf("%v is %q under %q, want %q under %q: %v", ref, raw, header, r, h, err)
				}
				return nil
			})
			if err != nil || len(got) != len(refs) {
				t.Errorf("%d rows of %d: %v", len(got), len(refs), err)
			}
		}
		if err := s.Originals(ctx, []event.RowRef{{1, 9001}}, func(event.RowRef, string, string) error { return nil }); err == nil {
			t.Error("a row beyond the end is found")
		}
		err := s.Originals(ctx, []event.RowRef{{77, 1}}, func(ref event.RowRef, header, raw string) error {
			if header+raw != "" {
				t.Errorf("a file that is not kept says %q", raw)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
