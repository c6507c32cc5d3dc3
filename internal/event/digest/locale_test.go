package digest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/platform/text"
)

// TestEveryLanguageHasEveryText lets only the advice be missing, which falls back and says so.
func TestEveryLanguageHasEveryText(t *testing.T) {
	c, err := text.Load(locales)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Languages(); !slices.Equal(got, []string{"en", "ja", "ko", "sr-Cyrl", "sr-Latn"}) {
		t.Errorf("languages %q", got)
	}
	holes := regexp.MustCompile(`\{\d+\}`)
	of := func(lang, key string) []string {
		m, _ := c.Message(lang, key)
		hs := holes.FindAllString(m["other"], -1)
		slices.Sort(hs)
		return hs
	}
	for _, lang := range c.Languages() {
		for _, key := range c.Keys("en") {
			if _, ok := c.Message(lang, key); !ok {
				if !strings.HasPrefix(key, "guide.") || strings.HasPrefix(lang, "sr") {
					t.Errorf("%s lacks %q", lang, key)
				}
				continue
			}
			if a, b := of("en", key), of(lang, key); !slices.Equal(a, b) {
				t.Errorf("%s %q fills in %q, English %q", lang, key, b, a)
			}
		}
		for _, key := range c.Keys(lang) {
			if _, ok := c.Message("en", key); !ok {
				t.Errorf("%s has %q, which English lacks", lang, key)
			}
		}
	}
}

func TestCyrillicIsCyrillic(t *testing.T) {
	c, err := text.Load(locales)
	if err != nil {
		t.Fatal(err)
	}
	latin := regexp.MustCompile(`[a-zčćžšđ]{2,}`)
	for _, key := range c.Keys("sr-Cyrl") {
		m, _ := c.Message("sr-Cyrl", key)
		for _, form := range m {
			if key != "layout.day" && latin.MatchString(form) {
				t.Errorf("%q is partly Latin: %s", key, form)
			}
		}
	}
}

func TestEveryReportTypeHasAdvice(t *testing.T) {
	c, err := text.Load(locales)
	if err != nil {
		t.Fatal(err)
	}
	other := 0
	types := shadowserver.Builtin().Types()
	for _, typ := range types {
		f := family(typ.Name, typ.Kind)
		if _, ok := c.Message("en", "guide."+f); !ok {
			t.Errorf("%s is of the family %q, which has no advice", typ.Name, f)
		}
		if f == "other" && !typ.Population {
			other++
		}
	}
	if len(types) < 100 || other > 20 {
		t.Errorf("%d of %d types have the general advice only", other, len(types))
	}
	for name, want := range map[string]string{"scan_rdp": "remote", "scan6_smb": "sharing", "event4_sinkhole_http": "infected", "compromised_website": "website",
		"scan_ics": "industrial", "scan_ssl_poodle": "crypto", "scan_ntpmonitor": "amplifier", "scan_exchange": "vulnerable", "phish_url": "hosting"} {
		if got := family(name, ""); got != want {
			t.Errorf("%s: advice for %s, want %s", name, got, want)
		}
	}
}
