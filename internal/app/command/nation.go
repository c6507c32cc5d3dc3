package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"tocsin/internal/identity"
	"tocsin/internal/nation"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type nationCmd struct {
	Show nationShow `cmd:"" help:"Print the profile in force as TOML."`
	Set  nationSet  `cmd:"" help:"Choose a profile: one that comes with Tocsin, or a TOML file."`
	List nationList `cmd:"" help:"List the profiles that come with Tocsin."`
}

// Help is the command's long help.
func (nationCmd) Help() string {
	return `A profile is one TOML file: name, code, team, time zone, languages, sectors, severity scale and the law's clocks as dated data.
Take the nearest one as a starting point, let its owner confirm it, and set it.

Examples:
  tocsin nation list
  tocsin nation show --profile nis2 > our-nation.toml
  tocsin nation set our-nation.toml`
}

type nationShow struct {
	Profile string `help:"A profile that comes with Tocsin instead of the one in force." placeholder:"NAME"`
}

// Run prints a profile.
func (c *nationShow) Run(e *Env) error {
	if c.Profile != "" {
		text, err := nation.Shipped(c.Profile)
		if err != nil {
			return err
		}
		_, err = e.Out.Write(text)
		return err
	}
	return e.with(func(w *world.World) error {
		text, err := w.Nation.Text(e.Ctx)
		if fault.KindOf(err) == fault.NotFound {
			return fault.NotFoundf("no profile is chosen yet: choose one with tocsin nation set; tocsin nation list shows those that come with Tocsin")
		}
		if err == nil {
			_, err = io.WriteString(e.Out, text)
		}
		return err
	})
}

type nationSet struct {
	Profile string `arg:"" help:"Name of a shipped profile, or a TOML file." placeholder:"NAME|FILE"`
}

// Run chooses a profile.
func (c *nationSet) Run(e *Env) error {
	text, err := os.ReadFile(c.Profile)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(c.Profile, `/\.`) {
		text, err = nation.Shipped(c.Profile)
	}
	if err != nil {
		return unreadable(err)
	}
	return e.withNew(func(w *world.World) error {
		p, err := w.Nation.Set(e.Ctx, identity.LocalActor, filepath.Base(c.Profile), text)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Err, "The profile is %s (%s).\n", p.Name, p.Code)
		if p.Status == nation.Unconfirmed {
			fmt.Fprintln(e.Err, "It is a starting point: its owner has to confirm it, above all the law's clocks.")
		}
		return nil
	})
}

type nationList struct{}

// Run lists the shipped profiles.
func (nationList) Run(e *Env) error {
	t := tabwriter.NewWriter(e.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "PROFILE\tNAME\tCODE\tSTATUS")
	for _, name := range nation.Names() {
		text, err := nation.Shipped(name)
		if err != nil {
			return err
		}
		p, err := nation.Parse(name+".toml", text)
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", name, p.Name, p.Code, p.Status)
	}
	return t.Flush()
}
