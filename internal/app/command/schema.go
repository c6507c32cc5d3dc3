package command

import (
	"fmt"

	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/world"
)

type feedSchema struct {
	Reports string `help:"Shadowserver's reports.json." type:"path" placeholder:"FILE"`
	Intelmq string `help:"Shadowserver's intelmq.json." type:"path" placeholder:"FILE"`
	Builtin bool   `help:"Go back to the schema that Tocsin was built with."`
}

// Help is the command's long help.
func (feedSchema) Help() string {
	return `Without flags it prints the table in force: type, class, identifier, severity and how columns are read. Both files come from
Shadowserver's report_schema; files that are taken in later are read by the new schema.

Examples:
  tocsin feed schema
  tocsin feed schema --reports reports.json --intelmq intelmq.json
  tocsin feed schema --builtin`
}

// Run loads or prints the schema.
func (c *feedSchema) Run(e *Env) error {
	load := c.Reports != "" || c.Intelmq != ""
	if !load && !c.Builtin {
		return e.with(func(w *world.World) error {
			s, err := w.Formats.Schema(e.Ctx)
			if err != nil {
				return err
			}
			return s.WriteTable(e.Out)
		})
	}
	if load && c.Builtin {
		return usage(fmt.Errorf("--builtin and a file exclude each other"))
	}
	var files [2][]byte
	for i, name := range []string{c.Reports, c.Intelmq} {
		if name == "" {
			continue
		}
		var err error
		if files[i], err = e.read(name); err != nil {
			return err
		}
	}
	return e.withNew(func(w *world.World) error {
		s, err := w.Formats.SetSchema(e.Ctx, identity.LocalActor, files[0], files[1])
		if err != nil {
			return err
		}
		news := len(s.Types()) - len(shadowserver.Builtin().Types())
		fmt.Fprintf(e.Err, "The schema has %d report types, %d more than the built-in one.\n", len(s.Types()), max(news, 0))
		return nil
	})
}
