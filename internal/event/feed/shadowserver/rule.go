package shadowserver

import (
	"strings"

	"tocsin/internal/event"
)

// Shadowserver's schema files say what a row means, but not what a finding of a type is about, when it is over, or how
// bad it is when a row does not say. That is judged here, from the name and the classification, once, when a schema is
// derived; the outcome stands in the table, where everybody can read and question it.

// judge fills in what the schema files do not tell.
func judge(t *event.ReportType) {
	if t.Class == "" || t.Kind == "" {
		t.Class, t.Kind = classOf(t.Name)
	}
	t.Subject = subjectOf(t.Name)
	t.Closing = closingOf(t.Name)
	t.Population = isPopulation(t.Name)
	t.Severity = severityOf(t)
	t.Known = true
}

// classOf is the class and type of the types that are classified row by row; what stands here is for the rows that
// say nothing.
func classOf(name string) (class, kind string) {
	if strings.HasPrefix(name, "scan") {
		return "vulnerable", "vulnerable-system"
	}
	return "other", "undetermined"
}

// Population tells whether a type of report counts devices and tells no problem.
func Population(name string) bool { return isPopulation(name) }

// isPopulation is true for the reports that count devices and tell no problem.
func isPopulation(name string) bool {
	return strings.HasPrefix(name, "population") || strings.HasPrefix(name, "device_id")
}

// isSpecial is true for the reports that Shadowserver sends once, when there is something that cannot wait. A row is not
// repeated the next day, and its absence tells nothing.
func isSpecial(name string) bool {
	return strings.Contains(name, "special") || name == "ransomware_victim"
}

// names are the types whose subject is a site, a URL or an account.
var names = []string{"compromised_website", "compromised_account", "malware_url", "phish_url", "spam_url",
	"ransomware_victim", "sandbox_dns"}

// subjectOf: what was found by connecting to it is a service, and so is what special reports list; sites, URLs and
// accounts are names; all else was seen from a distance, where a port is the client's own.
func subjectOf(name string) event.Subject {
	for _, n := range names {
		if strings.HasPrefix(name, n) {
			return event.Name
		}
	}
	if strings.HasPrefix(name, "scan") || isPopulation(name) || isSpecial(name) {
		return event.Service
	}
	return event.Address
}

// closingOf: a report that lists everything there is, every day, is a snapshot (scans, devices, the compromised sites
// and devices found by scanning, block lists). What was told or overheard (sinkholes, honeypots, sandboxes, URLs in
// mail, leaked accounts) was observed then; that it is not observed today is no sign that it is gone.
func closingOf(name string) event.Closing {
	switch {
	case isSpecial(name):
		return event.Manual
	case strings.HasPrefix(name, "scan"), isPopulation(name), strings.HasPrefix(name, "compromised_website"),
		strings.HasPrefix(name, "compromised_iot"), name == "blocklist":
		return event.Snapshot
	}
	return event.Observation
}

// byIdentifier are the judgements that the RSIT type alone does not give: what is taken over already, what gives a
// stranger code, data or control without a password, and what is reflected at others or only reachable.
var byIdentifier = map[string]event.Severity{
	"c2-beacon": event.Critical, "open-synfulknock": event.Critical, "ransomware-victim": event.Critical,

	"accessible-adb": event.High, "accessible-cisco-smart-install": event.High, "accessible-hadoop": event.High,
	"badsecret": event.High, "open-activemq": event.High, "open-couchdb": event.High, "open-docker": event.High,
	"open-elasticsearch": event.High, "open-epmd": event.High, "open-ics": event.High, "open-ike": event.High,
	"open-ipmi": event.High, "open-kubernetes": event.High, "open-memcached": event.High, "open-mongodb": event.High,
	"open-mqtt-anon": event.High, "open-netis": event.High, "open-redis": event.High, "vulnerable-http": event.High,
	"vulnerable-imap": event.High, "vulnerable-pop3": event.High, "vulnerable-smtp": event.High,

	"sandbox-conn": event.Medium, "sandbox-url": event.Medium, "special": event.High,
}

// byKind is the judgement by RSIT type.
var byKind = map[string]event.Severity{
	"infected-system": event.High, "c2-server": event.High, "malware-distribution": event.High, "phishing": event.High,
	"system-compromise": event.High, "application-compromise": event.High, "data-leak": event.High,
	"ddos": event.Medium, "scanner": event.Medium, "brute-force": event.Medium, "exploit": event.Medium,
	"masquerade": event.Medium, "spam": event.Medium, "ddos-amplifier": event.Medium,
	"vulnerable-system": event.Medium, "potentially-unwanted-accessible": event.Medium,
	"information-disclosure": event.Medium,
	"weak-crypto":            event.Low,
	"blocklist":              event.Info, "other": event.Info, "undetermined": event.Info,
}

// severityOf is the severity of a row that carries none.
func severityOf(t *event.ReportType) event.Severity {
	if isPopulation(t.Name) {
		return event.Info
	}
	if strings.HasSuffix(t.Name, "_exchange") { // classified row by row; both outcomes give a stranger the mail
		return event.High
	}
	if s, ok := byIdentifier[t.Identifier]; ok {
		return s
	}
	return byKind[t.Kind]
}

// additions are columns that name who is concerned where Shadowserver's own mapping gives a row no address and no name:
// without them nobody could be found for it. They are added to the mapping and replace nothing.
var additions = map[string][]Column{
	"compromised_account": {{Name: "email", Field: "source.fqdn", Convert: Host}},
	"ransomware_victim":   {{Name: "website", Field: "source.fqdn", Convert: Host}},
	"sandbox_dns":         {{Name: "request", Field: "source.fqdn", Convert: Host}},
}
