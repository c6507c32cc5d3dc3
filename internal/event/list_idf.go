package event

import "encoding/json"

// IDF is the event by IDF field names; what is empty is left out.
func (e *StoredEvent) IDF() map[string]any {
	m := map[string]any{"feed.name": e.Feed, "feed.code": e.Type}
	if e.IP.IsValid() {
		m["source.ip"] = e.IP.String()
	}
	if e.DestinationIP.IsValid() {
		m["destination.ip"] = e.DestinationIP.String()
	}
	for name, n := range map[string]int64{"source.asn": int64(e.ASN), "destination.asn": int64(e.DestinationASN)} {
		if n > 0 {
			m[name] = n
		}
	}
	for name, port := range map[string]int32{"source.port": e.Port, "destination.port": e.DestinationPort} {
		if port >= 0 {
			m[name] = port
		}
	}
	for name, s := range e.texts() {
		if s != "" {
			m[name] = s
		}
	}
	if e.Severity != Unrated {
		m["extra.severity"] = e.Severity.String()
	}
	var extra map[string]string
	if e.Extra != "" && json.Unmarshal([]byte(e.Extra), &extra) == nil {
		for k, v := range extra {
			m["extra."+k] = v
		}
	}
	return m
}

func (e *StoredEvent) texts() map[string]string {
	return map[string]string{
		"time.source": idfTime(e.Time), "time.observation": idfTime(e.Observed),
		"source.geolocation.cc": e.CC, "source.geolocation.region": e.Region, "source.geolocation.city": e.City,
		"source.reverse_dns": e.ReverseDNS, "source.fqdn": e.FQDN, "source.url": e.URL, "source.account": e.Account,
		"source.network": e.Network, "destination.geolocation.cc": e.DestinationCC, "destination.fqdn": e.DestinationFQDN,
		"destination.url": e.DestinationURL, "protocol.transport": e.Transport, "protocol.application": e.Application,
		"classification.taxonomy": e.Class, "classification.type": e.Kind, "classification.identifier": e.Identifier,
		"malware.name": e.Malware, "product.vendor": e.Vendor, "product.name": e.Product, "product.version": e.Version,
		"product.vulnerabilities": e.Vulnerabilities, "status": e.Status, "event_description.text": e.Text,
	}
}
