package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/world"
)

const findingsEach = 20 // of each recipient

// tellable makes recipients, ends the feed's first intake and takes in a day of critical findings for each of them.
func (b *bench) tellable(ctx context.Context, w *world.World) error {
	type object = map[string]any
	var all []object
	base := netip.MustParseAddr("20.0.0.0").As4()
	address := func(i, host int) netip.Addr {
		n := uint32(base[0])<<24 + uint32(i*32+host)
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	for i := range b.digests {
		all = append(all, object{"ref": fmt.Sprintf("r%d", i), "name": fmt.Sprintf("Recipient %d", i), "kind": "operator", "sector": "energy",
			"language": []string{"en", "sr-Latn", "ja"}[i%3], "contacts": []object{{"role": "abuse", "mail": fmt.Sprintf("abuse@r%d.example", i)}},
			"assets": []object{{"kind": "prefix", "value": netip.PrefixFrom(address(i, 0), 27).String()}}})
	}
	text, err := json.Marshal(object{"constituents": all})
	if err != nil {
		return err
	}
	doc, err := constituency.Read("bench.json", constituency.JSON, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	if _, err := w.Constituency.Import(ctx, identity.LocalActor, doc, constituency.ImportOptions{}); err != nil {
		return err
	}
	today := event.DayOf(w.Clock().Now().UnixMicro())
	types := []string{"scan_ftp", "scan_smb", "scan_rdp", "scan_telnet", "scan_vnc"}
	take := func(day event.Day, severity string, hosts int) error {
		var sources []event.Source
		for t, typ := range types {
			path := filepath.Join(b.dir, fmt.Sprintf("%s-%s-bench.csv", day, typ))
			var rows strings.Builder
			rows.WriteString("timestamp,ip,port,protocol,severity,hostname,tag,asn,geo,region,city\n")
			for i := range b.digests {
				for host := range hosts {
					if host%len(types) == t {
						fmt.Fprintf(&rows, "%s 01:02:03,%s,%d,tcp,%s,host-%d.example,%s,64500,XA,Region,City\n", day, address(i, host+1), 20+host, severity, host, typ)
					}
				}
			}
			if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
				return err
			}
			defer os.Remove(path)
			sources = append(sources, event.Source{Name: filepath.Base(path), Size: int64(rows.Len()), Open: func() (io.ReadCloser, error) { return os.Open(path) }})
		}
		_, err := w.Intake.Take(ctx, identity.LocalActor, "shadowserver", sources, nil)
		return err
	}
	if err := take(today-1, "info", 1); err != nil {
		return err
	}
	if err := w.Digest.Begin(ctx, identity.LocalActor, "shadowserver"); err != nil {
		return err
	}
	return take(today, "critical", findingsEach)
}
