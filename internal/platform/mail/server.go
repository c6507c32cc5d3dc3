package mail

import (
	"net/url"
	"strconv"

	"tocsin/internal/platform/fault"
)

// ParseServer reads smtp://USER@HOST:PORT, which asks for STARTTLS unless the host is this machine, and smtps://USER@HOST:PORT,
// which is TLS from the first byte. A password in it is refused: what stands on a command line is read by everybody on the
// machine.
func ParseServer(s string) (Config, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return Config{}, fault.Invalidf("the mail server: want smtp://USER@HOST:587 or smtps://USER@HOST:465")
	}
	c := Config{Host: u.Hostname(), Port: 587}
	switch {
	case u.Scheme == "smtps":
		c.TLS, c.Port = Implicit, 465
	case loopback(c.Host):
		c.TLS, c.Port = None, 25
	}
	if p := u.Port(); p != "" {
		if c.Port, err = strconv.Atoi(p); err != nil || c.Port < 1 || c.Port > 65535 {
			return Config{}, fault.Invalidf("the mail server: %q is no port", p)
		}
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			return Config{}, fault.Invalidf("the mail server: keep its password in a file, and name that with --smtp-password-file")
		}
		c.User = u.User.Username()
	}
	if broken(c.User) || broken(c.Host) {
		return Config{}, fault.Invalidf("the mail server: its user and host are one line each")
	}
	return c, nil
}
