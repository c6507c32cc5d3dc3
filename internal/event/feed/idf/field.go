package idf

// Field is a field of event.Event by its IDF name.
type Field uint8

// The fields. Other is what has no place of its own in an event and is kept among its extra fields.
const (
	Other Field = iota
	TimeSource
	TimeObservation
	SourceIP
	SourcePort
	SourceASN
	SourceCC
	SourceRegion
	SourceCity
	SourceReverseDNS
	SourceFQDN
	SourceURL
	SourceAccount
	SourceNetwork
	DestinationIP
	DestinationPort
	DestinationASN
	DestinationCC
	DestinationFQDN
	DestinationURL
	Transport
	Application
	Class
	Kind
	Identifier
	Malware
	Vendor
	Product
	Version
	Vulnerabilities
	Severity
	Status
	Text
	fieldCount
)

var fieldNames = [fieldCount]string{
	TimeSource:       "time.source",
	TimeObservation:  "time.observation",
	SourceIP:         "source.ip",
	SourcePort:       "source.port",
	SourceASN:        "source.asn",
	SourceCC:         "source.geolocation.cc",
	SourceRegion:     "source.geolocation.region",
	SourceCity:       "source.geolocation.city",
	SourceReverseDNS: "source.reverse_dns",
	SourceFQDN:       "source.fqdn",
	SourceURL:        "source.url",
	SourceAccount:    "source.account",
	SourceNetwork:    "source.network",
	DestinationIP:    "destination.ip",
	DestinationPort:  "destination.port",
	DestinationASN:   "destination.asn",
	DestinationCC:    "destination.geolocation.cc",
	DestinationFQDN:  "destination.fqdn",
	DestinationURL:   "destination.url",
	Transport:        "protocol.transport",
	Application:      "protocol.application",
	Class:            "classification.taxonomy",
	Kind:             "classification.type",
	Identifier:       "classification.identifier",
	Malware:          "malware.name",
	Vendor:           "product.vendor",
	Product:          "product.name",
	Version:          "product.version",
	Vulnerabilities:  "product.vulnerabilities",
	Severity:         "severity",
	Status:           "status",
	Text:             "event_description.text",
}

// String is the IDF name.
func (f Field) String() string { return fieldNames[f] }

// Fields is every field by its IDF name. The map is the caller's own.
func Fields() map[string]Field {
	m := make(map[string]Field, fieldCount)
	for f := Other + 1; f < fieldCount; f++ {
		m[fieldNames[f]] = f
	}
	return m
}
