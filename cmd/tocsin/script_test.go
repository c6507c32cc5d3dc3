package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/world"
)

// status runs a command and compares its exit code: status 3 tocsin ingest wrong.csv.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// jsonField compares a field of the last line of standard output, which is JSON: json verdict.winner.rule manual-prefix.
func jsonField(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json FIELD WANT")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	var v any
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &v))
	for _, key := range strings.Split(args[0], ".") {
		m, ok := v.(map[string]any)
		if !ok {
			ts.Fatalf("%s: no object", key)
		}
		if v, ok = m[key]; !ok {
			ts.Fatalf("there is no field %s", args[0])
		}
	}
	if got := fmt.Sprint(v); (got == args[1]) == neg {
		ts.Fatalf("%s is %s, want %s (not: %t)", args[0], got, args[1], neg)
	}
}

// lastSum checks that the last line of ingest --json has exactly the fields that scripts rely on.
func lastSum(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	var m map[string]float64
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &m))
	want := []string{"files", "rows", "events", "rejected", "unattributed", "seconds", "rows_per_second", "peak_bytes"}
	for _, k := range want {
		if _, ok := m[k]; !ok {
			ts.Fatalf("the last line lacks %s", k)
		}
	}
	if len(m) != len(want) {
		ts.Fatalf("the last line has %d fields, want %d", len(m), len(want))
	}
}

// serving waits until the address answers healthy.
func serving(ts *testscript.TestScript, neg bool, args []string) {
	client := http.Client{Timeout: 5 * time.Second}
	deadline := time.After(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if r, err := client.Get(args[0] + "/healthz"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-deadline:
			ts.Fatalf("%s is not healthy after a minute", args[0])
		case <-tick.C:
		}
	}
}

// get fetches a URL into a file; with a Host header as third argument. The status must be the second: get 200 URL FILE [HOST].
func get(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: get STATUS URL FILE [HOST]")
	}
	req, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	if len(args) > 3 {
		req.Host = args[3]
	}
	r, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	ts.Check(err)
	if fmt.Sprint(r.StatusCode) != args[0] {
		ts.Fatalf("%s: status %d, want %s: %s", args[1], r.StatusCode, args[0], body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o600))
}

// freePort sets a variable to a port that nobody listens on.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// opened reports an incident of a constituent, and with -case makes a case of it, in a data directory: incident data grid 'All stands still' -case.
func opened(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: incident DIR REF TITLE [-case]")
	}
	ctx := context.Background()
	w, err := world.Open(ctx, world.Config{Dir: ts.MkAbs(args[0])})
	ts.Check(err)
	defer w.Close()
	id, err := w.Incidents.ConstituentOf(ctx, "constituent", args[1])
	ts.Check(err)
	r, _, err := w.Incidents.File(ctx, identity.LocalActor, incident.Reporter{Origin: incident.FromStaff, Constituent: id},
		incident.Filing{Title: args[2], Text: "As it was told.\nBeacons to 198.51.100.77", Aware: w.Clock().Now().Add(-time.Hour).UnixMicro()})
	ts.Check(err)
	ts.Setenv("REPORT", r.Number)
	if len(args) > 3 {
		k, err := w.Incidents.Accept(ctx, identity.LocalActor, r.ID, 0, incident.Opening{Type: "infected-system"})
		ts.Check(err)
		ts.Setenv("CASE", k.Number)
	}
}
