package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/notify/signing"
	"tocsin/internal/world"
)

type mailCmd struct {
	Keys mailKeysCmd `cmd:"" help:"The team's own keys, which sign its mail."`
}

type mailKeysCmd struct {
	List     mailKeysList     `cmd:"" help:"List the keys."`
	Show     mailKeysShow     `cmd:"" help:"Print the public half of a key."`
	Import   mailKeysImport   `cmd:"" help:"Keep a key that signs from now on."`
	Generate mailKeysGenerate `cmd:"" help:"Make an OpenPGP key, and print its public half."`
	Retire   mailKeysRetire   `cmd:"" help:"Take a key out of use and forget its private half."`
}

// Help is the command's long help.
func (mailKeysCmd) Help() string {
	return `Mail is signed once there is a key for the address that it is sent from (--mail-from). For S/MIME that is a certificate of an authority
that mail programs trust, in PEM with its private key; OpenPGP keys can be made here. Private halves are kept sealed: the key to them is
a file in the data directory.

Examples:
  openssl pkcs12 -in team.p12 -nodes | tocsin mail keys import -
  tocsin mail keys generate "CERT Ruritania" cert@cert.example
  gpg --armor --export-secret-keys cert@cert.example | tocsin mail keys import -`
}

type mailKeysList struct {
	Format string `help:"Output: ${enum}." enum:"text,json" default:"text"`
}

// Run lists the keys.
func (c *mailKeysList) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		ks, err := w.MailKeys.List(e.Ctx)
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
		for _, k := range ks {
			state := k.State(w.Clock().Now())
			if c.Format == "json" {
				k.Public = ""
				if err := json.NewEncoder(e.Out).Encode(struct {
					signing.Key
					State signing.State
				}{k, state}); err != nil {
					return err
				}
				continue
			}
			until := "-"
			if k.Expires != 0 {
				until = time.UnixMicro(k.Expires).UTC().Format(time.DateOnly)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.Type, state, until, strings.Join(k.Addresses, ","), k.Fingerprint)
		}
		return t.Flush()
	})
}

type mailKeysShow struct {
	Fingerprint string `arg:"" help:"Its fingerprint."`
}

// Run prints the public half.
func (c *mailKeysShow) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		k, err := w.MailKeys.One(e.Ctx, c.Fingerprint)
		if err == nil {
			_, err = io.WriteString(e.Out, k.Public)
		}
		return err
	})
}

type mailKeysImport struct {
	Files []string `arg:"" help:"Private key and certificates in PEM, or an armored OpenPGP private key, without a passphrase; - is standard input." placeholder:"FILE"`
}

// Run keeps the key.
func (c *mailKeysImport) Run(e *Env) error {
	var text strings.Builder
	for _, name := range c.Files {
		b, err := e.read(name)
		if err != nil {
			return err
		}
		text.Write(b)
		text.WriteByte('\n')
	}
	return e.with(func(w *world.World) error {
		k, err := w.MailKeys.Import(e.Ctx, identity.LocalActor, text.String())
		if err == nil {
			_, err = fmt.Fprintf(e.Out, "%s %s signs for %s.\n", k.Type, k.Fingerprint, strings.Join(k.Addresses, ", "))
		}
		return err
	})
}

type mailKeysGenerate struct {
	Name    string `arg:"" help:"The team's name."`
	Address string `arg:"" help:"The address that mail is sent from."`
	Days    int    `help:"How long it is valid." default:"730"`
}

// Run makes the key.
func (c *mailKeysGenerate) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		k, err := w.MailKeys.Generate(e.Ctx, identity.LocalActor, c.Name, c.Address, time.Duration(c.Days)*24*time.Hour)
		if err == nil {
			_, err = io.WriteString(e.Out, k.Public)
		}
		return err
	})
}

type mailKeysRetire struct {
	Fingerprint string `arg:"" help:"Its fingerprint."`
}

// Run retires the key.
func (c *mailKeysRetire) Run(e *Env) error {
	return e.with(func(w *world.World) error { return w.MailKeys.Retire(e.Ctx, identity.LocalActor, c.Fingerprint) })
}
