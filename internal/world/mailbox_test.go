package world_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tocsin/internal/identity"
	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
	"tocsin/internal/world"
)

const mailed = "From: reports@feed.example\nSubject: Your reports\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" +
	"New: https://dl.shadowserver.org/abc?x=1 and https://dl.shadowserver.org.evil.example/abc and https://shadowserver.org@evil.example/\n" +
	"--b\nContent-Type: text/csv\nContent-Disposition: attachment; filename=\"2026-10-31-scan_rdp-ruritania-geo.csv\"\n\n" +
	`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n" + `"2026-10-31 01:02:03","medium","203.0.113.7","tcp","3389","","rdp","64500","XR"` + "\n" +
	"--b\nContent-Disposition: attachment; filename=\"2026-10-31-nothing_known-ruritania-geo.csv\"\n\nx\n--b--\n"

func TestAMailedReportIsTakenInAndItsMessageBackedUp(t *testing.T) {
	each(t, func(t *testing.T, cfg world.Config, another func() world.Config) {
		server := imaptest.Start(t, imap.None)
		server.Put(t, "INBOX", strings.ReplaceAll(mailed, "\n", "\r\n"))
		cfg.Net, cfg.IMAP = egress.Open(egress.Policy{}), &server.Config
		w := open(t, cfg)
		ctx := t.Context()
		if n, err := w.Mailbox.Read(ctx); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		m, err := w.Mailbox.ByID(ctx, 1)
		if err != nil || len(m.Files) != 3 {
			t.Fatalf("%+v %v", m, err)
		}
		if a, b, link := m.Files[0], m.Files[1], m.Files[2]; a.Feed != "shadowserver" || b.Feed != "" || link.Feed != "shadowserver" || link.URL != "https://dl.shadowserver.org/abc?x=1" {
			t.Errorf("%+v", m.Files)
		}
		if err := w.Mailbox.TakeReport(ctx, identity.LocalActor, 1, 1, ""); err != nil {
			t.Fatal(err)
		}
		if err := w.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if m, err = w.Mailbox.ByID(ctx, 1); err != nil || m.Files[0].State != mailbox.Took {
			t.Errorf("%+v %v", m.Files, err)
		}
		if ss, err := w.Mailbox.Status(ctx); err != nil || len(ss) != 1 || ss[0].Trouble != "" {
			t.Errorf("%+v %v", ss, err)
		}

		dir := filepath.Join(t.TempDir(), "backup")
		if _, err := w.Backup(ctx, identity.LocalActor, dir, nil); err != nil {
			t.Fatal(err)
		}
		to := another()
		if _, err := world.Restore(ctx, identity.LocalActor, to, dir, nil); err != nil {
			t.Fatal(err)
		}
		restored := open(t, to)
		if err := restored.Mailbox.Verify(ctx, 1); err != nil {
			t.Error(err)
		}
		if r, err := restored.Check(ctx, false, nil); err != nil || len(r.Problems) > 0 {
			t.Errorf("%+v %v", r, err)
		}
		damage(t, filepath.Join(restored.Dir(), "mail"))
		if r, err := restored.Check(ctx, false, nil); err != nil || len(r.Problems) != 1 || r.Problems[0].Area != "mail" {
			t.Errorf("%+v %v", r, err)
		}
	})
}

// damage changes a byte of every file below dir.
func damage(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.eml"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		b[0]++
		if err := os.WriteFile(n, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASealedWorldReadsNoMailbox(t *testing.T) {
	server := imaptest.Start(t, imap.None)
	server.Put(t, "INBOX", "From: a@isp.example\r\n\r\nhello\r\n")
	w := open(t, world.Config{Dir: filepath.Join(t.TempDir(), "data"), IMAP: &server.Config, Net: egress.Sealed("exercise-7")})
	if n, err := w.Mailbox.Read(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
	ss, err := w.Mailbox.Status(t.Context())
	if err != nil || len(ss) != 1 || !strings.Contains(ss[0].Trouble, "sealed") {
		t.Errorf("%+v %v", ss, err)
	}
}
