package sitrep

import (
	"context"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/deadline"
	"tocsin/internal/incident/incidenttest"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
	"tocsin/internal/situation"
)

// land is the town of the incidents with an authority, two duty officers and an analyst, and a desk of situation reports.
type land struct {
	*incidenttest.Town
	desk       *Desk
	ana, boris act.Actor // duty officers
	vera       act.Actor // an analyst
	ctx        context.Context
	box        *notify.Outbox
	deadlines  *deadline.Desk
}

func eachLand(t *testing.T, fn func(t *testing.T, w *land)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) { fn(t, newLand(t, d)) })
}

func newLand(t *testing.T, d *db.DB, change ...func(*incidenttest.Ground)) *land {
	t.Helper()
	w := &land{Town: incidenttest.Open(t, d, change...), ctx: context.Background()}
	w.box = w.Outbox
	profile, err := nation.Shipped("serbia")
	w.OK(err)
	_, err = w.Nation.Set(w.ctx, act.Machine, "serbia.toml", profile)
	w.OK(err)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(`{"constituents":[
		{"ref":"ministry","name":"Ministry","kind":"authority","language":"en","contacts":[{"role":"security","mail":"desk@ministry.example"}]},
		{"ref":"branch","name":"Branch of the bank","kind":"operator","sector":"finance","contacts":[{"role":"security","mail":"IT@bank.example"}]},
		{"ref":"mute","name":"Without mail","kind":"operator","sector":"finance"}]}`))
	w.OK(err)
	_, err = w.Constituency.Import(w.ctx, act.Machine, doc, constituency.ImportOptions{})
	w.OK(err)
	who := identity.NewStore(identity.Config{DB: d, Real: w.Clock, Seal: w.Seal})
	person := func(login, language string, role identity.Role) act.Actor {
		id, err := who.Create(w.ctx, act.Machine, identity.NewAccount{Login: login + "@cert.example", Name: login, Language: language, Password: "correct horse battery staple",
			Roles: []identity.Held{{Role: role}}})
		w.OK(err)
		in, err := who.Begin(w.ctx, id, "password", identity.Device{})
		w.OK(err)
		a, err := who.Resume(w.ctx, in.Secret)
		w.OK(err)
		return a
	}
	w.ana, w.boris, w.vera = person("ana", "sr-Latn", identity.Duty), person("boris", "en", identity.Duty), person("vera", "en", identity.Analyst)
	feeds := feed.NewStore(d)
	w.deadlines, err = deadline.New(deadline.Config{DB: d, Clock: w.Clock, Constituency: w.Constituency, Nation: w.Nation, Identity: who, Gate: w.Gate, Outbox: w.Outbox, Incidents: w.Desk})
	w.OK(err)
	w.desk, err = New(Config{DB: d, Clock: w.Clock, Situation: situation.New(d, event.NewLister(d)).WithClock(w.Clock), Feeds: feeds, Deadlines: w.deadlines,
		Constituency: w.Constituency, Nation: w.Nation, Identity: who, Gate: w.Gate, Outbox: w.Outbox})
	w.OK(err)
	return w
}

// refused wants a fault of a kind that says something.
func (w *land) refused(err error, kind fault.Kind, says string) {
	w.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.Errorf("got %v, want a fault of kind %s that says %q", err, kind, says)
	}
}

func (w *land) drafted() Sitrep {
	w.Helper()
	s, err := w.desk.Draft(w.ctx, w.vera)
	w.OK(err)
	return s
}

// approved is a report of a marking that says something.
func (w *land) approved(label tlp.Label, judgement string) Sitrep {
	w.Helper()
	s := w.drafted()
	s, err := w.desk.Edit(w.ctx, w.vera, s.ID, Edit{Version: s.Version, Language: "en", Label: &label, Judgement: &judgement})
	w.OK(err)
	s, err = w.desk.Approve(w.ctx, w.ana, s.ID, s.Version)
	w.OK(err)
	return s
}

// grave is an open case of the hospital that is critical.
func (w *land) grave(title string, label tlp.Label) incident.Case {
	w.Helper()
	r := w.Filed("hospital", title)
	c, err := w.Accept(w.ctx, incidenttest.Officer, r.ID, 0, incident.Opening{Title: title, Label: label, Lead: 7})
	w.OK(err)
	severity := 5
	c, err = w.Town.Edit(w.ctx, incidenttest.Officer, c.ID, 0, incident.Change{Severity: &severity, Reason: "patients wait"})
	w.OK(err)
	w.OK(w.deadlines.Rule(w.ctx, incidenttest.Officer, 0, c.ID, true, "patients wait"))
	return c
}

// letters are those of a kind by address.
func (w *land) letters(kind string) map[string]notify.Content {
	w.Helper()
	ls, _, err := w.box.List(w.ctx, notify.Filter{Kind: kind, Limit: 1000})
	w.OK(err)
	out := map[string]notify.Content{}
	for _, l := range ls {
		if l.State == notify.Cancelled || l.State == notify.Handed {
			continue
		}
		_, c, err := w.box.Preview(w.ctx, l.ID)
		w.OK(err)
		if _, twice := out[l.To]; twice {
			w.Errorf("%s is written to twice", l.To)
		}
		out[l.To] = *c
	}
	return out
}

func (w *land) one(id int64) One {
	w.Helper()
	o, err := w.desk.One(w.ctx, id)
	w.OK(err)
	return o
}

func (w *land) later(d time.Duration) { w.Clock.Move(d) }
