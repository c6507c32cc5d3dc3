package api

import (
	"reflect"
	"strings"
)

// schemaName names a Go type in the OpenAPI document after its capability and type, so that names stay the same whatever
// else is mounted: event.Finding, event.FindingPage. A type of platform has its bare name.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		return schemaName(t.Elem(), hint) + "List"
	}
	if t.Name() == "" {
		return hint
	}
	base, args, _ := strings.Cut(t.Name(), "[")
	if args != "" {
		var b strings.Builder
		for _, a := range strings.Split(strings.TrimSuffix(args, "]"), ",") {
			dot := strings.LastIndexByte(a, '.')
			b.WriteString(qualify(a[:max(dot, 0)], a[dot+1:]))
		}
		return b.String() + base
	}
	return qualify(t.PkgPath(), base)
}

func qualify(pkg, name string) string {
	rest, ok := strings.CutPrefix(pkg, "tocsin/internal/")
	if !ok || strings.HasPrefix(rest, "platform/") {
		return name
	}
	capability, _, _ := strings.Cut(rest, "/")
	return capability + "." + name
}
