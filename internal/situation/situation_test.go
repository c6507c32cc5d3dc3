package situation_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/situation"
	"tocsin/internal/situation/situationtest"
)

var small = situationtest.Size{Constituents: 20, Types: 6, Findings: 3000, Days: 40, Last: 20000, Incomplete: []int{2, 9}}

func recorder() db.Recorder { return audit.Recorder(clock.NewManual(time.Unix(1e9, 0))) }

func filled(t *testing.T, d *db.DB) *situation.Situation {
	t.Helper()
	if err := situationtest.Fill(context.Background(), d, small); err != nil {
		t.Fatal(err)
	}
	return situation.New(d, event.NewLister(d))
}

func refresh(t *testing.T, s *situation.Situation, want int) {
	t.Helper()
	n, err := s.Refresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if n != want {
		t.Fatalf("summed %d types, want %d", n, want)
	}
}

func picture(t *testing.T, s *situation.Situation, window int) *situation.Picture {
	t.Helper()
	p, err := s.Picture(context.Background(), window)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func one(t *testing.T, d *db.DB, query string, args ...any) (n int64) {
	t.Helper()
	err := d.View(context.Background(), func(tx *db.Tx) error { return tx.Row(query, args...).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func do(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.Act(context.Background(), act.Act{Actor: act.Machine, Verb: "test"}, func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sameSums holds the sums to their definition: the daily counts without owners.
func sameSums(t *testing.T, d *db.DB) {
	t.Helper()
	const sum = `SELECT CAST(COALESCE(sum(events * 1 + fresh * 3 + ongoing * 5 + gone * 7 + day * fresh), 0) AS BIGINT) FROM `
	want := one(t, d, sum+`daily_count`)
	for _, table := range []string{"situation_count", "situation_day"} {
		if got := one(t, d, sum+table); got != want {
			t.Errorf("%s adds up to %d, the daily counts to %d", table, got, want)
		}
	}
}

func TestOpenIsTheSameFromFindingsAndFromCounts(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		refresh(t, s, small.Types)
		sameSums(t, d)
		p := picture(t, s, 40)
		if want := one(t, d, `SELECT CAST(sum(fresh + reopened + transferred - gone - handed_over) AS BIGINT) FROM daily_count`); p.Open.Total() != want {
			t.Errorf("%d findings are open, %d by the counts", p.Open.Total(), want)
		}
		first := p.Days[0]
		if first.Open != first.Fresh {
			t.Errorf("on the first day %d are open, %d came", first.Open, first.Fresh)
		}
		var bySector, byType, byOwner int64
		for _, sec := range p.Sectors {
			bySector += sec.Open.Total()
		}
		for _, typ := range p.Types {
			byType += typ.Open.Total()
		}
		for _, o := range p.Exposed {
			byOwner += o.Open.Total()
		}
		if byType != p.Open.Total() || bySector != byOwner || bySector+p.Nobody.Total() != byType {
			t.Errorf("by type %d, by sector %d, by owner %d, nobody's %d, in all %d", byType, bySector, byOwner, p.Nobody.Total(), p.Open.Total())
		}
		if p.Behind {
			t.Error("still behind")
		}
	})
}

func TestIncompleteDaysShow(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		refresh(t, s, small.Types)
		p := picture(t, s, 30)
		if len(p.Gaps) != 2 || p.Gaps[0].Day != small.Last-2 || !slices.Equal(p.Gaps[0].Missing, []string{"scan_rdp", "scan_smb"}) {
			t.Errorf("gaps: %+v", p.Gaps)
		}
		if n := len(p.Days); n != 30 || !p.Days[n-3].Incomplete || p.Days[n-1].Incomplete {
			t.Errorf("%d days", n)
		}
	})
}

func TestRefreshSumsOnlyWhatChanged(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		refresh(t, s, small.Types)
		refresh(t, s, 0)

		// A corrected report: a new report row, counts changed from its day on.
		day := int64(small.Last - 20)
		do(t, d, `UPDATE daily_count SET fresh = fresh + 1, gone = gone + 2 WHERE type = 1001 AND day >= $1`, day)
		do(t, d, `UPDATE report SET live = 0 WHERE type = 1001 AND day = $1`, day)
		do(t, d, `INSERT INTO report (type, day, delta, events, live) VALUES (1001, $1, 0, 1, 1)`, day)
		do(t, d, `UPDATE report_type SET version = version + 1 WHERE id = 1001`)
		if !picture(t, s, 30).Behind {
			t.Error("not behind")
		}
		refresh(t, s, 1)
		sameSums(t, d)

		// A day judged otherwise: what closed from then on closed otherwise.
		do(t, d, `UPDATE feed_day SET complete = 1 WHERE day = $1`, int64(small.Last-9))
		do(t, d, `UPDATE daily_count SET gone = gone + 1 WHERE day >= $1`, int64(small.Last-9))
		refresh(t, s, small.Types)
		sameSums(t, d)

		// A report withdrawn.
		do(t, d, `DELETE FROM daily_count WHERE type = 1002 AND day = $1`, day)
		do(t, d, `UPDATE report SET live = 0 WHERE type = 1002 AND day = $1`, day)
		do(t, d, `UPDATE report_type SET version = version + 1 WHERE id = 1002`)
		refresh(t, s, 1)
		sameSums(t, d)
		refresh(t, s, 0)
	})
}

func TestConstituentsInAnotherSectorTakeTheirPastAlong(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		refresh(t, s, small.Types)
		before := picture(t, s, 30)
		do(t, d, `UPDATE constituent SET sector = 'space' WHERE sector = 'energy'`)
		do(t, d, `UPDATE setting SET value = '2' WHERE name = 'constituency.version'`)
		refresh(t, s, small.Types)
		sameSums(t, d)
		space, err := s.Sector(context.Background(), "space", 30)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(before.Sectors, func(s situation.Sector) bool { return s.ID == "energy" })
		if space.Open != before.Sectors[i].Open || space.Open.Total() == 0 {
			t.Errorf("open in space %v, were in energy %v", space.Open, before.Sectors[i].Open)
		}
		if _, err := s.Sector(context.Background(), "energy", 30); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an empty sector: %v", err)
		}
	})
}

func TestClosedByAPersonIsOpenBeforeThatDay(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		refresh(t, s, small.Types)
		before := picture(t, s, 30)
		do(t, d, `UPDATE finding SET closed_day = $1 WHERE type = 1000 AND run_to = 9999999`, int64(small.Last))
		do(t, d, `UPDATE report_type SET version = version + 1 WHERE id = 1000`)
		refresh(t, s, 1)
		after := picture(t, s, 30)
		if after.Open.Total() >= before.Open.Total() {
			t.Error("nothing was closed")
		}
		n := len(before.Days)
		if after.Days[n-2].Open != before.Days[n-2].Open {
			t.Errorf("the day before had %d open, now %d", before.Days[n-2].Open, after.Days[n-2].Open)
		}
	})
}

func TestExposureFollowsTheWeights(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		p := picture(t, filled(t, d), 30)
		w := situation.Weights()
		for i, o := range p.Exposed {
			var want int64
			for sev, n := range o.Open {
				want += n * w[sev]
			}
			if o.Exposure != want || i > 0 && o.Exposure > p.Exposed[i-1].Exposure {
				t.Errorf("%s: exposure %d, want %d", o.Name, o.Exposure, want)
			}
		}
		if len(p.NoContact) != small.Constituents/5 {
			t.Errorf("%d constituents without a contact", len(p.NoContact))
		}
	})
}

func TestConstituentHasItsOwnTrend(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		top := picture(t, s, 30).Exposed[0]
		n, err := s.Constituent(context.Background(), top.ID, 40)
		if err != nil {
			t.Fatal(err)
		}
		if n.Rank != 1 || n.Open != top.Open || n.Days[0].Open != n.Days[0].Fresh || len(n.Types) == 0 {
			t.Errorf("%+v", n.Standing)
		}
		if _, err := s.Constituent(context.Background(), 999, 40); fault.KindOf(err) != fault.NotFound {
			t.Errorf("nobody: %v", err)
		}
	})
}

func TestManyLookAtOnceWhileTheRecordsChange(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := filled(t, d)
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				for n := range 8 {
					if i == 0 {
						do(t, d, `UPDATE setting SET value = $1 WHERE name = 'constituency.version'`, strconv.Itoa(n+2))
						if _, err := s.Refresh(context.Background()); err != nil {
							t.Error(err)
						}
					}
					if _, err := s.Picture(context.Background(), 7+i+n); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		sameSums(t, d)
	})
}

func TestEmptyNationHasAPicture(t *testing.T) {
	dbtest.Each(t, recorder(), func(t *testing.T, d *db.DB) {
		s := situation.New(d, event.NewLister(d))
		refresh(t, s, 0)
		if p := picture(t, s, 30); p.Day != -1 || p.Open.Total() != 0 || len(p.Days) != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// BenchmarkPicture needs a nation of TOCSIN_BENCH_FINDINGS findings, which it makes once in TOCSIN_BENCH_DIR.
func BenchmarkPicture(b *testing.B) {
	dir, n := os.Getenv("TOCSIN_BENCH_DIR"), 1_000_000
	if dir == "" {
		b.Skip("set TOCSIN_BENCH_DIR to a directory for the database")
	}
	if v, err := strconv.Atoi(os.Getenv("TOCSIN_BENCH_FINDINGS")); err == nil {
		n = v
	}
	ctx := context.Background()
	path := filepath.Join(dir, "tocsin.db")
	_, missing := os.Stat(path)
	d := dbtest.Open(b, path, "live", recorder())
	if missing != nil {
		size := situationtest.Size{Constituents: 2000, Types: 100, Findings: n, Days: 90, Last: 20000, Incomplete: []int{2, 9}}
		if err := situationtest.Fill(ctx, d, size); err != nil {
			b.Fatal(err)
		}
	}
	s := situation.New(d, event.NewLister(d))
	watch := clock.Start()
	types, err := s.Refresh(ctx)
	b.Logf("refresh of %d types: %v, %v", types, watch.Elapsed(), err)
	watch = clock.Start()
	p, err := s.Picture(ctx, 90)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("first picture: %v, %d open", watch.Elapsed(), p.Open.Total())
	b.Run("nation", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Picture(ctx, 90); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sector", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Sector(ctx, "energy", 90); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("constituent", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Constituent(ctx, p.Exposed[0].ID, 90); err != nil {
				b.Fatal(err)
			}
		}
	})
}
