package imap_test

import (
	"bytes"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"tocsin/internal/platform/imap"
)

// TestARealServerIsRead speaks to a server that others wrote: TOCSIN_TEST_IMAP is its address, imap://USER@127.0.0.1:PORT, and
// the password is s3cret. .ci/run starts Dovecot.
func TestARealServerIsRead(t *testing.T) {
	url := os.Getenv("TOCSIN_TEST_IMAP")
	if url == "" {
		t.Skip("needs an IMAP server: set TOCSIN_TEST_IMAP=imap://cert@127.0.0.1:1143 (.ci/run does)")
	}
	c, err := imap.ParseServer(url)
	if err != nil {
		t.Fatal(err)
	}
	c.Password = func() (string, error) { return "s3cret", nil }
	c.Folder, c.Done = "Reading", "Taken"
	client := prepare(t, c)
	raw := []string{message(1, 10), message(2, 3<<20), strings.ReplaceAll("From: a@isp.example\nSubject: =?utf-8?q?=C4=8D?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b--\n", "\n", "\r\n")}
	for _, m := range raw {
		cmd := client.Append(c.Folder, int64(len(m)), nil)
		cmd.Write([]byte(m))
		cmd.Close()
		if _, err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	m := open(t, c)
	if err := m.Visit(t.Context(), func(v *imap.Visit) error {
		items, err := v.After(0, 10)
		if err != nil || len(items) != len(raw) || v.Validity == 0 {
			t.Fatalf("%+v %v", items, err)
		}
		for i, it := range items {
			var b bytes.Buffer
			n, err := v.Copy(it.UID, 10<<20, &b)
			if err != nil || b.String() != raw[i] || n != it.Size || it.At.IsZero() {
				t.Errorf("%d: %d of %d bytes, %v", i, n, it.Size, err)
			}
			b.Reset()
			if n, err := v.Copy(it.UID, 7, &b); err != nil || n != 7 || b.String() != raw[i][:7] {
				t.Errorf("%d: %q %v", i, b.String(), err)
			}
		}
		if one, err := v.After(items[0].UID, 1); err != nil || len(one) != 1 || one[0].UID != items[1].UID {
			t.Errorf("%+v %v", one, err)
		}
		return v.Taken(items[0].UID)
	}); err != nil {
		t.Fatal(err)
	}
	if err := m.Visit(t.Context(), func(v *imap.Visit) error {
		items, err := v.After(0, 10)
		if len(items) != len(raw)-1 {
			t.Errorf("after one was taken: %+v", items)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	moved := c
	moved.Folder, moved.Done = c.Done, ""
	if err := open(t, moved).Visit(t.Context(), func(v *imap.Visit) error {
		items, err := v.After(0, 10)
		if len(items) != 1 || items[0].Size != int64(len(raw[0])) {
			t.Errorf("moved: %+v", items)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// prepare makes the folder empty.
func prepare(t *testing.T, c imap.Config) *imapclient.Client {
	t.Helper()
	client, err := imapclient.DialInsecure(net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if err := client.Login(c.User, "s3cret").Wait(); err != nil {
		t.Fatal(err)
	}
	client.Delete(c.Folder).Wait() // what an earlier run left
	client.Delete(c.Done).Wait()
	if err := client.Create(c.Folder, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	return client
}
