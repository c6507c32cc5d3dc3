package world

import (
	"context"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/spool"
)

// mailbox is the world's mailbox. It is read by the world's Net alone, and only where the configuration names one.
func (w *World) mailbox() (*mailbox.Box, error) {
	tmp := spool.Dir(filepath.Join(w.cfg.Dir, tmpDir))
	c := mailbox.Config{DB: w.db, Clock: w.cfg.Clock, Real: w.cfg.Real, Log: w.cfg.Log, Outbox: w.Outbox, Constituency: w.Constituency, Spool: tmp,
		Files:   file.Dir{FS: file.OS{}, Root: filepath.Join(w.cfg.Dir, mailDir)},
		Client:  fetch.New(w.cfg.Net, fetch.Options{Version: w.cfg.Version, Spool: tmp}),
		Reports: mailbox.Reports{Named: w.reportNamed, Linked: w.reportLinked, Take: w.takeReport}, Trust: w.cfg.Trust, Step: w.cfg.Step, Open: w.MailKeys.Open}
	if w.cfg.IMAP != nil {
		var err error
		if c.Source, err = imap.New(*w.cfg.IMAP, w.cfg.Net); err != nil {
			return nil, err
		}
	}
	return mailbox.New(c), nil
}

// reportNamed is the feed that knows a report type by the name of its file; "" when none does, or several do.
func (w *World) reportNamed(ctx context.Context, name string) (string, error) {
	feeds, err := w.Feeds.List(ctx)
	if err != nil {
		return "", err
	}
	found := ""
	for _, f := range feeds {
		format, err := w.Formats.Of(f)
		if err != nil { // a feed whose mapping is broken: that is told where its files are taken in
			continue
		}
		id, err := format.Identify(name)
		if err != nil || !format.Type(id.Type).Known {
			continue
		}
		if found != "" {
			return "", nil
		}
		found = f.Name
	}
	return found, nil
}

// reportLinked is the feed whose configuration names the host of an address; "" when none does, or several do.
func (w *World) reportLinked(ctx context.Context, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", nil
	}
	feeds, err := w.Feeds.List(ctx)
	if err != nil {
		return "", err
	}
	found := ""
	for _, f := range feeds {
		for _, host := range hostsOf(f) {
			if !strings.EqualFold(host, u.Host) || f.Name == found {
				continue
			}
			if found != "" {
				return "", nil
			}
			found = f.Name
		}
	}
	return found, nil
}

// hostsOf are the hosts that a feed's files come from. Shadowserver's mail links to its own, however its files are collected.
func hostsOf(f feed.Feed) []string {
	var addresses []string
	switch {
	case f.Collector.API != nil:
		addresses = []string{f.Collector.API.BaseURL(), f.Collector.API.DownloadURL()}
	case f.Collector.URL != nil:
		addresses = []string{f.Collector.URL.URL}
	}
	if f.Format == "shadowserver" && f.Name == feed.Shadowserver().Name {
		addresses = append(addresses, feed.APISource{}.DownloadURL())
	}
	var hosts []string
	for _, a := range addresses {
		if u, err := url.Parse(a); err == nil && u.Host != "" {
			hosts = append(hosts, u.Host)
		}
	}
	return hosts
}

// takeReport takes a file that came by mail in as any other one of its feed.
func (w *World) takeReport(ctx context.Context, feedName, name string, size int64, open func() (io.ReadCloser, error)) (string, bool, error) {
	sum, err := w.Intake.Take(ctx, act.Machine, feedName, []event.Source{{Name: name, Issued: w.cfg.Clock.Now(), Size: size, Open: open}}, nil)
	if err != nil {
		return "", false, err
	}
	var said []string
	taken := false
	for _, o := range sum.Outcomes {
		said = append(said, o.Outcome)
		taken = taken || o.State != event.Failed
	}
	if len(said) == 0 {
		return "", false, fault.Invalidf("there is nothing in the file %s", name)
	}
	return strings.Join(said, "; "), taken, nil
}
