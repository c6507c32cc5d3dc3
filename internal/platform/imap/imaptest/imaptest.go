// Package imaptest is a real IMAP server on loopback for tests, with one user and folders in memory.
package imaptest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/imap"
)

// Server is the server. Its user is "cert" with the password "s3cret".
type Server struct {
	Config imap.Config // to reach it
	user   *imapmemserver.User
	server *imapserver.Server
	broken atomic.Int64 // connections that end after so many bytes to the client; 0: none
}

// Start starts a server that is stopped with the test.
func Start(t testing.TB, mode imap.TLS) *Server {
	t.Helper()
	s := &Server{user: imapmemserver.NewUser("cert", "s3cret")}
	if err := s.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	mem.AddUser(s.user)
	o := &imapserver.Options{InsecureAuth: mode == imap.None, Logger: log.New(io.Discard, "", 0), Caps: goimap.CapSet{goimap.CapIMAP4rev1: {}, goimap.CapMove: {}},
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		}}
	s.Config = imap.Config{Host: "127.0.0.1", TLS: mode, User: "cert", Folder: "INBOX", Password: func() (string, error) { return "s3cret", nil }}
	if mode != imap.None {
		var cert tls.Certificate
		cert, s.Config.Roots = authority(t)
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Port = l.Addr().(*net.TCPAddr).Port
	l = &listener{l, s}
	if mode == imap.Implicit {
		l = tls.NewListener(l, o.TLSConfig)
	}
	s.server = imapserver.New(o)
	go s.server.Serve(l)
	t.Cleanup(func() { s.server.Close() })
	return s
}

// Put delivers a message to the folder.
func (s *Server) Put(t testing.TB, folder, raw string) {
	t.Helper()
	if _, err := s.user.Append(folder, literal{bytes.NewReader([]byte(raw))}, &goimap.AppendOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Count is how many messages a folder has, and how many of them nobody has seen.
func (s *Server) Count(t testing.TB, folder string) (all, unseen uint32) {
	t.Helper()
	d, err := s.user.Status(folder, &goimap.StatusOptions{NumMessages: true, NumUnseen: true})
	if err != nil {
		t.Fatal(err)
	}
	return *d.NumMessages, *d.NumUnseen
}

// Anew makes the folder again, empty and with another UIDVALIDITY.
func (s *Server) Anew(t testing.TB, folder string) {
	t.Helper()
	if err := s.user.Delete(folder); err != nil {
		t.Fatal(err)
	}
	if err := s.user.Create(folder, nil); err != nil {
		t.Fatal(err)
	}
}

// Break ends connections made from now on after so many bytes to the client; 0 ends none.
func (s *Server) Break(after int64) { s.broken.Store(after) }

type literal struct{ *bytes.Reader }

// Size implements imap.LiteralReader.
func (l literal) Size() int64 { return int64(l.Len()) }

type listener struct {
	net.Listener
	s *Server
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if after := l.s.broken.Load(); err == nil && after > 0 {
		c = &breaking{c, after}
	}
	return c, err
}

type breaking struct {
	net.Conn
	left int64
}

// Write implements net.Conn.
func (b *breaking) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		n, _ := b.Conn.Write(p[:b.left])
		b.left = 0
		b.Close()
		return n, io.ErrClosedPipe
	}
	b.left -= int64(len(p))
	return b.Conn.Write(p)
}

func authority(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := clock.Real().Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
