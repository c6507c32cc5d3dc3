// Package config fills the command line's structs from flags, the environment and one TOML file, in this order of
// precedence: flag, TOCSIN_… variable, file, default. It knows no flag itself: the structs are the caller's.
package config

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"tocsin/internal/platform/fault"
)

const (
	prefix = "TOCSIN"

	// FileName is the configuration file that is read from the data directory when no other is named.
	FileName = "tocsin.toml"

	// DataDir is the data directory where none is named.
	DataDir = "tocsin-data"
)

// Parse reads args into cli, a pointer to a kong grammar. The flags --config and --data of the grammar's top level say
// where the file is; without --config a missing file is no error. A wrong flag is a *kong.ParseError, a wrong file
// fault.Problems with file and line.
func Parse(cli any, args []string, opts ...kong.Option) (*kong.Context, error) {
	k, err := Parser(cli, opts...)
	if err != nil {
		return nil, err
	}
	return k.Parse(args)
}

// Parser is the parser that Parse uses, for its usage text.
func Parser(cli any, opts ...kong.Option) (*kong.Kong, error) {
	return kong.New(cli, append(opts, kong.DefaultEnvars(prefix),
		kong.WithBeforeResolve(func(ctx *kong.Context) error {
			path, named := place(ctx)
			f, err := load(path, ctx.Model.Node)
			if errors.Is(err, os.ErrNotExist) {
				if named {
					return fault.NotFoundf("the configuration file %s does not exist", path)
				}
				return nil
			}
			if err != nil {
				return err
			}
			ctx.AddResolver(f)
			return nil
		}))...)
}

// Path is the configuration file that a data directory and a --config flag lead to, and whether it is there.
func Path(config, data string) (path string, exists bool) {
	path = config
	if path == "" {
		if data == "" {
			data = DataDir
		}
		path = filepath.Join(data, FileName)
	}
	_, err := os.Stat(path)
	return path, err == nil
}

func place(ctx *kong.Context) (path string, named bool) {
	var config, data string
	for _, f := range ctx.Model.Flags {
		s, _ := ctx.FlagValue(f).(string)
		switch f.Name {
		case "config":
			config = s
		case "data":
			data = s
		}
	}
	path, _ = Path(config, data)
	return path, config != ""
}
