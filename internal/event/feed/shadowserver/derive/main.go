// Command derive makes the embedded table of report types from Shadowserver's two schema files:
//
//	go run ./internal/event/feed/shadowserver/derive \
//		-reports reports.json -intelmq intelmq.json -out internal/event/feed/shadowserver/types.tsv
//
// The files are not part of the project; only facts are taken from them (names, columns, classification, what a column
// means), in a form of our own. The same input gives the same bytes. A schema that is newer than the program can also be
// loaded at run time, without this command.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"tocsin/internal/event/feed/shadowserver"
)

func main() {
	reports := flag.String("reports", "reports.json", "Shadowserver's list of report types")
	intelmq := flag.String("intelmq", "intelmq.json", "Shadowserver's field mapping")
	out := flag.String("out", "", "the table to write; standard output when empty")
	flag.Parse()
	if err := run(*reports, *intelmq, *out); err != nil {
		fmt.Fprintln(os.Stderr, "derive:", err)
		os.Exit(1)
	}
}

func run(reports, intelmq, out string) error {
	r, err := os.Open(reports)
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := os.Open(intelmq)
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := shadowserver.Derive(r, m)
	if err != nil {
		return err
	}
	var table bytes.Buffer
	if err := s.WriteTable(&table); err != nil {
		return err
	}
	if out == "" {
		_, err = os.Stdout.Write(table.Bytes())
		return err
	}
	return os.WriteFile(out, table.Bytes(), 0o644)
}
