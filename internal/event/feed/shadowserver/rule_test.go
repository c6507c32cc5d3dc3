package shadowserver

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/event"
)

// typesWhere lists the built-in types for which the condition holds.
func typesWhere(is func(Type) bool) (list []string) {
	for _, t := range Builtin().Types() {
		if is(t) {
			list = append(list, t.Name)
		}
	}
	return list
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// TestClassLeftToTocsin lists the types that neither schema file classifies.
func TestClassLeftToTocsin(t *testing.T) {
	reports, intelmq := schemaFiles(t)
	listed, err := readReports(reports)
	if err != nil {
		t.Fatal(err)
	}
	mapped, _, err := readMappings(intelmq)
	if err != nil {
		t.Fatal(err)
	}
	var gaps, left []string
	for _, typ := range Builtin().Types() {
		if _, ok := listed[typ.Name]; !ok || listed[typ.Name].Class != "" {
			continue
		}
		gaps = append(gaps, typ.Name)
		if mapped[typ.Name].Constant["classification.taxonomy"] == "" {
			left = append(left, typ.Name)
		}
	}
	if len(gaps) != 52 {
		t.Errorf("%d types have no class in reports.json, want 52", len(gaps))
	}
	same(t, "left without a class", left, "scan6_exchange", "scan_exchange")
}

func TestEveryTypeIsClassified(t *testing.T) {
	same(t, "no class", typesWhere(func(t Type) bool { return t.Class == "" || t.Kind == "" || t.Title == "" || !t.Known }))
	same(t, "no severity", typesWhere(func(t Type) bool { return t.Severity == event.Unrated }))
	same(t, "neither an identifier nor a column for it", typesWhere(func(t Type) bool {
		return t.Identifier == "" && !slices.ContainsFunc(t.Map, func(c Column) bool { return c.Field == "classification.identifier" })
	}))
	same(t, "no time", typesWhere(func(t Type) bool {
		return !slices.Contains(t.Map, Column{"timestamp", "time.source", Time})
	}))
	same(t, "neither an address nor a name", typesWhere(func(t Type) bool {
		return !slices.ContainsFunc(t.Map, func(c Column) bool {
			return c.Field == "source.ip" || c.Field == "source.fqdn"
		})
	}))
}

func TestClassesAreOfTheTaxonomy(t *testing.T) {
	text, err := os.ReadFile("../../../../../shared/data/rsit/rsit.json")
	if err != nil {
		t.Skipf("the taxonomy is not beside the checkout: %v", err)
	}
	var rsit struct {
		Values []struct {
			Predicate string
			Entry     []struct{ Value string }
		}
	}
	if err := json.Unmarshal(text, &rsit); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"other/blocklist": true} // Shadowserver's, kept in RSIT only in older versions
	for _, class := range rsit.Values {
		for _, kind := range class.Entry {
			known[class.Predicate+"/"+kind.Value] = true
		}
	}
	same(t, "not in the taxonomy", typesWhere(func(t Type) bool { return !known[t.Class+"/"+t.Kind] }))
}

func TestScansAndCountsAreAboutServices(t *testing.T) {
	got := typesWhere(func(t Type) bool {
		scan := strings.HasPrefix(t.Name, "scan_") || strings.HasPrefix(t.Name, "scan6_") ||
			strings.HasPrefix(t.Name, "population") || strings.HasPrefix(t.Name, "device_id") || t.Name == "special"
		return scan != (t.Subject == event.Service)
	})
	same(t, "service or not", got)
}

func TestSitesURLsAndAccountsAreNames(t *testing.T) {
	same(t, "about names", typesWhere(func(t Type) bool { return t.Subject == event.Name }),
		"compromised_account", "compromised_website", "compromised_website6", "malware_url", "phish_url",
		"ransomware_victim", "sandbox_dns", "spam_url")
}

// TestPortOfAClientIsNoIdentity: whatever was seen from a distance is about the address.
func TestPortOfAClientIsNoIdentity(t *testing.T) {
	same(t, "events with a service as subject", typesWhere(func(t Type) bool {
		return strings.HasPrefix(t.Name, "event") && t.Subject != event.Address
	}))
}

func TestSnapshotsCloseByAbsence(t *testing.T) {
	same(t, "snapshots that are no scans", typesWhere(func(t Type) bool {
		return t.Closing == event.Snapshot && t.Subject != event.Service
	}), "blocklist", "compromised_iot", "compromised_iot6", "compromised_website", "compromised_website6")
	same(t, "scans that are no snapshots", typesWhere(func(t Type) bool {
		return t.Closing != event.Snapshot && t.Subject == event.Service
	}), "special")
}

func TestSpecialReportsCloseByAPerson(t *testing.T) {
	same(t, "manual", typesWhere(func(t Type) bool { return t.Closing == event.Manual }), "ransomware_victim", "special")
}

func TestCountsOfDevicesAreNoProblems(t *testing.T) {
	got := typesWhere(func(t Type) bool { return t.Population })
	same(t, "population", got, "device_id", "device_id6", "population6_bgp", "population6_http_proxy",
		"population6_isakmp", "population6_msmq", "population_bgp", "population_http_proxy", "population_isakmp",
		"population_msmq", "population_ntrip")
	same(t, "population above info", typesWhere(func(t Type) bool { return t.Population && t.Severity != event.Info }))
}

func TestSeverityFollowsTheRule(t *testing.T) {
	for name, want := range map[string]event.Severity{
		"event4_sinkhole": event.High, "compromised_website": event.High, "scan_post_exploitation_framework": event.Critical,
		"scan_synfulknock": event.Critical, "scan_exchange": event.High, "scan_http_vulnerable": event.High,
		"scan_rdp": event.Medium, "scan_chargen": event.Medium, "scan_ssl_poodle": event.Low, "scan_badsecrets": event.High,
		"scan_ssh": event.Info, "device_id": event.Info, "population_bgp": event.Info, "blocklist": event.Info,
		"event4_honeypot_brute_force": event.Medium, "spam_url": event.Medium,
	} {
		if typ, ok := Builtin().Type(name); !ok || typ.Severity != want {
			t.Errorf("%s: %v, want %v", name, typ.Severity, want)
		}
	}
}

func TestIPv6TypeIsJudgedAsIPv4(t *testing.T) {
	for _, t6 := range Builtin().Types() {
		name := strings.NewReplacer("scan6", "scan", "event6", "event4", "population6", "population").Replace(t6.Name)
		t4, ok := Builtin().Type(strings.TrimSuffix(name, "6"))
		if ok && (t4.Severity != t6.Severity || t4.Subject != t6.Subject || t4.Closing != t6.Closing) {
			t.Errorf("%s and %s are judged differently", t6.Name, t4.Name)
		}
	}
}

func TestEverySampleHasAType(t *testing.T) {
	files, _ := filepath.Glob("../../../../../shared/data/shadowserver/samples/*.csv")
	if len(files) == 0 {
		t.Skip("Shadowserver's samples are not beside the checkout")
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		if _, ok := Builtin().Type(name); !ok {
			t.Errorf("%s: no type of that name", name)
		}
	}
}

func TestTableStaysSmall(t *testing.T) {
	if n := len(typesNow) + len(typesBefore); n > 120_000 {
		t.Errorf("the tables have %d bytes, want at most 120,000", n)
	}
}
