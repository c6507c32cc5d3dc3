package imap

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"tocsin/internal/platform/fault"
)

// ParseServer reads imaps://USER@HOST:PORT/FOLDER, which is TLS from the first byte, and imap://USER@HOST:PORT/FOLDER, which asks
// for STARTTLS unless the host is this machine. The user may be a whole address, its @ written as it is or as %40. A password
// in it is refused: what stands on a command line is read by everybody on the machine.
func ParseServer(s string) (Config, error) {
	wrong := fault.Invalidf("the mailbox: want imaps://USER@HOST:993/INBOX")
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Config{}, wrong
	}
	authority, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = strings.ReplaceAll(authority[:i], "@", "%40") + authority[i:]
	}
	u, err := url.Parse(scheme + "://" + authority + "/" + path)
	if err != nil || u.Scheme != "imaps" && u.Scheme != "imap" || u.Hostname() == "" || u.User == nil || u.User.Username() == "" || u.RawQuery != "" || u.Fragment != "" {
		return Config{}, wrong
	}
	if _, has := u.User.Password(); has {
		return Config{}, fault.Invalidf("the mailbox: keep its password in a file, and name that with --imap-password-file")
	}
	c := Config{Host: u.Hostname(), Port: 993, User: u.User.Username(), Folder: strings.TrimPrefix(u.Path, "/")}
	if c.Folder == "" {
		c.Folder = "INBOX"
	}
	if u.Scheme == "imap" {
		c.TLS, c.Port = StartTLS, 143
		if loopback(c.Host) {
			c.TLS = None
		}
	}
	if p := u.Port(); p != "" {
		if c.Port, err = strconv.Atoi(p); err != nil || c.Port < 1 || c.Port > 65535 {
			return Config{}, fault.Invalidf("the mailbox: %q is no port", p)
		}
	}
	if broken(c.User) || broken(c.Host) || broken(c.Folder) {
		return Config{}, fault.Invalidf("the mailbox: its user, host and folder are one line each")
	}
	return c, nil
}

func broken(s string) bool { return strings.ContainsAny(s, "\r\n\x00") || !utf8.ValidString(s) }

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
