package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/mail/mailtest"
	"tocsin/internal/world"
)

// An officer looks at the first letters, releases one and refuses the other, and stops everything from whatever page is open.
func TestLettersAreReleasedAndStoppedInABrowser(t *testing.T) {
	server := mailtest.New(t)
	cfg := server.Config()
	w, err := world.Open(t.Context(), world.Config{Dir: t.TempDir(), Serve: "test", Net: egress.Open(egress.Policy{}), Mail: &cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	fill(t, w)
	err = w.DB().Act(t.Context(), act.Act{Actor: identity.LocalActor, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) error {
		for i := range 3 {
			if _, err := w.Outbox.Enqueue(tx, notify.Letter{Key: fmt.Sprint("digest:", i), Kind: "digest", Constituent: int64(i + 1), To: fmt.Sprintf("abuse@isp%d.example", i+1),
				Name: "Abuse desk", Ticket: fmt.Sprintf("[CERT-%d]", i+1), Content: &notify.Content{Subject: fmt.Sprintf("[CERT-%d] What we saw in your network", i+1),
					Text: strings.Repeat("203.0.113.7 port 53/udp answers everybody: open resolver, seen for 3 days.\n", 12), HTML: "<p>Open resolver</p>",
					Marking:     disclosure.Marking{Label: tlp.Green},
					Attachments: []mail.Attachment{{Name: "2026-11-25-scan_dns.csv", Type: "text/csv", Bytes: []byte("a,b\n")}}}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	url, _ := start(t, w)
	b := newBrowser(t, url)
	b.signIn(login, password, "/")
	frame := func(want string) {
		t.Helper()
		if got := ask[string](b, `document.querySelector("header .sending").innerText`); !strings.Contains(got, want) {
			t.Errorf("the frame says %q, not %q", got, want)
		}
	}
	frame("Sending is off")
	b.open("/outbox")
	b.enter("reason", "the contacts are confirmed")
	b.press("Start sending")
	b.says("Sending has started", "Sending is on")
	awaitState(t, w, "held:release", 3)
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 900))
		for _, path := range []string{"/outbox", "/outbox/release", "/outbox/letters/1", "/outbox/health?all=true", "/outbox/webhooks", "/outbox/webhooks/new"} {
			b.open(path)
			b.fits()
			shoot(b, path, width)
			b.quiet(path)
		}
	}
	b.open("/outbox/letters/1")
	b.says("What we saw in your network", "open resolver", "2026-11-25-scan_dns.csv")
	b.press("Release")
	awaitState(t, w, "handed-over", 1)
	b.open("/outbox/release")
	b.do(chromedp.Click(chromedp.CSS(`input[name="id"][value="2"]`)))
	b.enter("reason", "unknown address")
	b.press("Refuse the ticked ones")
	b.says("1 letter was refused")
	b.open("/findings")
	frame("Sending is on")
	b.leave(chromedp.Search(`//header//button[normalize-space()="Stop"]`))
	b.at("/findings")
	b.says("All sending has stopped")
	frame("Sending is off")
	b.quiet("stop")
	if got := server.Got(); len(got) != 1 || got[0].To != "abuse@isp1.example" {
		t.Errorf("%d messages left", len(got))
	}
}

// awaitState waits until so many letters are in a state.
func awaitState(t *testing.T, w *world.World, state string, n int64) {
	t.Helper()
	end := time.After(time.Minute)
	for tick := time.Tick(10 * time.Millisecond); ; {
		s, err := w.Outbox.Status(t.Context())
		if err == nil && s.States[state] == n {
			return
		}
		select {
		case <-tick:
		case <-end:
			t.Fatalf("want %d letters in the state %s: %v %v", n, state, s.States, err)
		}
	}
}

// shoot keeps a picture of the page when TOCSIN_TEST_PICTURES names a folder for it.
func shoot(b *browser, path string, width int64) {
	dir := os.Getenv("TOCSIN_TEST_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	name := strings.NewReplacer("/", "_", "?", "_").Replace(strings.Trim(path, "/"))
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
