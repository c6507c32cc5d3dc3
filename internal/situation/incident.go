package situation

import (
	"context"
	"time"

	"tocsin/internal/platform/db"
)

// Incidents is how the nation's incidents stand, and what the duty officer must see to next.
type Incidents struct {
	Waiting     int64            `json:"waiting" doc:"Reports that wait for triage"`
	Oldest      int64            `json:"oldest,omitempty" doc:"When the oldest of them was received, UTC microseconds"`
	Unconfirmed int64            `json:"unconfirmed" doc:"Reports whose sender did not confirm an address yet"`
	Open        Severities       `json:"open" doc:"Cases that are worked on, by severity from 0 unrated to 5 critical"`
	States      map[string]int64 `json:"states" doc:"Cases that are not closed, by state"`
	Classes     map[string]int64 `json:"classes" doc:"Cases that are worked on, by RSIT class"`
	Sectors     map[string]int64 `json:"sectors" doc:"Cases that are worked on, by sector of those they concern"`
	CrossBorder int64            `json:"cross_border" doc:"Cases that are worked on and cross a border"`
	Nobody      int64            `json:"nobody" doc:"Cases that are worked on and that nobody leads"`
	Untold      int64            `json:"untold" doc:"Affected of open cases that are neither told nor decided about"`
	Late        int64            `json:"late" doc:"Statutory deadlines that were missed and are still owed"`
	Running     int64            `json:"running" doc:"Statutory deadlines that run"`
	NextDue     int64            `json:"next_due,omitempty" doc:"When the next of them ends, UTC microseconds"`
	Sitreps     int64            `json:"sitreps" doc:"Situation reports that wait for approval"`
	Opened      Compared         `json:"opened"`
	Closed      Compared         `json:"closed"`
	Reported    Compared         `json:"reported"`
}

// Compared is a number of the latest days beside that of as many days before them.
type Compared struct {
	Now    int64 `json:"now"`
	Before int64 `json:"before"`
}

// Incidents counts the nation's incidents, and compares the latest days with those before them.
func (s *Situation) Incidents(ctx context.Context, now time.Time, days int) (out *Incidents, err error) {
	return s.IncidentsSince(ctx, now.Add(-time.Duration(max(1, min(days, 366)))*24*time.Hour), now)
}

// IncidentsSince counts the nation's incidents, and compares a time with as long a time before it.
func (s *Situation) IncidentsSince(ctx context.Context, since, until time.Time) (out *Incidents, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		out = &Incidents{}
		if err := out.read(tx); err != nil {
			return err
		}
		return out.compare(tx, since.Add(-until.Sub(since)).UnixMicro(), since.UnixMicro(), until.UnixMicro())
	})
	return out, err
}
