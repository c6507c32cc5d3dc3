package yearly

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/disclosure"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

func TestADraftBecomesAReturnAndIsCorrectedWithAReason(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx, grid, me := context.Background(), w.ids["grid"], w.of("grid")
		r, err := w.Hand(ctx, me, Entry{Year: 2025, Constituent: grid, Content: w.content(3, 0)})
		w.ok(err)
		if r.State != Draft || r.Version != 1 || r.Currency != "EUR" || r.Note != "A note" || len(r.Counts) != 1 || r.Submitted != 0 {
			t.Errorf("draft: %+v", r)
		}
		_, err = w.Hand(ctx, me, Entry{Year: 2025, Constituent: grid, Content: w.content(4, 1), Submit: true})
		w.refused(err, fault.Conflict, "changed by Operator meanwhile")
		r, err = w.Hand(ctx, me, Entry{Year: 2025, Constituent: grid, Version: 1, Content: w.content(4, 1), Submit: true})
		w.ok(err)
		if r.State != Submitted || r.Late || r.SubmittedBy != "Operator" || r.Incidents() != 5 {
			t.Errorf("submitted: %+v", r)
		}
		_, err = w.Hand(ctx, me, Entry{Year: 2025, Constituent: grid, Version: 2, Content: w.content(9, 1)})
		w.refused(err, fault.Invalid, "corrected with a reason")
		w.clock.Move(60 * 24 * time.Hour)
		r, err = w.Hand(ctx, me, Entry{Year: 2025, Constituent: grid, Version: 2, Content: w.content(9, 1), Reason: "miscounted"})
		w.ok(err)
		if r.State != Submitted || r.Late || r.Incidents() != 10 {
			t.Errorf("corrected: %+v", r)
		}
		r, err = w.One(ctx, me, 2025, grid)
		w.ok(err)
		if len(r.Corrections) != 1 || r.Corrections[0].Reason != "miscounted" || r.Corrections[0].Before.Incidents() != 5 || r.Of("abusive-content", 2) != 9 {
			t.Errorf("kept: %+v", r)
		}
		w.ok(w.db.View(ctx, func(tx *db.Tx) error {
			es, err := audit.Of(tx, fmt.Sprintf("constituent:%d", grid), 10)
			var verbs []string
			for _, e := range es {
				verbs = append(verbs, e.Verb)
			}
			slices.Sort(verbs)
			if !slices.Equal(slices.DeleteFunc(verbs, func(v string) bool { return !strings.HasPrefix(v, "yearly.") }), []string{"yearly.correct", "yearly.draft", "yearly.submit"}) {
				t.Errorf("audit: %v", verbs)
			}
			return err
		}))
	})
}

func TestWrongReturnsAreRefusedByField(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx, grid, me := context.Background(), w.ids["grid"], w.of("grid")
		minus, cost := int64(-1), int64(1)
		for says, e := range map[string]Entry{
			"no class of RSIT":       {Content: Content{Counts: []Count{{"test", 5, 1}}}},
			"no level":               {Content: Content{Counts: []Count{{"fraud", 6, 1}}}},
			"there twice":            {Content: Content{Counts: []Count{{"fraud", 5, 1}, {"fraud", 5, 2}}}},
			"no number of incidents": {Content: Content{Counts: []Count{{"fraud", 5, -1}}}},
			"minutes within a year":  {Content: Content{Downtime: -1}},
			"is no cost":             {Content: Content{Cost: &minus}},
			"three letters":          {Content: Content{Cost: &cost, Currency: "€"}},
			"is no text":             {Content: Content{Note: strings.Repeat("x", maxNote+1)}},
			"there was not nothing":  {Content: Content{Counts: []Count{{"fraud", 5, 1}}, Nothing: true}},
			"say that there were":    {Submit: true},
		} {
			e.Year, e.Constituent = 2025, grid
			_, err := w.Hand(ctx, me, e)
			w.refused(err, fault.Invalid, says)
		}
		for _, year := range []int{1999, 2026, 3000} {
			_, err := w.Hand(ctx, me, Entry{Year: year, Constituent: grid, Submit: true, Content: Content{Nothing: true}})
			w.refused(err, fault.NotFound, "no statistics of")
		}
		r := w.hand("grid", Content{Nothing: true})
		if r.State != Submitted || r.Incidents() != 0 {
			t.Errorf("nothing: %+v", r)
		}
	})
}

func TestNobodySeesOrWritesAnothersReturn(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx := context.Background()
		w.hand("bank", w.content(77, 0))
		other := w.of("grid")
		_, err := w.Hand(ctx, other, Entry{Year: 2025, Constituent: w.ids["bank"], Version: 1, Content: Content{Nothing: true}, Reason: "x"})
		w.refused(err, fault.NotFound, "no constituent")
		_, err = w.One(ctx, other, 2025, w.ids["bank"])
		w.refused(err, fault.NotFound, "no constituent")
		_, err = w.Blank(ctx, other, disclosure.Portal, 2025, w.ids["bank"])
		w.refused(err, fault.NotFound, "no constituent")
		_, err = w.Import(ctx, other, "x.csv", strings.NewReader("year,constituent,incidents\n2025,bank,0\n"), "mine now")
		w.refused(err, fault.Invalid, `x.csv:2: constituent: there is no constituent "bank"`)
		c, err := w.Mine(ctx, other, disclosure.Portal)
		w.ok(err)
		all, _, err := c.Open()
		w.ok(err)
		if len(all) != 1 || all[0].Ref != "grid" || !all[0].Asked || all[0].State != None || all[0].Over {
			t.Errorf("own: %+v", all)
		}
	})
}

func TestTheSummaryAddsUpWhatWasSubmitted(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx := context.Background()
		w.hand("grid", w.content(30, 2))
		w.clock.Move(60 * 24 * time.Hour) // after the window
		w.hand("gas", w.content(10, 0))
		w.hand("shop", w.content(1, 0))
		_, err := w.Hand(ctx, officer, Entry{Year: 2025, Constituent: w.ids["oil"], Content: w.content(1000, 0)})
		w.ok(err)
		s, err := w.Stand(ctx, 0)
		w.ok(err)
		x := s.Summary
		if x.Year != 2025 || x.Asked != 4 || x.Returned != 3 || x.Late != 2 || x.Missing != 2 || *x.Incidents != 43 || x.Downtime != 270 {
			t.Errorf("sums: %+v", x)
		}
		if len(x.Costs) != 1 || x.Costs[0] != (Money{"EUR", 1500, 3}) || *x.Levels[0].Incidents != 2 || *x.Classes[0].Incidents != 41 || *x.Classes[0].Counts[3] != 41 {
			t.Errorf("tables: %+v %+v", x.Costs, x.Classes)
		}
		if len(x.Sectors) != 3 || x.Sectors[1].Sector != "energy" || *x.Sectors[1].Incidents != 42 || x.Sectors[1].Asked != 3 || x.Sectors[1].Returned != 2 {
			t.Errorf("sectors: %+v", x.Sectors)
		}
		var who []string
		for _, y := range s.All {
			who = append(who, y.Ref+" "+string(y.State))
		}
		if !slices.Equal(who, []string{"bank none", "oil draft", "gas submitted", "grid submitted", "shop submitted"}) {
			t.Errorf("who: %v", who)
		}
		w.clock.Move(365 * 24 * time.Hour)
		if s, err = w.Stand(ctx, 2026); err != nil || len(s.Summary.Earlier) != 1 || s.Summary.Earlier[0] != (YearTotals{2025, 3, 43}) {
			t.Errorf("a year later: %+v, %v", s, err)
		}
	})
}

func TestOutsidersSeeTheSummaryAfterTheWindowWithoutSmallCounts(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx, me := context.Background(), w.of("grid")
		w.hand("grid", w.content(30, 2))
		w.hand("gas", w.content(20, 9))
		_, err := w.Shared(ctx, me, disclosure.Portal, 2025)
		w.refused(err, fault.NotFound, "when the time for returning it is over")
		w.clock.Move(60 * 24 * time.Hour)
		open := func() *Summary {
			c, err := w.Shared(ctx, me, disclosure.Portal, 2025)
			w.ok(err)
			s, g, err := c.Open()
			w.ok(err)
			if g.Highest != "TLP:GREEN" {
				t.Errorf("marked %s", g.Highest)
			}
			return s
		}
		if s := open(); s.Incidents != nil || s.Downtime != 0 || len(s.Costs) != 0 || slices.ContainsFunc(s.Classes, func(c ClassRow) bool { return c.Incidents != nil }) {
			t.Errorf("of two, each knows the other: %+v", s)
		}
		w.hand("oil", Content{Counts: []Count{{"fraud", 5, 3}, {"fraud", 2, 40}, {"intrusions", 5, 60}, {"intrusions", 2, 70}}})
		w.hand("bank", w.content(50, 0))
		s := open()
		for _, c := range s.Classes {
			if c.Class == "fraud" && c.Counts[0] != nil {
				t.Errorf("a small count is shown: %+v", c)
			}
			if c.Class == "abusive-content" && (c.Incidents == nil || *c.Incidents != 100) || c.Class == "vulnerable" && *c.Counts[0] != 0 {
				t.Errorf("more is hidden than needs be: %+v", c)
			}
		}
		for _, x := range s.Sectors {
			if x.Sector == "finance" || x.Sector == OtherSectors && x.Incidents != nil || x.Downtime != 0 {
				t.Errorf("a sector of one is shown: %+v", x)
			}
		}
		if s.Incidents == nil || *s.Incidents != 284 || len(s.Earlier) != 0 {
			t.Errorf("the sum: %+v", s)
		}
	})
}

// letters are who gets which letter, and what the letters say.
func (w *state) letters(kind string) (to []string, texts map[string]notify.Content) {
	w.t.Helper()
	texts = map[string]notify.Content{}
	list, _, err := w.Outbox.List(context.Background(), notify.Filter{Kind: Kind, Limit: 100})
	w.ok(err)
	for _, l := range list {
		if !strings.HasSuffix(l.Payload, kind) {
			continue
		}
		to = append(to, l.To)
		c := w.Compose(context.Background(), []notify.Letter{l})[0]
		if c.Err == notify.ErrNothing {
			continue
		}
		w.ok(c.Err)
		texts[l.To] = c.Content
	}
	slices.Sort(to)
	return to, texts
}

func TestWhoHasNotReturnedIsRemindedOnceEachTime(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx := context.Background()
		step := func(at time.Time, want int, kind string, to ...string) map[string]notify.Content {
			t.Helper()
			w.clock.Set(at)
			for i, n := range []int{want, 0} { // a second time there is nobody left
				if got, err := w.Remind(ctx); err != nil || got != n {
					t.Errorf("%s: %d reminded the %d. time, want %d (%v)", at, got, i+1, n, err)
				}
			}
			got, texts := w.letters(kind)
			if !slices.Equal(got, to) {
				t.Errorf("%s: letters to %v, want %v", at, got, to)
			}
			return texts
		}
		begin := time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC) // midnight in Ruritania
		step(begin.Add(-time.Second), 0, Open)
		texts := step(begin, 3, Open, "it@bank.example", "soc@gas.example", "soc@grid.example")
		if c := texts["soc@grid.example"]; !strings.HasPrefix(c.Subject, "[YEAR-2025-") || !strings.Contains(c.Subject, "Statistika incidenata za 2025. godinu") ||
			!strings.Contains(c.Text, "28. 2. 2026.") || !strings.Contains(c.Text, "https://cert.example/portal/yearly/2025/") {
			t.Errorf("in Serbian: %+v", c)
		}
		if c := texts["it@bank.example"]; !strings.Contains(c.Text, "by 28 February 2026") {
			t.Errorf("in English: %+v", c)
		}
		w.hand("bank", w.content(1, 0))
		if _, texts = w.letters(Open); len(texts) != 2 {
			t.Errorf("who returned meanwhile is still reminded: %v", texts)
		}
		end := time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC)
		step(end.Add(-fortnight-time.Second), 0, Soon)
		step(end.Add(-fortnight), 2, Soon, "soc@gas.example", "soc@grid.example")
		step(end.Add(-time.Second), 0, Over)
		step(end, 2, Over, "soc@gas.example", "soc@grid.example")
		step(end.Add(lateFor), 0, Over, "soc@gas.example", "soc@grid.example")
		s, err := w.Stand(ctx, 2025)
		w.ok(err)
		for _, x := range s.All {
			if n := len(x.Reminders); x.Ref == "grid" && n != 3 || x.Ref == "oil" && n != 0 {
				t.Errorf("%s: %+v", x.Ref, x.Reminders)
			}
		}
	})
}

func TestFilesComeInAsTheyGoOut(t *testing.T) {
	eachState(t, func(t *testing.T, w *state) {
		ctx := context.Background()
		c := w.content(30, 2)
		c.Note = "=SUM(A1), \"quoted\"\nand a line"
		want := w.hand("grid", c)
		w.hand("bank", Content{Nothing: true})
		rs, err := w.Returns(ctx, 2025)
		w.ok(err)
		var b bytes.Buffer
		w.ok(WriteCSV(&b, rs))
		if strings.Contains(b.String(), ",\"=SUM") || strings.Contains(b.String(), "oil") {
			t.Errorf("the file: %s", b.String())
		}
		got, err := w.Import(ctx, officer, "y.csv", bytes.NewReader(b.Bytes()), "")
		if err != nil || got != (Imported{Same: 2}) {
			t.Errorf("the same again: %+v, %v", got, err)
		}
		changed := strings.Replace(b.String(), "availability,5,2", "availability,5,3", 1)
		_, err = w.Import(ctx, officer, "y.csv", strings.NewReader(changed), "")
		w.refused(err, fault.Invalid, "say why it is corrected")
		got, err = w.Import(ctx, officer, "y.csv", strings.NewReader(changed), "counted again")
		if err != nil || got != (Imported{Returns: 1, Same: 1, Corrected: 1}) {
			t.Errorf("corrected: %+v, %v", got, err)
		}
		r, err := w.One(ctx, officer, 2025, want.Constituent)
		w.ok(err)
		if r.Of("availability", 5) != 3 || r.Note != c.Note || *r.Cost != 500 || len(r.Corrections) != 1 {
			t.Errorf("after: %+v", r)
		}
		got, err = w.Import(ctx, w.of("gas"), "g.csv", strings.NewReader("\ufeffconstituent,year,incidents,class,severity\ngas,2025,4,fraud,3\n"), "")
		if err != nil || got.Returns != 1 {
			t.Errorf("few columns: %+v, %v", got, err)
		}
		if r, err := w.One(ctx, officer, 2025, w.ids["gas"]); err != nil || r.State != Draft || r.Of("fraud", 3) != 4 {
			t.Errorf("few columns: %+v, %v", r, err)
		}
	})
}

func TestWrongFilesSayWhere(t *testing.T) {
	for file, want := range map[string]string{
		"":                                      "empty",
		"year,who\n":                            "y.csv:1: who: unknown column",
		"year,constituent\n":                    "y.csv:1: incidents: this column is needed",
		"year,constituent,incidents\nx,a,1\n":   `y.csv:2: year: "x" is no whole number`,
		"year,constituent,incidents\n2025,,1\n": "y.csv:2: constituent",
		"year,constituent,incidents\n2025,a\n":  "y.csv:2",
		"year,constituent,state,incidents\n2025,a,done,1\n":   `y.csv:2: state: "done" is no state`,
		"year,constituent,class,incidents\n2025,a,fraud,-1\n": `"-1" is no whole number`,
		"year,constituent,incidents,cost\n2025,a,0,12.50\n":   `cost: "12.50" is no whole number`,
		"year,constituent,incidents\n2025,\"a,1\n":            "y.csv",
		"\xff\xfe": "UTF-8",
	} {
		if _, err := ReadCSV("y.csv", strings.NewReader(file)); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", file, err, want)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("year,constituent,state,class,severity,incidents,downtime_minutes,cost,currency,note\n2025,grid,submitted,,,2,90,500,EUR,'=x\n2025,grid,submitted,fraud,3,2,,,,\n")
	f.Add("constituent,year,incidents\n\"a\",2025,0\n")
	f.Fuzz(func(t *testing.T, s string) {
		out, err := ReadCSV("f.csv", strings.NewReader(s))
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%v", err)
		}
		for _, r := range out {
			if r.Ref == "" || r.Year < firstYear {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestEveryLanguageHasEveryText(t *testing.T) {
	c, err := text.Load(locales)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Languages(); len(got) != 5 {
		t.Errorf("languages %q", got)
	}
	for _, lang := range c.Languages() {
		if !slices.Equal(c.Keys(lang), c.Keys("en")) {
			t.Errorf("%s has %q", lang, c.Keys(lang))
		}
		for _, key := range c.Keys("en") {
			en, _ := c.Message("en", key)
			own, _ := c.Message(lang, key)
			for _, hole := range []string{"{0}", "{1}", "{2}"} {
				if strings.Contains(en["other"], hole) != strings.Contains(own["other"], hole) {
					t.Errorf("%s %q: %s", lang, key, hole)
				}
			}
		}
	}
}

func TestSumsThatAreKeptAreThoseOfWhatIsSubmitted(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		r := rand.New(rand.NewPCG(5, 24))
		known := map[int64]*Return{}
		for range 120 {
			who, state := 1+r.Int64N(6), Draft
			if r.IntN(2) == 0 {
				state = Submitted
			}
			x := Return{Year: 2024 + int(who%2), Constituent: who, State: state, Version: 1}
			if now := known[who]; now != nil {
				x.ID = now.ID
			}
			for _, c := range Classes()[:3] {
				if n := r.Int64N(4); n > 0 {
					x.Counts = append(x.Counts, Count{c, r.IntN(3), n})
				}
			}
			if err := d.Upkeep(context.Background(), func(tx *db.Tx) error { return saveReturn(tx, &x) }); err != nil {
				t.Fatal(err)
			}
			known[who] = &x
		}
		for year := 2024; year <= 2025; year++ {
			want := map[Count]int64{}
			for _, x := range known {
				for _, c := range x.Counts {
					if x.Year == year && x.State == Submitted {
						want[Count{Class: c.Class, Severity: c.Severity}] += c.Incidents
					}
				}
			}
			var all []Count
			var returns []Return
			err := d.View(context.Background(), func(tx *db.Tx) (err error) {
				if all, err = sumsIn(tx, year); err != nil {
					return err
				}
				returns, err = returnsOf(tx, year)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				if k := (Count{Class: c.Class, Severity: c.Severity}); want[k] != c.Incidents {
					t.Errorf("%d %s %d: %d are kept, want %d", year, c.Class, c.Severity, c.Incidents, want[k])
				} else {
					delete(want, k)
				}
			}
			if len(want) > 0 {
				t.Errorf("%d: %v are not kept", year, want)
			}
			for _, x := range returns {
				sum := int64(0)
				for _, c := range known[x.Constituent].Counts {
					sum += c.Incidents
				}
				if x.sum != sum {
					t.Errorf("%d of %d: %d is kept, want %d", x.Constituent, year, x.sum, sum)
				}
			}
		}
	})
}
