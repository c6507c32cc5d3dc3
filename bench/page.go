package main

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed" // the list of pages
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/world"
)

// urls are the pages that are measured, the worst filters and sorts among them.
//
//go:embed urls.txt
var urls string

// measurePages serves the engine's world with a process of its own and asks for every page many times.
func (b *bench) measurePages(ctx context.Context, e *engine) error {
	fill, total, err := b.subjects(ctx, e)
	if err != nil {
		return err
	}
	base, stop, err := b.serve(ctx, e)
	if err != nil {
		return err
	}
	defer stop()
	client := &http.Client{Timeout: time.Minute}
	var all []time.Duration
	type slow struct {
		path string
		p95  time.Duration
	}
	var slowest []slow
	for path := range pages(fill) {
		var times []time.Duration
		for range b.requests + 1 {
			d, err := ask(ctx, client, base+path, b.token)
			if err != nil {
				return err
			}
			times = append(times, d)
		}
		times = times[1:] // the first one warms
		all = append(all, times...)
		slowest = append(slowest, slow{path, percentile(times, 95)})
	}
	slices.SortFunc(slowest, func(a, b slow) int { return int(b.p95 - a.p95) })
	b.report.add("pages, p95", e.name, fmt.Sprintf("%.1f ms", ms(percentile(all, 95))),
		fmt.Sprintf("p50 %.1f ms, %d pages of %d requests, %s findings", ms(percentile(all, 50)), len(slowest), b.requests, thousands(total)), "")
	for _, s := range slowest[:min(3, len(slowest))] {
		b.report.add("  slowest", e.name, fmt.Sprintf("%.1f ms", ms(s.p95)), s.path, "")
	}
	return nil
}

// subjects finds what the list's placeholders stand for: the worst cases, not arbitrary ones.
func (b *bench) subjects(ctx context.Context, e *engine) (*strings.Replacer, int64, error) {
	w, err := world.Open(ctx, world.Config{Dir: e.dir, DatabaseURL: e.url})
	if err != nil {
		return nil, 0, err
	}
	defer w.Close()
	if b.token, err = token(ctx, w); err != nil {
		return nil, 0, err
	}
	p, err := w.Findings.List(ctx, event.Filter{AnyState: true}, event.Sort{By: event.BySeverity}, event.PageRequest{Limit: 200})
	if err != nil || len(p.Items) == 0 {
		return nil, 0, errors.Join(err, errors.New("there are no findings to show"))
	}
	f := p.Items[0]
	for _, x := range p.Items {
		if x.Address.IsValid() && x.Owner.ID != 0 {
			f = x
			break
		}
	}
	return strings.NewReplacer("{finding}", f.ID.String(), "{address}", f.Address.String(), "{owner}", f.Owner.Ref,
		"{owner-id}", fmt.Sprint(f.Owner.ID), "{type}", f.Type, "{sector}", f.Owner.Sector, "{day}", f.LastDay.String(), "{from}", (f.LastDay - 90).String()), p.Total, nil
}

// token lets the bench read what the staff reads.
func token(ctx context.Context, w *world.World) (string, error) {
	id, err := w.Identity.Create(ctx, identity.LocalActor, identity.NewAccount{Kind: identity.ServiceAccount, Login: "bench-" + strings.ToLower(rand.Text()[:8]), Name: "Bench",
		Roles: []identity.Held{{Role: identity.Administrator}}})
	if err != nil {
		return "", err
	}
	scope, err := w.Identity.Scopes(ctx, id)
	if err != nil {
		return "", err
	}
	secret, _, err := w.Identity.Issue(ctx, identity.LocalActor, id, "bench", scope, w.Clock().Now().Add(24*time.Hour))
	return secret, err
}

// pages are the lines of the list that are no comment.
func pages(fill *strings.Replacer) func(func(string) bool) {
	return func(yield func(string) bool) {
		for s := bufio.NewScanner(strings.NewReader(urls)); s.Scan(); {
			if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") && !yield(fill.Replace(line)) {
				return
			}
		}
	}
}

func (b *bench) serve(ctx context.Context, e *engine) (base string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.CommandContext(ctx, b.bin, append([]string{"serve", "--listen", address}, e.flags()...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}
	base = "http://" + address
	client := &http.Client{Timeout: 5 * time.Second}
	for tick := time.Tick(100 * time.Millisecond); ; {
		if _, err := ask(ctx, client, base+"/healthz", ""); err == nil {
			return base, stop, nil
		}
		select {
		case <-ctx.Done():
			stop()
			return "", nil, ctx.Err()
		case <-tick:
		}
	}
}

func ask(ctx context.Context, client *http.Client, url, token string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	watch := clock.Start()
	r, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, r.Body)
	d := watch.Elapsed()
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return 0, err
	}
	if r.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", url, r.Status)
	}
	return d, nil
}

func percentile(ds []time.Duration, p int) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[min(len(s)-1, (len(s)*p+99)/100)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
