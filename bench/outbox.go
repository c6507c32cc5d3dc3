package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
	"tocsin/internal/world"
)

// lines is how many connections to the mail server the outbox and its floor use.
const lines = 16

// sink is a mail server that takes everything and keeps nothing.
type sink struct {
	net.Listener
	taken, bytes atomic.Int64
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{Listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s, nil
}

func (s *sink) port() int { return s.Addr().(*net.TCPAddr).Port }

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	p := textproto.NewReader(in)
	say := func(line string) {
		out.WriteString(line + "\r\n")
		if in.Buffered() == 0 { // of commands that came together the answers go together
			out.Flush()
		}
	}
	say("220 sink.example")
	for {
		line, err := p.ReadLine()
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(line[:min(4, len(line))]); verb {
		case "EHLO":
			say("250-sink.example\r\n250 PIPELINING")
		case "DATA":
			say("354 go on")
			n, err := io.Copy(io.Discard, p.DotReader())
			if err != nil {
				return
			}
			s.bytes.Add(n)
			s.taken.Add(1)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

// benchLetter is a digest of ordinary size: a page of text, its HTML, and a report of 40 rows.
func benchLetter(n int) notify.Letter {
	var text, html, csv strings.Builder
	csv.WriteString("timestamp,ip,port,protocol,asn,geo\r\n")
	for i := range 40 {
		fmt.Fprintf(&csv, "2026-11-25 08:%02d:00,203.0.113.%d,53,udp,64500,RU\r\n", i, n%250)
		fmt.Fprintf(&text, "203.0.113.%d port 53/udp answers everybody: open resolver, seen for %d days.\n", n%250, i)
		fmt.Fprintf(&html, "<tr><td>203.0.113.%d</td><td>53/udp</td><td>open resolver</td><td>%d</td></tr>\n", n%250, i)
	}
	return notify.Letter{Key: fmt.Sprintf("bench:%d", n), Kind: "digest", Constituent: int64(n), To: fmt.Sprintf("abuse@isp%d.example", n), Name: "Abuse desk",
		Asked: true, Ticket: fmt.Sprintf("[CERT-%d]", n), Content: &notify.Content{Subject: fmt.Sprintf("[CERT-%d] What we saw in your network", n),
			Text: text.String(), HTML: "<table>" + html.String() + "</table>", Marking: disclosure.Marking{Label: tlp.Green},
			Attachments: []mail.Attachment{{Name: "2026-11-25-scan_dns.csv", Type: "text/csv; charset=utf-8", Bytes: []byte(csv.String())}}}}
}

// measureOutbox sends prebuilt letters through the outbox of a world of its own, and the same messages straight to the same server.
func (b *bench) measureOutbox(ctx context.Context) error {
	s, err := newSink()
	if err != nil {
		return err
	}
	defer s.Close()
	floor, size, err := b.straightLetters(ctx, s)
	if err != nil {
		return err
	}
	b.report.add("floor: the same mail by net/smtp", "", fmt.Sprintf("%s messages/s", thousands(int64(floor))),
		fmt.Sprintf("%s messages of %d KB, %d connections", thousands(int64(b.letters)), size>>10, lines), "")
	for _, e := range b.engines {
		rate, err := b.throughOutbox(ctx, e, s, protection{name: "outbox"})
		if err != nil {
			return fmt.Errorf("outbox on %s: %w", e.name, err)
		}
		b.report.add("letters through the outbox", e.name, fmt.Sprintf("%s letters/s", thousands(int64(rate))),
			"rendered, in the ledger, two durable commits and two last looks each", fmt.Sprintf("1/%.1f of the floor", floor/rate))
		if e.url != "" {
			continue // what signing costs is the same on every engine
		}
		if err := b.measureProtection(ctx, e, s, floor, rate); err != nil {
			return err
		}
	}
	return nil
}

// prebuilt is a message as it is handed over.
type prebuilt struct {
	to  string
	raw []byte
}

// sender is the team's, to a sink.
func (s *sink) sender() (*mail.Sender, error) {
	return mail.New(*s.config(), egress.Open(egress.Policy{}), clock.Real())
}

func (s *sink) config() *mail.Config {
	return &mail.Config{Host: "127.0.0.1", Port: s.port(), TLS: mail.None, From: "CERT <cert@cert.example>"}
}

// straightLetters renders the benchmark's letters and hands them over.
func (b *bench) straightLetters(ctx context.Context, s *sink) (rate float64, size int, err error) {
	sender, err := s.sender()
	if err != nil {
		return 0, 0, err
	}
	all := make([]prebuilt, b.letters)
	for i := range all {
		l := benchLetter(i + 1)
		all[i].to = l.To
		if all[i].raw, err = sender.Render(mail.Message{To: l.To, Subject: l.Content.Subject, Text: l.Content.Text, HTML: l.Content.HTML, Key: l.Key, Attachments: l.Content.Attachments}); err != nil {
			return 0, 0, err
		}
	}
	rate, err = straight(ctx, s, all)
	return rate, len(all[0].raw), err
}

// straight hands messages over by net/smtp, over as many lines as the outbox has.
func straight(ctx context.Context, s *sink, all []prebuilt) (rate float64, err error) {
	watch := clock.Start()
	var next atomic.Int64
	var wg sync.WaitGroup
	var wrong [lines]error
	for n := range lines {
		wg.Go(func() {
			c, err := smtp.Dial(s.Addr().String())
			if err != nil {
				wrong[n] = err
				return
			}
			defer c.Close()
			for i := next.Add(1); i <= int64(len(all)) && ctx.Err() == nil && wrong[n] == nil; i = next.Add(1) {
				wrong[n] = hand(c, all[i-1].to, all[i-1].raw)
			}
		})
	}
	wg.Wait()
	return float64(len(all)) / watch.Elapsed().Seconds(), errors.Join(wrong[:]...)
}

func hand(c *smtp.Client, to string, raw []byte) error {
	if err := c.Mail("cert@cert.example"); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}

func (b *bench) throughOutbox(ctx context.Context, e *engine, s *sink, p protection) (rate float64, err error) {
	w, err := world.Open(ctx, world.Config{Name: "outbox", Dir: filepath.Join(b.dir, p.name+"-"+strings.ToLower(e.name)), DatabaseURL: e.url, Net: egress.Open(egress.Policy{}),
		Mail: s.config()})
	if err != nil {
		return 0, err
	}
	defer w.Close()
	if p.prepare != nil {
		if err := p.prepare(ctx, w); err != nil {
			return 0, err
		}
	}
	for n := 0; n < b.letters; n += 1000 {
		err := w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "bench.enqueue", Object: "bench:1"}, func(tx *db.Tx) error {
			for i := n; i < min(n+1000, b.letters); i++ {
				if _, err := w.Outbox.Enqueue(tx, benchLetter(i+1)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if err := w.Outbox.Start(ctx, identity.LocalActor, "benchmark"); err != nil {
		return 0, err
	}
	seconds, err := work(ctx, w, s, int64(b.letters))
	if err != nil {
		return 0, err
	}
	st, err := w.Outbox.Status(ctx)
	if err == nil && st.States[string(notify.Handed)] != int64(b.letters) {
		err = fmt.Errorf("of %d letters: %v", b.letters, st.States)
	}
	return float64(b.letters) / seconds, err
}

// work has the outbox work until so many letters are with the sink, and tells how long that took.
func work(ctx context.Context, w *world.World, s *sink, letters int64) (seconds float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before := s.taken.Load()
	watch := clock.Start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Outbox.Work(ctx)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.taken.Load()-before < letters {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
	}
	seconds = watch.Elapsed().Seconds()
	cancel()
	<-done
	return seconds, nil
}
