package sitrep

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/file"
	"tocsin/internal/situation"
)

// feedOf takes in a day's report of a type, with so many addresses seen.
func (w *land) feedOf() func(kind string, day event.Day, hosts int) {
	w.Helper()
	w.OK(w.desk.Feeds.Ensure(w.ctx))
	format, dir := shadowserver.New(shadowserver.Builtin()), w.TempDir()
	in := event.NewIntake(event.Config{DB: w.desk.DB, Registry: w.Constituency, World: w.Clock, Real: w.Clock, Log: slog.New(slog.DiscardHandler),
		Format:  func(feed.Feed) (event.Format, error) { return format, nil },
		Archive: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "archive")}, Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(dir, "segments")}})
	return func(kind string, day event.Day, hosts int) {
		w.Helper()
		var b strings.Builder
		b.WriteString(`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n")
		for h := range hosts {
			fmt.Fprintf(&b, "\"%s 01:02:03\",\"high\",\"203.0.113.%d\",\"udp\",123,\"\",\"\",\"64500\",\"RS\"\n", day, h+1)
		}
		text := b.String()
		_, err := in.Take(w.ctx, act.Machine, "shadowserver", []event.Source{{Name: fmt.Sprintf("%s-%s-serbia.csv", day, kind), Size: int64(len(text)),
			Issued: w.Clock.Now(), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, nil)
		w.OK(err)
		_, err = w.desk.Situation.Refresh(w.ctx)
		w.OK(err)
	}
}

func TestWhatComesLateForADayThatWasToldIsToldOnceInTheNextReport(t *testing.T) {
	eachLand(t, func(t *testing.T, w *land) {
		take := w.feedOf()
		yesterday := event.DayOf(w.Clock.Now().UnixMicro()) - 1
		take("scan_ntp", yesterday, 4)
		first := w.approved(tlp.Green, "Quiet.")
		if f := first.Figures.Findings; f.New != 4 || len(f.Late) != 0 || len(f.Told) != 1 || f.Told[0] != (situation.DayMoves{Day: yesterday, New: 4}) {
			t.Fatalf("the first report has %+v", f)
		}

		w.later(24 * time.Hour)
		take("scan_ntp", yesterday+1, 4)
		take("scan_snmp", yesterday, 3)   // a day late
		take("scan_snmp", yesterday-1, 2) // of a day that nobody was told of
		second := w.drafted()
		f := second.Figures.Findings
		told := f.Told[len(f.Told)-2:]
		want := LateDay{situation.DayMoves{Day: yesterday, New: 5}, situation.DayMoves{Day: yesterday, New: 4}}
		if f.From != yesterday+1 || len(f.Late) != 1 || f.Late[0] != want || len(f.Told) != 2 || told[0] != want.DayMoves || told[1].Day != yesterday+1 {
			t.Errorf("the second report has %+v, want late %+v", f, want)
		}
		for lang, says := range map[string]string{"en": "5 new or seen again (told: 4), 0 no longer seen (0), 0 closed by the staff (0)", "sr-Latn": "novih ili ponovo viđenih 5 (saopšteno: 4)"} {
			if text := second.Texts[lang][Findings].Text; !strings.Contains(text, says) {
				t.Errorf("%s does not say %q:\n%s", lang, says, text)
			}
		}
		green := tlp.Green
		second, err := w.desk.Edit(w.ctx, w.vera, second.ID, Edit{Version: second.Version, Language: "en", Label: &green})
		w.OK(err)
		_, err = w.desk.Approve(w.ctx, w.ana, second.ID, second.Version)
		w.OK(err)

		w.later(time.Hour) // and nothing more comes
		third := w.drafted()
		f = third.Figures.Findings
		if f.From <= f.Until || len(f.Late) != 0 || len(f.Told) != 2 || strings.Contains(third.Texts["en"][Findings].Text, "count otherwise") {
			t.Errorf("the third report tells again: %+v", f)
		}
		take("scan_snmp", yesterday+1, 6) // when no day is new
		third, err = w.desk.Refresh(w.ctx, w.vera, third.ID, third.Version)
		w.OK(err)
		if f = third.Figures.Findings; len(f.Late) != 1 || f.Late[0].Day != yesterday+1 || !strings.Contains(third.Texts["en"][Findings].Text, "count otherwise") {
			t.Errorf("refreshed it tells %+v:\n%s", f, third.Texts["en"][Findings].Text)
		}

		// who takes the second one back has its days told again
		_, err = w.desk.Withdraw(w.ctx, w.ana, second.ID, "wrong")
		w.OK(err)
		third, err = w.desk.Refresh(w.ctx, w.vera, third.ID, 0)
		w.OK(err)
		if f = third.Figures.Findings; f.From != yesterday+1 || len(f.Late) != 1 || f.Late[0] != want {
			t.Errorf("after the second was withdrawn: %+v", f)
		}
	})
}
