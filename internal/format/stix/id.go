package stix

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"strings"

	"tocsin/internal/format/tlp"
)

// uuid is 16 bytes as RFC 9562 has them.
type uuid [16]byte

// String is the 8-4-4-4-12 form.
func (u uuid) String() string {
	s := hex.EncodeToString(u[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// v5 is the UUID of a name in a namespace (RFC 9562 section 5.5).
func v5(space uuid, name string) uuid {
	var u uuid
	sum := sha1.Sum(append(space[:], name...))
	copy(u[:], sum[:])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

// urls is the namespace of URLs (RFC 9562 section 6.6). Section 2.9 of STIX forbids its own namespace of observables to others.
var urls = uuid{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

// observables is the namespace of cyber-observable objects (section 2.9).
var observables = uuid{0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7}

// observableID is the identifier of an observable by the properties that contribute to it, as canonical JSON (RFC 8785).
func observableID(kind string, contributing any) string {
	return kind + "--" + v5(observables, canonical(contributing)).String()
}

// canonical writes JSON as RFC 8785 has it for the maps of strings and the small integers that occur here: encoding/json sorts keys
// and shortens nothing else, but escapes two separators that the RFC writes as they are.
func canonical(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a map of strings and numbers always encodes
	}
	return strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
}

// markings are the TLP 2.0 marking definitions of the OASIS extension, which have fixed identifiers. STIX 2.1 itself (section
// 7.2.1.4) has those of TLP 1.0 only.
var markings = map[tlp.Label]string{
	tlp.Clear:       "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	tlp.Green:       "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	tlp.Amber:       "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	tlp.AmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	tlp.Red:         "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

const (
	tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
	tlpCreated   = "2022-10-01T00:00:00.000Z"
)
