package api

import (
	"maps"
	"slices"

	"tocsin/internal/platform/act"
)

func sorted(ps map[act.Permission]bool) []act.Permission { return slices.Sorted(maps.Keys(ps)) }
