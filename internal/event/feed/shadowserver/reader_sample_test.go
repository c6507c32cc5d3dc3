package shadowserver

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/format/rsit"
)

// read reads everything in a file of that name.
func read(t testing.TB, name, content string) (events []event.Event, bad []event.RowError) {
	t.Helper()
	f := New(Builtin())
	id, err := f.Identify(name)
	if err != nil {
		t.Fatal(err)
	}
	return readAs(t, f, id, content)
}

func readAs(t testing.TB, f *Format, id event.Identity, content string) (events []event.Event, bad []event.RowError) {
	t.Helper()
	r, err := f.Open(id, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var e event.Event
		err := r.Next(&e)
		var wrong *event.RowError
		switch {
		case err == io.EOF:
			return events, bad
		case errors.As(err, &wrong):
			bad = append(bad, *wrong)
		case err != nil:
			t.Fatal(err)
		default:
			events = append(events, e)
		}
	}
}

// rejectedInSamples are the samples with rows that are wrong, and what is wrong with them: three have rows that do not
// match their own header, one has an address of five numbers.
var rejectedInSamples = map[string]string{
	"event4_honeypot_ddos":     "59 columns; expected 60",
	"event4_honeypot_ddos_amp": `"37.120.178.9.10" is no usable address`,
	"scan_rdp":                 "31 columns; expected 32",
	"scan_synfulknock":         "18 columns; expected 19",
}

func TestSamplesLoseNoRow(t *testing.T) {
	files, _ := filepath.Glob("../../../../../shared/data/shadowserver/samples/*.csv")
	if len(files) == 0 {
		t.Skip("the samples are not here: ../shared/data/shadowserver/samples")
	}
	if len(files) != 62 {
		t.Errorf("%d samples, expected 62", len(files))
	}
	f := New(Builtin())
	for _, file := range files {
		typ := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(typ, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := csv.NewReader(bytes.NewReader(raw))
			c.FieldsPerRecord = -1
			c.LazyQuotes = true // scan_mdns escapes quotes by backslashes
			records, err := c.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			events, bad := read(t, "2026-01-01-"+typ+"-test.csv", string(raw))
			if len(events)+len(bad) != len(records)-1 {
				t.Errorf("%d events and %d rejected of %d rows", len(events), len(bad), len(records)-1)
			}
			for _, b := range bad {
				t.Logf("rejected: line %d column %d %s: %s", b.Line, b.Column, b.Field, b.Reason)
				if want := rejectedInSamples[typ]; want == "" || !strings.Contains(b.Reason, want) {
					t.Errorf("line %d is rejected: %s", b.Line, b.Reason)
				}
			}
			ty := f.Type(typ)
			if !ty.Known {
				t.Errorf("the type is not known")
			}
			for _, e := range events {
				checkSample(t, typ, ty, &e, records)
			}
		})
	}
}

func checkSample(t *testing.T, typ string, ty event.ReportType, e *event.Event, records [][]string) {
	t.Helper()
	if class, kind, ok := rsit.Classify(e.Class, e.Kind); !ok || class != e.Class || kind != e.Kind {
		t.Errorf("line %d: class %s, type %s", e.Line, e.Class, e.Kind)
	}
	if !strings.HasSuffix(ty.Name, "_exchange") && (e.Class != ty.Class || e.Kind != ty.Kind) {
		t.Errorf("line %d: %s/%s, the type says %s/%s", e.Line, e.Class, e.Kind, ty.Class, ty.Kind)
	}
	if e.Time == 0 {
		t.Errorf("line %d has no time", e.Line)
	}
	if !e.IP.IsValid() && e.FQDN == "" && e.URL == "" && e.Network == "" {
		t.Errorf("line %d is about nobody", e.Line)
	}
	kept := map[string]string{}
	if e.Extra != "" {
		if err := json.Unmarshal([]byte(e.Extra), &kept); err != nil {
			t.Errorf("line %d: extra %s: %v", e.Line, e.Extra, err)
		}
	}
	have := map[string]bool{"0": true, "unknown": true}
	for _, v := range kept {
		have[v] = true
	}
	for _, v := range []string{e.CC, e.Region, e.City, e.ReverseDNS, e.FQDN, e.URL, e.Account, e.Network, e.DestinationCC, e.DestinationFQDN,
		e.DestinationURL, e.Transport, e.Application, e.Identifier, e.Malware, e.Vendor, e.Product, e.Version, e.Vulnerabilities, e.Status, e.Text,
		e.IP.String(), e.DestinationIP.String(), fmt.Sprint(e.Port), fmt.Sprint(e.DestinationPort), fmt.Sprint(e.ASN), fmt.Sprint(e.DestinationASN),
		e.Severity.String(), time.UnixMicro(e.Time).UTC().Format(time.DateTime)} {
		have[v] = true
	}
	for i, v := range records[e.Row] {
		switch column := strings.ToLower(records[0][i]); {
		case v == "" || have[v]:
		case (column == "url" || column == "http_url") && (e.URL != "" || e.DestinationURL != ""):
		case typ == "scan_mdns" && strings.Contains(v, `\`): // quoting that encoding/csv reads in its own way
		default:
			t.Errorf("line %d: column %s is lost: %q", e.Line, column, v)
		}
	}
}
