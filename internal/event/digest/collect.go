package digest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// firstIntake is how long a feed's first intake takes: whatever it brings up to then is its backlog, which is known and not told.
const firstIntake = 24 * time.Hour

// Collected is what a run of Collect changed.
type Collected struct {
	Types int `json:"types"` // looked at
	Made  int `json:"made"`  // directives
	Moved int `json:"moved"`
}

// Collect brings the directives up to date with findings, rules and the day. It looks only at the report types for which one of
// these changed, compares in memory and writes what is other than before. It is idempotent; a run that is cut off is done again.
func (d *Desk) Collect(ctx context.Context) (sum Collected, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return sum, err
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return sum, err
	}
	marks, err := d.Lister.Marks(ctx)
	if err != nil {
		return sum, err
	}
	r, err := d.rules(ctx, dir, profile)
	if err != nil {
		return sum, err
	}
	known, err := d.backlogs(ctx, marks)
	if err != nil {
		return sum, err
	}
	var done map[int64]mark
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		done, err = readMarks(tx)
		return err
	})
	if err != nil {
		return sum, err
	}
	today := int64(d.today())
	for _, m := range marks {
		if done[m.ID] == (mark{m.Version, r.version, today}) {
			continue
		}
		c := &collection{desk: d, rules: r, about: &about{TypeMark: m, population: shadowserver.Population(m.Name)}, known: known[m.Feed]}
		if err := c.run(ctx, today); err != nil {
			return sum, fmt.Errorf("collect what is to be told of %s: %w", m.Name, err)
		}
		sum.Types++
		sum.Made += len(c.made)
		sum.Moved += len(c.moved)
	}
	return sum, nil
}

// rules reads all that decides.
func (d *Desk) rules(ctx context.Context, dir *constituency.Directory, profile *nation.Profile) (*rules, error) {
	r := &rules{now: d.now(), sectors: sectors(dir), profile: profile}
	refs := map[string]int64{}
	for _, l := range dir.All() {
		refs[l.Ref] = l.ID
	}
	return r, d.DB.View(ctx, func(tx *db.Tx) (err error) {
		if r.version, err = rulesVersion(tx); err != nil {
			return err
		}
		r.version = r.version<<32 | int64(calendar(profile))
		if r.policies, err = readPolicies(tx); err != nil {
			return err
		}
		if r.suppressions, err = inForce(tx, d.today(), refs); err != nil {
			return err
		}
		r.settings, err = readSettings(tx, 0)
		return err
	})
}

// backlogs says of every feed until which report day what it brought is known. A feed that is new here begins its first intake.
func (d *Desk) backlogs(ctx context.Context, marks []event.TypeMark) (out map[string]event.Day, err error) {
	latest := map[string]event.Day{}
	for _, m := range marks {
		latest[m.Feed] = max(latest[m.Feed], m.LastDay)
	}
	now := d.now()
	var feeds map[string]feedMark
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		feeds, err = readFeeds(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out = map[string]event.Day{}
	for name, day := range latest {
		f, ok := feeds[name]
		if !ok {
			f = feedMark{since: now.UnixMicro(), until: -1}
		}
		if (!ok || now.Before(time.UnixMicro(f.since).Add(firstIntake))) && f.until < day {
			f.until = day
			if err := d.DB.Upkeep(ctx, func(tx *db.Tx) error { return saveFeed(tx, name, f) }); err != nil {
				return nil, err
			}
		}
		out[name] = f.until
	}
	return out, nil
}

// collection is the collecting of one report type.
type collection struct {
	desk  *Desk
	rules *rules
	*about
	known event.Day

	fresh []event.ID // to be looked at: open, and nobody was told
	moved []move     // directives that are other than before
	made  []directive
}

type move struct{ before, after directive }

func (c *collection) run(ctx context.Context, today int64) error {
	if err := c.asn(ctx); err != nil {
		return err
	}
	briefs, version, err := c.desk.Lister.Briefs(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := c.compare(ctx, briefs); err != nil {
		return err
	}
	for chunk := range slices.Chunk(c.fresh, 5000) {
		if err := c.begin(ctx, chunk); err != nil {
			return err
		}
	}
	m := mark{version, c.rules.version, today}
	if len(c.moved)+len(c.made) == 0 {
		return c.desk.DB.Upkeep(ctx, func(tx *db.Tx) error { return saveMark(tx, c.ID, m) })
	}
	a := act.Act{Actor: act.Machine, Verb: "digest.collect", Object: fmt.Sprintf("type:%d", c.ID),
		Detail: fmt.Sprintf(`{"made":%d,"moved":%d}`, len(c.made), len(c.moved))}
	return c.desk.DB.Act(ctx, a, func(tx *db.Tx) error {
		for i := range c.made {
			if err := insertDirective(tx, &c.made[i]); err != nil {
				return err
			}
		}
		lost := false
		for i := range c.moved {
			ok, err := moveDirective(tx, &c.moved[i])
			if err != nil {
				return err
			}
			lost = lost || !ok
		}
		if lost { // somebody else changed one meanwhile: look again
			m.version--
		}
		return saveMark(tx, c.ID, m)
	})
}

// asn finds out whose autonomous system the findings are in, when somebody suppresses by it: findings do not know, events do.
func (c *collection) asn(ctx context.Context) error {
	if !byASN(c.rules.suppressions) {
		return nil
	}
	c.asns = map[event.ID][]string{}
	return c.desk.systems(ctx, c.ID, c.LastDay-14, c.LastDay, c.asns)
}

// compare goes through directives and findings side by side, both in the order of ids.
func (c *collection) compare(ctx context.Context, briefs iter.Seq[*event.Brief]) error {
	next, stop := iter.Pull(briefs)
	defer stop()
	b, ok := next()
	var group []directive // of one finding
	settle := func() {
		if len(group) == 0 {
			return
		}
		for ok && b.Compare(group[0].finding) < 0 {
			c.seek(b, nil)
			b, ok = next()
		}
		var at *event.Brief
		if ok && b.Compare(group[0].finding) == 0 {
			at = b
		}
		for _, x := range group {
			if after := c.rules.follow(c.about, x, at); after != x {
				c.moved = append(c.moved, move{x, after})
			}
		}
		if at != nil {
			c.seek(b, group)
			b, ok = next()
		}
		group = group[:0]
	}
	err := c.desk.DB.View(ctx, func(tx *db.Tx) error {
		return eachDirective(tx, c.ID, func(x directive) error {
			if len(group) > 0 && group[0].finding != x.finding {
				settle()
			}
			group = append(group, x)
			return nil
		})
	})
	if err != nil {
		return err
	}
	settle()
	for ; ok; b, ok = next() {
		c.seek(b, nil)
	}
	return nil
}

// seek keeps a finding that its owner may have to be told of, because nobody decided about it with this owner yet.
func (c *collection) seek(b *event.Brief, group []directive) {
	if b.State != event.Open || b.First <= c.known && b.From <= c.known ||
		slices.ContainsFunc(group, func(x directive) bool { return x.constituent == b.Owner }) {
		return
	}
	c.fresh = append(c.fresh, b.ID())
}

// begin makes the directives of findings: one for the owner, and one for each who gets a copy.
func (c *collection) begin(ctx context.Context, ids []event.ID) error {
	found, err := c.desk.Lister.Tenures(ctx, c.ID, ids)
	if err != nil {
		return err
	}
	return c.desk.DB.View(ctx, func(tx *db.Tx) error {
		desks := addressBook{}
		for _, id := range ids {
			f, ok := found[id]
			if !ok || f.State != event.Open || f.Owner.ID == 0 {
				continue
			}
			x := directive{finding: id, constituent: f.Owner.ID, owner: f.Owner.ID, severity: f.Severity, since: f.Since, presence: Present, goneDay: -1}
			c.make(x)
			for _, other := range f.Copies {
				if other == f.Owner.ID {
					continue
				}
				more, err := desks.beyond(tx, other, f.Owner.ID, c.desk.today())
				if err != nil {
					return err
				}
				if set := c.rules.setting(other); more || set.pushes() { // else the same people would be told twice
					x.constituent = other
					c.make(x)
				}
			}
		}
		return nil
	})
}

func (c *collection) make(x directive) {
	if x.since <= c.known {
		x.state, x.rule, x.frequency = Known, "backlog", Never
	} else {
		c.rules.decide(c.about, &x, TellNew)
	}
	c.made = append(c.made, x)
}

// addressBook remembers whom constituents' mail goes to.
type addressBook map[int64][]string

func (b addressBook) of(tx *db.Tx, id int64, day event.Day) ([]string, error) {
	if list, ok := b[id]; ok {
		return list, nil
	}
	cs, err := constituency.Reach(tx, id, constituency.Day(day))
	list := []string{}
	for _, c := range constituency.Desks(cs) {
		list = append(list, address(c.Mail))
	}
	b[id] = list
	return list, err
}

// beyond tells whether a copy reaches anybody whom the owner's own message does not reach.
func (b addressBook) beyond(tx *db.Tx, other, owner int64, day event.Day) (bool, error) {
	theirs, err := b.of(tx, other, day)
	if err != nil {
		return false, err
	}
	owners, err := b.of(tx, owner, day)
	if len(theirs) == 0 || len(owners) == 0 {
		return true, err
	}
	return slices.ContainsFunc(theirs, func(a string) bool { return !slices.Contains(owners, a) }), err
}

// Begin ends a feed's first intake now: what it brings from here on is told. Without it the first intake ends by itself.
func (d *Desk) Begin(ctx context.Context, by act.Actor, feed string) error {
	if _, err := d.Feeds.ByName(ctx, feed); err != nil {
		return err
	}
	marks, err := d.Lister.Marks(ctx)
	if err != nil {
		return err
	}
	f := feedMark{since: d.now().Add(-firstIntake).UnixMicro(), until: -1}
	for _, m := range marks {
		if m.Feed == feed {
			f.until = max(f.until, m.LastDay)
		}
	}
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.begin", Object: "feed:" + feed, Detail: fmt.Sprintf(`{"known_until":%q}`, f.until)}, func(tx *db.Tx) error {
		feeds, err := readFeeds(tx)
		if err != nil {
			return err
		}
		if old, ok := feeds[feed]; ok {
			if d.now().Sub(time.UnixMicro(old.since)) >= firstIntake {
				return fault.Conflictf("the first intake of %s is over already: what came until %s is known", feed, old.until)
			}
			f.until = max(f.until, old.until)
		}
		return saveFeed(tx, feed, f)
	})
}
