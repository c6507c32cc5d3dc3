// Package event takes in what feeds tell: it archives their files, attributes every row, keeps the rows as immutable
// Parquet segments and the open problems behind them as findings, and counts both by day. It does not know who is told
// (notify) nor how the nation stands (situation); who owns an address is constituency's to say.
package event

import (
	"net/netip"
	"time"
)

// Event is one row of one source file, normalised. Field names follow the IntelMQ Data Format (IDF). Strings may share
// one buffer with the rows around them and must not be kept longer than those. Times are UTC microseconds, 0 is unknown.
// Ports are -1 where there is none.
type Event struct {
	Row      int64 // row number in the file's data, from 1 (the header is no row)
	Line     int64 // physical line on which the row begins, from 1
	Offset   int64 // byte offset of the row in the decompressed file
	Time     int64 // time.source
	Observed int64 // time.observation

	IP         netip.Addr // source.ip, unmapped
	Port       int32      // source.port
	ASN        uint32     // source.asn
	CC         string     // source.geolocation.cc
	Region     string     // source.geolocation.region
	City       string     // source.geolocation.city
	ReverseDNS string     // source.reverse_dns; never attributes
	FQDN       string     // source.fqdn
	URL        string     // source.url
	Account    string     // source.account
	Network    string     // source.network

	DestinationIP   netip.Addr // destination.ip
	DestinationPort int32      // destination.port
	DestinationASN  uint32     // destination.asn
	DestinationCC   string     // destination.geolocation.cc
	DestinationFQDN string     // destination.fqdn
	DestinationURL  string     // destination.url

	Transport       string // protocol.transport
	Application     string // protocol.application
	Class           string // classification.taxonomy (RSIT class)
	Kind            string // classification.type (RSIT type)
	Identifier      string // classification.identifier
	Malware         string // malware.name
	Vendor          string // product.vendor
	Product         string // product.name
	Version         string // product.version
	Vulnerabilities string // product.vulnerabilities, comma separated
	Severity        Severity
	Status          string // status
	Text            string // event_description.text

	// Extra is every other non-empty column as one JSON object of strings, "" for none: nothing a feed tells is dropped.
	Extra string
}

// Severity of an event or finding, as Shadowserver rates rows; the nation's profile says what each asks for.
type Severity int8

// The severities.
const (
	Unrated Severity = iota
	Info
	Low
	Medium
	High
	Critical
)

var severities = [...]string{"unrated", "info", "low", "medium", "high", "critical"}

// String is the lower-case name.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severities) {
		return severities[0]
	}
	return severities[s]
}

// ParseSeverity reads a name in any case; ok is false for an unknown one.
func ParseSeverity(name string) (s Severity, ok bool) {
	for i, n := range severities {
		if len(n) == len(name) && equalFold(n, name) {
			return Severity(i), true
		}
	}
	return Unrated, false
}

func equalFold(lower, s string) bool {
	for i := range len(lower) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// Subject says what a finding of a report type is about, and so what its identity is made of.
type Subject string

// The subjects.
const (
	Service Subject = "service" // a listening service: address, port and transport
	Address Subject = "address" // a host: the row's port is the client's ephemeral one, evidence and not identity
	Name    Subject = "name"    // a site, URL or account: the name beats the prefix in attribution, the hoster gets a copy
)

// Closing says when a finding of a report type is over.
type Closing string

// The closings.
const (
	Snapshot    Closing = "snapshot"    // no longer seen after 3 complete feed days without it
	Observation Closing = "observation" // lapses 14 days after it was last seen
	Manual      Closing = "manual"      // a person closes it
)

// ReportType is what is known of a type of report before any row is read.
type ReportType struct {
	Name       string // as it stands in file names
	Title      string
	Class      string // RSIT class
	Kind       string // RSIT type
	Identifier string // classification.identifier of its rows, "" where rows carry their own
	Severity   Severity
	Subject    Subject
	Closing    Closing
	Population bool // counts devices, tells no problem: nobody is notified
	Known      bool // false: not in the schema; taken in with what can be recognised and flagged for a person
}

// Identity is what a file's name and its feed tell of it.
type Identity struct {
	Name         string // the file's base name, decompression suffixes kept
	Type         string // report type
	Day          Day    // report date
	Subscription string // last part of the name: which list it was made for
	Delayed      bool   // belongs to its report date, adds to the file without -delayed
	Delta        bool   // only what is new: never closes anything
}

// Day is a calendar day in UTC, counted from 1970-01-01.
type Day int64

// DayOf is the day of a time in UTC microseconds.
func DayOf(micros int64) Day {
	d := micros / 86_400_000_000
	if micros%86_400_000_000 < 0 {
		d--
	}
	return Day(d)
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	return DayOf(t.UnixMicro()), err
}

// Time is the day's first instant.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86_400, 0).UTC() }

// String is YYYY-MM-DD.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// RowError is a row that could not be read; the file goes on. Line, Column (from 1) and Field say where.
type RowError struct {
	Row    int64
	Line   int64
	Column int
	Field  string
	Reason string // what is wrong and what was expected, for people
}

// Error implements error.
func (e *RowError) Error() string { return e.Reason }
