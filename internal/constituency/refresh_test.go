package constituency

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
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

const inetnums = `inetnum: 198.51.0.0 - 198.51.255.255
netname: XR-ISP
country: XR
org: ORG-ISP1-TEST

inetnum: 198.51.100.0 - 198.51.100.255
netname: CLINIC
descr: Clinic of Strelsau
country: XR
abuse-c: CL1-TEST

inetnum: 198.51.101.0 - 198.51.101.127
netname: CUSTOMER
descr: nobody answers, the ISP does
country: XR

inetnum: 203.0.113.0 - 203.0.113.5
netname: LONELY
country: XR

inetnum: 192.0.2.0 - 192.0.2.255
netname: ELSEWHERE
country: XS
org: ORG-OUT-TEST
`

const inet6nums = `inet6num: 2001:db8::/32
netname: XR-ISP6
country: xr
org: ORG-ISP1-TEST

aut-num: AS64500
as-name: ISP-AS
org: ORG-ISP1-TEST

aut-num: AS64501
org: ORG-OUT-TEST
`

const people = "organisation: ORG-ISP1-TEST\norg-name: Ruritanische Tele\xe9\norg-type: LIR\nabuse-c: AR1-TEST\n\n" +
	"organisation: ORG-OUT-TEST\norg-name: Outside\ncountry: XS\n\n" +
	"role: Abuse desk\nnic-hdl: AR1-TEST\nabuse-mailbox: abuse@isp.example\n\n" +
	"role: Clinic desk\nnic-hdl: CL1-TEST\nabuse-mailbox: it@clinic.example\n\n" +
	"role: Broken\nnic-hdl: BR1-TEST\nabuse-mailbox: not an address\n"

func zipped(t *testing.T, s string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func refresh(t *testing.T, s *Store, force bool, texts ...string) (Refresh, error) {
	t.Helper()
	var files []RegistryFile
	for i, x := range texts {
		files = append(files, RegistryFile{fmt.Sprintf("ripe.db.%d.gz", i), zipped(t, x)})
	}
	return s.ImportRegistry(context.Background(), act.Machine, RegistryOptions{Origin: "ripe", Country: "xr", Force: force}, files...)
}

func TestRegistryMakesAutomaticConstituents(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		r, err := refresh(t, s, false, people, inetnums, inet6nums)
		if err != nil {
			t.Fatal(err)
		}
		if r.Diff.Constituents != (Tally{Added: 3}) || r.Diff.Contacts != (Tally{Added: 2}) || r.Diff.Assets != (Tally{Added: 6}) || len(r.Diff.Warnings) != 1 {
			t.Errorf("first: %+v", r)
		}
		d, err := s.Directory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := d.ByRef("ORG-ISP1-TEST"); err != nil || l.Name != "Ruritanische Teleé" || l.Kind != ISP || l.Source != Automatic || l.Origin != "ripe" || !l.Reachable {
			t.Errorf("isp: %+v, %v", l, err)
		}
		for ip, want := range map[string]string{"198.51.100.9": "CLINIC", "198.51.101.9": "ORG-ISP1-TEST", "203.0.113.5": "LONELY",
			"203.0.113.6": "", "192.0.2.1": "", "2001:db8::1": "ORG-ISP1-TEST", "AS64500": "ORG-ISP1-TEST", "AS64501": ""} {
			a, err := s.Why(ctx, ip, time.Time{})
			if err != nil || a.Verdict.Winner.Ref != want {
				t.Errorf("%s: %+v, %v", ip, a.Verdict, err)
			}
		}
		var out bytes.Buffer
		if err := s.Export(ctx, &out, JSON); err != nil || strings.Contains(out.String(), "CLINIC") {
			t.Errorf("the export has what comes from the registry again: %s, %v", out.String(), err)
		}
	})
}

func TestRefreshEndsWhatIsGoneAndKeepsThePast(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, err := refresh(t, s, false, people, inetnums, inet6nums); err != nil {
			t.Fatal(err)
		}
		importText(t, s, `{"constituents":[{"ref":"LONELY","name":"Hermit","kind":"institution"},
			{"ref":"mine","name":"Mine","assets":[{"kind":"prefix","value":"198.51.102.0/24"}]}]}`, ImportOptions{})
		r, err := refresh(t, s, false, people, inetnums, inet6nums)
		if err != nil || !r.Diff.Empty() {
			t.Fatalf("the same again changes %+v, %v", r, err)
		}
		s.clock.(*clock.Manual).Set(today.AddDate(0, 0, 10))
		moved := strings.Replace(inetnums, "abuse-c: CL1-TEST", "org: ORG-ISP1-TEST", 1)
		r, err = refresh(t, s, false, people, moved, inet6nums)
		s.clock.(*clock.Manual).Set(today)
		if err != nil || r.Diff.Constituents != (Tally{Removed: 1}) || r.Diff.Assets != (Tally{Added: 1, Removed: 1}) || r.Diff.Contacts != (Tally{Removed: 1}) {
			t.Fatalf("moved: %+v, %v", r, err)
		}
		res, err := s.Resolver(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for days, want := range map[int]string{0: "CLINIC", 9: "CLINIC", 10: "ORG-ISP1-TEST", 400: "ORG-ISP1-TEST"} {
			v := res.Resolve(Query{IP: netip.MustParseAddr("198.51.100.3"), At: today.AddDate(0, 0, days).UnixMicro()})
			if v.Winner.Ref != want {
				t.Errorf("day %d: %+v", days, *v)
			}
		}
		d, err := s.Directory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := d.ByRef("LONELY"); err != nil || l.Name != "Hermit" || l.Source != Manual || l.Assets != 2 {
			t.Errorf("what a person changed is a person's: %+v, %v", l, err)
		}
		if _, err := refresh(t, s, false, people, inet6nums); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a file is missing: %v", err)
		}
		if _, err := refresh(t, s, true, people, inet6nums); err != nil {
			t.Errorf("forced: %v", err)
		}
		rs, err := s.Refreshes(ctx, 0, 10)
		if err != nil || len(rs) != 4 {
			t.Fatalf("refreshes: %+v, %v", rs, err)
		}
		one, err := s.Refresh(ctx, rs[1].ID)
		if err != nil || len(one.Diff.Changes) != 4 || one.Removed != 3 {
			t.Errorf("one: %+v, %v", one, err)
		}
		if _, err := s.Refresh(ctx, 999); fault.KindOf(err) != fault.NotFound {
			t.Errorf("none: %v", err)
		}
	})
}

func TestPeopleOverruleTheRegistryForGood(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, err := refresh(t, s, false, people, inetnums, inet6nums); err != nil {
			t.Fatal(err)
		}
		d, err := s.Directory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		clinic, err := d.ByRef("CLINIC")
		if err != nil {
			t.Fatal(err)
		}
		as, _, err := s.Assets(ctx, AssetFilter{Constituent: clinic.ID})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.EndAsset(ctx, act.Machine, as[0].ID, DayOf(today)); fault.KindOf(err) != fault.Conflict {
			t.Errorf("ended what comes back: %v", err)
		}
		if err := s.Retire(ctx, act.Machine, clinic.ID, DayOf(today)); err != nil {
			t.Fatal(err)
		}
		if _, err := refresh(t, s, false, people, inetnums, inet6nums); err != nil {
			t.Fatal(err)
		}
		a, err := s.Why(ctx, "198.51.100.9", today)
		if err != nil || a.Verdict.Winner.Ref != "ORG-ISP1-TEST" {
			t.Errorf("a refresh brought back whom a person ended: %+v, %v", a.Verdict, err)
		}
	})
}

func TestRegistryFilesThatAreNoneSaySo(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		for _, texts := range [][]string{{""}, {people}, {"<html>\n"}} {
			if _, err := refresh(t, s, false, texts...); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%.20q: %v", texts, err)
			}
		}
	})
}

func BenchmarkImportRegistry(b *testing.B) {
	var text bytes.Buffer
	for i := range 4000 {
		fmt.Fprintf(&text, "organisation: ORG-O%d-TEST\norg-name: Organisation %d\norg-type: LIR\nabuse-c: AR%d-TEST\n\n"+
			"role: Desk %d\nnic-hdl: AR%d-TEST\nabuse-mailbox: abuse@o%d.example\n\n", i, i, i, i, i, i)
	}
	for i := range 100_000 {
		fmt.Fprintf(&text, "inetnum: 100.%d.%d.%d - 100.%d.%d.%d\nnetname: N%d\ncountry: XR\norg: ORG-O%d-TEST\nstatus: ASSIGNED PA\nmnt-by: M-TEST\nsource: TEST\n\n",
			i>>12&255, i>>4&255, i<<4&255, i>>12&255, i>>4&255, i<<4&255|15, i, i%4000)
	}
	b.SetBytes(int64(text.Len()))
	run := func(b *testing.B, open func() *db.DB) {
		for range b.N {
			b.StopTimer()
			s := NewStore(open(), clock.NewManual(today))
			b.StartTimer()
			_, err := s.ImportRegistry(context.Background(), act.Machine, RegistryOptions{Origin: "ripe", Country: "XR"},
				RegistryFile{"all", bytes.NewReader(text.Bytes())})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("sqlite", func(b *testing.B) {
		run(b, func() *db.DB {
			return dbtest.Open(b, filepath.Join(b.TempDir(), "b.db"), "live", audit.Recorder(clock.Real()))
		})
	})
	b.Run("postgres", func(b *testing.B) {
		run(b, func() *db.DB {
			url, world := dbtest.Postgres(b)
			return dbtest.Open(b, url, world, audit.Recorder(clock.Real()))
		})
	})
}
