package letter

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tocsin/internal/format/tlp"
	"tocsin/internal/incident"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/platform/fault"
)

// merged is a report that became part of the town's case.
func (w *town) merged(from incident.Reporter, f incident.Filing) incident.Report {
	w.Helper()
	ctx := context.Background()
	f.Text, f.Aware = "It attacks.", w.Clock.Now().Add(-time.Hour).UnixMicro()
	r, _, err := w.File(ctx, incidenttest.Officer, from, f)
	w.OK(err)
	_, err = w.Merge(ctx, boss, r.ID, 0, w.k.ID)
	w.OK(err)
	return r
}

func TestFileTravelsAsItsReportHoweverManyTheCaseHas(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx, about := context.Background(), About{Case: w.k.ID}
		for i := range maxReports - 1 {
			w.merged(incident.Reporter{Origin: incident.FromStaff}, incident.Filing{Title: fmt.Sprint("Another ", i)})
		}
		last := w.merged(incident.Reporter{Origin: incident.FromPortal, Constituent: w.IDs["bank"]}, incident.Filing{Title: "In confidence", Label: tlp.AmberStrict})
		secret, err := w.Keep(ctx, boss, incident.File{Report: last.ID, Name: "names.csv"}, strings.NewReader("who it was"))
		w.OK(err)
		dr := Draft{To: w.key(Contact), Subject: "x", Text: "x", Files: []int64{secret.ID}}
		_, err = w.desk.Preview(ctx, about, dr)
		w.refused(err, fault.Invalid, "names.csv is TLP:AMBER+STRICT")
		m, err := w.desk.Matter(ctx, about)
		w.OK(err)
		if len(m.tickets()) != 1+maxReports {
			t.Errorf("%d conversations are shown", len(m.tickets()))
		}
		m.reports, dr.Label = m.shown(), tlp.AmberStrict
		_, err = w.desk.chosen(ctx, m, &dr)
		w.refused(err, fault.Invalid, "does not know how far it may travel")
	})
}
