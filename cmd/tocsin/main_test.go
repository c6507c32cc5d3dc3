package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/internal/app/command"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tocsin": func() { os.Exit(command.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the sessions in testdata: what a person or a script types, and what comes back.
func TestScripts(t *testing.T) { testscript.Run(t, params("testdata")) }

func params(dir string) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   status,
			"json":     jsonField,
			"lastsum":  lastSum,
			"serving":  serving,
			"get":      get,
			"freeport": freePort,
			"incident": opened,
		},
	}
}
