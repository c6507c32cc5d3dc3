package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/world"
)

// measureIncidents files reports, makes cases of a fifth of them, and asks a server of its own for every page that people work with
// through the day, many times each.
func (b *bench) measureIncidents(ctx context.Context, e *engine) error {
	w, err := world.Open(ctx, world.Config{Dir: e.dir, DatabaseURL: hasty(e.url), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	begun := clock.Start()
	f := &filling{w: w, seed: b.seed}
	err = f.fill(ctx, b.reports)
	d := begun.Elapsed()
	var outside string
	if err == nil {
		if b.token, err = token(ctx, w); err == nil {
			outside, err = outsider(ctx, w, f.busiest)
		}
	}
	w.Close()
	if err != nil {
		return err
	}
	b.report.add("Reports filed and triaged", e.name, fmt.Sprintf("%s reports/s", thousands(int64(float64(b.reports)/d.Seconds()))),
		fmt.Sprintf("%s reports, %s cases in %.0f s, a hundred reports in each act", thousands(int64(b.reports)), thousands(f.cases.Load()), d.Seconds()), "")
	base, stop, err := b.serve(ctx, e)
	if err != nil {
		return err
	}
	defer stop()
	client := &http.Client{Timeout: time.Minute}
	large := fmt.Sprintf("/cases/%d", f.large)
	slow := 0
	for _, p := range []struct{ name, path, token string }{
		{"triage board", "/reports", b.token},
		{"board, one origin", "/reports?origin=public", b.token},
		{"board, one constituent", "/reports?constituent=" + f.busiestRef, b.token},
		{"board, constituent and state", "/reports?state=accepted&constituent=" + f.quietRef, b.token},
		{"board, nothing matches", "/reports?state=rejected&origin=partner", b.token},
		{"reports, all", "/reports?state=all", b.token},
		{"reports, accepted", "/reports?state=accepted", b.token},
		{"reports, by the API", "/api/reports?limit=100", b.token},
		{"a report", fmt.Sprintf("/reports/%d", f.report), b.token},
		{"cases", "/cases", b.token},
		{"cases of a sector", "/cases?sector=energy&sort=-changed", b.token},
		{"cases with columns", "/cases?look=board", b.token},
		{"nobody's cases", "/cases?state=all&lead=nobody&min-severity=high", b.token},
		{"cases of a rare type", "/cases?state=all&type=ddos&sort=opened", b.token},
		{"cases of a constituent", "/cases?state=all&constituent=" + f.busiestRef, b.token},
		{"a case", fmt.Sprintf("/cases/%d", f.small), b.token},
		{"a case of much work", large, b.token},
		{"its timeline, further", large + "?before=" + fmt.Sprint(f.entry), b.token},
		{"its clocks", large + "/clocks", b.token},
		{"its affected", large + "/affected", b.token},
		{"its indicators", large + "/indicators", b.token},
		{"what it is related to", large + "/related", b.token},
		{"search, one rare word", "/cases/search?q=host4711", b.token},
		{"search, a beginning", "/cases/search?q=host4", b.token},
		{"search, frequent words", "/cases/search?q=server+phishing+mail", b.token},
		{"search, frequent and rare", "/cases/search?q=server+host4711", b.token},
		{"search, nothing in common", "/cases/search?q=server+frequent0+nowhere", b.token},
		{"search, an address", "/cases/search?q=198.51.100.7", b.token},
		{"search, a domain", "/cases/search?q=host4711.example", b.token},
		{"search, a frequent domain", "/cases/search?q=evil.example", b.token},
		{"search, a ticket", "/cases/search?q=T-I" + f.number, b.token},
		{"clocks", "/clocks", b.token},
		{"clocks of a sector", "/clocks?sector=energy", b.token},
		{"clocks that were met", "/clocks?state=submitted", b.token},
		{"the national picture", "/", b.token},
		{"trend by week", "/statistics", b.token},
		{"trend by month and sector, all", "/statistics?by=month&of=sector&periods=60", b.token},
		{"trend by severity, by the API", "/api/statistics/trend?by=week&of=severity&periods=52", b.token},
		{"portal, own reports", "/portal/reports", outside},
		{"portal, own clocks", "/portal/clocks", outside},
		{"portal, own reports by the API", "/api/portal/reports?limit=100", outside},
	} {
		var times []time.Duration
		for range b.requests + 1 {
			d, err := ask(ctx, client, base+p.path, p.token)
			if err != nil {
				return err
			}
			times = append(times, d)
		}
		times = times[1:] // the first one warms
		note := ""
		if percentile(times, 95) > bar {
			note = "over the bar of " + bar.String()
			slow++
		}
		b.report.add("  "+p.name, e.name, fmt.Sprintf("%.1f ms p95", ms(percentile(times, 95))),
			fmt.Sprintf("p50 %.1f ms, max %.1f ms, %s", ms(percentile(times, 50)), ms(percentile(times, 100)), p.path), note)
	}
	b.report.add("incident pages over the bar", e.name, fmt.Sprint(slow), bar.String()+" p95, as the client on the same machine measures it"+busy(), "")
	return nil
}

// hasty is the address of a PostgreSQL that answers before the disk has what it was told: filling it is not what is measured.
func hasty(url string) string {
	switch {
	case url == "":
		return ""
	case strings.Contains(url, "?"):
		return url + "&synchronous_commit=off"
	}
	return url + "?synchronous_commit=off"
}

// busy is how busy the machine is: the slowest answers tell of it as much as of the pages.
func busy() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	load, _, _ := strings.Cut(string(b), " ")
	return ", load average " + load
}

// bar is what a page of incidents may take.
const bar = 50 * time.Millisecond

// outsider lets the bench read what a constituent reads.
func outsider(ctx context.Context, w *world.World, constituent int64) (string, error) {
	const login, password = "bench-outside@operator.example", "violet tractor hums quietly"
	id, err := w.Identity.Create(ctx, identity.LocalActor, identity.NewAccount{Login: login, Name: "Bench outside", Password: password,
		Roles: []identity.Held{{Role: identity.Manager, Constituent: constituent}}})
	if err != nil {
		return "", err
	}
	in, err := w.Identity.SignIn(ctx, login, password, identity.Device{})
	if err != nil {
		return "", err
	}
	by, err := w.Identity.Resume(ctx, in.Secret)
	if err != nil {
		return "", err
	}
	scope, err := w.Identity.Scopes(ctx, id)
	if err != nil {
		return "", err
	}
	secret, _, err := w.Identity.Issue(ctx, by, id, "bench", scope, w.Clock().Now().Add(24*time.Hour))
	return secret, err
}

var frequent = strings.Fields("server mail phishing network password since morning user account address file login attack website customer database backup firewall router office")
