// Command testreport reads the output of go test -json, prints what failed with its output, and fails when a test was skipped:
// where CI runs, nothing a test needs may be missing. Two sorts of skip are told and let pass: measurements that people start
// by hand, and tests of real data that is not ours to give, where it is not beside the checkout.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testreport FILE")
		os.Exit(2)
	}
	f, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer f.Close()
	output := map[string]*strings.Builder{}
	var passed, failed, skipped, excused int
	_, err = os.Stat("../shared/data")
	hasData := err == nil
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text())
			continue
		}
		key := e.Package + " " + e.Test
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		switch e.Action {
		case "output", "build-output":
			output[key].WriteString(e.Output)
			if e.Action == "build-output" {
				fmt.Print(e.Output)
			}
		case "pass":
			if e.Test == "" {
				fmt.Printf("ok    %-50s %6.1f s\n", e.Package, e.Elapsed)
			} else {
				passed++
			}
		case "fail":
			failed++
			fmt.Printf("FAIL  %s\n%s", key, output[key])
		case "skip":
			if e.Test != "" { // a package without tests is none that was skipped
				if excuse(output[key].String(), hasData) {
					excused++
				} else {
					skipped++
				}
				fmt.Printf("SKIP  %s\n%s", key, output[key])
			}
		}
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d passed, %d failed, %d skipped, %d skipped with an excuse\n", passed, failed, skipped, excused)
	if failed+skipped > 0 || passed == 0 {
		os.Exit(1)
	}
}

// excuse tells whether a skip is one of those that may be.
func excuse(output string, hasData bool) bool {
	if strings.Contains(output, "by hand") {
		return true
	}
	for _, data := range []string{"shared/data", "beside the checkout", "not here"} {
		if strings.Contains(output, data) {
			return !hasData
		}
	}
	return false
}
