package digest

import (
	"embed"
	"time"

	"tocsin/internal/platform/text"
)

//go:embed locale
var locales embed.FS

// Languages are those that digests are written in, English first.
func (d *Desk) Languages() []string { return d.words.Languages() }

// speaker speaks one of them.
type speaker struct {
	*text.Printer
	words *text.Catalogue
}

// own tells whether the language has its own text for a key.
func (s speaker) own(key string) bool {
	_, ok := s.words.Message(s.Lang(), key)
	return ok
}

// speaker speaks the offered language that is nearest to the one that is asked for.
func (d *Desk) speaker(language string, zone *time.Location) speaker {
	return speaker{d.words.In(text.Match(d.words.Languages(), language), zone), d.words}
}
