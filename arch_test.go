// Package tocsin_test holds the house plan as a test: which package may import which, where SQL, the clock and third-party
// modules may stand. It parses the sources itself, because a test that shells out to the go command is cached and lies.
package tocsin_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "tocsin"

// capabilities in their order: each may import those before it. A new capability is a line here.
var capabilities = []string{"audit", "identity", "view", "nation", "constituency", "disclosure", "notify", "event", "incident", "situation", "portal"}

// layerOf tells what a package is by its folder; capability is set for a capability and its rooms.
func layerOf(dir string) (layer, capability string) {
	parts := strings.Split(dir, "/")
	switch {
	case parts[0] == "cmd":
		return "cmd", ""
	case parts[0] == "bench" || parts[0] == "scripts":
		return "tool", ""
	case parts[0] != "internal" || len(parts) < 2:
		return "", ""
	}
	switch parts[1] {
	case "app", "world", "platform", "format":
		return parts[1], ""
	}
	if !slices.Contains(capabilities, parts[1]) {
		return "", ""
	}
	if last := parts[len(parts)-1]; len(parts) > 2 && (last == "web" || last == "api") {
		return "room", parts[1]
	}
	return "capability", parts[1]
}

// arrows between the layers; what stands for capabilities is narrowed by their order.
var arrows = map[string][]string{
	"cmd":        {"app", "platform"},
	"app":        {"app", "world", "room", "capability", "format", "platform"},
	"world":      {"capability", "format", "platform"},
	"room":       {"capability", "format", "platform"},
	"capability": {"capability", "format", "platform"},
	"platform":   {"platform", "format"},
	"format":     {"format"},
	"tool":       {"app", "world", "capability", "format", "platform"},
}

// processOnly are platform packages that a capability must not import: they belong to pages, operations and the process.
var processOnly = []string{"internal/platform/web", "internal/platform/api", "internal/platform/config", "internal/platform/telemetry"}

// notForCapabilities are standard packages that platform owns.
var notForCapabilities = []string{"net/http", "html/template", "database/sql", "os/exec"}

// thirdParty says where a module may be imported: a folder and all below it, or a layer written as "layer:room". Tests may
// import any module of go.mod.
var thirdParty = map[string][]string{
	"github.com/BurntSushi/toml":          {"internal/platform/config", "internal/platform/text", "internal/nation", "internal/event/feed", "internal/event/generate", "internal/identity/provider"},
	"github.com/ProtonMail/go-crypto":     {"internal/platform/mail/protect"},
	"github.com/alecthomas/kong":          {"cmd", "internal/platform/config", "internal/app/command"},
	"github.com/chromedp/chromedp":        {"scripts"},
	"github.com/coreos/go-oidc/v3":        {"internal/identity/provider/web"},
	"github.com/danielgtaylor/huma/v2":    {"internal/platform/api", "layer:room"},
	"github.com/emersion/go-imap/v2":      {"internal/platform/imap"},
	"github.com/emersion/go-sasl":         {"internal/platform/imap"},
	"github.com/emersion/go-smtp":         {"internal/platform/mail/mailtest"},
	"github.com/gaissmai/bart":            {"internal/constituency"},
	"github.com/go-webauthn/webauthn":     {"internal/identity/passkey"},
	"github.com/jackc/pgx/v5":             {"internal/platform/db", "bench"},
	"github.com/klauspost/compress":       {"internal/event", "internal/notify", "internal/platform/file"},
	"github.com/parquet-go/parquet-go":    {"internal/event", "bench"},
	"github.com/pressly/goose/v3":         {"internal/platform/db"},
	"github.com/pquerna/otp":              {"internal/identity"},
	"github.com/prometheus/client_golang": {"internal/platform/telemetry", "internal/app", "internal/world"},
	"github.com/wneessen/go-mail":         {"internal/platform/mail"},
	"golang.org/x/crypto":                 {"internal/identity", "internal/app"},
	"golang.org/x/mod":                    {"internal/audit"},
	"golang.org/x/oauth2":                 {"internal/identity/provider/web"},
	"golang.org/x/net":                    {"internal/constituency", "internal/platform", "internal/event"},
	"golang.org/x/sync":                   {"internal"},
	"golang.org/x/sys":                    {"internal/platform", "internal/world", "internal/app"},
	"golang.org/x/term":                   {"internal/app/command"},
	"golang.org/x/text":                   {"internal/platform/text", "internal/notify/mailbox", "internal/platform/web", "internal/constituency", "internal/event/feed", "layer:room"},
	"modernc.org/sqlite":                  {"internal/platform/db", "bench"},
}

func TestHousePlan(t *testing.T) {
	t.Parallel()
	for _, v := range inspect(os.DirFS(".")) {
		t.Error(v)
	}
}

// TestHousePlanFindsPlantedViolations is the test of the test: each small tree breaks one rule.
func TestHousePlanFindsPlantedViolations(t *testing.T) {
	const doc = "// Package x is here.\npackage x\n"
	for _, tt := range []struct{ name, path, src, want string }{
		{"capability imports one to its right", "internal/nation/a.go", doc + `import _ "tocsin/internal/event"`, "may not import"},
		{"capability imports a room", "internal/event/a.go", doc + `import _ "tocsin/internal/event/web"`, "may not import"},
		{"platform imports a capability", "internal/platform/db/a.go", doc + `import _ "tocsin/internal/nation"`, "may not import"},
		{"world imports pages", "internal/world/a.go", doc + `import _ "tocsin/internal/event/web"`, "may not import"},
		{"format imports platform", "internal/format/tlp/a.go", doc + `import _ "tocsin/internal/platform/db"`, "may not import"},
		{"format imports a module", "internal/format/tlp/a.go", doc + `import _ "golang.org/x/text"`, "may not import"},
		{"capability imports net/http", "internal/event/feed/a.go", doc + `import _ "net/http"`, "platform owns"},
		{"capability imports pages' platform", "internal/event/a.go", doc + `import _ "tocsin/internal/platform/web"`, "may not import"},
		{"module outside its place", "internal/nation/a.go", doc + `import _ "github.com/jackc/pgx/v5"`, "may not import"},
		{"unknown module", "internal/nation/a.go", doc + `import _ "example.org/leftpad"`, "no place"},
		{"unknown capability", "internal/other/a.go", doc, "no room"},
		{"SQL outside a store", "internal/event/a.go", doc + "const q = `SELECT id FROM finding`", "SQL"},
		{"the machine's time", "internal/event/a.go", doc + "import \"time\"\nvar t = time.Now()", "clock"},
		{"a renamed time", "internal/event/a.go", doc + "import stop \"time\"\nvar t = stop.Since", "clock"},
		{"no package comment", "internal/event/a.go", "package x", "package comment"},
		{"exported without a comment", "internal/event/a.go", doc + "func Open() {}", "doc comment"},
		{"mutable state", "internal/event/a.go", doc + "var count int", "state"},
		{"clears past the gate", "internal/notify/a.go", doc + "import \"tocsin/internal/platform/egress\"\nvar c = egress.MakeCleared[int]", "only the gate"},
		{"default logger", "internal/app/a.go", doc + "import \"log/slog\"\nfunc f() { slog.SetDefault(nil) }", "slog.SetDefault"},
		{"sleeping test", "internal/event/a_test.go", "package x\nimport \"time\"\nfunc f() { time.Sleep(1) }", "sleep"},
		{"forbidden name", "internal/event/util/a.go", doc, "name"},
		{"unfinished work", "internal/event/a.go", doc + "// TODO" + ": more\n", "unfinished"},
		{"long file", "internal/event/a.go", doc + strings.Repeat("\n", 601), "lines"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := inspect(fstest.MapFS{tt.path: {Data: []byte(tt.src)}})
			if !slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, tt.want) }) {
				t.Errorf("not found: want %q in %q", tt.want, got)
			}
		})
	}
	if got := inspect(fstest.MapFS{"internal/event/store.go": {Data: []byte(doc + "const q = `SELECT id FROM finding`\n")}}); len(got) > 0 {
		t.Errorf("found in a clean tree: %q", got)
	}
}
