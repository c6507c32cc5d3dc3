package config

import (
	"maps"
	"slices"
	"strings"
)

// lines tells on which line each key of a TOML document stands; the parser does not keep that. Keys inside inline tables
// are not found and have no line.
func lines(data []byte) map[string]int64 {
	out := map[string]int64{}
	table, quote := "", ""
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if quote != "" { // inside a multi-line string
			if strings.Contains(line, quote) {
				quote = ""
			}
			continue
		}
		if strings.HasPrefix(line, "[") && !strings.HasPrefix(line, "[[") {
			if name, _, ok := strings.Cut(line[1:], "]"); ok {
				table = normal(name)
				out[table] = int64(i + 1)
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		full := strings.TrimPrefix(table+"."+normal(key), ".")
		for p := full; p != ""; {
			if _, seen := out[p]; !seen {
				out[p] = int64(i + 1)
			}
			j := strings.LastIndexByte(p, '.')
			p = p[:max(j, 0)]
		}
		for _, q := range []string{`"""`, `'''`} {
			if strings.Count(value, q) == 1 {
				quote = q
			}
		}
	}
	return out
}

func normal(key string) string {
	parts := strings.Split(key, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return strings.Join(parts, ".")
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
