package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/platform/clock"
	"tocsin/internal/world"
)

const findingsEach = 20 // of each recipient

// measureDigests decides and composes one digest for each of so many recipients, with twenty findings each and every row of them
// attached, on SQLite. What is composed is what the outbox would hand over; nothing is sent.
func (b *bench) measureDigests(ctx context.Context) error {
	w, err := world.Open(ctx, world.Config{Dir: filepath.Join(b.dir, "digests"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := b.tellable(ctx, w); err != nil {
		return err
	}
	real := clock.Real()
	begun := real.Now()
	collected, err := w.Digest.Collect(ctx)
	if err != nil {
		return err
	}
	findings := int64(b.digests * findingsEach)
	b.say("Directives for new findings", begun, real, int64(collected.Made), "findings", fmt.Sprintf("%s recipients", thousands(int64(b.digests))))
	begun = real.Now()
	n, err := w.Digest.Dispatch(ctx)
	if err != nil {
		return err
	}
	b.say("Digests decided, letters queued", begun, real, int64(n), "digests", fmt.Sprintf("an act each, %s findings", thousands(findings)))
	begun = real.Now()
	n, bytes, err := composeAll(ctx, w)
	if err != nil {
		return err
	}
	b.say("Digests composed", begun, real, int64(n), "digests", fmt.Sprintf("text, HTML and CSV of every row, %d MB", bytes>>20))
	return nil
}

func (b *bench) say(what string, begun time.Time, now clock.Clock, n int64, of, note string) {
	d := now.Now().Sub(begun)
	b.report.add(what, "SQLite", fmt.Sprintf("%s %s/s", thousands(int64(float64(n)/d.Seconds())), of), fmt.Sprintf("%s in %.1f s", thousands(n), d.Seconds()), note)
}

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

// composeAll composes every letter that waits, on all processors.
func composeAll(ctx context.Context, w *world.World) (n int, bytes int64, err error) {
	var letters []notify.Letter
	for f := (notify.Filter{Kind: digest.Kind, Limit: 1000}); ; {
		page, next, err := w.Outbox.List(ctx, f)
		if err != nil {
			return 0, 0, err
		}
		letters = append(letters, page...)
		if f.Before = next; next == 0 {
			break
		}
	}
	var at, size atomic.Int64
	errs := make(chan error, runtime.NumCPU())
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := int(at.Add(1)) - 1; i < len(letters); i = int(at.Add(1)) - 1 {
				c, err := w.Digest.Compose(ctx, letters[i])
				if err != nil {
					errs <- fmt.Errorf("letter %s: %w", letters[i].Key, err)
					return
				}
				size.Add(int64(len(c.Text) + len(c.HTML)))
				for _, a := range c.Attachments {
					size.Add(int64(len(a.Bytes)))
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return len(letters), size.Load(), <-errs
}
