package stix

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tocsin/internal/format/indicator"
	"tocsin/internal/format/tlp"
)

// head is what every object has (section 3.2).
type head struct {
	Type        string      `json:"type"`
	SpecVersion string      `json:"spec_version"`
	ID          string      `json:"id"`
	CreatedBy   string      `json:"created_by_ref,omitempty"`
	Created     string      `json:"created,omitempty"`
	Modified    string      `json:"modified,omitempty"`
	Language    string      `json:"lang,omitempty"`
	Labels      []string    `json:"labels,omitempty"`
	References  []reference `json:"external_references,omitempty"`
	Markings    []string    `json:"object_marking_refs,omitempty"`
}

func (h head) id() string { return h.ID }

// object is any of the structs below.
type object interface{ id() string }

type reference struct {
	Source      string `json:"source_name"`
	Description string `json:"description,omitempty"`
	URL         string `json:"url,omitempty"`
	ID          string `json:"external_id,omitempty"`
}

// marking is a marking-definition (section 7.2.1) by the TLP 2.0 extension.
type marking struct {
	head
	Name       string                  `json:"name"`
	Extensions map[string]tlpExtending `json:"extensions"`
}

type tlpExtending struct {
	Type  string `json:"extension_type"`
	Label string `json:"tlp_2_0"`
}

func markingOf(l tlp.Label) marking {
	name := l.String()
	return marking{head{Type: "marking-definition", SpecVersion: "2.1", ID: markings[l], Created: tlpCreated}, name,
		map[string]tlpExtending{tlpExtension: {"property-extension", strings.ToLower(strings.TrimPrefix(name, "TLP:"))}}}
}

type identity struct {
	head
	Name    string   `json:"name"`
	Class   string   `json:"identity_class"`
	Sectors []string `json:"sectors,omitempty"`
	Contact string   `json:"contact_information,omitempty"`
}

// named is an incident or a vulnerability.
type named struct {
	head
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type patterned struct {
	head
	Description string   `json:"description,omitempty"`
	Name        string   `json:"name"`
	Kinds       []string `json:"indicator_types"`
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	From        string   `json:"valid_from"`
	Until       string   `json:"valid_until,omitempty"`
}

type relationship struct {
	head
	Kind   string `json:"relationship_type"`
	Source string `json:"source_ref"`
	Target string `json:"target_ref"`
}

type observed struct {
	head
	First   string   `json:"first_observed"`
	Last    string   `json:"last_observed"`
	Number  int      `json:"number_observed"`
	Objects []string `json:"object_refs"`
}

type note struct {
	head
	Abstract string   `json:"abstract,omitempty"`
	Content  string   `json:"content"`
	Authors  []string `json:"authors,omitempty"`
	Objects  []string `json:"object_refs"`
}

// seen is a cyber-observable object (section 6): a value, hashes or a number.
type seen struct {
	head
	Value  string            `json:"value,omitempty"`
	Hashes map[string]string `json:"hashes,omitempty"`
	Number uint64            `json:"number,omitempty"`
}

// hashes are the names of hash-algorithm-ov (section 10).
var hashes = map[indicator.Type]string{indicator.MD5: "MD5", indicator.SHA1: "SHA-1", indicator.SHA256: "SHA-256", indicator.SHA512: "SHA-512"}

// kindOf is the type of the observable that has the value.
func kindOf(t indicator.Type, value string) (string, error) {
	six := strings.Contains(value, ":")
	switch {
	case value == "":
	case t == indicator.IPv4, t == indicator.CIDR && !six:
		return "ipv4-addr", nil
	case t == indicator.IPv6, t == indicator.CIDR:
		return "ipv6-addr", nil
	case t == indicator.Domain:
		return "domain-name", nil
	case t == indicator.URL:
		return "url", nil
	case t == indicator.Mail:
		return "email-addr", nil
	case t == indicator.ASN:
		if _, err := strconv.ParseUint(strings.TrimPrefix(value, "AS"), 10, 32); err == nil {
			return "autonomous-system", nil
		}
	case hashes[t] != "":
		return "file", nil
	}
	return "", fmt.Errorf("%s %q is nothing that STIX observes", t, value)
}

// uri is the value as it stands in STIX: what people wrote into a URL and RFC 3986 does not allow is written in percent.
func uri(t indicator.Type, value string) string {
	if t != indicator.URL {
		return value
	}
	var b strings.Builder
	for _, c := range []byte(value) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// observable makes the object of a value, with the identifier that everybody gives it.
func observable(t indicator.Type, value string) (seen, error) {
	kind, err := kindOf(t, value)
	o := seen{head: head{Type: kind, SpecVersion: "2.1"}}
	switch kind {
	case "autonomous-system":
		o.Number, err = strconv.ParseUint(strings.TrimPrefix(value, "AS"), 10, 32)
		o.ID = observableID(kind, map[string]uint64{"number": o.Number})
	case "file":
		o.Hashes = map[string]string{hashes[t]: value}
		o.ID = observableID(kind, map[string]any{"hashes": o.Hashes})
	default:
		o.Value = uri(t, value)
		o.ID = observableID(kind, map[string]string{"value": o.Value})
	}
	return o, err
}

// pattern is the expression that matches a value (section 9). A network is matched by what lies in it.
func pattern(t indicator.Type, value string) (string, error) {
	kind, err := kindOf(t, value)
	literal := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(uri(t, value)) + "'"
	switch {
	case err != nil:
		return "", err
	case t == indicator.CIDR:
		return "[" + kind + ":value ISSUBSET " + literal + "]", nil
	case kind == "autonomous-system":
		return "[autonomous-system:number = " + strings.TrimPrefix(value, "AS") + "]", nil
	case t == indicator.MD5:
		return "[file:hashes.MD5 = " + literal + "]", nil
	case kind == "file":
		return "[file:hashes.'" + hashes[t] + "' = " + literal + "]", nil
	}
	return "[" + kind + ":value = " + literal + "]", nil
}

// encode writes JSON that every reader of STIX takes: UTF-8 without escapes for HTML.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return []byte(b.String()), err
}
