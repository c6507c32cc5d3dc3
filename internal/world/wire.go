package world

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/constituency/special"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/collect"
	"tocsin/internal/event/digest"
	"tocsin/internal/event/feed"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/incident/filing"
	"tocsin/internal/incident/leak"
	"tocsin/internal/incident/letter"
	"tocsin/internal/incident/yearly"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/mail"
	"tocsin/internal/platform/spool"
	"tocsin/internal/portal"
	"tocsin/internal/situation"
	"tocsin/internal/situation/sitrep"
	"tocsin/internal/situation/statistic"
	"tocsin/internal/view"
)

// wire makes the parts of the world and gives each the ones that it stands on.
func (w *World) wire(ctx context.Context) error {
	seal, err := identity.OpenSeal(filepath.Join(w.cfg.Dir, sealFile))
	if err != nil {
		return err
	}
	w.Identity = identity.NewStore(identity.Config{DB: w.db, Real: w.cfg.Real, Seal: seal, Branch: constituency.Branch, NeedsTwo: w.needsTwo})
	w.Audit = audit.New(audit.Config{DB: w.db, World: w.cfg.Name, KeyFile: filepath.Join(w.cfg.Dir, auditKey), Clock: w.cfg.Clock, Log: w.cfg.Log})
	w.Audit.Register(w.jobs)
	w.Views = view.NewStore(w.db)
	w.Nation = nation.NewStore(w.db)
	w.Constituency = constituency.NewStore(w.db, w.cfg.Clock)
	w.Special = special.New(w.db, w.cfg.Clock)
	w.Gate = disclosure.NewGate(disclosure.Config{DB: w.db, Clock: w.cfg.Clock, Constituency: w.Constituency, Nation: w.Nation})
	if w.Outbox, err = w.outbox(seal); err != nil {
		return err
	}
	w.Feeds = feed.NewStore(w.db)
	if err := w.Feeds.Ensure(ctx); err != nil {
		return err
	}
	w.Formats = &Formats{db: w.db}
	w.Intake = event.NewIntake(event.Config{
		DB: w.db, Registry: w.Constituency, Format: w.Formats.Of,
		Archive:  file.Dir{FS: file.OS{}, Root: filepath.Join(w.cfg.Dir, archiveDir)},
		Segments: file.Dir{FS: file.OS{}, Root: filepath.Join(w.cfg.Dir, segmentDir)},
		World:    w.cfg.Clock, Real: w.cfg.Real, Log: w.cfg.Log, Step: w.cfg.Step,
	})
	if err := w.retention(ctx); err != nil {
		return err
	}
	w.Intake.Register(w.jobs, w.cfg.Retention)
	w.Events = event.NewStore(w.db)
	w.Findings = event.NewLister(w.db).WithClock(w.cfg.Clock).WithRegistry(w.Constituency).WithStaff(w.assignees)
	if w.Mailbox, err = w.mailbox(); err != nil {
		return err
	}
	w.Mailbox.Register(w.jobs)
	w.Digest, err = digest.New(digest.Config{DB: w.db, Clock: w.cfg.Clock, Constituency: w.Constituency, Nation: w.Nation, Feeds: w.Feeds,
		Lister: w.Findings, Intake: w.Intake, Gate: w.Gate, Outbox: w.Outbox, Seal: seal, Log: w.cfg.Log})
	if err != nil {
		return err
	}
	w.Incidents, err = incident.New(incident.Config{DB: w.db, Clock: w.cfg.Clock, Real: w.cfg.Real, Constituency: w.Constituency, Nation: w.Nation, Gate: w.Gate,
		Outbox: w.Outbox, Findings: w.Findings, Account: w.accountOf, Seal: seal, Files: file.Dir{FS: file.OS{}, Root: filepath.Join(w.cfg.Dir, incidentDir)}, Log: w.cfg.Log, Step: w.cfg.Step})
	if err != nil {
		return err
	}
	w.Incidents.Register(w.jobs)
	if w.Affected, err = affected.New(affected.Config{Incidents: w.Incidents, Findings: w.Findings}); err != nil {
		return err
	}
	if w.Filing, err = filing.New(w.Incidents); err != nil {
		return err
	}
	w.Filing.Box, w.Mailbox.Incidents = w.Mailbox, w.Filing.Mailbox()
	w.Filing.Register(w.jobs)
	if w.Leaks, err = leak.New(w.Incidents); err != nil {
		return err
	}
	if w.Letters, err = letter.New(letter.Config{Incidents: w.Incidents, Box: w.Mailbox, Reach: w.reach}); err != nil {
		return err
	}
	w.Deadlines, err = deadline.New(deadline.Config{DB: w.db, Clock: w.cfg.Clock, Constituency: w.Constituency, Nation: w.Nation, Identity: w.Identity, Gate: w.Gate,
		Outbox: w.Outbox, Incidents: w.Incidents})
	if err != nil {
		return err
	}
	w.Yearly, err = yearly.New(yearly.Config{DB: w.db, Clock: w.cfg.Clock, Constituency: w.Constituency, Nation: w.Nation, Gate: w.Gate, Outbox: w.Outbox, Log: w.cfg.Log})
	if err != nil {
		return err
	}
	w.Situation = situation.New(w.db, w.Findings).WithClock(w.cfg.Clock)
	w.Statistics = &statistic.Desk{DB: w.db, Clock: w.cfg.Clock, Nation: w.Nation, Yearly: w.Yearly}
	w.Sitreps, err = sitrep.New(sitrep.Config{DB: w.db, Clock: w.cfg.Clock, Situation: w.Situation, Feeds: w.Feeds, Deadlines: w.Deadlines, Constituency: w.Constituency,
		Nation: w.Nation, Identity: w.Identity, Gate: w.Gate, Outbox: w.Outbox})
	if err != nil {
		return err
	}
	w.Portal = portal.New(portal.Config{DB: w.db, Clock: w.cfg.Clock, Constituency: w.Constituency, Feeds: w.Feeds, Lister: w.Findings, Intake: w.Intake, Gate: w.Gate, Digest: w.Digest, Outbox: w.Outbox})
	if w.cfg.Serve == "" {
		return nil
	}
	profile, _, err := w.Nation.Load(ctx)
	if err != nil {
		return err
	}
	tmp := spool.Dir(filepath.Join(w.cfg.Dir, tmpDir))
	w.Collect = collect.New(collect.Config{
		DB: w.db, Feeds: w.Feeds, Intake: w.Intake, Client: fetch.New(w.cfg.Net, fetch.Options{Version: w.cfg.Version, Spool: tmp}),
		Spool: tmp, Clock: w.cfg.Clock, Zone: profile.Location(), Log: w.cfg.Log, Format: w.Formats.Of,
	})
	w.Collect.Register(w.jobs)
	w.Digest.Register(w.jobs)
	w.Deadlines.Register(w.jobs)
	w.Yearly.Register(w.jobs)
	w.Sitreps.Register(w.jobs)
	return nil
}

// outbox is the world's outbox. What it sends goes out by the world's Net alone; a sealed one keeps every letter.
func (w *World) outbox(seal *identity.Seal) (*notify.Outbox, error) {
	c := notify.Config{DB: w.db, Clock: w.cfg.Clock, Real: w.cfg.Real, Gate: w.Gate, Seal: seal, Log: w.cfg.Log, Sealed: w.cfg.Serve != "" && w.cfg.Net.Sealed(),
		Client: fetch.New(w.cfg.Net, fetch.Options{Version: w.cfg.Version, Attempts: 1, Stall: 30 * time.Second})}
	w.MailKeys = signing.New(signing.Config{DB: w.db, Clock: w.cfg.Clock, Seal: seal})
	c.Protect, c.Enough = w.MailKeys.Protect, w.MailKeys.Enough
	if w.cfg.Mail != nil {
		server := *w.cfg.Mail
		var err error
		if server.Secret, err = seal.Derive("message-id"); err != nil {
			return nil, err
		}
		if c.Sender, err = mail.New(server, w.cfg.Net, w.cfg.Clock); err != nil {
			return nil, err
		}
	}
	w.Mail = c.Sender
	return notify.New(c)
}

// retention keeps what a server was told for those that work beside it.
func (w *World) retention(ctx context.Context) error {
	var kept event.Retention
	err := w.db.View(ctx, func(tx *db.Tx) (err error) {
		kept, err = loadRetention(tx)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("read the retention: %w", err)
	case w.cfg.Serve == "":
		w.cfg.Retention = kept
	case w.cfg.Retention != kept:
		a := act.Act{Actor: act.Machine, Verb: "world.retention", Object: "world:" + w.cfg.Name,
			Detail: fmt.Sprintf(`{"events_days":%d,"archive_days":%d}`, w.cfg.Retention.Events, w.cfg.Retention.Archive)}
		return w.db.Act(ctx, a, func(tx *db.Tx) error { return saveRetention(tx, w.cfg.Retention) })
	}
	return nil
}

// assignees are the people of the CERT who rule findings.
func (w *World) assignees(ctx context.Context) (out []event.Assignee, err error) {
	for _, role := range identity.Roles() {
		if !role.Staff() || !slices.Contains(role.Permissions(), "finding.write") {
			continue
		}
		people, _, err := w.Identity.List(ctx, identity.Filter{Role: role, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			a := event.Assignee{ID: p.ID, Name: p.Name}
			if p.Kind == identity.PersonAccount && !p.Disabled && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// accountOf finds who signs in under a name, for those who invite them to a case.
func (w *World) accountOf(ctx context.Context, login string) (incident.Account, error) {
	a, err := w.Identity.ByLogin(ctx, login)
	if err != nil {
		return incident.Account{}, err
	}
	return incident.Account{ID: a.ID, Name: a.Name, Outside: !a.Disabled && !slices.ContainsFunc(a.Roles, func(h identity.Held) bool { return h.Role.Staff() })}, nil
}

// reach tells where an account that can still be used is written to.
func (w *World) reach(ctx context.Context, account int64) (mail, language string, err error) {
	a, err := w.Identity.ByID(ctx, account)
	if fault.KindOf(err) == fault.NotFound || err == nil && a.Disabled {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	return a.Login, a.Language, nil
}

// needsTwo asks the nation's profile whether an act needs two people.
func (w *World) needsTwo(ctx context.Context, act string) (bool, error) {
	p, _, err := w.Nation.Load(ctx)
	if err != nil {
		return true, err
	}
	return p.NeedsTwo(act), nil
}

// ConstituentName is what people call a constituent; "" when there is none.
func (w *World) ConstituentName(ctx context.Context, id int64) string {
	d, err := w.Constituency.Directory(ctx)
	if err != nil {
		w.cfg.Log.Error("name a constituent", "error", err)
		return ""
	}
	c, _ := d.ByID(id)
	return c.Name
}

// ConstituentByRef is the id of the constituent with a ref; without one a fault of kind NotFound.
func (w *World) ConstituentByRef(ctx context.Context, ref string) (int64, error) {
	d, err := w.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	c, err := d.ByRef(ref)
	return c.ID, err
}
