package command

import (
	"crypto/x509"
	"os"
	"strings"

	"tocsin/internal/notify/mailbox"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/imap"
)

// imapFlags say which mailbox is read.
type imapFlags struct {
	IMAPURL          string   `name:"imap-url" help:"Mailbox that replies and bounces come to: imaps://USER@HOST:993/INBOX, or imap:// (STARTTLS; in clear on this machine)." placeholder:"URL" group:"Mail"`
	IMAPPasswordFile string   `name:"imap-password-file" help:"File with its password (default: TOCSIN_SECRET_IMAP_PASSWORD in the environment)." placeholder:"FILE" group:"Mail"`
	IMAPCA           string   `name:"imap-ca" help:"Authorities, PEM, of its certificate (default: the system's)." placeholder:"FILE" group:"Mail"`
	IMAPDone         string   `name:"imap-done" help:"Folder that messages are moved to once they are taken (default: they stay, marked as seen)." placeholder:"FOLDER" group:"Mail"`
	IMAPVouchedBy    string   `name:"imap-vouched-by" help:"Name by which your own mail server writes Authentication-Results: a sender that it does not vouch for is not verified." placeholder:"NAME" group:"Mail"`
	IMAPReportsFrom  []string `name:"imap-reports-from" help:"Addresses whose reports of feeds are taken in without a person, when that server vouches for them." placeholder:"ADDRESS" group:"Mail"`
	IMAPIncidentsTo  []string `name:"imap-incidents-to" help:"Your own addresses whose mail becomes reports of incidents without a person; other mail waits in the inbox." placeholder:"ADDRESS" group:"Mail"`
}

const imapEnv = "TOCSIN_SECRET_IMAP_PASSWORD"

// imap is the mailbox's configuration; nil without one.
func (c *imapFlags) imap() (*imap.Config, error) {
	if c.IMAPURL == "" {
		return nil, nil
	}
	cfg, err := imap.ParseServer(c.IMAPURL)
	if err != nil {
		return nil, fault.Invalidf("--imap-url: %w", err)
	}
	cfg.Done, cfg.Password = c.IMAPDone, c.imapPassword
	if c.IMAPCA != "" {
		pem, err := os.ReadFile(c.IMAPCA)
		if err != nil {
			return nil, fault.Invalidf("--imap-ca: %w", err)
		}
		cfg.Roots = x509.NewCertPool()
		if !cfg.Roots.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("--imap-ca %s: there is no certificate in it", c.IMAPCA)
		}
	}
	_, err = c.imapPassword()
	return &cfg, err
}

// trust says whose word about senders counts.
func (c *imapFlags) trust() (mailbox.Trust, error) {
	t := mailbox.Trust{Server: c.IMAPVouchedBy, Reporters: c.IMAPReportsFrom, Intake: c.IMAPIncidentsTo}
	if len(t.Reporters) > 0 && t.Server == "" {
		return t, fault.Invalidf("--imap-reports-from needs --imap-vouched-by: without it anybody can write that sender")
	}
	return t, nil
}

// imapPassword reads the secret from where it is kept. Errors name the place, never the secret.
func (c *imapFlags) imapPassword() (string, error) {
	secret := os.Getenv(imapEnv)
	if c.IMAPPasswordFile != "" {
		b, err := os.ReadFile(c.IMAPPasswordFile)
		if err != nil {
			return "", fault.Invalidf("--imap-password-file: %w", err)
		}
		secret = string(b)
	}
	if secret = strings.TrimSpace(secret); secret == "" || strings.ContainsAny(secret, "\r\n\x00") {
		return "", fault.Invalidf("the mailbox's password is one line in --imap-password-file or %s", imapEnv)
	}
	return secret, nil
}
