package digest

import (
	"strings"

	"tocsin/internal/event"
)

// families say which advice a report type's recipients get, by the words of its name; the first that fits counts.
var families = []struct {
	family string
	words  []string
}{
	{"website", []string{"compromised_website"}},
	{"account", []string{"compromised_account"}},
	{"compromised", []string{"compromised", "ransomware", "synfulknock", "post_exploitation"}},
	{"infected", []string{"sinkhole", "infected", "sandbox_conn", "sandbox_dns"}},
	{"hosting", []string{"malware_url", "phish_url", "sandbox_url"}},
	{"spam", []string{"spam"}},
	{"attacking", []string{"honeypot", "ddos_participant", "ip_spoofer", "brute_force"}},
	{"industrial", []string{"_ics", "modbus", "s7", "bacnet"}},
	{"vulnerable", []string{"vulnerable", "exchange", "special", "activemq", "badsecrets", "smart_install"}},
	{"crypto", []string{"ssl"}},
	{"remote", []string{"rdp", "vnc", "telnet", "ssh", "radmin", "_ard", "xdmcp", "winrm", "adb", "ipmi", "kubernetes", "docker", "isakmp"}},
	{"database", []string{"mongodb", "elasticsearch", "redis", "mysql", "postgres", "mssql", "couchdb", "db2", "hadoop", "cassandra", "epmd", "ldap_tcp"}},
	{"sharing", []string{"smb", "ftp", "nfs", "rsync", "_afp", "ipp", "netbios", "msrpc"}},
	{"amplifier", []string{"dns", "ntp", "chargen", "qotd", "memcached", "snmp", "ssdp", "portmapper", "ldap_udp", "slp", "ws_discovery", "loop_dos",
		"middlebox", "stun", "sip", "coap", "mdns", "dhcpdiscover", "nat_pmp", "rdpeudp"}},
	{"device", []string{"cwmp", "mqtt", "ubiquiti", "netis", "iot", "amqp", "ip_tunnel", "http_proxy", "socks", "gtp", "bgp"}},
}

// byClass are the families of types whose name says nothing, by their RSIT type.
var byClass = map[string]string{"infected-system": "infected", "c2-server": "compromised", "malware-distribution": "hosting", "phishing": "hosting",
	"system-compromise": "compromised", "application-compromise": "compromised", "data-leak": "account", "weak-crypto": "crypto", "ddos-amplifier": "amplifier",
	"brute-force": "attacking", "scanner": "attacking", "exploit": "attacking", "ddos": "attacking", "spam": "spam", "vulnerable-system": "vulnerable"}

// family is the family of advice for a report type.
func family(name, kind string) string {
	for _, f := range families {
		for _, w := range f.words {
			if strings.Contains(name, w) {
				return f.family
			}
		}
	}
	if f, ok := byClass[kind]; ok {
		return f
	}
	return "other"
}

func familyOf(f *event.Finding) string { return family(f.Type, f.Kind) }
