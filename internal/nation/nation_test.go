package nation

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

func shippedProfile(t *testing.T, name string) *Profile {
	t.Helper()
	b, err := Shipped(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(name+".toml", b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryShippedProfileIsWholeAndMarked(t *testing.T) {
	for _, want := range []string{"japan", "korea", "nis2", "ruritania", "serbia"} {
		p := shippedProfile(t, want)
		if want != "ruritania" && p.Status != Unconfirmed {
			t.Errorf("%s: status %q", want, p.Status)
		}
		for _, r := range p.Regimes {
			if want != "ruritania" && r.Confirmed {
				t.Errorf("%s: regime %s is marked as confirmed", want, r.ID)
			}
		}
		if len(p.Sectors) < 8 || len(p.Severities) != 6 || p.DesignationName("special-importance", "en") == "special-importance" {
			t.Errorf("%s lacks sectors, severities or designations", want)
		}
		for _, s := range p.Sectors {
			for _, l := range p.Languages {
				if s.Names[l] == "" {
					t.Errorf("%s: sector %s has no name in %s", want, s.ID, l)
				}
			}
		}
	}
	if len(Names()) != 5 {
		t.Errorf("shipped: %v", Names())
	}
	if _, err := Shipped("atlantis"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("atlantis: %v", err)
	}
}

func TestNIS2Deadlines(t *testing.T) {
	p := shippedProfile(t, "nis2")
	aware := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	rs := p.RegimesAt(aware)
	if len(rs) != 2 || rs[0].ID != "nis2" {
		t.Fatalf("regimes: %+v", rs)
	}
	for id, want := range map[string]string{"early-warning": "2026-02-01T12:00:00Z", "notification": "2026-02-03T12:00:00Z",
		"final-report": "2026-02-28T12:00:00Z"} {
		for _, s := range rs[0].Steps {
			if s.ID == id && s.Deadline(aware, p.Location()).Format(time.RFC3339) != want {
				t.Errorf("%s: %s, want %s", id, s.Deadline(aware, p.Location()), want)
			}
		}
	}
	if rs := p.RegimesAt(time.Date(2024, 10, 17, 12, 0, 0, 0, time.UTC)); len(rs) != 1 {
		t.Errorf("before NIS2 held: %+v", rs)
	}
}

func TestMonthsKeepLocalTimeOverDaylightSaving(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	got := Step{Months: 1}.Deadline(time.Date(2026, 3, 10, 9, 0, 0, 0, loc), loc).In(loc)
	if got.Format("2006-01-02 15:04") != "2026-04-10 09:00" {
		t.Errorf("got %s", got)
	}
}

func TestWrongProfilesSayWhere(t *testing.T) {
	b, err := Shipped("ruritania")
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for _, tt := range []struct{ old, new, want string }{
		{`time_zone = "Europe/Berlin"`, `time_zone = "Europe/Atlantis"`, "r.toml:5: time_zone"},
		{`phone = "+999 555 0100"`, `fone = "1"`, "r.toml:11: team.fone: unknown key"},
		{`code = "XR"`, `code = "Ruritania"`, "r.toml:3: code"},
		{`due = "72h"`, `due = "three days"`, "three days"},
		{`months = 1`, ``, "needs either due"},
		{`trigger = "notification"`, `trigger = "lunch"`, "lunch"},
		{`id = "transport"`, `id = "energy"`, "there twice"},
		{`valid_from = 2024-01-01`, `valid_from = "soon"`, "no date"},
		{`level = 5`, `level = 4`, "may stand once"},
		{`name = { en = "Water" }`, `name = { fr = "Eau" }`, "needs a name"},
		{`mails = ["cert@cert.ruritania.example"]`, `mails = ["CERT"]`, "no mail address"},
		{`name = "Ruritania"`, `name = "Ruritania`, "r.toml:2"},
	} {
		if !strings.Contains(good, tt.old) {
			t.Fatalf("the profile has no %q", tt.old)
		}
		_, err := Parse("r.toml", []byte(strings.Replace(good, tt.old, tt.new, 1)))
		var ps fault.Problems
		if !errors.As(err, &ps) || !strings.Contains(err.Error(), tt.want) || ps[0].Line == 0 {
			t.Errorf("%s: got %v, want %q with a line", tt.new, err, tt.want)
		}
	}
}

func TestChoosingAProfileIsAnAct(t *testing.T) {
	now := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(now), func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		s := NewStore(d)
		if p, chosen, err := s.Load(ctx); err != nil || chosen || p.Code != "XN" {
			t.Fatalf("before: %v, %v", chosen, err)
		}
		if _, err := s.Set(ctx, act.Machine, "x.toml", []byte("name = 1")); fault.KindOf(err) != fault.Invalid {
			t.Errorf("nonsense: %v", err)
		}
		b, err := Shipped("serbia")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := s.Set(ctx, act.Machine, "serbia.toml", b); err != nil {
				t.Fatal(err)
			}
		}
		p, chosen, err := s.Load(ctx)
		if err != nil || !chosen || p.SectorName("energy", "sr") != "Енергетика" || p.SectorName("moon", "sr") != "moon" {
			t.Errorf("after: %+v, %v", p, err)
		}
		err = d.View(ctx, func(tx *db.Tx) error {
			es, err := audit.Of(tx, "nation:rs", 10)
			if len(es) != 1 || es[0].Verb != "nation.set" {
				t.Errorf("audit: %+v", es)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, n := range Names() {
		b, err := Shipped(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("[[regime]]\n[[regime.step]]\ndue = \"1h\"\n[x]\n\"a.b\" = 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse("f", b)
		if (p == nil) == (err == nil) {
			t.Error("either a profile or an error")
		}
	})
}
