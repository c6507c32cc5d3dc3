package shadowserver

import (
	"cmp"
	"slices"
	"strings"

	"tocsin/internal/event"
)

// Schema is what is known of Shadowserver's report types. It is immutable and safe for concurrent use.
type Schema struct {
	date   string
	types  []Type // sorted by name
	byName map[string]int
}

// Type is one report type: what is known before any row is read, and what its columns mean. Types of one Schema share
// their slices; they are not to be changed.
type Type struct {
	event.ReportType

	Transport   string   // protocol.transport where it is the same for every row, else ""
	Application string   // protocol.application where it is the same for every row, else ""
	Columns     []string // the header, in the order in which Shadowserver writes it
	Map         []Column // what becomes of the columns, in their order; a column may occur more than once
}

// Column says where the value of one column goes. A column of a file that no Column names is kept as extra.<column>.
type Column struct {
	Name    string  // the column in the header
	Field   string  // the IDF field; extra.<name> is a key of the event's extra fields
	Convert Convert // how the text becomes the field's value
}

// Convert is how a column's text becomes a field's value. An empty text is no value, whatever the conversion, and so is
// one that does not fit the conversion unless the reader says that it makes the row wrong.
type Convert string

// The conversions.
const (
	Text     Convert = "text"     // as it stands
	Optional Convert = "optional" // as it stands; "0" and "unknown" are no value
	Int      Convert = "int"      // a decimal integer
	NonZero  Convert = "nonzero"  // a decimal integer; 0 is no value
	Float    Convert = "float"    // a decimal number
	Bool     Convert = "bool"     // y, yes, true, enabled, 1 and n, no, false, disabled, 0, in any case
	Time     Convert = "time"     // YYYY-MM-DD hh:mm:ss, naive, UTC
	Date     Convert = "date"     // a date and time in one of several spellings, kept as text when unknown
	DateUTC  Convert = "date-utc" // as Date; one without a zone is UTC
	IP       Convert = "ip"       // an address
	Network  Convert = "network"  // a prefix; a single address is none
	FQDN     Convert = "fqdn"     // a host name; an address is none
	Host     Convert = "host"     // the host name in a URL, a mail address or a bare name; an address is none
	URL      Convert = "url"      // a URL, or the path of one: then http://<http_host or hostname><path>
	CVE      Convert = "cve"      // the CVE numbers among comma, semicolon or blank separated tags, comma separated
	Category Convert = "category" // as it stands; when empty, the row's detail column
	Base64   Convert = "base64"   // as it stands when it is base64, else encoded

	// The classification of Exchange servers by their tags: "webshell" is an intrusion (intrusions, system-compromise,
	// exchange-server-webshell), anything else the vulnerability (vulnerable, vulnerable-system, vulnerable-exchange-server).
	ExchangeClass      Convert = "exchange-class"
	ExchangeType       Convert = "exchange-type"
	ExchangeIdentifier Convert = "exchange-identifier"
)

// converts are Tocsin's names of the conversions that Shadowserver's mapping file asks for. One that is not here comes
// from a newer file: the text is kept as it stands.
var converts = map[string]Convert{
	"":                          Text,
	"validate_to_none":          Optional,
	"convert_int":               Int,
	"invalidate_zero":           NonZero,
	"convert_float":             Float,
	"convert_bool":              Bool,
	"add_UTC_to_timestamp":      Time,
	"convert_date":              Date,
	"convert_date_utc":          DateUTC,
	"validate_ip":               IP,
	"validate_network":          Network,
	"validate_fqdn":             FQDN,
	"convert_http_host_and_url": URL,
	"extract_cve_from_tag":      CVE,
	"category_or_detail":        Category,
	"force_base64":              Base64,
	"scan_exchange_taxonomy":    ExchangeClass,
	"scan_exchange_type":        ExchangeType,
	"scan_exchange_identifier":  ExchangeIdentifier,
}

// newSchema sorts the types by name; of two with one name the first wins.
func newSchema(date string, types []Type) *Schema {
	slices.SortStableFunc(types, func(a, b Type) int { return cmp.Compare(a.Name, b.Name) })
	types = slices.CompactFunc(types, func(a, b Type) bool { return a.Name == b.Name })
	s := &Schema{date: date, types: types, byName: make(map[string]int, len(types))}
	for i := range types {
		s.byName[types[i].Name] = i
	}
	return s
}

// Type is the type whose files carry this name, the second part of a file's name. Upper
// case is forgiven.
func (s *Schema) Type(fileName string) (Type, bool) {
	i, ok := s.byName[fileName]
	if !ok {
		i, ok = s.byName[strings.ToLower(fileName)]
	}
	if !ok {
		return Type{}, false
	}
	return s.types[i], true
}

// Types are all types, sorted by name.
func (s *Schema) Types() []Type { return slices.Clone(s.types) }

// Date is when Shadowserver made the schema, as its file says it: an RFC 3339 time, "" when unknown.
func (s *Schema) Date() string { return s.date }
