package nation

import (
	"embed"
	"strings"

	"tocsin/internal/platform/fault"
)

//go:embed profile/*.toml
var shipped embed.FS

// Names lists the profiles that come with Tocsin.
func Names() []string {
	entries, _ := shipped.ReadDir("profile") // an embedded folder is always there
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return out
}

// Shipped is the text of a profile that comes with Tocsin.
func Shipped(name string) ([]byte, error) {
	b, err := shipped.ReadFile("profile/" + name + ".toml")
	if err != nil {
		return nil, fault.NotFoundf("no profile %q comes with Tocsin; there are %s", name, strings.Join(Names(), ", "))
	}
	return b, nil
}
