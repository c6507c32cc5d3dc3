// Package rsit has the Reference Security Incident Taxonomy: its classes, their types, and which belong together.
// https://github.com/enisaeu/Reference-Security-Incident-Taxonomy-Task-Force (CC0)
package rsit

import "slices"

// Type is one type of incident and the class it belongs to. The names are those of classification.type and
// classification.taxonomy.
type Type struct {
	Class string
	Name  string
	Title string
}

// Class is one class of incidents.
type Class struct {
	Name  string
	Title string
}

var classes = [...]Class{
	{"abusive-content", "Abusive Content"},
	{"malicious-code", "Malicious Code"},
	{"information-gathering", "Information Gathering"},
	{"intrusion-attempts", "Intrusion Attempts"},
	{"intrusions", "Intrusions"},
	{"availability", "Availability"},
	{"information-content-security", "Information Content Security"},
	{"fraud", "Fraud"},
	{"vulnerable", "Vulnerable"},
	{"other", "Other"},
	{"test", "Test"},
}

var types = [...]Type{
	{"abusive-content", "spam", "Spam"},
	{"abusive-content", "harmful-speech", "Harmful Speech"},
	{"abusive-content", "violence", "(Child) Sexual Exploitation/Sexual/Violent Content"},
	{"malicious-code", "infected-system", "Infected System"},
	{"malicious-code", "c2-server", "C2 Server"},
	{"malicious-code", "malware-distribution", "Malware Distribution"},
	{"malicious-code", "malware-configuration", "Malware Configuration"},
	{"information-gathering", "scanner", "Scanning"},
	{"information-gathering", "sniffing", "Sniffing"},
	{"information-gathering", "social-engineering", "Social Engineering"},
	{"intrusion-attempts", "ids-alert", "Exploitation of Known Vulnerabilities"},
	{"intrusion-attempts", "brute-force", "Login Attempts"},
	{"intrusion-attempts", "exploit", "New Attack Signature"},
	{"intrusions", "privileged-account-compromise", "Privileged Account Compromise"},
	{"intrusions", "unprivileged-account-compromise", "Unprivileged Account Compromise"},
	{"intrusions", "application-compromise", "Application Compromise"},
	{"intrusions", "system-compromise", "System Compromise"},
	{"intrusions", "burglary", "Burglary"},
	{"availability", "dos", "Denial of Service"},
	{"availability", "ddos", "Distributed Denial of Service"},
	{"availability", "misconfiguration", "Misconfiguration"},
	{"availability", "sabotage", "Sabotage"},
	{"availability", "outage", "Outage"},
	{"information-content-security", "unauthorised-information-access", "Unauthorised Access to Information"},
	{"information-content-security", "unauthorised-information-modification", "Unauthorised Modification of Information"},
	{"information-content-security", "data-loss", "Data Loss"},
	{"information-content-security", "data-leak", "Leak of Confidential Information"},
	{"fraud", "unauthorised-use-of-resources", "Unauthorised Use of Resources"},
	{"fraud", "copyright", "Copyright"},
	{"fraud", "masquerade", "Masquerade"},
	{"fraud", "phishing", "Phishing"},
	{"vulnerable", "weak-crypto", "Weak Cryptography"},
	{"vulnerable", "ddos-amplifier", "DDoS Amplifier"},
	{"vulnerable", "potentially-unwanted-accessible", "Potentially Unwanted Accessible Services"},
	{"vulnerable", "information-disclosure", "Information Disclosure"},
	{"vulnerable", "vulnerable-system", "Vulnerable System"},
	{"other", "other", "Uncategorised"},
	{"other", "undetermined", "Undetermined"},
	{"test", "test", "Test"},
}

// Classes are the eleven classes in the taxonomy's order.
func Classes() []Class { return slices.Clone(classes[:]) }

// Types are the thirty-nine types in the taxonomy's order.
func Types() []Type { return slices.Clone(types[:]) }

// ByName is the type of that name.
func ByName(name string) (Type, bool) {
	for _, t := range types {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// Valid reports whether the type belongs to the class.
func Valid(class, name string) bool {
	t, ok := ByName(name)
	return ok && t.Class == class
}

// Current is the taxonomy's name for a type as older systems (IntelMQ before 3.0, and its blocklist feeds to this day)
// wrote it; other names come back unchanged.
func Current(name string) string {
	switch name {
	case "blacklist":
		return "blocklist"
	case "backdoor", "compromised", "defacement":
		return "system-compromise"
	case "botnet drone", "botnet-drone", "malware", "ransomware":
		return "infected-system"
	case "c2server", "c&c":
		return "c2-server"
	case "dropzone", "leak", "data leak":
		return "data-leak"
	case "malware configuration":
		return "malware-configuration"
	case "potentially unwanted accessible":
		return "potentially-unwanted-accessible"
	case "unauthorized-command":
		return "system-compromise"
	case "unauthorized-login":
		return "unprivileged-account-compromise"
	case "unknown":
		return "undetermined"
	case "vulnerable client", "vulnerable service":
		return "vulnerable-system"
	case "ddos amplifier":
		return "ddos-amplifier"
	case "weak crypto":
		return "weak-crypto"
	}
	return name
}

// Classify completes and mends a classification: the type by its current name, and the class that belongs to it where
// the class given is none or not its own. blocklist, which IntelMQ adds to the taxonomy, is of class other. known is false
// for a type that neither has; it comes back as it was.
func Classify(class, name string) (c, n string, known bool) {
	n = Current(name)
	if n == "blocklist" {
		return "other", n, true
	}
	if t, ok := ByName(n); ok {
		return t.Class, n, true
	}
	return class, n, false
}
