package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/job"
)

// record commits a batch: its files become live together with findings, counts and the audit row, or nothing does. When
// another intake changed one of the reports since they were planned, the batch is read again.
func (t *taking) record(ctx context.Context, b *batch) error {
	for {
		err := t.commit(ctx, b)
		if !errors.Is(err, errStale) {
			return err
		}
		b.abandon(t.Intake)
		plans := slices.SortedFunc(maps.Keys(b.known), comparePlans)
		again, err := t.build(ctx, plans)
		if err != nil {
			return err
		}
		*b = *again
	}
}

func (t *taking) commit(ctx context.Context, b *batch) error {
	explain, err := t.explain(ctx, b)
	if err != nil {
		return err
	}
	t.Step("before commit")
	var outcomes []FileOutcome
	a := act.Act{Actor: t.actor, Verb: "file.ingest", Object: "feed:" + t.feed.Name}
	err = t.DB.Act(ctx, a, func(tx *db.Tx) error {
		outcomes = outcomes[:0]
		if _, err := lockFeed(tx, t.feed.Name); err != nil {
			return err
		}
		days, err := storedDays(tx, t.feed.ID)
		if err != nil {
			return err
		}
		if b.segment != nil {
			if err := publishSegment(tx, b); err != nil {
				return err
			}
		}
		for p, known := range b.known {
			now, err := filesOf(tx, p.id, p.day)
			if err != nil {
				return err
			}
			if !maps.Equal(known, knownFilesOf(now)) {
				return errStale
			}
		}
		for _, r := range b.reports {
			st, err := lockType(tx, t.feed, r.plan.typ)
			if err != nil {
				return err
			}
			r.explain = explain
			t.Step("in the transaction")
			if err := recordReport(tx, st, r, days); err != nil {
				return fmt.Errorf("record %s of %s: %w", st.Name, r.plan.day, err)
			}
		}
		if outcomes, err = publishFiles(tx, t.feed, b, t.World.Now().UnixMicro(), actorName(t.actor)); err != nil {
			return err
		}
		if err := publishReports(tx, b.reports); err != nil {
			return err
		}
		// Take settles the feed itself when the day's files are in; the job is for the process that dies before.
		if err := job.Enqueue(tx, feed.SettleJob, t.feed.Name, t.feed.Name, t.World.Now().Add(time.Minute)); err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]int64{"files": int64(len(outcomes)), "events": b.rows})
		tx.Note("", string(detail))
		return err
	})
	if err != nil {
		return err
	}
	t.Step("committed")
	for _, o := range outcomes {
		t.sum.add(o)
	}
	return nil
}

// explain stores the verdicts of a batch that are not stored yet. They are facts of the registry and stay when the batch
// fails.
func (t *taking) explain(ctx context.Context, b *batch) (map[string]int64, error) {
	verdicts := map[string]*constituency.Verdict{}
	for _, r := range b.reports {
		var last *constituency.Verdict
		for i := range r.sightings {
			if v := r.sightings[i].verdict; v != last {
				last = v
				verdicts[string(v.Digest[:])] = v
			}
		}
	}
	return t.explanations.ids(ctx, t.DB, verdicts)
}
