package event

import (
	"net/netip"
	"testing"
)

// TestIDSaysItsSubject: port and transport are read back from an id, also where port 65535 meets no port.
func TestIDSaysItsSubject(t *testing.T) {
	seen := map[ID]subject{}
	for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
		for _, port := range []int32{-1, 0, 1, 255, 65534, 65535} {
			for _, transport := range append(transports[:len(transports):len(transports)], "quic") {
				s := subject{addr: netip.MustParseAddr(a), port: port, transport: transport}
				id := ID(s.appendID(nil, 1<<32-1))
				if o, ok := seen[id]; ok {
					t.Errorf("%+v and %+v are one finding", o, s)
				}
				seen[id] = s
				got := id.subject()
				if !s.numbered() {
					s.transport = ""
				}
				if got != s {
					t.Errorf("%+v reads back as %+v", s, got)
				}
				if p, _ := portOf([]byte(id[4:])); p != port {
					t.Errorf("%+v has port %d in the list", s, p)
				}
			}
		}
	}
}
