package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"tocsin/internal/platform/config"
	"tocsin/internal/platform/fault"
)

type grammar struct {
	Config string                  `help:"File."`
	Data   string                  `help:"Data."`
	Level  string                  `default:"info" enum:"info,warn,error"`
	Serve  struct{ Listen string } `cmd:""`
	Ingest struct {
		Feed  string `default:"shadowserver"`
		JSON  bool
		Types []string
		Count int
		Files []string `arg:""`
	} `cmd:""`
}

func parse(t *testing.T, dir, file string, args ...string) (*grammar, error) {
	t.Helper()
	if file != "" {
		if err := os.WriteFile(filepath.Join(dir, config.FileName), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := &grammar{}
	_, err := config.Parse(g, append([]string{"--data", dir}, args...), kong.Exit(func(int) { t.Fatal("exit") }))
	return g, err
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	dir := t.TempDir()
	g, err := parse(t, dir, "", "ingest", "x")
	if err != nil || g.Ingest.Feed != "shadowserver" {
		t.Fatal(g.Ingest.Feed, err)
	}
	const file = "feed = \"from-file\"\ntypes = [\"a\", \"b\"]\n[ingest]\njson = true\ncount = 7\n"
	g, err = parse(t, dir, file, "ingest", "x")
	if err != nil || g.Ingest.Feed != "from-file" || !g.Ingest.JSON || g.Ingest.Count != 7 || len(g.Ingest.Types) != 2 {
		t.Fatalf("%+v %v", g.Ingest, err)
	}
	t.Setenv("TOCSIN_FEED", "from-env")
	g, err = parse(t, dir, "", "ingest", "x")
	if err != nil || g.Ingest.Feed != "from-env" {
		t.Fatal(g.Ingest.Feed, err)
	}
	g, err = parse(t, dir, "", "ingest", "--feed", "from-flag", "x")
	if err != nil || g.Ingest.Feed != "from-flag" {
		t.Fatal(g.Ingest.Feed, err)
	}
}

func TestCommandTableBeatsTopLevel(t *testing.T) {
	g, err := parse(t, t.TempDir(), "feed = \"top\"\n[ingest]\nfeed = \"own\"\n", "ingest", "x")
	if err != nil || g.Ingest.Feed != "own" {
		t.Fatal(g.Ingest.Feed, err)
	}
}

func TestFileErrorsNameFileAndLine(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"unknown key", "level = \"info\"\n\nlisten-on = \"x\"\n", config.FileName + ":3: listen-on: unknown key"},
		{"unknown key in a table", "[serve]\nlisten = \"x\"\nport = 8\n", config.FileName + ":3: serve.port: unknown key"},
		{"flag of another command", "[serve]\nfeed = \"x\"\n", config.FileName + ":2: serve.feed: unknown key"},
		{"unknown table", "\n[server]\nlisten = \"x\"\n", config.FileName + ":2: server: there is no such command"},
		{"wrong type", "count = \"many\"\n", config.FileName + ":1: count: "},
		{"syntax", "level = \n", config.FileName + ":1:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, t.TempDir(), tt.file, "ingest", "x")
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if fault.KindOf(err) != fault.Invalid {
				t.Error("not of kind invalid")
			}
		})
	}
}

func TestNamedFileMustExist(t *testing.T) {
	_, err := parse(t, t.TempDir(), "", "--config", "absent.toml", "serve")
	if fault.KindOf(err) != fault.NotFound {
		t.Fatal(err)
	}
}

func TestWrongFlagIsAUsageError(t *testing.T) {
	_, err := parse(t, t.TempDir(), "", "--level", "loud", "serve")
	var pe *kong.ParseError
	if !errors.As(err, &pe) {
		t.Fatal(err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("feed = \"x\"\n[ingest]\ncount = 1\n")
	f.Add("a.b = \"\"\"\n=\n\"\"\"\n[x.\"y\"]\n")
	f.Fuzz(func(t *testing.T, s string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, config.FileName), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		config.Parse(&grammar{}, []string{"--data", dir, "serve"}, kong.Exit(func(int) {}))
	})
}
