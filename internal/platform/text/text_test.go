package text_test

import (
	"testing"
	"testing/fstest"
	"time"

	"tocsin/internal/platform/text"
)

const english = `"hello" = "Welcome, {0}"
"only" = "English only"
["rows"]
one = "{0} row"
other = "{0} rows"`

const serbian = `"hello" = "Dobro došli, {0}"
"number.group" = "."
"number.point" = ","
["rows"]
one = "{0} red"
few = "{0} reda"
other = "{0} redova"`

func load(t *testing.T, files map[string]string) *text.Catalogue {
	t.Helper()
	f := fstest.MapFS{}
	for n, s := range files {
		f["locale/"+n+".toml"] = &fstest.MapFile{Data: []byte(s)}
	}
	c, err := text.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func both(t *testing.T) *text.Catalogue {
	return load(t, map[string]string{"en": english, "sr-Latn": serbian})
}

func TestPluralFormFollowsTheLanguage(t *testing.T) {
	c := both(t)
	for n, want := range map[int]string{1: "1 red", 2: "2 reda", 5: "5 redova", 11: "11 redova", 21: "21 red", 1000: "1.000 redova",
		1_000_021: "1.000.021 red"} {
		if got := c.In("sr-Latn", nil).T("rows", n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := c.In("en", nil).T("rows", int64(1234567)); got != "1,234,567 rows" {
		t.Error(got)
	}
}

func TestMissingTextsFallBackAndThenShowTheirKey(t *testing.T) {
	p := both(t).In("sr-Latn", nil)
	if got := p.T("only"); got != "English only" {
		t.Error(got)
	}
	if got := p.T("none"); got != "none" {
		t.Error(got)
	}
	if got := p.T("hello", "{0}{1}"); got != "Dobro došli, {0}{1}" {
		t.Errorf("an argument was taken for a pattern: %q", got)
	}
}

func TestNumbersAreWrittenAsTheLanguageWritesThem(t *testing.T) {
	p := both(t).In("sr-Latn", nil)
	for got, want := range map[string]string{
		p.Number(-1234):       "−1.234",
		p.Decimal(1234.56):    "1.234,6",
		p.Decimal(-0.4):       "−0,4",
		p.Percent(1, 8):       "12,5 %",
		p.Percent(1, 100_000): "0,1 %",
		p.Percent(0, 0):       "–",
		p.Bytes(1_500_000):    "1,5 MB",
		p.Bytes(999):          "999 B",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTimesAreInTheNationsZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Belgrade")
	if err != nil {
		t.Fatal(err)
	}
	p := both(t).In("en", zone)
	if got := p.Time(time.Date(2026, 7, 1, 22, 30, 0, 0, time.UTC)); got != "2026-07-02 00:30 CEST" {
		t.Error(got)
	}
	if got := p.Day(20000); got != "2024-10-04" {
		t.Error(got)
	}
}

func TestLanguageMatchesTheBrowsers(t *testing.T) {
	offered := []string{"en", "sr-Latn"}
	for accept, want := range map[string]string{"sr;q=0.9, en;q=0.1": "sr-Latn", "sr-Latn-RS": "sr-Latn", "fr": "en", "": "en",
		"de, en-GB;q=0.8": "en", ";;;": "en"} {
		if got := text.Match(offered, accept); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}

func TestBadCataloguesAreRefused(t *testing.T) {
	for name, src := range map[string]string{"dotted": "a.b = \"unquoted key\"", "noother": "[\"a\"]\none = \"x\"", "number": "a = 1"} {
		f := fstest.MapFS{"locale/en.toml": &fstest.MapFile{Data: []byte(src)}}
		if _, err := text.Load(f); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	f := fstest.MapFS{"locale/nonsense-language.toml": &fstest.MapFile{}}
	if _, err := text.Load(f); err == nil {
		t.Error("a nonsense language is taken")
	}
}
