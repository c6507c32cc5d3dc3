package situation_test

import (
	"context"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/event"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/situation"
)

func TestIncidentsStandBesideTheFindings(t *testing.T) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		ctx, w := context.Background(), incidenttest.Open(t, d)
		s := situation.New(d, event.NewLister(d))
		first := w.Filed("hospital", "Old")
		c, err := w.Accept(ctx, incidenttest.Officer, first.ID, 0, incident.Opening{})
		w.OK(err)
		for _, to := range []incident.CaseState{incident.Resolved, incident.Closed} {
			_, err = w.Move(ctx, incidenttest.Officer, c.ID, 0, to, "")
			w.OK(err)
		}
		w.Clock.Move(9 * 24 * time.Hour)
		waits := w.Filed("bank", "Waits")
		w.Clock.Move(time.Hour)
		w.Filed("bank", "Waits too")
		taken := w.Filed("hospital", "Taken")
		c, err = w.Accept(ctx, incidenttest.Officer, taken.ID, 0, incident.Opening{Lead: 7})
		w.OK(err)
		severity, border := 4, true
		_, err = w.Edit(ctx, incidenttest.Officer, c.ID, 0, incident.Change{Severity: &severity, CrossBorder: &border, Reason: "as the minister sees it"})
		w.OK(err)
		got, err := s.Incidents(ctx, w.Clock.Now(), 7)
		w.OK(err)
		if got.Waiting != 2 || got.Oldest != waits.Received || got.Open != (situation.Severities{4: 1}) || got.Sectors["health"] != 1 || len(got.Sectors) != 1 ||
			got.Classes["malicious-code"] != 1 || got.CrossBorder != 1 || got.Nobody != 0 || got.States["open"] != 1 {
			t.Errorf("now: %+v", got)
		}
		if got.Reported != (situation.Compared{Now: 3, Before: 1}) || got.Opened != (situation.Compared{Now: 1, Before: 1}) || got.Closed != (situation.Compared{Now: 0, Before: 1}) {
			t.Errorf("compared: reported %+v, opened %+v, closed %+v", got.Reported, got.Opened, got.Closed)
		}
	})
}
