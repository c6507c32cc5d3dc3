package imap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/imap"
	"tocsin/internal/platform/imap/imaptest"
)

func open(t *testing.T, c imap.Config) *imap.Mailbox {
	t.Helper()
	m, err := imap.New(c, egress.Open(egress.Policy{})) // local, but named by the administrator
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func message(n, size int) string {
	return fmt.Sprintf("From: a@isp.example\r\nSubject: %d\r\n\r\n%s", n, strings.Repeat("x", size))
}

func TestMessagesAreListedReadAndMarkedOneByOne(t *testing.T) {
	for _, mode := range []imap.TLS{imap.None, imap.StartTLS, imap.Implicit} {
		s := imaptest.Start(t, mode)
		for i := range 5 {
			s.Put(t, "INBOX", message(i, 10))
		}
		var last uint32
		err := open(t, s.Config).Visit(t.Context(), func(v *imap.Visit) error {
			items, err := v.After(2, 2)
			if err != nil || len(items) != 2 || items[0].UID != 3 || items[1].UID != 4 || items[0].Size != int64(len(message(2, 10))) || v.Validity == 0 {
				t.Errorf("%+v %v", items, err)
			}
			var b bytes.Buffer
			if n, err := v.Copy(3, 1000, &b); err != nil || b.String() != message(2, 10) || n != int64(b.Len()) {
				t.Errorf("%q %v", b.String(), err)
			}
			b.Reset()
			if n, err := v.Copy(3, 7, &b); err != nil || b.String() != "From: a" || n != 7 {
				t.Errorf("%q %v", b.String(), err)
			}
			if _, err := v.Copy(99, 7, &b); fault.KindOf(err) != fault.NotFound {
				t.Errorf("gone: %v", err)
			}
			last = items[0].UID
			return v.Taken(last)
		})
		if err != nil {
			t.Fatalf("TLS %d: %v", mode, err)
		}
		if all, unseen := s.Count(t, "INBOX"); all != 5 || unseen != 4 {
			t.Errorf("TLS %d: %d messages, %d unseen", mode, all, unseen)
		}
		if err := open(t, s.Config).Visit(t.Context(), func(v *imap.Visit) error {
			items, err := v.After(5, 100)
			if len(items) > 0 {
				t.Errorf("after the last there is %+v", items)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
}

func TestTakenMessagesAreMovedWhereTheyAreWanted(t *testing.T) {
	s := imaptest.Start(t, imap.None)
	s.Put(t, "INBOX", message(0, 1))
	s.Config.Done = "Taken"
	if err := open(t, s.Config).Visit(t.Context(), func(v *imap.Visit) error { return v.Taken(1) }); err != nil {
		t.Fatal(err)
	}
	if all, _ := s.Count(t, "INBOX"); all != 0 {
		t.Errorf("%d are left", all)
	}
	if all, unseen := s.Count(t, "Taken"); all != 1 || unseen != 0 {
		t.Errorf("%d were moved, %d unseen", all, unseen)
	}
}

func TestTroubleIsToldApart(t *testing.T) {
	s := imaptest.Start(t, imap.None)
	s.Put(t, "INBOX", message(0, 1<<20))
	wrong := s.Config
	wrong.Password = func() (string, error) { return "wrong", nil }
	if err := open(t, wrong).Visit(t.Context(), nil); fault.KindOf(err) != fault.Forbidden || strings.Contains(err.Error(), "wrong") {
		t.Errorf("password: %v", err)
	}
	folder := s.Config
	folder.Folder = "Nowhere"
	if err := open(t, folder).Visit(t.Context(), nil); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("folder: %v", err)
	}
	own := errors.New("disk full")
	if err := open(t, s.Config).Visit(t.Context(), func(v *imap.Visit) error {
		_, err := v.Copy(1, 1<<20, full{own})
		return err
	}); !errors.Is(err, own) {
		t.Errorf("own error: %v", err)
	}
	s.Break(200 << 10)
	if err := open(t, s.Config).Visit(t.Context(), func(v *imap.Visit) error {
		_, err := v.Copy(1, 1<<20, io.Discard)
		return err
	}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("broken off: %v", err)
	}
	sealed, err := imap.New(s.Config, egress.Sealed("exercise-7"))
	if err != nil {
		t.Fatal(err)
	}
	if err := sealed.Visit(t.Context(), nil); !errors.Is(err, egress.ErrSealed) {
		t.Errorf("sealed: %v", err)
	}
}

type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }

func TestAStoppedVisitEnds(t *testing.T) {
	s := imaptest.Start(t, imap.None)
	s.Put(t, "INBOX", message(0, 1))
	ctx, cancel := context.WithCancel(t.Context())
	err := open(t, s.Config).Visit(ctx, func(v *imap.Visit) error {
		cancel()
		for {
			if _, err := v.After(0, 1); err != nil {
				return err
			}
		}
	})
	if err == nil {
		t.Error("it ended well")
	}
}

func TestTheServerMustProveItself(t *testing.T) {
	for _, mode := range []imap.TLS{imap.StartTLS, imap.Implicit} {
		s := imaptest.Start(t, mode)
		s.Config.Roots = nil
		if err := open(t, s.Config).Visit(t.Context(), nil); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("TLS %d: %v", mode, err)
		}
	}
}

func TestAddressesOfMailboxes(t *testing.T) {
	for in, want := range map[string]string{
		"imaps://cert@mail.example": "cert@mail.example/INBOX 993 0", "imaps://cert@cert.example@mail.example:1993/Replies/In": "cert@cert.example@mail.example:1993/Replies/In 1993 0",
		"imap://a%40b@mail.example/": "a@b@mail.example/INBOX 143 1", "imap://cert@127.0.0.1:1143": "cert@127.0.0.1:1143/INBOX 1143 2", "imap://cert@[::1]": "cert@::1/INBOX 143 2",
		"imaps://cert:secret@mail.example": "", "imaps://mail.example": "", "pop3://cert@mail.example": "", "imaps://cert@": "", "imaps://cert@mail.example:0": "",
		"imaps://cert@mail.example/a%0D%0Ab": "", "imaps://cert@mail.example/?x": "", "": "",
	} {
		c, err := imap.ParseServer(in)
		got := ""
		if err == nil {
			got = fmt.Sprintf("%s %d %d", c.Name(), c.Port, c.TLS)
		}
		if got != want || err != nil && (fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %q %v", in, got, err)
		}
	}
	c := imap.Config{Host: "mail.example", Port: 143, TLS: imap.None, User: "u", Password: func() (string, error) { return "", nil }}
	if _, err := imap.New(c, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("in clear to elsewhere: %v", err)
	}
}

func FuzzParseServer(f *testing.F) {
	f.Add("imaps://cert@mail.example:993/INBOX")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := imap.ParseServer(s)
		if err == nil && (c.Host == "" || c.User == "" || c.Folder == "" || strings.ContainsAny(c.User+c.Host+c.Folder, "\r\n\x00")) {
			t.Errorf("%q: %+v", s, c)
		}
	})
}
