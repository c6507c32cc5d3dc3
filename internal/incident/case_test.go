package incident

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/fault"
)

func TestTriageDecidesOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		a, b, c := w.filed("hospital"), w.filed("bank"), w.filed("hospital")
		first, err := w.Accept(ctx, officer, a.ID, a.Version, Opening{})
		w.ok(err)
		if first.Number != "2026-0001" || first.Class != "malicious-code" || first.Label != tlp.Amber || !first.Personal || len(first.Parties) != 1 {
			t.Errorf("the case is %+v", first)
		}
		_, err = w.Accept(ctx, officer, a.ID, 0, Opening{})
		w.refused(err, fault.Conflict, "Officer decided")
		_, err = w.Reject(ctx, officer, b.ID, b.Version+1, "no")
		w.refused(err, fault.Conflict, "look again")
		into, err := w.Merge(ctx, officer, b.ID, b.Version, first.ID)
		w.ok(err)
		if len(into.Parties) != 2 {
			t.Errorf("parties: %+v", into.Parties)
		}
		r, err := w.Repeat(ctx, officer, c.ID, c.Version, a.ID)
		w.ok(err)
		if r.State != Duplicate || r.Case != first.ID || r.SameAs != a.ID {
			t.Errorf("the duplicate is %+v", r)
		}
		r, err = w.Untriage(ctx, officer, c.ID, r.Version)
		w.ok(err)
		if r.State != Received || r.Case != 0 {
			t.Errorf("taken back it is %+v", r)
		}
		r, err = w.Reject(ctx, officer, c.ID, r.Version, "an exercise")
		w.ok(err)
		if r.State != Rejected || r.Reason != "an exercise" {
			t.Errorf("rejected it is %+v", r)
		}
		all, err := w.ReportsOf(ctx, first.ID)
		w.ok(err)
		if len(all) != 2 {
			t.Errorf("the case has %d reports", len(all))
		}
	})
}

func TestTwoPeopleChangeOneCase(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, err := w.Open(ctx, officer, Opening{Title: "One"})
		w.ok(err)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = w.Edit(ctx, officer, c.ID, c.Version, Change{Summary: new(strings.Repeat("x", i+1))})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			w.refused(err, fault.Conflict, "Officer changed the case 2026-0001")
		}
		if won != 1 {
			t.Errorf("%d of %d changes of one version were made", won, len(errs))
		}
		// Notes are no conflict.
		for range 3 {
			_, err := w.Note(ctx, officer, c.ID, Entry{Kind: KindNote, Text: "seen"})
			w.ok(err)
		}
	})
}

func TestCaseGoesItsWayAndComesBackWithAReason(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, err := w.Open(ctx, officer, Opening{Title: "One"})
		w.ok(err)
		_, err = w.Move(ctx, officer, c.ID, c.Version, Closed, "")
		w.refused(err, fault.Conflict, "cannot become closed")
		for _, s := range []CaseState{Containment, Recovery, Eradication, Resolved, Closed} {
			w.clock.Move(time.Hour)
			c, err = w.Move(ctx, officer, c.ID, c.Version, s, "")
			w.ok(err)
		}
		if c.Closed-c.Resolved != time.Hour.Microseconds() {
			t.Errorf("resolved %d, closed %d", c.Resolved, c.Closed)
		}
		_, err = w.Move(ctx, officer, c.ID, c.Version, Open, "")
		w.refused(err, fault.Invalid, "reason")
		c, err = w.Move(ctx, officer, c.ID, c.Version, Open, "it came back")
		w.ok(err)
		if c.Reopened != 1 || c.Closed != 0 || c.Resolved != 0 {
			t.Errorf("reopened it is %+v", c)
		}
	})
}

func TestSeverityFollowsTheNationsMatrix(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		profile, _, err := w.Nation.Load(ctx)
		w.ok(err)
		m := profile.Matrix
		for i, impact := range m.Impact {
			for j, reach := range m.Reach {
				c, err := w.Open(ctx, officer, Opening{Title: "One", Impact: impact.ID, Reach: reach.ID})
				w.ok(err)
				if c.Severity != m.Levels[i][j] {
					t.Errorf("%s × %s is %d, want %d", impact.ID, reach.ID, c.Severity, m.Levels[i][j])
				}
			}
		}
		_, err = w.Open(ctx, officer, Opening{Title: "One", Impact: "huge", Reach: "all"})
		w.refused(err, fault.Invalid, "severity matrix")
		c, err := w.Open(ctx, officer, Opening{Title: "One"})
		w.ok(err)
		_, err = w.Edit(ctx, officer, c.ID, 0, Change{Severity: new(5)})
		w.refused(err, fault.Invalid, "reason")
		c, err = w.Edit(ctx, officer, c.ID, 0, Change{Severity: new(5), Reason: "the minister asks"})
		w.ok(err)
		if c.Severity != 5 {
			t.Errorf("by hand it is %d", c.Severity)
		}
	})
}

func TestCaseTravelsFurtherOnlyWithAReason(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, err := w.Open(ctx, officer, Opening{Title: "One"})
		w.ok(err)
		c, err = w.Edit(ctx, officer, c.ID, c.Version, Change{Label: new(tlp.AmberStrict)})
		w.ok(err)
		_, err = w.Edit(ctx, officer, c.ID, c.Version, Change{Label: new(tlp.Clear)})
		w.refused(err, fault.Invalid, "reason")
		_, err = w.Edit(ctx, officer, c.ID, c.Version, Change{Label: new(tlp.Clear), Reason: "the press has it"})
		w.ok(err)
	})
}

func TestCasesJoinAndSplitWithoutLoss(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		a, b := w.filed("hospital"), w.filed("bank")
		one, err := w.Accept(ctx, officer, a.ID, 0, Opening{})
		w.ok(err)
		two, err := w.Accept(ctx, officer, b.ID, 0, Opening{})
		w.ok(err)
		f := w.kept(File{Report: b.ID, Name: "b.bin"}, "B")
		if f.Case != two.ID {
			t.Errorf("the file is of case %d", f.Case)
		}
		_, err = w.Join(ctx, officer, two.ID, 0, two.ID, "same")
		w.refused(err, fault.Invalid, "itself")
		gone, err := w.Join(ctx, officer, two.ID, two.Version, one.ID, "one campaign")
		w.ok(err)
		if gone.State != Joined || gone.MergedInto != one.ID {
			t.Errorf("joined it is %+v", gone)
		}
		_, err = w.Move(ctx, officer, two.ID, 0, Containment, "")
		w.refused(err, fault.Conflict, "part of another one")
		one, err = w.Case(ctx, one.ID)
		w.ok(err)
		files, err := w.FilesOf(ctx, one.ID, 0)
		w.ok(err)
		if len(one.Parties) != 2 || len(files) != 1 {
			t.Errorf("parties %+v, files %+v", one.Parties, files)
		}
		three, err := w.Split(ctx, officer, b.ID, Opening{}, "two after all")
		w.ok(err)
		files, err = w.FilesOf(ctx, three.ID, 0)
		w.ok(err)
		if three.Number != "2026-0003" || len(files) != 1 {
			t.Errorf("split off: %+v, files %+v", three, files)
		}
		_, err = w.Split(ctx, officer, b.ID, Opening{}, "again")
		w.refused(err, fault.Conflict, "only one")
	})
}

func TestFileIsKeptAsItCame(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		c, err := w.Open(ctx, officer, Opening{Title: "One"})
		w.ok(err)
		f := w.kept(File{Case: c.ID, Name: `..\..\x/../../etc/pass<wd>` + "\x00\u202etxt.exe", Type: "text/html; x=\r\n"}, "MZ")
		if f.Name != "pass_wd___txt.exe" || f.Type != "application/octet-stream" {
			t.Errorf("it is called %q of type %q", f.Name, f.Type)
		}
		if got := w.content(f.ID); got != "MZ" {
			t.Errorf("it holds %q", got)
		}
		w.ok(w.Verify(ctx, f.ID))
		_, err = w.Keep(ctx, officer, File{Case: c.ID, Name: "big"}, io.LimitReader(zeros{}, 1<<20+1))
		w.refused(err, fault.Invalid, "larger than")
		_, err = w.Keep(ctx, officer, File{Case: c.ID, Name: "empty"}, strings.NewReader(""))
		w.refused(err, fault.Invalid, "empty")
		_, err = w.Keep(ctx, officer, File{Case: c.ID, Name: "cut"}, io.MultiReader(strings.NewReader("x"), broken{}))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a stream that broke: %v", err)
		}
		_, err = w.Keep(ctx, officer, File{Case: 99, Name: "nowhere"}, strings.NewReader("x"))
		w.refused(err, fault.NotFound, "no case 99")
		if n := count(t, w.DB, `SELECT COUNT(*) FROM incident_pending`) + count(t, w.DB, `SELECT COUNT(*) FROM incident_file`); n != 1 {
			t.Errorf("%d files and pending ones, want the first", n)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
