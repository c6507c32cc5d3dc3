package app

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tocsin/internal/platform/clock"
)

// With a clock of long ago every deadline is over when it is set.
var longAgo = clock.NewManual(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))

func TestAClientThatSendsNothingIsGivenUp(t *testing.T) {
	got := make(chan error, 1)
	s := httptest.NewServer(patient(longAgo, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetReadDeadline(time.Time{}) // as an upload does
		_, err := io.ReadAll(r.Body)
		got <- err
	})))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n")
	if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading a body that does not come: %v", err)
	}
	if _, err := io.ReadAll(c); err != nil { // ends when the connection does
		t.Errorf("the end of the connection: %v", err)
	}
}

func TestAClientThatTakesNothingIsGivenUp(t *testing.T) {
	got := make(chan error, 1)
	s := httptest.NewServer(patient(longAgo, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(w, bytes.NewReader(make([]byte, 1<<20)))
		got <- err
	})))
	defer s.Close()
	if r, err := s.Client().Get(s.URL); err == nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing an answer that is not taken: %v", err)
	}
}

func TestWhatCameInTimeIsWorkedOnForAsLongAsItTakes(t *testing.T) {
	s := httptest.NewServer(patient(clock.Real(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Context().Err() != nil {
			http.Error(w, "no", http.StatusTeapot)
			return
		}
		w.Write(b)
	})))
	defer s.Close()
	sent := strings.Repeat("x", 1<<20)
	r, err := s.Client().Post(s.URL, "text/plain", strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != sent {
		t.Errorf("%d bytes came back, %v", len(b), err)
	}
}
