package collect

import (
	"encoding/json"
	"fmt"
	"time"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/job"
)

// CollectJob is the kind of job that collects one feed; its payload and unique key are the feed's name.
const CollectJob = "feed.collect"

// State is what a collector remembers of a feed between two runs.
type State struct {
	Feed   int64  `json:"feed"`
	Source string `json:"source"` // what was collected: an address or a folder; another one begins anew

	Begun    int64    `json:"begun,omitempty"`    // UTC microseconds, world clock, of the last run
	Ended    int64    `json:"ended,omitempty"`    // of the last run that ended
	Taken    int      `json:"taken,omitempty"`    // files it handed to the intake
	Problems []string `json:"problems,omitempty"` // what went wrong in it, for people

	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`

	Seen  map[string]int64 `json:"seen,omitempty"`  // the API's files that were taken in: name → issued
	Tried map[string]int64 `json:"tried,omitempty"` // the API's files that failed: name → when, world clock
	Marks map[string]Mark  `json:"marks,omitempty"` // the folder's files
}

// Mark is how a file looked in a folder.
type Mark struct {
	Size    int64 `json:"size"`
	Changed int64 `json:"changed"` // its mtime in UTC microseconds
	Taken   bool  `json:"taken,omitempty"`
}

func settingName(f feed.Feed) string { return "feed.collect." + f.Name }

// loadState gives what is remembered; of another feed or source it is nothing.
func loadState(tx *db.Tx, f feed.Feed) (State, error) {
	fresh := State{Feed: f.ID, Source: source(f)}
	var text string
	err := tx.Row(`SELECT value FROM setting WHERE name = $1`, settingName(f)).Scan(&text)
	if fault.KindOf(err) == fault.NotFound {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("read what is remembered of feed %s: %w", f.Name, err)
	}
	var s State
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fresh, fmt.Errorf("read what is remembered of feed %s: %w", f.Name, err)
	}
	if s.Feed != fresh.Feed || s.Source != fresh.Source {
		return fresh, nil
	}
	return s, nil
}

func saveState(tx *db.Tx, f feed.Feed, s State) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		settingName(f), string(b))
	return err
}

// enqueueDue enqueues every feed whose time has come.
func enqueueDue(tx *db.Tx, now time.Time, zone *time.Location) error {
	feeds, err := feed.ListTx(tx)
	if err != nil {
		return err
	}
	for _, f := range feeds {
		s := f.Collector.Schedule()
		if !f.Enabled || !s.Set() {
			continue
		}
		st, err := loadState(tx, f)
		if err != nil {
			return err
		}
		if st.Begun != 0 && s.Next(time.UnixMicro(st.Begun), zone).After(now) {
			continue
		}
		if err := job.Enqueue(tx, CollectJob, f.Name, f.Name, now); err != nil {
			return err
		}
	}
	return nil
}

// hasten makes a feed's collection due now, also one that waits because it failed.
func hasten(tx *db.Tx, name string, now time.Time) error {
	if err := job.Enqueue(tx, CollectJob, name, name, now); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE job SET due = $1 WHERE kind = $2 AND uniq = $3 AND state = 'ready' AND due > $1`, now.UnixMicro(), CollectJob, name)
	return err
}

// openJobs gives the feeds' jobs that run, wait or were given up, by feed, the latest first.
func openJobs(tx *db.Tx) (map[string][]job.Job, error) {
	jobs := map[string][]job.Job{}
	err := tx.Each(`SELECT id, kind, uniq, state, due, attempts, last_error FROM job
		WHERE kind IN ($1, $2) AND state IN ('running', 'ready', 'dead') ORDER BY id DESC LIMIT 500`, []any{CollectJob, feed.SettleJob},
		func(scan func(...any) error) error {
			var j job.Job
			if err := scan(&j.ID, &j.Kind, &j.Unique, &j.State, &j.Due, &j.Attempts, &j.LastError); err != nil {
				return err
			}
			jobs[j.Unique] = append(jobs[j.Unique], j)
			return nil
		})
	return jobs, err
}

func source(f feed.Feed) string {
	c := f.Collector
	switch {
	case c.Kind == feed.API && c.API != nil:
		return c.API.BaseURL()
	case c.Kind == feed.URL && c.URL != nil:
		return c.URL.URL
	case c.Kind == feed.Folder && c.Folder != nil:
		return c.Folder.Path
	}
	return ""
}
