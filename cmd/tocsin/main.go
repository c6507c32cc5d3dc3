// Command tocsin is a national CERT in one program. It parses the command line and calls app; see tocsin --help.
package main

import (
	"os"

	"tocsin/internal/app/command"
)

func main() { os.Exit(command.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
