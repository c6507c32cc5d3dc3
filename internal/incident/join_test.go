package incident

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// joined makes a case part of another one.
func (w *town) joined(from, into Case) {
	w.t.Helper()
	_, err := w.Join(context.Background(), officer, from.ID, 0, into.ID, "one campaign")
	w.ok(err)
}

func (w *town) accepted(r Report) Case {
	w.t.Helper()
	c, err := w.Accept(context.Background(), officer, r.ID, 0, Opening{})
	w.ok(err)
	return c
}

func (w *town) rated(c Case, ch Change) Case {
	w.t.Helper()
	ch.Reason = "it is so"
	c, err := w.Edit(context.Background(), officer, c.ID, 0, ch)
	w.ok(err)
	return c
}

func (w *town) now(c Case) Case {
	w.t.Helper()
	c, err := w.Case(context.Background(), c.ID)
	w.ok(err)
	return c
}

func (w *town) closed(c Case) {
	w.t.Helper()
	for _, s := range []CaseState{Resolved, Closed} {
		_, err := w.Move(context.Background(), officer, c.ID, 0, s, "")
		w.ok(err)
	}
}

// kinds are those of a case's timeline, the first written first.
func (w *town) kinds(c Case) (out []string) {
	w.t.Helper()
	es, err := w.Timeline(context.Background(), c.ID, 0, 500)
	w.ok(err)
	for i := range es {
		out = append(out, es[len(es)-1-i].Kind)
	}
	return out
}

func TestJoinedCaseIsAsStrictAndAsSevereAsEitherWas(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		profile, _, err := w.Nation.Load(context.Background())
		w.ok(err)
		impact, reach := profile.Matrix.Impact, profile.Matrix.Reach
		a, b := w.accepted(w.filed("hospital")), w.accepted(w.filed("bank"))
		a = w.rated(a, Change{Label: new(tlp.AmberStrict), PAP: new(disclosure.PAPRed), Impact: new(impact[len(impact)-1].ID), Reach: new(reach[len(reach)-1].ID)})
		b = w.rated(b, Change{PAP: new(disclosure.PAPGreen), Impact: new(impact[0].ID), Reach: new(reach[0].ID)})
		w.joined(a, b)
		if b = w.now(b); b.Label != tlp.AmberStrict || b.PAP != disclosure.PAPRed || b.Severity != a.Severity || b.Impact != a.Impact || b.Reach != a.Reach {
			t.Errorf("joined it is %s, %s, severity %d of %s × %s", b.Label, b.PAP, b.Severity, b.Impact, b.Reach)
		}
		c := w.rated(w.accepted(w.filed("bank")), Change{Impact: new(impact[0].ID), Reach: new(reach[0].ID)})
		w.joined(c, b)
		if b = w.now(b); b.Severity != a.Severity || b.PAP != disclosure.PAPRed {
			t.Errorf("a case that is less severe made it %d, %s", b.Severity, b.PAP)
		}
	})
}

func TestSplitOffCaseIsWhatWasSaidOfTheOldOne(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		bank := w.filed("bank")
		w.clock.Move(time.Hour)
		one := w.accepted(w.filed("hospital"))
		_, err := w.Merge(ctx, officer, bank.ID, 0, one.ID)
		w.ok(err)
		one = w.rated(one, Change{Label: new(tlp.AmberStrict), PAP: new(disclosure.PAPRed), CrossBorder: new(true), Personal: new(true), Severity: new(5), Type: new("ddos")})
		if one.Aware != bank.Aware || len(one.Parties) != 2 {
			t.Fatalf("the case is %+v", one)
		}
		two, err := w.Split(ctx, officer, bank.ID, Opening{}, "two after all")
		w.ok(err)
		two = w.now(two)
		if two.Label != tlp.AmberStrict || two.PAP != disclosure.PAPRed || !two.CrossBorder || !two.Personal || two.Severity != 5 || two.Type != "ddos" || two.Aware != bank.Aware {
			t.Errorf("split off it is %+v", two)
		}
		one = w.now(one)
		if one.Aware != bank.Aware+time.Hour.Microseconds() {
			t.Error("the old case is aware since the report that left it")
		}
		if len(one.Parties) != 1 || one.Parties[0].Constituent != w.ids["hospital"] || len(two.Parties) != 1 || two.Parties[0].Constituent != w.ids["bank"] {
			t.Errorf("whose report left is a party still: %+v, %+v", one.Parties, two.Parties)
		}
		// Whose other report stays, stays.
		again := w.filed("hospital")
		_, err = w.Merge(ctx, officer, again.ID, 0, one.ID)
		w.ok(err)
		three, err := w.Split(ctx, officer, again.ID, Opening{Label: tlp.Amber, Type: "phishing"}, "another one")
		w.ok(err)
		if one = w.now(one); len(one.Parties) != 1 || three.Label != tlp.Amber || three.Type != "phishing" {
			t.Errorf("parties %+v; as asked for: %s, %s", one.Parties, three.Label, three.Type)
		}
	})
}

func TestWhatAReporterSaidGoesAlongWhenTheReportIsSplitOff(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		add := func(r Report, text string) {
			_, err := w.Add(ctx, officer, r.ID, Addition{Via: "portal", Text: text})
			w.ok(err)
		}
		said := func(c Case) (out string) {
			es, err := w.Timeline(ctx, c.ID, 0, 500)
			w.ok(err)
			for _, e := range es {
				if e.Kind == KindAddition {
					out = e.Text + out
				}
			}
			return out
		}
		a, b := w.filed("hospital"), w.filed("bank")
		one, two := w.accepted(a), w.accepted(b)
		add(a, "a")
		add(b, "1")
		early := w.kept(File{Report: b.ID, Name: "early"}, "x")
		w.joined(two, one)
		add(b, "2")
		w.kept(File{Report: b.ID, Name: "late"}, "x")
		own := w.kept(File{Case: one.ID, Name: "ours"}, "x")
		three, err := w.Split(ctx, officer, b.ID, Opening{}, "two after all")
		w.ok(err)
		add(b, "3")
		if s := said(three); s != "123" {
			t.Errorf("on the timeline of the new case the reporter says %q", s)
		}
		if s := said(one); s != "a12" { // what was known is not unsaid
			t.Errorf("on the timeline of the old case the reporters say %q", s)
		}
		if s := said(two); s != "" {
			t.Errorf("on the timeline of the joined case the reporter says %q", s)
		}
		theirs, err := w.FilesOf(ctx, three.ID, 0)
		w.ok(err)
		ours, err := w.FilesOf(ctx, one.ID, 0)
		w.ok(err)
		if len(theirs) != 2 || theirs[0].ID != early.ID || len(ours) != 1 || ours[0].ID != own.ID {
			t.Errorf("files of the new case %+v, of the old one %+v", theirs, ours)
		}
		// And back again: nothing is there twice, and nothing is lost.
		w.joined(three, one)
		if files, err := w.FilesOf(ctx, one.ID, 0); err != nil || len(files) != 3 {
			t.Errorf("together they have %d files, %v", len(files), err)
		}
		if rs, err := w.ReportsOf(ctx, one.ID); err != nil || len(rs) != 2 {
			t.Errorf("together they have %d reports, %v", len(rs), err)
		}
	})
}

func TestReportsThatRepeatAnotherGoWhereItGoes(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		in := func(r Report) int64 {
			r, err := w.Report(ctx, r.ID)
			w.ok(err)
			return r.Case
		}
		repeats := func(r, of Report) {
			_, err := w.Repeat(ctx, officer, r.ID, 0, of.ID)
			w.ok(err)
		}
		a, b, c, d := w.filed("bank"), w.filed("bank"), w.filed("bank"), w.filed("hospital")
		repeats(c, b)
		repeats(b, a)
		_, err := w.Repeat(ctx, officer, a.ID, 0, c.ID)
		w.refused(err, fault.Conflict, "is a duplicate itself")
		one := w.accepted(a)
		if in(b) != one.ID || in(c) != one.ID {
			t.Errorf("the report is in case %d, those that repeat it in %d and %d", one.ID, in(b), in(c))
		}
		_, err = w.Split(ctx, officer, a.ID, Opening{}, "alone")
		w.refused(err, fault.Conflict, "the only one")
		_, err = w.Merge(ctx, officer, d.ID, 0, one.ID)
		w.ok(err)
		f := w.kept(File{Report: b.ID, Name: "x"}, "x")
		two, err := w.Split(ctx, officer, a.ID, Opening{}, "two after all")
		w.ok(err)
		if in(a) != two.ID || in(b) != two.ID || in(c) != two.ID || in(d) != one.ID {
			t.Errorf("split off into %d: %d, %d, %d; in the old case: %d", two.ID, in(a), in(b), in(c), in(d))
		}
		if f, err = w.FileByID(ctx, f.ID); err != nil || f.Case != two.ID {
			t.Errorf("the file of the one that repeats it is in case %d, %v", f.Case, err)
		}
		// One that is split off by itself repeats nothing any more.
		_, err = w.Split(ctx, officer, b.ID, Opening{}, "not the same")
		w.ok(err)
		if r, err := w.Report(ctx, b.ID); err != nil || r.State != Accepted || r.SameAs != 0 || in(c) != r.Case || in(a) != two.ID {
			t.Errorf("it is %s, repeats %d: %v", r.State, r.SameAs, err)
		}
	})
}

func TestNothingComesIntoAClosedCase(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		over, other, r := w.accepted(w.filed("hospital")), w.accepted(w.filed("bank")), w.filed("bank")
		w.closed(over)
		_, err := w.Merge(ctx, officer, r.ID, 0, over.ID)
		w.refused(err, fault.Conflict, "open it again first")
		_, err = w.Join(ctx, officer, other.ID, 0, over.ID, "the same")
		w.refused(err, fault.Conflict, "open it again first")
		_, err = w.Move(ctx, officer, over.ID, 0, Open, "another report came")
		w.ok(err)
		_, err = w.Merge(ctx, officer, r.ID, 0, over.ID)
		w.ok(err)
		w.closed(other) // which may become part of one that is not
		w.joined(other, over)
	})
}

func TestVerdictsAreKeptWhenCasesBecomeOne(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		one, two := w.accepted(w.filed("hospital")), w.accepted(w.filed("bank"))
		for _, c := range []Case{one, two} {
			_, err := w.Judge(ctx, officer, c.ID, Proposed, nil, "203.0.113.7 203.0.113.8 203.0.113.9")
			w.ok(err)
		}
		for v, at := range map[Verdict]Case{Confirmed: one, Refused: two} {
			_, err := w.Judge(ctx, officer, at.ID, v, []string{"203.0.113.7"}, "")
			w.ok(err)
		}
		_, err := w.Judge(ctx, officer, one.ID, Confirmed, []string{"203.0.113.8"}, "")
		w.ok(err)
		_, err = w.Connect(ctx, officer, one.ID, "case", two.Number)
		w.ok(err)
		w.joined(one, two)
		is, err := w.Indicators(ctx, two.ID, "")
		w.ok(err)
		got := map[string]Verdict{}
		for _, i := range is {
			got[i.Value] = i.Verdict
		}
		if got["203.0.113.7"] != Refused || got["203.0.113.8"] != Confirmed || got["203.0.113.9"] != Proposed {
			t.Errorf("the verdicts are %v", got)
		}
		related, err := w.Related(ctx, two.ID)
		w.ok(err)
		for _, l := range related.Links {
			if l.Case == two.ID && l.Object == string(two.Ref()) {
				t.Error("the case is linked to itself")
			}
		}
	})
}

func TestFileOfADuplicateThatIsTakenBackIsNoEvidenceOfTheCase(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		first, r := w.filed("hospital"), w.filed("hospital")
		one := w.accepted(first)
		_, err := w.Repeat(ctx, officer, r.ID, 0, first.ID)
		w.ok(err)
		w.kept(File{Report: r.ID, Name: "x"}, "x")
		_, err = w.Untriage(ctx, officer, r.ID, 0)
		w.ok(err)
		two := w.accepted(r)
		for c, n := range map[int64]int{one.ID: 0, two.ID: 1} {
			if fs, err := w.FilesOf(ctx, c, 0); err != nil || len(fs) != n {
				t.Errorf("the case %d has %d files, want %d: %v", c, len(fs), n, err)
			}
		}
	})
}

// meanwhile does something when it is read.
type meanwhile func()

func (fn meanwhile) Read([]byte) (int, error) { fn(); return 0, io.EOF }

func TestFileThatComesWhileItsCaseIsJoinedIsOfTheOtherOne(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		one, two, three := w.accepted(w.filed("hospital")), w.accepted(w.filed("bank")), w.accepted(w.filed("bank"))
		f, err := w.Keep(ctx, officer, File{Case: one.ID, Name: "image"}, io.MultiReader(strings.NewReader("x"), meanwhile(func() {
			w.joined(one, two)
			w.joined(two, three)
		})))
		w.ok(err)
		if f.Case != three.ID {
			t.Errorf("the file is of case %d", f.Case)
		}
		if fs, err := w.FilesOf(ctx, three.ID, 0); err != nil || len(fs) != 1 {
			t.Errorf("the case has %d files, %v", len(fs), err)
		}
		if k := w.kinds(three); k[len(k)-1] != KindEvidence {
			t.Errorf("the timeline is %q", k)
		}
		four := w.accepted(w.filed("bank"))
		_, err = w.Keep(ctx, officer, File{Case: four.ID, Name: "image", shared: true}, io.MultiReader(strings.NewReader("x"), meanwhile(func() { w.joined(four, three) })))
		w.refused(err, fault.NotFound, "no case")
	})
}

// Whoever writes about a case while it becomes part of another one writes about that one, or is told.
func TestNothingStaysBehindInACaseThatIsJoinedMeanwhile(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		for round := range 8 {
			r, again := w.filed("hospital"), w.filed("hospital")
			one, two := w.accepted(r), w.accepted(w.filed("bank"))
			start := make(chan struct{})
			var wg sync.WaitGroup
			for name, fn := range map[string]func() error{
				"join":   func() error { _, err := w.Join(ctx, officer, one.ID, 0, two.ID, "one campaign"); return err },
				"note":   func() error { _, err := w.Note(ctx, officer, one.ID, Entry{Kind: KindNote, Text: "seen"}); return err },
				"add":    func() error { _, err := w.Add(ctx, officer, r.ID, Addition{Via: "portal", Text: "More."}); return err },
				"repeat": func() error { _, err := w.Repeat(ctx, officer, again.ID, 0, r.ID); return err },
				"keep": func() error {
					_, err := w.Keep(ctx, officer, File{Case: one.ID, Name: "x"}, strings.NewReader("x"))
					return err
				},
				"keep of report": func() error {
					_, err := w.Keep(ctx, officer, File{Report: r.ID, Name: "y"}, strings.NewReader("y"))
					return err
				},
			} {
				wg.Go(func() {
					<-start
					if err := fn(); err != nil && (name != "note" || fault.KindOf(err) != fault.Conflict) {
						t.Errorf("round %d: %s: %v", round, name, err)
					}
				})
			}
			close(start)
			wg.Wait()
			for _, table := range []string{"incident_entry", "incident_file", "incident_report"} {
				var n int
				w.ok(w.DB.View(ctx, func(tx *db.Tx) error {
					return tx.Row(fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE case_id = $1`, table), one.ID).Scan(&n)
				}))
				if n > 0 {
					t.Errorf("round %d: %d rows of %s stayed behind", round, n, table)
				}
			}
		}
	})
}

func TestTwoCasesThatAreJoinedCrosswiseAtOnceAreOne(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		one, two := w.accepted(w.filed("hospital")), w.accepted(w.filed("bank"))
		errs := make([]error, 2)
		var wg sync.WaitGroup
		wg.Go(func() { _, errs[0] = w.Join(ctx, officer, one.ID, 0, two.ID, "the same") })
		wg.Go(func() { _, errs[1] = w.Join(ctx, officer, two.ID, 0, one.ID, "the same") })
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%v, %v", errs[0], errs[1])
		}
		for _, err := range errs {
			if err != nil {
				w.refused(err, fault.Conflict, "part of another one")
			}
		}
		if (w.now(one).State == Joined) == (w.now(two).State == Joined) {
			t.Error("none of the two is left, or both are")
		}
	})
}

// What a reporter said travels no further than they allowed because a case was made of it, or because it came into one.
func TestMarkingOfAReporterIsHeeded(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		marked := func(ref string, l tlp.Label) Report {
			f := w.filing()
			f.Label = l
			r, _, err := w.File(ctx, officer, Reporter{Origin: FromPortal, Constituent: w.ids[ref]}, f)
			w.ok(err)
			return r
		}
		strict := marked("hospital", tlp.AmberStrict)
		_, err := w.Accept(ctx, officer, strict.ID, 0, Opening{Label: tlp.Clear})
		w.refused(err, fault.Invalid, "marked the report TLP:AMBER+STRICT")
		if c := w.accepted(strict); c.Label != tlp.AmberStrict {
			t.Errorf("the case is %s", c.Label)
		}
		open := func() Case {
			c, err := w.Accept(ctx, officer, marked("bank", tlp.Clear).ID, 0, Opening{})
			w.ok(err)
			if c.Label != tlp.Clear {
				t.Fatalf("the case is %s", c.Label)
			}
			return c
		}
		one, two := open(), marked("hospital", tlp.AmberStrict)
		c, err := w.Merge(ctx, officer, two.ID, 0, one.ID)
		w.ok(err)
		if c.Label != tlp.AmberStrict || w.now(one).Label != tlp.AmberStrict {
			t.Errorf("the case with it is %s", c.Label)
		}
		wide := tlp.Green
		w.rated(one, Change{Label: &wide}) // somebody says why
		_, err = w.Split(ctx, officer, two.ID, Opening{Label: tlp.Green}, "another one")
		w.refused(err, fault.Invalid, "marked the report TLP:AMBER+STRICT")
		if c, err = w.Split(ctx, officer, two.ID, Opening{}, "another one"); err != nil || c.Label != tlp.AmberStrict {
			t.Errorf("split off it is %s, %v", c.Label, err)
		}
		three := open()
		first, err := reportsIn(w, three.ID)
		w.ok(err)
		_, err = w.Repeat(ctx, officer, marked("bank", tlp.Amber).ID, 0, first[0].ID)
		w.ok(err)
		if got := w.now(three).Label; got != tlp.Amber {
			t.Errorf("with one that repeats its report the case is %s", got)
		}
	})
}

func reportsIn(w *town, id int64) (out []Report, err error) {
	err = w.DB.View(context.Background(), func(tx *db.Tx) error {
		out, err = ReadReports(tx, id)
		return err
	})
	return out, err
}

// The law binds each of those who report: nobody's deadlines end because another one reported the same before.
func TestAReportRepeatsNoneOfAnotherReporter(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		first, other := w.filed("hospital"), w.filed("bank")
		_, err := w.Repeat(ctx, officer, other.ID, 0, first.ID)
		w.refused(err, fault.Conflict, "add the report to the case of the other one instead")
		if r, err := w.Report(ctx, other.ID); err != nil || r.State != Received {
			t.Errorf("it is %s, %v", r.State, err)
		}
	})
}
