package sitrep

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

func TestFiguresAreThoseOfTheLists(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		w.later(48 * time.Hour)
		w.grave("Monitors are dark", tlp.Amber)
		w.grave("Pumps stand still", tlp.Amber)
		w.Filed("bank", "Waits")
		w.later(time.Hour)
		s := w.drafted()
		if w.Clock.Now().Sub(time.UnixMicro(s.Since)) != 24*time.Hour || s.Until != w.Clock.Now().UnixMicro() {
			t.Errorf("the first one is of %v to %v", time.UnixMicro(s.Since), time.UnixMicro(s.Until))
		}
		waiting, _, err := w.ReportList(w.ctx, incident.ReportFilter{State: incident.Received}, incident.Place{}, 100)
		w.OK(err)
		working, _, err := w.CaseList(w.ctx, incident.CaseFilter{}, incident.CaseSort(""), incident.Place{}, 100)
		w.OK(err)
		live, _, err := w.deadlines.List(w.ctx, deadline.Filter{State: deadline.Running, Limit: 1000})
		w.OK(err)
		soon := 0
		for _, c := range live {
			if c.Due <= s.Until+int64(24*time.Hour/time.Microsecond) {
				soon++
			}
		}
		f := s.Figures
		if f.Reports.Waiting != int64(len(waiting)) || f.Reports.Received.Now != 3 || f.Cases.Open.Total() != int64(len(working)) || f.Cases.Opened.Now != 2 || len(f.Cases.Grave) != len(working) || int(f.Clocks.Soon) != soon || len(f.Clocks.Due) != min(soon, topDue) || soon == 0 || f.Letters.Sending {
			t.Errorf("figures %+v; the lists have %d waiting, %d cases, %d deadlines", f, len(waiting), len(working), soon)
		}
		for lang, want := range map[string][]string{"en": {"Received: 3", "Monitors are dark", "Sending is OFF"}, "sr-Latn": {"Primljeno: 3", "Monitors are dark", "ISKLJUČENO"}} {
			doc, err := w.desk.Document(w.ctx, s.ID, lang)
			w.OK(err)
			for _, x := range want {
				if !strings.Contains(doc.Text(), x) {
					t.Errorf("%s lacks %q:\n%s", lang, x, doc.Text())
				}
			}
		}
		// met, then missed
		_, err = w.deadlines.Submit(w.ctx, w.ana, live[0].ID, w.Clock.Now().UnixMicro(), "by telephone")
		w.OK(err)
		w.later(time.Hour)
		s, err = w.desk.Refresh(w.ctx, w.vera, s.ID, s.Version)
		w.OK(err)
		if s.Figures.Clocks.Met != 1 || s.Figures.Clocks.Missed != 0 {
			t.Errorf("after one was met: %+v", s.Figures.Clocks)
		}
		w.later(80 * time.Hour)
		_, err = w.deadlines.Fire(w.ctx)
		w.OK(err)
		late, err := w.deadlines.Tally(w.ctx)
		w.OK(err)
		s, err = w.desk.Refresh(w.ctx, w.vera, s.ID, s.Version)
		w.OK(err)
		if s.Figures.Clocks.Late != late.Late || s.Figures.Clocks.Missed == 0 || s.Figures.Clocks.Missed != late.Late {
			t.Errorf("after some were missed: %+v, the list has %+v", s.Figures.Clocks, late)
		}
	})
}

func TestAPeriodBeginsWhereTheLastApprovedOneEndedAndIsOfSevenDaysAtMost(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		first := w.approved(tlp.Amber, "Quiet.")
		w.later(30 * time.Hour)
		second := w.drafted()
		if second.Since != first.Until || second.Number() != "SR-2026-002" {
			t.Errorf("%s begins at %d, the first one ended at %d", second.Number(), second.Since, first.Until)
		}
		_, err := w.desk.Draft(w.ctx, w.vera)
		w.refused(err, fault.Conflict, "SR-2026-002 is there already")
		w.later(10 * 24 * time.Hour)
		second, err = w.desk.Refresh(w.ctx, w.vera, second.ID, 0)
		w.OK(err)
		if second.Until-second.Since != int64(7*24*time.Hour/time.Microsecond) {
			t.Errorf("it is of %v", time.Duration(second.Until-second.Since)*time.Microsecond)
		}
	})
}

func TestARefreshKeepsWhatPeopleWroteAndSaysThatTheFiguresChanged(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		mine := "Nobody called."
		s, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Texts: map[Section]string{Reports: mine}})
		w.OK(err)
		if s.Changed() {
			t.Error("changed at once")
		}
		w.Filed("bank", "New")
		w.later(time.Minute)
		s, err = w.desk.Refresh(w.ctx, w.ana, s.ID, s.Version)
		w.OK(err)
		got := s.Texts["en"][Reports]
		if got.Text != mine || !got.Changed() || !s.Changed() || !strings.Contains(got.Drafted, "Received: 1") || !strings.Contains(s.Texts["sr-Latn"][Reports].Text, "Primljeno: 1") {
			t.Errorf("after the refresh: %+v", s.Texts)
		}
		s, err = w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Texts: map[Section]string{Reports: ""}})
		w.OK(err)
		if got := s.Texts["en"][Reports]; got.Edited || got.Text != got.Drafted || s.Changed() {
			t.Errorf("given back: %+v", got)
		}
	})
}

func TestTwoPeopleWhoEditAreTold(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		mine, hers := "Mine.", "Hers."
		_, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Judgement: &mine})
		w.OK(err)
		_, err = w.desk.Edit(w.ctx, w.ana, s.ID, Edit{Version: s.Version, Language: "en", Judgement: &hers})
		w.refused(err, fault.Conflict, "vera changed SR-2026-001 meanwhile")
		_, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
		w.refused(err, fault.Conflict, "vera changed")
		if got := w.one(s.ID).Judgement["en"]; got != mine {
			t.Errorf("it says %q", got)
		}
	})
}

func TestAnApprovalFreezesAndIsByAnother(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		text := "Patch the gateways."
		s, err := w.desk.Edit(w.ctx, w.ana, s.ID, Edit{Version: s.Version, Language: "en", Judgement: &text})
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.vera, s.ID, s.Version)
		w.refused(err, fault.Forbidden, "incident.rule")
		_, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
		w.refused(err, fault.Forbidden, "edited SR-2026-001 last")
		s, err = w.desk.Approve(w.ctx, w.boris, s.ID, s.Version)
		w.OK(err)
		was := w.one(s.ID)
		if was.State != Approved || len(was.SHA256) != 64 || !was.Whole {
			t.Fatalf("approved: %+v", was)
		}
		text = "Nothing."
		_, err = w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Language: "en", Judgement: &text})
		w.refused(err, fault.Conflict, "make a correction")
		_, err = w.desk.Refresh(w.ctx, w.vera, s.ID, 0)
		w.refused(err, fault.Conflict, "make a correction")
		_, err = w.desk.Approve(w.ctx, w.boris, s.ID, 0)
		w.refused(err, fault.Conflict, "make a correction")
		now := w.one(s.ID)
		if now.SHA256 != was.SHA256 || now.Judgement["en"] != "Patch the gateways." || !now.Whole {
			t.Errorf("it is now %+v", now)
		}
		w.OK(w.desk.DB.Act(w.ctx, act.Act{Actor: act.Machine, Verb: "test.tamper"}, func(tx *db.Tx) error {
			x, err := lock(tx, s.ID)
			x.Judgement["en"] = "Nothing."
			return errors.Join(err, update(tx, &x))
		}))
		if w.one(s.ID).Whole {
			t.Error("what was tampered with counts as whole")
		}
	})
}

func TestWhoIsAloneWithTheRightApprovesUnlessTheNationWantsTwo(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		text := "Alone."
		s, err := w.desk.Edit(w.ctx, w.ana, s.ID, Edit{Version: s.Version, Language: "en", Judgement: &text})
		w.OK(err)
		w.OK(w.desk.Identity.Disable(w.ctx, act.Machine, w.boris.Rights.Account))
		profile, err := nation.Shipped("serbia")
		w.OK(err)
		_, err = w.Nation.Set(w.ctx, act.Machine, "x.toml", append(profile, []byte("\n[two_person]\nacts = [\"sitrep.approve\"]\n")...))
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
		w.refused(err, fault.Forbidden, "somebody else")
		_, err = w.Nation.Set(w.ctx, act.Machine, "serbia.toml", profile)
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
		w.OK(err)
	})
}

func TestACorrectionIsAnotherEditionAndTakesBackTheLettersOfTheEarlierOne(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "Wrong.")
		_, err := w.desk.Distribute(w.ctx, w.ana, s.ID, Audience{Everybody: true})
		w.OK(err)
		_, err = w.desk.Correct(w.ctx, w.vera, s.ID, " ")
		w.refused(err, fault.Invalid, "say why")
		c, err := w.desk.Correct(w.ctx, w.boris, s.ID, "the number was wrong")
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.boris, c.ID, 0)
		w.refused(err, fault.Forbidden, "somebody else approves it")
		_, err = w.desk.Correct(w.ctx, w.vera, s.ID, "again")
		w.refused(err, fault.Conflict, "a draft already")
		_, err = w.desk.Refresh(w.ctx, w.vera, c.ID, 0)
		w.refused(err, fault.Conflict, "keeps the figures")
		right := "Right."
		c, err = w.desk.Edit(w.ctx, w.vera, c.ID, Edit{Language: "en", Judgement: &right})
		w.OK(err)
		if w.one(s.ID).State != Approved {
			t.Error("replaced by a draft")
		}
		c, err = w.desk.Approve(w.ctx, w.ana, c.ID, 0)
		w.OK(err)
		old := w.one(s.ID)
		if c.Number() != "SR-2026-001/2" || old.State != Replaced || !old.Whole || old.Judgement["en"] != "Wrong." || len(old.Editions) != 2 {
			t.Errorf("%s replaces %+v", c.Number(), old)
		}
		if left := w.letters(KindReport); len(left) != 0 {
			t.Errorf("the earlier edition is still sent: %v", left)
		}
		sent, err := w.desk.Distribute(w.ctx, w.ana, c.ID, Audience{Same: true})
		w.OK(err)
		if got := w.letters(KindReport); sent.Letters != 2 || !strings.Contains(got["soc@hospital.example"].Text, "Right.") || !strings.Contains(got["soc@hospital.example"].Text, "zamenjuje ranije") &&
			!strings.Contains(got["soc@hospital.example"].Text, "Zamenjuje ranije") {
			t.Errorf("%+v: %v", sent, got)
		}
		_, err = w.desk.Correct(w.ctx, w.vera, s.ID, "again")
		w.refused(err, fault.Conflict, "the latest edition")
	})
}

func TestACorrectionThatIsGivenUpLeavesRoomForAnother(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "Wrong.")
		c, err := w.desk.Correct(w.ctx, w.vera, s.ID, "the number was wrong")
		w.OK(err)
		_, err = w.desk.Withdraw(w.ctx, w.ana, c.ID, "it was right")
		w.OK(err)
		c, err = w.desk.Correct(w.ctx, w.vera, s.ID, "the number was wrong after all")
		w.OK(err)
		if c.Number() != "SR-2026-001/3" {
			t.Errorf("the next one is %s", c.Number())
		}
		_, err = w.desk.Withdraw(w.ctx, w.ana, s.ID, "wrong")
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, c.ID, 0)
		w.OK(err)
		_, err = w.desk.Correct(w.ctx, w.vera, s.ID, "a second valid one")
		w.refused(err, fault.Conflict, "the latest edition")
	})
}

func TestADraftIsGivenUpAndKeepsItsNumber(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		_, err := w.desk.Withdraw(w.ctx, w.ana, s.ID, "not needed")
		w.OK(err)
		if next := w.drafted(); next.Number() != "SR-2026-002" {
			t.Errorf("the next one is %s", next.Number())
		}
		_, err = w.desk.Correct(w.ctx, w.vera, s.ID, "x")
		w.refused(err, fault.Conflict, "only what was approved")
	})
}

func TestTenMegabytesAreRefusedWithWhatToDo(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.drafted()
		long := strings.Repeat("A word. ", 10<<20/8)
		_, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Judgement: &long, Texts: map[Section]string{Cases: long}})
		w.refused(err, fault.Invalid, "20000 are the most: say it in fewer words")
		var ps fault.Problems
		if !errors.As(err, &ps) || len(ps) != 2 || ps[0].Field != "judgement" || ps[1].Field != "cases" {
			t.Errorf("problems: %v", ps)
		}
		bell := "a\x07"
		_, err = w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Language: "en", Judgement: &bell})
		w.refused(err, fault.Invalid, "plain text")
		_, err = w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Language: "xx"})
		w.refused(err, fault.Invalid, "written in")
	})
}

// TestTheMorningDraftsOnceADay lets half an hour pass again and again, over the night in which clocks are put forward.
func TestTheMorningDraftsOnceADay(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		zone, err := time.LoadLocation("Europe/Belgrade")
		w.OK(err)
		w.Clock.Set(time.Date(2026, 3, 27, 23, 0, 0, 0, time.UTC))
		numbers := map[string]string{}
		for range 4 * 48 {
			w.later(30 * time.Minute)
			w.OK(w.desk.Morning(w.ctx))
			list, _, err := w.desk.List(w.ctx, Filter{})
			w.OK(err)
			for _, s := range list {
				if s.State != Draft {
					continue
				}
				at := time.UnixMicro(s.Until).In(zone)
				numbers[at.Format(time.DateOnly)] = s.Number()
				if at.Format("15:04") != "07:00" {
					t.Fatalf("%s is of %v", s.Number(), at)
				}
				if at.Day() == 30 { // that of the day before waits until then
					continue
				}
				if at.Day() != 29 {
					_, err = w.desk.Approve(w.ctx, w.ana, s.ID, 0)
					w.OK(err)
				}
			}
		}
		if len(numbers) != 4 || numbers["2026-03-28"] != "SR-2026-001" || numbers["2026-03-29"] != "SR-2026-002" || numbers["2026-03-30"] != "SR-2026-002" || numbers["2026-03-31"] != "SR-2026-002" {
			t.Errorf("drafted: %v", numbers)
		}
	})
}

func TestWhatIsDoneInTheNightDoesNotReplaceTheMorning(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		zone, err := time.LoadLocation("Europe/Belgrade")
		w.OK(err)
		until := func(at time.Time, number string, want time.Time) {
			t.Helper()
			w.Clock.Set(at)
			w.OK(w.desk.Morning(w.ctx))
			list, _, err := w.desk.List(w.ctx, Filter{})
			w.OK(err)
			if s := list[0]; s.Number() != number || !time.UnixMicro(s.Until).Equal(want) {
				t.Errorf("at %v %s tells until %v, want %s until %v", at, s.Number(), time.UnixMicro(s.Until).In(zone), number, want)
			}
		}
		night, morning := time.Date(2026, 5, 5, 0, 30, 0, 0, zone), time.Date(2026, 5, 5, 7, 5, 0, 0, zone)
		w.Clock.Set(night)
		s := w.approved(tlp.Amber, "Of the night.")
		until(night.Add(time.Hour), s.Number(), night)
		until(morning, "SR-2026-002", morning)
		until(morning.Add(time.Hour), "SR-2026-002", morning)
		next := night.Add(24 * time.Hour)
		w.Clock.Set(next)
		_, err = w.desk.Refresh(w.ctx, w.vera, s.ID+1, 0)
		w.OK(err)
		until(next.Add(time.Hour), "SR-2026-002", next)
		until(morning.Add(24*time.Hour), "SR-2026-002", morning.Add(24*time.Hour))
	})
}

func TestACaseThatIsMarkedStricterIsNotNamed(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		c := w.grave("Secret of the hospital", tlp.Amber)
		s := w.drafted()
		green := tlp.Green
		s, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Label: &green})
		w.OK(err)
		for _, lang := range s.Languages {
			doc, err := w.desk.Document(w.ctx, s.ID, lang)
			w.OK(err)
			if got := doc.Text(); strings.Contains(got, "Secret") || strings.Contains(got, c.Number) || strings.Contains(got, "OFF") || strings.Contains(got, "ISKLJUČENO") {
				t.Errorf("a green one says:\n%s", got)
			}
		}
		slip := "See " + c.Number + "."
		s, err = w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Judgement: &slip})
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
		w.refused(err, fault.Conflict, "names the case "+c.Number)
	})
}

// TestAWiderMarkingTakesTheDraftedTextsWithIt posts the form as it was rendered, with another marking.
func TestAWiderMarkingTakesTheDraftedTextsWithIt(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		c := w.grave("Secret of the hospital", tlp.Amber)
		s := w.drafted()
		mine := "Two reports wait.\n\nBoth are of banks."
		s, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Texts: map[Section]string{Reports: mine}})
		w.OK(err)
		if !strings.Contains(s.Texts["en"][Cases].Text, "Secret") {
			t.Fatalf("the draft does not name the case: %s", s.Texts["en"][Cases].Text)
		}
		green, judgement := tlp.Green, ""
		form := Edit{Version: s.Version, Language: "en", Label: &green, Judgement: &judgement, Texts: map[Section]string{}}
		for _, x := range s.Shown() {
			form.Texts[x] = strings.ReplaceAll(s.Texts["en"][x].Text, "\n", "\r\n") // as browsers post it
		}
		s, err = w.desk.Edit(w.ctx, w.vera, s.ID, form)
		w.OK(err)
		for _, x := range Sections() {
			if got := s.Texts["en"][x]; x != Reports && (got.Edited || got.Text != got.Drafted) || x == Reports && (!got.Edited || got.Text != mine) {
				t.Errorf("%s: %+v", x, got)
			}
		}
		doc, err := w.desk.Document(w.ctx, s.ID, "en")
		w.OK(err)
		if got := doc.Text(); strings.Contains(got, "Secret") || strings.Contains(got, c.Number) {
			t.Errorf("a green one says:\n%s", got)
		}
	})
}

func TestMarkupInATextIsShownAsItIs(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		s := w.approved(tlp.Green, "# <script>alert(1)</script> [x](javascript:y)\n- *item*\n1. one")
		doc, err := w.desk.Document(w.ctx, s.ID, "en")
		w.OK(err)
		md := doc.Markdown()
		for _, bad := range []string{"\n# <", "<script>", "[x]", "*item*", "\n1. "} {
			if strings.Contains(md, bad) {
				t.Errorf("markdown has %q:\n%s", bad, md)
			}
		}
		if !strings.Contains(md, `\<script\>`) || !strings.Contains(md, "\n- \\*item") || !strings.Contains(doc.Text(), "<script>") {
			t.Errorf("markdown:\n%s", md)
		}
	})
}
