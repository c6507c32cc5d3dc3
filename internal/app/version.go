package app

import (
	"runtime"
	"runtime/debug"
)

// Version is "tocsin", the version or revision the binary was built from, and the Go release.
func Version() string { return "tocsin " + Release() + " " + runtime.Version() }

// Release is the version or revision the binary was built from; "devel" when the build did not say.
func Release() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+changes"
			}
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + dirty
}
