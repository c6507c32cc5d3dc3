package generate

import (
	"math"
	"slices"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
)

// ranking is the order of the types by size; the types that do not stand here follow by name. It is close to what
// Shadowserver's statistics show of a country: counts of devices and plain web services first, then what is open in homes
// and small offices, then infections, then the long tail.
const ranking = `
	scan_http device_id scan_cwmp event4_sinkhole event4_honeypot_brute_force scan_ssl scan_snmp scan_ssh
	scan_dns scan_rdp scan_ntp event4_sinkhole_http scan_telnet scan_portmapper population_http_proxy scan_isakmp
	scan_smb event4_honeypot_http_scan scan_ftp scan_mysql scan_smtp device_id6 scan_http_vulnerable compromised_iot
	scan_netbios scan_ssdp scan_mdns scan_ldap_udp scan_ws_discovery blocklist scan_vnc scan_tftp scan_sip
	compromised_website malware_url scan_ssl_poodle scan_ubiquiti scan_imap scan_pop3 scan_mqtt scan_mssql
	event4_microsoft_sinkhole scan_coap scan_exchange scan6_ssl scan_redis scan_postgres scan6_http scan_adb scan_ics
	event4_honeypot_darknet scan_rsync spam_url scan_nat_pmp population_isakmp scan_elasticsearch scan_ipp scan_mongodb
	event4_ip_spoofer scan6_ssh scan_chargen scan_docker event4_honeypot_ics_scan event6_sinkhole scan_smtp_vulnerable
	scan_kubernetes scan_ipmi scan_afp scan_memcached scan_xdmcp scan_radmin scan_msrpc compromised_account
	scan_post_exploitation_framework scan_ssl_freak scan_amqp scan_stun scan_dvr_dhcpdiscover event4_ddos_participant
	scan_bgp scan_ard scan_http_proxy scan_socks scan_cisco_smart_install scan_couchdb scan_hadoop scan_db2 scan_slp
	sandbox_conn ransomware_victim scan6_rdp scan6_smb scan6_dns scan_qotd scan_epmd scan_activemq scan_gtp
	scan_netis_router event4_honeypot_ddos_amp special scan_synfulknock scan_quic phish_url`

// rank orders the types of the schema, the largest first.
func rank(schema *shadowserver.Schema) []shadowserver.Type {
	var ranked []shadowserver.Type
	seen := map[string]bool{}
	for _, name := range strings.Fields(ranking) {
		if t, ok := schema.Type(name); ok {
			ranked, seen[name] = append(ranked, t), true
		}
	}
	return append(ranked, slices.DeleteFunc(schema.Types(), func(t shadowserver.Type) bool { return seen[t.Name] })...)
}

// plan is what is made of one report type.
type plan struct {
	typ     shadowserver.Type
	seed    uint64
	slots   uint64     // places for findings; each holds one finding after the other
	lives   [5]float64 // days that a finding stays, by the kind of its place; 0 is for ever
	v6      bool
	seen    bool // an observation: a new port and time each day, often more than one row
	name    bool // about a name
	special bool // sent on one day only
	once    bool // every row is told on one day only, some days none
	sick    uint64
	steps   []step
	header  []byte
}

// A finding stays for one of these multiples of the mean; the shares, in 256ths, are such that the mean number of findings
// that are replaced in a day is exactly the churn. The last ones stay.
var (
	lifeOf    = [5]float64{0.25, 0.5, 1.5, 4, 0}
	lifeShare = [5]int{26, 38, 77, 78, 37} // sums to 256; Σ share/life ≈ 256
)

// specialDay is the day on which the special reports are sent.
const specialDay = 12

func newPlans(spec Spec, n *country, types []shadowserver.Type) []*plan {
	weights := make([]float64, len(types))
	sum := 0.0
	for r := range types {
		weights[r] = math.Pow(float64(r)+5, -1.5) * math.Exp(-float64(r+1)/30)
		sum += weights[r]
	}
	var plans []*plan
	outbreak := false
	for r, t := range types {
		p := &plan{typ: t, seed: mixText(n.seed, t.Name), v6: isV6(t.Name), name: t.Subject == event.Name,
			seen: t.Closing == event.Observation && t.Subject == event.Address, special: t.Name == "special"}
		p.once = t.Closing == event.Manual && !p.special
		rows := weights[r] / sum * float64(spec.Rows)
		if p.seen {
			rows /= meanRepeats
		}
		p.slots = uint64(max(1, math.Round(rows/meanPresence)))
		for i, life := range lifeOf {
			if p.once {
				p.lives[i] = 1
			} else if spec.Churn > 0 {
				p.lives[i] = life / spec.Churn
			}
		}
		if !outbreak && !p.v6 && strings.HasPrefix(t.Name, "event4_sinkhole") && len(n.sick) > 0 {
			p.sick, outbreak = uint64(max(12, spec.Rows/60)), true
		}
		p.compile()
		plans = append(plans, p)
	}
	return plans
}

// isV6 tells the types of IPv6 addresses: scan6_http, event6_sinkhole, device_id6.
func isV6(name string) bool {
	first, _, _ := strings.Cut(name, "_")
	return strings.HasSuffix(first, "6") || strings.HasSuffix(name, "6")
}
