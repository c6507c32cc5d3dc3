package mail

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"tocsin/internal/platform/egress"
)

// odd is a mail server that need not take commands in a group, and asks for a message that it refused the recipient of.
type odd struct {
	together, asks bool

	mu   sync.Mutex
	got  []string // messages with a recipient
	void int      // without
}

func (o *odd) serve(t *testing.T) Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.talk(c)
		}
	}()
	return Config{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: None, From: "CERT Ruritania <cert@cert.example>"}
}

func (o *odd) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 odd.example\r\n")
	known := false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if !o.together && in.Buffered() > 0 {
			fmt.Fprint(c, "554 one after the other\r\n")
			return
		}
		answer := "250 yes"
		switch verb := strings.ToUpper(line[:4]); {
		case verb == "EHLO" && o.together:
			answer = "250-odd.example\r\n250 PIPELINING"
		case verb == "RCPT":
			if known = !strings.Contains(line, "nobody@"); !known {
				answer = "550 5.1.1 unknown"
			}
		case verb == "DATA" && !known && !o.asks:
			answer = "503 no recipient"
		case verb == "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var message strings.Builder
			for line, err = in.ReadString('\n'); line != ".\r\n"; line, err = in.ReadString('\n') {
				if err != nil {
					return
				}
				message.WriteString(line)
			}
			o.mu.Lock()
			if known {
				o.got = append(o.got, message.String())
			} else if o.void++; message.Len() > 0 {
				answer = "421 a message for nobody"
			} else {
				answer = "554 no recipient"
			}
			o.mu.Unlock()
		}
		fmt.Fprint(c, answer+"\r\n")
	}
}

func TestALineKeepsInStepWithEveryServer(t *testing.T) {
	for _, o := range []*odd{{}, {together: true}, {together: true, asks: true}} {
		s := sender(t, o.serve(t), egress.Open(egress.Policy{}))
		raw, err := s.Render(ordinary())
		if err != nil {
			t.Fatal(err)
		}
		l, err := s.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, to := range []string{"ana@isp.example", "nobody@isp.example", "nobody@isp.example", "ana@isp.example"} {
			err := l.send(t.Context(), Raw{to, raw})
			var r *Refusal
			if refused := strings.HasPrefix(to, "nobody"); errors.As(err, &r) != refused || refused && (r.Code != 550 || r.Stage != "recipient") || !refused && err != nil {
				t.Errorf("a group %t, asks %t, message %d: %v", o.together, o.asks, i, err)
			}
		}
		l.Close()
		o.mu.Lock()
		if len(o.got) != 2 || o.got[0] != o.got[1] || (o.void > 0) != o.asks {
			t.Errorf("%d arrived, and %d for nobody", len(o.got), o.void)
		}
		o.mu.Unlock()
	}
}
