package web

import (
	"testing"

	"tocsin/internal/format/rsit"
	"tocsin/internal/platform/web/webtest"
)

func TestTextsStandInTheCatalogue(t *testing.T) {
	keys := []string{"runs", "sum", "none.class", "none.sector", "tile.reports", "tile.cases", "tile.before", "by.week", "by.month", "of.class", "of.severity", "of.sector", "by-of.class", "by-of.severity", "by-of.sector"}
	for _, c := range rsit.Classes() {
		keys = append(keys, "class."+c.Name)
	}
	webtest.Check(t, Room(nil), keys...)
}
