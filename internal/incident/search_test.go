package incident

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tocsin/internal/platform/act"
)

func TestSearchFindsWhatWasSaid(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		f := w.filing()
		f.Title, f.Text, f.Organisation, f.Details.Indicators = "Šifrovani fajlovi", "A letter from boss@evil.example asked to pay.", "Apoteka Zdravlje", "hxxp://pay[.]example/x 198.51.100.77"
		r, _, err := w.File(ctx, officer, Reporter{Origin: FromPortal, Constituent: w.ids["hospital"]}, f)
		w.ok(err)
		other := w.filed("bank")
		_, err = w.Add(ctx, officer, r.ID, Addition{Via: "portal", Text: "The courier was called Rudolf."})
		w.ok(err)
		c, err := w.Accept(ctx, officer, r.ID, 0, Opening{Title: "Extortion"})
		w.ok(err)
		_, err = w.Note(ctx, officer, c.ID, Entry{Kind: KindNote, Text: "Hentzau knows more"})
		w.ok(err)
		second, err := w.Open(ctx, officer, Opening{Title: "Something else", Summary: "kaleidoscope"})
		w.ok(err)
		for query, want := range map[string]string{
			"sifrovani": "r1", "ŠIFR": "r1", "apoteka zdravlje": "r1", "boss@evil.example": "r1", "evil.example": "r1", "evil[.]example": "r1", "pay.example": "r1",
			"198.51.100.77": "r1", "198.51": "r1", strings.ToLower(r.Number): "r1", "rudolf": "r1c1", "hentzau": "c1", "2026-0001": "c1", "extortion hentzau": "c1",
			"locked": "r2", "locked rudolf": "", "zzz": "", "": "", "!!": "", "kaleido": "c2", other.Number: "r2",
		} {
			got, err := w.Search(ctx, query)
			w.ok(err)
			ids := ""
			for _, x := range got.Reports {
				ids += fmt.Sprint("r", x.ID)
			}
			for _, x := range got.Cases {
				ids += fmt.Sprint("c", x.ID)
			}
			if ids != want {
				t.Errorf("%q finds %q, want %q", query, ids, want)
			}
		}
		_, err = w.Join(ctx, officer, second.ID, 0, c.ID, "same")
		w.ok(err)
		got, err := w.Search(ctx, "kaleidoscope")
		w.ok(err)
		if len(got.Cases) != 2 {
			t.Errorf("after joining, %d cases are found", len(got.Cases))
		}
	})
}

func TestSearchFindsNoDraft(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		_, _, err := w.File(context.Background(), act.Anybody, Reporter{Origin: FromPublic, Draft: true, Link: true}, Filing{Title: "secretdraft"})
		w.ok(err)
		got, err := w.Search(context.Background(), "secretdraft")
		w.ok(err)
		if len(got.Reports) != 0 {
			t.Error("a draft was found")
		}
	})
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"", "Šta je hxxp://evil[.]example/x?", "a.b-c_d:e@f/g", "\xff\xfe", strings.Repeat("čž", 100), "日本語 テスト"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ws := words(s)
		if len(ws) > maxWords {
			t.Fatalf("%d words", len(ws))
		}
		for i, w := range ws {
			if len(w) > maxWordLen || len(w) < 2 || slices.Contains(ws[:i], w) || utf8.ValidString(s) && !utf8.ValidString(w) {
				t.Fatalf("the word %q of %q", w, s)
			}
		}
	})
}
