package command

import (
	"encoding/json"
	"fmt"

	"tocsin/internal/identity"
	"tocsin/internal/world"
)

type backupCmd struct {
	Dir  string `arg:"" help:"Directory of the backup." type:"path"`
	JSON bool   `help:"Print what was done as one JSON line."`
}

// Help is the command's long help.
func (backupCmd) Help() string {
	return `Works while a server runs. The first backup copies everything, each later one only the files that are new; the directory holds
one whole backup at any point, also when this is interrupted. Keep generations with the tools you have (rsync, snapshots).

Examples:
  tocsin backup /mnt/backup/tocsin
  tocsin backup --data /var/lib/tocsin --json /mnt/backup/tocsin`
}

// Run makes a backup.
func (c *backupCmd) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		bar := e.bar()
		s, err := w.Backup(e.Ctx, identity.LocalActor, c.Dir, func(p world.BackupProgress) {
			bar.show(p.BytesDone, p.Bytes, fmt.Sprintf("%d of %d files", p.FilesDone, p.Files))
		})
		bar.end()
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(e.Out).Encode(s)
		}
		_, err = fmt.Fprintf(e.Out, "The backup in %s has %d files besides the records; %d were new, %s were copied.\n", c.Dir, s.Files,
			s.Copied, size(s.Bytes))
		return err
	})
}

type restoreCmd struct {
	Backup string `arg:"" help:"Directory of the backup." type:"existingdir"`
}

// Help is the command's long help.
func (restoreCmd) Help() string {
	return `The data directory must be empty or absent; a PostgreSQL database must not have been used. Every file is compared with the
backup's manifest as it is copied.

Examples:
  tocsin restore --data /var/lib/tocsin /mnt/backup/tocsin
  tocsin restore --data ./second --database postgres://tocsin@db.example/second /mnt/backup/tocsin`
}

// Run restores a backup.
func (c *restoreCmd) Run(e *Env) error {
	bar := e.bar()
	cfg := world.Config{Dir: e.dir(), DatabaseURL: e.Database, Log: e.Log}
	m, err := world.Restore(e.Ctx, identity.LocalActor, cfg, c.Backup, func(p world.BackupProgress) {
		bar.show(p.BytesDone, p.Bytes, fmt.Sprintf("%d of %d files", p.FilesDone, p.Files))
	})
	bar.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Out, "%s is as it was at %s, with %d files. Check it with tocsin check.\n", e.dir(), m.Created, len(m.Files))
	return err
}
