package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"tocsin/internal/platform/fault"
)

// maxFile bounds the configuration file; a larger one is a mistake in its path.
const maxFile = 1 << 20

// file is a configuration file. A key at its top level is a flag of any command; a key in [command.subcommand] is a flag of
// that command and goes first.
type file struct {
	path   string
	values map[string]any
	lines  map[string]int64
}

func load(path string, app *kong.Node) (*file, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, fault.Invalidf("the configuration file %s has more than 1 MiB: is it the right file?", path)
	}
	return parse(path, data, app)
}

func parse(path string, data []byte, app *kong.Node) (*file, error) {
	f := &file{path: path, values: map[string]any{}}
	if _, err := toml.Decode(string(bytes.TrimPrefix(data, []byte("\ufeff"))), &f.values); err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return nil, fault.Problems{{File: path, Line: int64(pe.Position.Line), Column: pe.Position.Col, Message: pe.Message}}
		}
		return nil, fault.Problems{{File: path, Message: err.Error()}}
	}
	f.lines = lines(data)
	if ps := f.check(f.values, app, "", flagNames(app)); len(ps) > 0 {
		return nil, ps
	}
	return f, nil
}

// flagNames is every flag of a node and the commands below it.
func flagNames(n *kong.Node) map[string]*kong.Flag {
	out := map[string]*kong.Flag{}
	for _, c := range n.Children {
		for name, f := range flagNames(c) {
			out[name] = f
		}
	}
	for _, f := range n.Flags {
		if f.Name != "help" && f.Name != "config" {
			out[f.Name] = f
		}
	}
	return out
}

// check finds keys that are no flag and no command, and values that do not fit their flag.
func (f *file) check(values map[string]any, n *kong.Node, at string, flags map[string]*kong.Flag) fault.Problems {
	var ps fault.Problems
	for _, key := range sortedKeys(values) {
		full := strings.TrimPrefix(at+"."+key, ".")
		table, isTable := values[key].(map[string]any)
		child := childOf(n, key)
		flag := flags[key]
		switch {
		case isTable && child != nil:
			ps = append(ps, f.check(table, child, full, flagNames(child))...)
		case flag != nil && !isTable:
			if err := try(flag, values[key]); err != nil {
				ps = append(ps, fault.Problem{File: f.path, Line: f.lines[full], Field: full, Message: err.Error()})
			}
		case isTable:
			ps = append(ps, fault.Problem{File: f.path, Line: f.lines[full], Field: full,
				Message: "there is no such command; tables are named after commands"})
		default:
			ps = append(ps, fault.Problem{File: f.path, Line: f.lines[full], Field: full,
				Message: "unknown key; keys are named after flags, see tocsin --help"})
		}
	}
	return ps
}

func childOf(n *kong.Node, name string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// try parses the value into a scratch copy of the flag.
func try(flag *kong.Flag, v any) error {
	return flag.Parse(kong.Scan().PushTyped(scannable(v), kong.FlagValueToken), reflect.New(flag.Target.Type()).Elem())
}

// scannable is a TOML value in the form in which it would stand on the command line.
func scannable(v any) any {
	switch v := v.(type) {
	case bool:
		return v
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, strings.ReplaceAll(fmt.Sprint(e), ",", `\,`))
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(v)
	}
}

// Validate implements kong.Resolver; the keys were checked when the file was read.
func (f *file) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. Resolvers run after the environment, so a flag with a variable is left alone.
func (f *file) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, e := range flag.Envs {
		if _, set := os.LookupEnv(e); set {
			return nil, nil
		}
	}
	if v, ok := f.find(parent.Node(), flag.Name); ok {
		return scannable(v), nil
	}
	return nil, nil
}

// find looks in the command's own table, then in those above it, then at the top level.
func (f *file) find(n *kong.Node, name string) (any, bool) {
	var path []string
	for ; n != nil && n.Parent != nil; n = n.Parent {
		path = append([]string{n.Name}, path...)
	}
	for i := len(path); i >= 0; i-- {
		t := f.values
		for _, p := range path[:i] {
			t, _ = t[p].(map[string]any)
		}
		if v, ok := t[name]; ok {
			if _, isTable := v.(map[string]any); !isTable {
				return v, true
			}
		}
	}
	return nil, false
}
