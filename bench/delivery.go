package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/event/digest"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
	"tocsin/internal/world"
)

// measureDigests tells so many recipients of twenty findings each, with every row of them attached, from the findings to the mail
// server, on each engine: decided, then composed, rendered, signed and handed over. Beside it stands what the same server needs for
// the very same messages when they are there already.
func (b *bench) measureDigests(ctx context.Context) error {
	for _, e := range b.engines {
		if err := b.measureDelivery(ctx, e); err != nil {
			return fmt.Errorf("digests on %s: %w", e.name, err)
		}
	}
	return nil
}

func (b *bench) measureDelivery(ctx context.Context, e *engine) error {
	s, err := newSink()
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := world.Open(ctx, world.Config{Name: "digests", Dir: filepath.Join(b.dir, "digests-"+strings.ToLower(e.name)), DatabaseURL: e.url,
		Net: egress.Open(egress.Policy{}), Mail: s.config(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := b.tellable(ctx, w); err != nil {
		return err
	}
	if err := b.release(ctx, w, s); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	watch := clock.Start()
	collected, err := w.Digest.Collect(ctx)
	if err != nil {
		return err
	}
	b.say("directives for new findings", e, watch.Elapsed().Seconds(), int64(collected.Made), "findings", fmt.Sprintf("%s recipients", thousands(int64(b.digests))))
	watch = clock.Start()
	n, err := w.Digest.Dispatch(ctx)
	if err != nil {
		return err
	}
	b.say("digests decided, letters queued", e, watch.Elapsed().Seconds(), int64(n), "digests", fmt.Sprintf("of %s findings", thousands(int64(b.digests*findingsEach))))
	letters, err := listLetters(ctx, w)
	if err != nil {
		return err
	}
	before := s.bytes.Load()
	stop, err := b.startProfile(e)
	if err != nil {
		return err
	}
	outbox := newEffort()
	seconds, err := work(ctx, w, s, int64(len(letters)))
	outbox.stop(len(letters))
	stop()
	if err != nil {
		return err
	}
	rate, bytes := float64(len(letters))/seconds, s.bytes.Load()-before
	watch = clock.Start()
	all, err := buildAll(ctx, w, s, letters)
	if err != nil {
		return err
	}
	b.say("the same composed and rendered only", e, watch.Elapsed().Seconds(), int64(len(all)), "digests", fmt.Sprintf("text, HTML and CSV of every row, %d MB", bytes>>20))
	before = s.bytes.Load()
	effort := newEffort()
	floor, err := straight(ctx, s, all)
	effort.stop(len(all))
	if err != nil {
		return err
	}
	if sum := s.bytes.Load() - before; sum != bytes {
		return fmt.Errorf("the floor handed over %d bytes, the outbox %d", sum, bytes)
	}
	b.report.add("floor: the same digests, prebuilt", e.name, fmt.Sprintf("%s messages/s", thousands(int64(floor))),
		fmt.Sprintf("%s of %d KB by net/smtp over %d lines, %s", thousands(int64(len(all))), bytes/int64(len(all))>>10, lines, effort), "")
	b.report.add("digests handed over", e.name, fmt.Sprintf("%s messages/s", thousands(int64(rate))),
		fmt.Sprintf("composed, rendered, in the ledger, taken, settled; %s", outbox), fmt.Sprintf("1/%.1f of the floor, %.1f times its processor time",
			floor/rate, outbox.each.Seconds()/effort.each.Seconds()))
	return b.measureSigned(ctx, e, w, s, letters, floor, rate)
}

// effort is the processor's time of this process for a message, the mail server's included.
type effort struct{ begun, each time.Duration }

func newEffort() *effort { return &effort{begun: processor()} }

func (e *effort) stop(messages int) { e.each = (processor() - e.begun) / time.Duration(messages) }

// String implements fmt.Stringer.
func (e *effort) String() string {
	return fmt.Sprintf("%.2f ms of processor each", e.each.Seconds()*1000)
}

func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startProfile writes down where the processors are from now until stop.
func (b *bench) startProfile(e *engine) (stop func(), err error) {
	if b.profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(b.profile + "." + strings.ToLower(e.name))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}

func (b *bench) handedOverSigned(what string, e *engine, rate, floor, unsigned float64, effort *effort) {
	note := fmt.Sprintf("1/%.1f of the floor, %.2f of the rate unsigned", floor/rate, rate/unsigned)
	b.report.add(what, e.name, fmt.Sprintf("%s messages/s", thousands(int64(rate))), fmt.Sprintf("composed, rendered, in the ledger, taken, settled; %s", effort), note)
}

// measureSigned sends the same digests again, signed.
func (b *bench) measureSigned(ctx context.Context, e *engine, w *world.World, s *sink, letters []notify.Letter, floor, unsigned float64) error {
	certificate := func(key crypto.Signer, err error) error {
		if err != nil {
			return err
		}
		c, private, err := benchCertificate(key, "cert@cert.example")
		if err == nil {
			_, err = w.MailKeys.Import(ctx, identity.LocalActor, c+private)
		}
		return err
	}
	for _, p := range []struct {
		what string
		key  func() error
	}{
		{"digests signed by S/MIME (RSA 2048)", func() error { return certificate(rsa.GenerateKey(rand.Reader, 2048)) }},
		{"digests signed by S/MIME (P-256)", func() error { return certificate(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }},
		{"digests signed by OpenPGP (Ed25519)", func() error {
			_, err := w.MailKeys.Generate(ctx, identity.LocalActor, "CERT", "cert@cert.example", signing.DefaultLife)
			return err
		}},
	} {
		keys, err := w.MailKeys.List(ctx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.Retired == 0 {
				if err := w.MailKeys.Retire(ctx, identity.LocalActor, k.Fingerprint); err != nil {
					return err
				}
			}
		}
		if err := p.key(); err != nil {
			return err
		}
		if err := enqueueAgain(ctx, w, p.what, letters); err != nil {
			return err
		}
		effort := newEffort()
		seconds, err := work(ctx, w, s, int64(len(letters)))
		effort.stop(len(letters))
		if err != nil {
			return err
		}
		b.handedOverSigned(p.what, e, float64(len(letters))/seconds, floor, unsigned, effort)
	}
	return nil
}

// enqueueAgain queues the letters once more, as others.
func enqueueAgain(ctx context.Context, w *world.World, as string, letters []notify.Letter) error {
	return w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "bench.enqueue", Object: "bench:1"}, func(tx *db.Tx) error {
		for _, l := range letters {
			l.Key += " " + as
			if _, err := w.Outbox.Enqueue(tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

// release sends every recipient a first letter and releases it, as a person does once: digests to those who were never released wait.
func (b *bench) release(ctx context.Context, w *world.World, s *sink) error {
	dir, err := w.Constituency.Directory(ctx)
	if err != nil {
		return err
	}
	err = w.DB().Act(ctx, act.Act{Actor: identity.LocalActor, Verb: "bench.enqueue", Object: "bench:1"}, func(tx *db.Tx) error {
		for _, c := range dir.All() {
			_, err := w.Outbox.Enqueue(tx, notify.Letter{Key: fmt.Sprintf("hello:%d", c.ID), Kind: "hello", Constituent: c.ID, To: fmt.Sprintf("desk@c%d.example", c.ID),
				Content: &notify.Content{Subject: "From now on we write to you", Text: "Hello.", Marking: disclosure.Marking{Label: tlp.Green}}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.Outbox.Start(ctx, identity.LocalActor, "benchmark"); err != nil {
		return err
	}
	held := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for left := int64(b.digests); left > 0; <-tick.C {
			n, err := w.Outbox.ReleaseAll(ctx, identity.LocalActor)
			if err != nil {
				held <- err
				cancel()
				return
			}
			left -= n
		}
		held <- nil
	}()
	if _, err := work(ctx, w, s, int64(b.digests)); err != nil {
		return err
	}
	return <-held
}

func (b *bench) say(what string, e *engine, seconds float64, n int64, of, note string) {
	b.report.add(what, e.name, fmt.Sprintf("%s %s/s", thousands(int64(float64(n)/seconds)), of), fmt.Sprintf("%s in %.1f s", thousands(n), seconds), note)
}

// listLetters are the digests' letters, the first one first.
func listLetters(ctx context.Context, w *world.World) (out []notify.Letter, err error) {
	for f := (notify.Filter{Kind: digest.Kind, Limit: 1000}); ; {
		page, next, err := w.Outbox.List(ctx, f)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if f.Before = next; next == 0 {
			return out, nil
		}
	}
}

// buildAll composes and renders letters on all processors: what the outbox hands over.
func buildAll(ctx context.Context, w *world.World, s *sink, letters []notify.Letter) ([]prebuilt, error) {
	sender, err := s.sender()
	if err != nil {
		return nil, err
	}
	out := make([]prebuilt, len(letters))
	const portion = 32
	var at atomic.Int64
	errs := make(chan error, runtime.NumCPU())
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := int(at.Add(portion)) - portion; i < len(letters); i = int(at.Add(portion)) - portion {
				if err := build(ctx, w, sender, letters[i:min(i+portion, len(letters))], out[i:]); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return out, <-errs
}

func build(ctx context.Context, w *world.World, sender *mail.Sender, letters []notify.Letter, out []prebuilt) error {
	for len(letters) > 0 {
		composed := w.Digest.Compose(ctx, letters)
		for i, c := range composed {
			l := letters[i]
			if c.Err != nil {
				return fmt.Errorf("letter %s: %w", l.Key, c.Err)
			}
			raw, err := sender.Render(mail.Message{To: l.To, Subject: c.Content.Subject, Text: c.Content.Text, HTML: c.Content.HTML, Key: l.Key,
				Attachments: c.Content.Attachments, Headers: c.Content.Headers})
			if err != nil {
				return fmt.Errorf("letter %s: %w", l.Key, err)
			}
			out[i] = prebuilt{l.To, raw}
		}
		letters, out = letters[len(composed):], out[len(composed):]
	}
	return nil
}
