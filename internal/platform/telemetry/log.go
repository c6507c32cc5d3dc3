// Package telemetry has the process's logs and metrics. Logs carry ids, never content: no address, name or row of a feed
// is written to them. There is one Prometheus registry per process; what belongs to a world has a label world.
package telemetry

import (
	"io"
	"log/slog"
	"strings"

	"tocsin/internal/platform/fault"
)

// Logger writes records at the level or above to w as text or JSON. An unknown format or level is a fault of kind Invalid.
func Logger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fault.Invalidf("log level %q: want debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l, ReplaceAttr: utc}
	switch strings.ToLower(format) {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fault.Invalidf("log format %q: want text or json", format)
}

func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}
