package command

import (
	"crypto/x509"
	"os"
	"strings"

	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// mailFlags say how mail is sent.
type mailFlags struct {
	SMTPURL          string `name:"smtp-url" help:"Mail server: smtp://USER@HOST:587 (STARTTLS; in clear on this machine) or smtps://USER@HOST:465." placeholder:"URL" group:"Mail"`
	SMTPPasswordFile string `name:"smtp-password-file" help:"File with its password (default: TOCSIN_SECRET_SMTP_PASSWORD in the environment)." placeholder:"FILE" group:"Mail"`
	SMTPCA           string `name:"smtp-ca" help:"Authorities, PEM, of its certificate (default: the system's)." placeholder:"FILE" group:"Mail"`
	MailFrom         string `help:"Sender of mail, such as \"CERT <cert@cert.example>\"." placeholder:"ADDRESS" group:"Mail"`
	MailHELO         string `name:"mail-helo" help:"Name that Tocsin says to the mail server (default: the sender's domain)." placeholder:"NAME" group:"Mail"`
}

const smtpEnv = "TOCSIN_SECRET_SMTP_PASSWORD"

// mail is the mail server's configuration; nil without one.
func (c *mailFlags) mail() (*mail.Config, error) {
	if c.SMTPURL == "" {
		return nil, nil
	}
	cfg, err := mail.ParseServer(c.SMTPURL)
	if err != nil {
		return nil, fault.Invalidf("--smtp-url: %w", err)
	}
	if c.MailFrom == "" {
		return nil, fault.Invalidf("--smtp-url needs --mail-from, the sender of mail")
	}
	cfg.From, cfg.HELO, cfg.Password = c.MailFrom, c.MailHELO, c.password
	if c.SMTPCA != "" {
		pem, err := os.ReadFile(c.SMTPCA)
		if err != nil {
			return nil, fault.Invalidf("--smtp-ca: %w", err)
		}
		cfg.Roots = x509.NewCertPool()
		if !cfg.Roots.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("--smtp-ca %s: there is no certificate in it", c.SMTPCA)
		}
	}
	if cfg.User != "" {
		if _, err := c.password(); err != nil {
			return nil, err
		}
	}
	return &cfg, nil
}

// password reads the secret from where it is kept. Errors name the place, never the secret.
func (c *mailFlags) password() (string, error) {
	secret := os.Getenv(smtpEnv)
	if c.SMTPPasswordFile != "" {
		b, err := os.ReadFile(c.SMTPPasswordFile)
		if err != nil {
			return "", fault.Invalidf("--smtp-password-file: %w", err)
		}
		secret = string(b)
	}
	if secret = strings.TrimSpace(secret); secret == "" || strings.ContainsAny(secret, "\r\n\x00") {
		return "", fault.Invalidf("the mail server's password is one line in --smtp-password-file or %s", smtpEnv)
	}
	return secret, nil
}
