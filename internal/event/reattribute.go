package event

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// Reattribute asks the registry anew who owns the findings that are open, after it changed: a finding whose owner is
// another one is transferred on the day it was last seen, which is no fix. The next report would do the same; this does
// it at once. A finding does not know its autonomous system: what a new AS would gain waits for the next report.
func (in *Intake) Reattribute(ctx context.Context) error {
	resolver, err := in.Registry.Resolver(ctx)
	if err != nil {
		return err
	}
	var types []typeState
	err = in.DB.View(ctx, func(tx *db.Tx) (err error) {
		types, err = allTypes(tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, st := range types {
		if err := in.reattributeType(ctx, resolver, st); err != nil {
			return fmt.Errorf("reattribute %s: %w", st.Name, err)
		}
	}
	return nil
}

// moved is an open finding whose owner changes.
type moved struct {
	id      ID
	verdict *constituency.Verdict
}

func (in *Intake) reattributeType(ctx context.Context, r *constituency.Resolver, st typeState) error {
	var ms []moved
	err := in.DB.View(ctx, func(tx *db.Tx) (err error) {
		ms, err = movedFindings(tx, r, st)
		return err
	})
	if err != nil || len(ms) == 0 {
		return err
	}
	verdicts := map[string]*constituency.Verdict{}
	for _, m := range ms {
		verdicts[string(m.verdict.Digest[:])] = m.verdict
	}
	explain, err := in.explanations.ids(ctx, in.DB, verdicts)
	if err != nil {
		return err
	}
	a := act.Act{Actor: act.Machine, Verb: "finding.reattribute", Object: fmt.Sprintf("type:%d", st.id),
		Detail: fmt.Sprintf(`{"findings":%d}`, len(ms))}
	return in.DB.Act(ctx, a, func(tx *db.Tx) error {
		f, err := feedOf(tx, st.feed)
		if err != nil {
			return err
		}
		if _, err := lockFeed(tx, f.Name); err != nil {
			return err
		}
		if _, err := lockType(tx, f, st.ReportType); err != nil {
			return err
		}
		days, err := storedDays(tx, st.feed)
		if err != nil {
			return err
		}
		t, err := loadTimeline(tx, st, days)
		if err != nil {
			return err
		}
		return moveFindings(tx, st, t, ms, explain)
	})
}

func moveFindings(tx *db.Tx, st typeState, t *timeline, ms []moved, explain map[string]int64) error {
	ts := countSheet{}
	owners := map[ID]int64{}
	for _, m := range ms {
		h, err := historyOf(tx, m.id)
		if err != nil {
			return err
		}
		if len(h.runs) == 0 { // gone since we looked
			continue
		}
		days := t.expand(h.runs)
		days[len(days)-1].owner = m.verdict.Owner
		runs := t.contract(days)
		before, after := countSheet{}, countSheet{}
		t.count(before, h.runs)
		t.count(after, runs)
		ts.add(after, 1)
		ts.add(before, -1)
		c := change{history: history{id: m.id, runs: runs, firstSeen: h.firstSeen, stored: true}, old: h.runs}
		if err := c.save(tx, st, nil); err != nil {
			return err
		}
		if err := setExplanation(tx, m.id, explain[string(m.verdict.Digest[:])]); err != nil {
			return err
		}
		owners[m.id] = m.verdict.Owner
	}
	if err := addCounts(tx, st.id, ts); err != nil {
		return err
	}
	list, err := loadPresence(tx, st.id)
	if err != nil {
		return err
	}
	for i := range list {
		if o, ok := owners[list[i].id]; ok {
			list[i].owner = o
		}
	}
	return savePresence(tx, st.id, list)
}

// add adds k times o.
func (ts countSheet) add(o countSheet, k int64) {
	for key, t := range o {
		s := ts.at(key.day, key.owner)
		s.fresh += k * t.fresh
		s.ongoing += k * t.ongoing
		s.gone += k * t.gone
		s.reopened += k * t.reopened
		s.transferred += k * t.transferred
		s.handedOver += k * t.handedOver
	}
}

// registryQuery asks about a finding as its events did, as far as the finding knows.
func registryQuery(st typeState, id ID, name, explanation string, at int64) constituency.Query {
	q := constituency.Query{IP: id.address(), NameFirst: st.Subject == Name, At: at}
	if _, domain, ok := strings.Cut(name, "@"); ok && !strings.Contains(name, "/") {
		q.Names[0] = domain
	} else {
		q.Names[0] = hostOf(name)
	}
	var v constituency.Verdict
	if json.Unmarshal([]byte(explanation), &v) == nil && (v.Winner.Rule == constituency.ManualASN || v.Winner.Rule == constituency.AutomaticASN) {
		n, _ := strconv.ParseUint(strings.TrimPrefix(v.Winner.Matched, "AS"), 10, 32)
		q.ASN = uint32(n)
	}
	return q
}
