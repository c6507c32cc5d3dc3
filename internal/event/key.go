package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"

	"tocsin/internal/platform/fault"
)

// ID is a finding's identity and its place in the table: report type (4 bytes) | address family (4, 6 or 0) and address |
// port (2) | transport (1) | 16 bytes of a digest when the subject is a name or the row has an identifier of its own. It
// begins with type and address, so that a report writes neighbouring rows, and is exact but for the digest.
type ID string

// String is lower-case hexadecimal, as it stands in URLs.
func (id ID) String() string { return hex.EncodeToString([]byte(id)) }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) < 8 {
		return "", fault.NotFoundf("no finding has the id %q", s)
	}
	return ID(b), nil
}

// TypeID is the stable number of a feed's report type: the same in every installation and in any order of arrival.
func TypeID(feed, name string) int64 {
	h := sha256.Sum256([]byte(feed + "\x00" + name))
	return int64(binary.BigEndian.Uint32(h[:]))
}

// stillThere is the run_to of a finding that the latest report still has, and the valid-until of what is not limited.
const stillThere Day = 9_999_999

var transports = []string{"", "tcp", "udp", "icmp", "sctp", "icmpv6", "gre", "esp"}

// appendAddress appends the family byte and the address; an invalid address is the byte 0.
func appendAddress(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		v := a.As4()
		return append(append(b, 4), v[:]...)
	case a.Is6():
		v := a.As16()
		return append(append(b, 6), v[:]...)
	}
	return append(b, 0)
}

// AddressKey is the memcmp-sortable form of an address in the finding table; nil for none.
func AddressKey(a netip.Addr) []byte {
	if !a.IsValid() {
		return nil
	}
	return appendAddress(nil, a)
}

// AddressOf reads AddressKey's form; the zero Addr for none.
func AddressOf(b []byte) netip.Addr {
	if len(b) < 5 {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(b[1:])
	return a
}

// subject is what a finding of an event is about, besides its type.
type subject struct {
	addr       netip.Addr
	port       int32 // -1 where it is no part of the identity
	transport  string
	name       string
	identifier string // "" when it is the type's own
}

func subjectOf(t *ReportType, e *Event) subject {
	s := subject{addr: e.IP, port: -1, transport: e.Transport}
	if e.Identifier != t.Identifier {
		s.identifier = e.Identifier
	}
	switch t.Subject {
	case Service:
		s.port = e.Port
	case Name:
		s.transport = ""
		s.name = firstOf(e.URL, e.FQDN, e.Account, e.Network)
	}
	if !e.IP.IsValid() && s.name == "" {
		s.name = firstOf(e.FQDN, e.URL, e.Account, e.Network, e.DestinationFQDN, e.Text)
	}
	return s
}

func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

// lastPort is flipped in the transport's byte when the port is really 65535, for the two bytes of no port are the same.
const lastPort = 0x80

// appendID appends the finding's identity; see ID.
func (s *subject) appendID(b []byte, typ int64) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(typ))
	b = appendAddress(b, s.addr)
	b = binary.BigEndian.AppendUint16(b, uint16(s.port)) // -1 becomes 65535; see lastPort
	code, ident := byte(255), s.identifier
	for i, t := range transports {
		if t == s.transport {
			code = byte(i)
		}
	}
	if code == 255 {
		ident += "\x00" + s.transport
	}
	if s.port == 0xffff {
		code ^= lastPort
	}
	b = append(b, code)
	if ident != "" || s.name != "" {
		h := sha256.Sum256([]byte(ident + "\x00" + s.name))
		b = append(b, h[:16]...)
	}
	return b
}

// numbered tells whether the id alone says the whole subject.
func (s *subject) numbered() bool {
	return s.name == "" && s.identifier == "" && slices.Contains(transports, s.transport)
}

// portAndTransport reads the three bytes of an id that hold them; the transport is its place in transports or 255.
func portAndTransport(b []byte) (port int32, code byte) {
	port, code = int32(binary.BigEndian.Uint16(b)), b[2]
	if port == 0xffff {
		if (code&lastPort != 0) == (code|lastPort == 255) {
			return -1, code
		}
		code ^= lastPort
	}
	return port, code
}

// subject is what the id says of its finding; name and identifier are not in it.
func (id ID) subject() subject {
	s := subject{addr: id.address(), port: -1}
	at := 5 + map[byte]int{4: 4, 6: 16}[id[4]]
	var code byte
	if s.port, code = portAndTransport([]byte(id[at : at+3])); int(code) < len(transports) {
		s.transport = transports[code]
	}
	return s
}

// address is the address within an id.
func (id ID) address() netip.Addr {
	if len(id) < 5 {
		return netip.Addr{}
	}
	switch id[4] {
	case 4:
		a, _ := netip.AddrFromSlice([]byte(id[5:9]))
		return a
	case 6:
		a, _ := netip.AddrFromSlice([]byte(id[5:21]))
		return a
	}
	return netip.Addr{}
}
