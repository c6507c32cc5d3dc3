package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/event/feed/shadowserver"
	"tocsin/internal/identity"
	"tocsin/internal/platform/db"
)

// own registers a constituent with one asset, valid on the days from ≤ day < until ("" is open), and returns its number.
func (s *station) own(ref, kind, value, source, from, until string) (id int64) {
	s.t.Helper()
	day := func(d string, other int64) int64 {
		if d == "" {
			return other
		}
		p, err := event.ParseDay(d)
		if err != nil {
			s.t.Fatal(err)
		}
		return int64(p)
	}
	err := s.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		err := tx.Row(`INSERT INTO constituent (ref, name, kind, sector, designation, language, note, source, origin, valid_from, valid_until)
			VALUES ($1, $1, 'operator', 'energy', 'other', 'en', '', $2, '', 0, 9999999) RETURNING id`, ref, source).Scan(&id)
		if err != nil {
			return err
		}
		var asset int64
		err = tx.Row(`INSERT INTO asset (constituent, kind, value, also_notify, source, origin, valid_from, valid_until)
			VALUES ($1, $2, $3, 0, $4, '', $5, $6) RETURNING id`, id, kind, value, source, day(from, 0), day(until, 9999999)).Scan(&asset)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO setting (name, value) VALUES ('constituency.version', $1) ON CONFLICT (name)
			DO UPDATE SET value = excluded.value`, fmt.Sprint(asset+1))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// disown ends what a constituent has.
func (s *station) disown(id int64, until string) {
	s.t.Helper()
	d, err := event.ParseDay(until)
	if err != nil {
		s.t.Fatal(err)
	}
	err = s.db.Upkeep(context.Background(), func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE asset SET valid_until = $1 WHERE constituent = $2`, int64(d), id); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE setting SET value = $1 WHERE name = 'constituency.version'`, fmt.Sprint(1_000_000+id))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// open lists the open findings: "type address port owner", the port -1 where it is no part of the identity.
func (s *station) open() []string {
	s.t.Helper()
	var out []string
	err := s.db.View(context.Background(), func(tx *db.Tx) error {
		return tx.Each(`SELECT t.name, f.address, f.port, f.owner FROM finding f JOIN report_type t ON t.id = f.type
			WHERE CASE WHEN f.run_to < 9999999 THEN f.run_to WHEN f.run_from > t.last_day THEN f.run_from ELSE t.last_day END > t.cutoff
			AND CASE WHEN f.run_to < 9999999 THEN f.run_to WHEN f.run_from > t.last_day THEN f.run_from ELSE t.last_day END > f.closed_day
			ORDER BY f.id`, nil, func(scan func(...any) error) error {
			var name string
			var address []byte
			var port, owner int64
			err := scan(&name, &address, &port, &owner)
			out = append(out, fmt.Sprint(name, " ", event.AddressOf(address), " ", port, " ", owner))
			return err
		})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func (s *station) isOpen(what string, want bool) {
	s.t.Helper()
	got := slices.ContainsFunc(s.open(), func(o string) bool { return strings.HasPrefix(o, what) })
	if got != want {
		s.t.Errorf("%s: open is %t, want %t; open are %q", what, got, want, s.open())
	}
}

// total sums a column of the counts, of one owner or, with -1, of all.
func (s *station) total(what string, owner int64) int64 {
	s.t.Helper()
	return column[int64](s, `SELECT CAST(COALESCE(sum(`+what+`), 0) AS BIGINT) FROM daily_count WHERE owner = $1 OR $1 = -1`, owner)[0]
}

// day takes in reports of the day, one row each, of the types.
func (s *station) day(day int, types ...string) {
	s.t.Helper()
	var files []event.Source
	for _, typ := range types {
		name, content := report(fmt.Sprintf("2026-01-%02d", day), typ, "nation", "192.0.2.1 21 high")
		files = append(files, text(name, content))
	}
	s.take(files...)
}

func (s *station) ingest(name, content string) event.FileOutcome {
	s.t.Helper()
	o := s.take(text(name, content)).Outcomes[0]
	if o.State != event.Live {
		s.t.Fatalf("%s: %+v", name, o)
	}
	return o
}

func TestRule1TypeFromTheFileNameOfTheSchema(t *testing.T) {
	s := lone(t)
	for _, typ := range shadowserver.Builtin().Types() {
		o := s.take(text("2026-01-02-"+typ.Name+"-nation-of_people.csv.gz", gzipped("timestamp,ip\n"))).Outcomes[0]
		if o.State != event.Live || o.Type != typ.Name || o.Day.String() != "2026-01-02" {
			t.Errorf("%s: %+v", typ.Name, o)
		}
	}
	if n := column[int64](s, `SELECT count(*) FROM report_type WHERE known = 0`); n[0] != 0 {
		t.Errorf("%d types are unknown", n[0])
	}
}

func TestRule1ColumnsByHeaderAndUnknownOnesKept(t *testing.T) {
	s := lone(t)
	s.ingest("2026-01-02-scan_ftp-nation.csv", "novelty,severity,port,protocol,ip,timestamp\nseen,low,2121,tcp,192.0.2.1,2026-01-02 03:04:05\n")
	es, err := s.Events(context.Background(), event.EventQuery{})
	if err != nil || len(es) != 1 || es[0].IP.String() != "192.0.2.1" || es[0].Port != 2121 || es[0].Severity != event.Low ||
		es[0].Extra != `{"novelty":"seen"}` || es[0].Class != "vulnerable" {
		t.Errorf("%+v, %v", es, err)
	}
}

func TestRule2IdempotentIntake(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		name, first := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high", "192.0.2.2 21 high")
		_, second := report("2026-01-02", "scan_ftp", "nation", "192.0.2.2 21 high", "192.0.2.3 21 high")
		s.take(issued(name, first, 1))
		before := s.state()
		again := s.take(issued(name+".gz", gzipped(first), 1)).Outcomes[0]
		if again.State != event.Duplicate || again.FileID == 0 || s.state() != before {
			t.Errorf("the same file again: %+v", again)
		}
		if o := s.take(issued(name, second, 5)).Outcomes[0]; o.State != event.Live {
			t.Errorf("a corrected file: %+v", o)
		}
		s.isOpen("scan_ftp 192.0.2.1 ", false)
		s.isOpen("scan_ftp 192.0.2.3 ", true)
		corrected := s.state()
		_, late := report("2026-01-02", "scan_ftp", "nation", "192.0.2.9 21 high")
		if o := s.take(issued(name, late, 3)).Outcomes[0]; o.State != event.Older || s.state() != corrected {
			t.Errorf("an older file: %+v", o)
		}
		if states := column[string](s, `SELECT state FROM source_file ORDER BY id`); !slices.Equal(states, []string{"superseded", "live", "older"}) {
			t.Errorf("states: %q", states)
		}
		// What was first is said again, later: it is the newest now.
		if o := s.take(issued(name, first, 9)).Outcomes[0]; o.State != event.Duplicate {
			t.Errorf("said again: %+v", o)
		}
		if got := s.state(); got != before {
			t.Error(diffLines(before, got))
		}
		s.check()
	})
}

func TestRule2DelayedFilesBelongToTheirDay(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		name, content := report("2026-01-02", "scan_ftp", "nation", "192.0.2.1 21 high")
		_, more := report("2026-01-02", "scan_ftp", "nation", "192.0.2.2 21 high")
		s.ingest(name, content)
		s.day(3, "scan_ftp")
		s.ingest("2026-01-02-scan_ftp-nation-delayed.csv", more)
		if es := column[int64](s, `SELECT events FROM report WHERE live = 1 ORDER BY day`); !slices.Equal(es, []int64{2, 1}) {
			t.Errorf("events by day: %d", es)
		}
		s.check()
	})
}

func TestRule2OverlappingSubscriptionsCountARowOnce(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		// A file that says something twice is believed; what another list says too counts once.
		s.ingest("2026-01-02-scan_ftp-nation.csv", goodHeader+strings.Repeat("2026-01-02 00:00:00,192.0.2.1,21,tcp,high\n", 2)+"2026-01-02 00:00:00,192.0.2.2,21,tcp,high\n")
		o := s.ingest("2026-01-02-scan_ftp-bank.csv", goodHeader+strings.Repeat("2026-01-02 00:00:00,192.0.2.1,21,tcp,high\n", 3)+"2026-01-02 00:00:00,192.0.2.3,21,tcp,high\n")
		if n := column[int64](s, `SELECT events FROM report WHERE live = 1`); n[0] != 5 {
			t.Errorf("%d events, want 3 + 1 + 1", n[0])
		}
		sums := column[int64](s, `SELECT events + repeated FROM source_file ORDER BY id`)
		if o.Rows != 4 || !slices.Equal(sums, []int64{3, 4}) {
			t.Errorf("%+v %d", o, sums)
		}
		if n := s.total("events", -1); n != 5 {
			t.Errorf("%d events are counted", n)
		}
		s.check()
	})
}

func TestRule3EphemeralPortsAreNoIdentity(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.ingest("2026-01-02-event4_sinkhole-nation.csv", "timestamp,protocol,src_ip,src_port\n2026-01-02 00:00:00,tcp,192.0.2.1,50001\n2026-01-02 00:01:00,tcp,192.0.2.1,50002\n")
		s.ingest("2026-01-02-scan_ftp-nation.csv", goodHeader+"2026-01-02 00:00:00,192.0.2.1,21,tcp,high\n2026-01-02 00:00:00,192.0.2.1,2121,tcp,high\n")
		want := []string{"event4_sinkhole 192.0.2.1 -1 0", "scan_ftp 192.0.2.1 21 0", "scan_ftp 192.0.2.1 2121 0"}
		if got := s.open(); !slices.Equal(got, want) {
			t.Errorf("open: %q", got)
		}
		es, err := s.Events(context.Background(), event.EventQuery{Type: event.TypeID("shadowserver", "event4_sinkhole")})
		if err != nil || len(es) != 2 || es[0].Port != 50002 || es[1].Port != 50001 {
			t.Errorf("the ports are evidence: %+v, %v", es, err)
		}
	})
}

func TestRule3DeltaFilesNeverClose(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.day(1, "scan_ftp", "scan_smb", "scan_rdp")
		for d := 2; d <= 8; d++ {
			name, content := report(fmt.Sprintf("2026-01-%02d", d), "scan_ftp", "nation-delta", fmt.Sprintf("192.0.2.%d 21 high", d))
			s.ingest(name, content)
			s.day(d, "scan_smb", "scan_rdp")
		}
		s.isOpen("scan_ftp 192.0.2.1 ", true)
		s.isOpen("scan_ftp 192.0.2.5 ", true)
		s.check()
	})
}

func TestRule3AReportOfWhichNothingIsUnderstoodClosesNothing(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.day(1, "scan_ftp", "scan_smb", "scan_rdp")
		for d := 2; d <= 8; d++ {
			name, content := report(fmt.Sprintf("2026-01-%02d", d), "scan_ftp", "nation", "999.1.1.1 21 high", "192.0.2.1 70000 high")
			s.ingest(name, content)
			s.day(d, "scan_smb", "scan_rdp")
		}
		s.isOpen("scan_ftp 192.0.2.1 ", true)
		s.check()
	})
}

func TestRule3AnAbsentTypeOnCompleteDaysCountsAsEmpty(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.day(1, "scan_ftp", "scan_smb", "scan_rdp")
		s.day(2, "scan_ftp", "scan_smb", "scan_rdp")
		for d := 3; d <= 5; d++ {
			s.isOpen("scan_ftp 192.0.2.1 ", true)
			s.day(d, "scan_smb", "scan_rdp")
		}
		s.isOpen("scan_ftp 192.0.2.1 ", false)
		s.isOpen("scan_smb 192.0.2.1 ", true)
		if n := s.total("gone", -1); n != 1 {
			t.Errorf("%d are counted as no longer seen", n)
		}
		s.day(6, "scan_ftp", "scan_smb", "scan_rdp")
		s.isOpen("scan_ftp 192.0.2.1 ", true)
		if n := s.total("reopened", -1); n != 1 {
			t.Errorf("%d are counted as reopened", n)
		}
		s.check()
	})
}

func TestRule3AnIncompleteDayClosesNothingAndShows(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.day(1, "scan_ftp", "scan_smb", "scan_rdp")
		s.day(2, "scan_ftp", "scan_smb", "scan_rdp")
		for d := 3; d <= 6; d++ {
			s.day(d, "scan_rdp")
		}
		s.isOpen("scan_ftp 192.0.2.1 ", true)
		complete := column[int64](s, `SELECT complete FROM feed_day ORDER BY day`)
		missing := column[string](s, `SELECT missing FROM feed_day ORDER BY day`)
		if !slices.Equal(complete[:3], []int64{1, 1, 0}) || missing[2] != `["scan_ftp","scan_smb"]` {
			t.Errorf("complete %d missing %q", complete, missing)
		}
		s.check()
	})
}

func TestRule3APersonRulesADayAndTakesItBack(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		ctx := context.Background()
		s.day(1, "scan_ftp", "scan_smb", "scan_rdp")
		for d := 2; d <= 4; d++ {
			s.day(d, "scan_smb", "scan_rdp")
		}
		s.isOpen("scan_ftp 192.0.2.1 ", false)
		before := s.state()
		day, _ := event.ParseDay("2026-01-03")
		rule := func(complete *bool) {
			t.Helper()
			if err := feed.NewStore(s.db).RuleDay(ctx, identity.LocalActor, "shadowserver", int64(day), complete); err != nil {
				t.Fatal(err)
			}
			if err := event.NewStore(s.db).Settle(ctx, "shadowserver"); err != nil {
				t.Fatal(err)
			}
			s.check()
		}
		no := false
		rule(&no)
		s.isOpen("scan_ftp 192.0.2.1 ", true)
		if n := s.total("gone", -1); n != 0 {
			t.Errorf("%d are counted as no longer seen", n)
		}
		rule(nil)
		if after := s.state(); after != before {
			t.Error(diffLines(before, after))
		}
	})
}

func TestRule3ObservationsLapseAfter14Days(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.ingest("2026-01-01-event4_sinkhole-nation.csv", "timestamp,protocol,src_ip,src_port\n2026-01-01 00:00:00,tcp,192.0.2.1,50001\n")
		for d := 2; d <= 14; d++ {
			s.day(d, "scan_smb")
		}
		s.isOpen("event4_sinkhole 192.0.2.1 ", true)
		s.day(15, "scan_smb")
		s.isOpen("event4_sinkhole 192.0.2.1 ", false)
		s.check()
	})
}

func TestRule3SpecialReportsAreClosedByAPersonOnly(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.day(1, "special", "scan_smb")
		for d := 2; d <= 28; d++ {
			s.day(d, "scan_smb")
		}
		s.isOpen("special 192.0.2.1 ", true)
		s.check()
	})
}

func TestRule3AnotherOwnerIsATransferAndNoFix(t *testing.T) {
	for how, next := range map[string]func(s *station){
		"by the next report": func(s *station) { s.day(3, "scan_ftp") },
		"by reattribution": func(s *station) {
			for range 2 { // the second finds nothing to do
				if err := s.Reattribute(context.Background()); err != nil {
					s.t.Fatal(err)
				}
			}
		},
		"by both": func(s *station) {
			if err := s.Reattribute(context.Background()); err != nil {
				s.t.Fatal(err)
			}
			s.day(3, "scan_ftp")
		},
	} {
		t.Run(how, func(t *testing.T) {
			eachStation(t, func(t *testing.T, s *station) {
				s.t = t
				old := s.own("old", "prefix", "192.0.2.0/24", "manual", "", "")
				s.day(1, "scan_ftp")
				s.day(2, "scan_ftp")
				s.disown(old, "2026-01-02")
				heir := s.own("heir", "prefix", "192.0.2.0/24", "manual", "2026-01-02", "")
				next(s)
				if got, want := s.open(), []string{fmt.Sprint("scan_ftp 192.0.2.1 21 ", heir)}; !slices.Equal(got, want) {
					t.Errorf("open: %q, want %q", got, want)
				}
				if a, b, c := s.total("transferred", heir), s.total("handed_over", old), s.total("gone", -1); a != 1 || b != 1 || c != 0 {
					t.Errorf("transferred %d, handed over %d, no longer seen %d", a, b, c)
				}
				if n := s.total("fresh", -1); n != 1 {
					t.Errorf("%d are counted as new", n)
				}
				if body := column[string](s, `SELECT e.body FROM finding f JOIN explanation e ON e.id = f.explanation`); !strings.Contains(body[0], `"ref":"heir"`) {
					t.Errorf("why: %s", body[0])
				}
				s.check()
			})
		})
	}
}

func TestRule3ReattributionLeavesWhatIsOver(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.day(1, "scan_ftp", "scan_smb", "scan_rdp")
		for d := 2; d <= 4; d++ {
			s.day(d, "scan_smb", "scan_rdp")
		}
		heir := s.own("heir", "prefix", "192.0.2.0/24", "manual", "", "")
		if err := s.Reattribute(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := s.total("transferred", heir); n != 2 {
			t.Errorf("%d are transferred, want the two that are open", n)
		}
		s.check()
	})
}

func TestRule4TimesAreUTCAndAttributionIsAsOfTheEvent(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo")
	eachStation(t, func(t *testing.T, s *station) {
		before := s.own("before", "prefix", "192.0.2.0/24", "manual", "", "2026-01-02")
		after := s.own("after", "prefix", "192.0.2.0/24", "manual", "2026-01-02", "2026-01-05")
		s.ingest("2026-01-02-scan_ftp-nation.csv", goodHeader+"2026-01-01 23:59:59,192.0.2.1,21,tcp,high\n"+
			"2026-01-02 00:00:00,192.0.2.2,21,tcp,high\n2026-01-05 00:00:00,192.0.2.3,21,tcp,high\n")
		want := []string{fmt.Sprint("scan_ftp 192.0.2.1 21 ", before), fmt.Sprint("scan_ftp 192.0.2.2 21 ", after), "scan_ftp 192.0.2.3 21 0"}
		if got := s.open(); !slices.Equal(got, want) {
			t.Errorf("open: %q, want %q", got, want)
		}
		first := column[int64](s, `SELECT first_seen FROM finding ORDER BY id`)
		if first[0] != 1_767_311_999_000_000 {
			t.Errorf("first seen at %d", first[0])
		}
	})
}

func TestRule5Addresses(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		a := s.own("a", "prefix", "192.0.2.0/24", "manual", "", "")
		site := s.own("site", "domain", "shop.example", "manual", "", "")
		o := s.ingest("2026-01-02-scan_ftp-nation.csv", goodHeader+"2026-01-02 00:00:00,::ffff:192.0.2.1,0,tcp,high\n"+
			"2026-01-02 00:00:00,192.0.2.2,,tcp,high\n2026-01-02 00:00:00,0.0.0.0,21,tcp,high\n2026-01-02 00:00:00,2001:DB8:0::1,65535,tcp,high\n")
		if o.Rejected != 1 || o.Problems[0].Line != 4 {
			t.Errorf("%+v", o)
		}
		want := []string{fmt.Sprint("scan_ftp 192.0.2.1 -1 ", a), fmt.Sprint("scan_ftp 192.0.2.2 -1 ", a), "scan_ftp 2001:db8::1 65535 0"}
		if got := s.open(); !slices.Equal(got, want) {
			t.Errorf("open: %q, want %q", got, want)
		}
		s.ingest("2026-01-02-phish_url-nation.csv", "timestamp,url,host,ip\n2026-01-02 00:00:00,https://www.shop.example/x,www.shop.example,\n2026-01-02 00:00:00,http://198.51.100.7/y,198.51.100.7,\n")
		owners := column[int64](s, `SELECT owner FROM finding WHERE name <> '' ORDER BY owner`)
		if !slices.Equal(owners, []int64{0, site}) {
			t.Errorf("owners by name: %d", owners)
		}
	})
}

func (s *station) verdicts() map[string]constituency.Verdict {
	s.t.Helper()
	out := map[string]constituency.Verdict{}
	for _, b := range column[string](s, `SELECT e.body FROM finding f JOIN explanation e ON e.id = f.explanation`) {
		var v constituency.Verdict
		if err := json.Unmarshal([]byte(b), &v); err != nil {
			s.t.Fatal(err)
		}
		out[v.Winner.Ref] = v
	}
	return out
}

func TestRule6TheHospitalInsideTheISP(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		isp := s.own("isp", "prefix", "192.0.0.0/16", "manual", "", "")
		hospital := s.own("hospital", "prefix", "192.0.2.0/24", "manual", "", "")
		s.own("asn", "asn", "AS64500", "manual", "", "")
		s.ingest("2026-01-02-scan_ftp-nation.csv", "timestamp,ip,port,protocol,asn,hostname\n2026-01-02 00:00:00,192.0.2.1,21,tcp,64500,x.isp.example\n2026-01-02 00:00:00,192.0.3.1,21,tcp,64500,\n")
		want := []string{fmt.Sprint("scan_ftp 192.0.2.1 21 ", hospital), fmt.Sprint("scan_ftp 192.0.3.1 21 ", isp)}
		if got := s.open(); !slices.Equal(got, want) {
			t.Errorf("open: %q, want %q", got, want)
		}
		v := s.verdicts()["hospital"]
		if v.Owner != hospital || v.Winner.Rule != constituency.ManualPrefix || len(v.Lost) != 2 || v.Lost[0].Ref != "isp" ||
			v.Lost[0].Why != constituency.LostLessSpecific || v.Lost[1].Ref != "asn" || slices.Contains(v.Copies, isp) {
			t.Errorf("why: %+v", v)
		}
	})
}

func TestRule6ACompromisedWebSiteOnSomebodysHoster(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		hoster := s.own("hoster", "prefix", "192.0.2.0/24", "manual", "", "")
		shop := s.own("shop", "domain", "shop.example", "manual", "", "")
		s.ingest("2026-01-02-compromised_website-nation.csv", "timestamp,ip,port,http_host,url\n2026-01-02 00:00:00,192.0.2.1,80,www.shop.example,/hacked.php\n2026-01-02 00:00:00,192.0.2.1,80,other.example,/hacked.php\n")
		owners := column[int64](s, `SELECT owner FROM finding ORDER BY owner`)
		if !slices.Equal(owners, []int64{hoster, shop}) {
			t.Errorf("owners: %d", owners)
		}
		v := s.verdicts()["shop"]
		if v.Winner.Rule != constituency.DomainSuffix || !slices.Equal(v.Copies, []int64{hoster}) || len(v.Lost) != 1 ||
			v.Lost[0].Why != constituency.LostNameFirst {
			t.Errorf("why: %+v", v)
		}
	})
}

func TestRule6ReverseDNSNeverAttributes(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		s.own("shop", "domain", "shop.example", "manual", "", "")
		s.ingest("2026-01-02-scan_ftp-nation.csv", "timestamp,ip,port,protocol,hostname\n2026-01-02 00:00:00,192.0.2.1,21,tcp,www.shop.example\n")
		if got := s.open(); !slices.Equal(got, []string{"scan_ftp 192.0.2.1 21 0"}) {
			t.Errorf("open: %q", got)
		}
	})
}

// TestEverySampleIsTakenInWhole takes in the real files: the right type and class, and no row is lost.
func TestEverySampleIsTakenInWhole(t *testing.T) {
	paths, _ := filepath.Glob("../../../shared/data/shadowserver/samples/*.csv")
	if len(paths) == 0 {
		t.Skip("Shadowserver's samples are not beside the checkout")
	}
	if len(paths) != 62 {
		t.Errorf("%d samples, want 62", len(paths))
	}
	eachStation(t, func(t *testing.T, s *station) {
		var files []event.Source
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, text("2026-01-02-"+strings.TrimSuffix(filepath.Base(p), ".csv")+"-nation.csv", string(b)))
		}
		sum := s.take(files...)
		stored := int64(0)
		for _, o := range sum.Outcomes {
			typ, known := shadowserver.Builtin().Type(o.Type)
			if o.State != event.Live || !known || o.Rows == 0 || o.Rows != o.Events+o.Rejected {
				t.Errorf("%s: %+v", o.Name, o)
			}
			if o.Rejected > 0 {
				t.Logf("%s: %d of %d rows rejected, the first: %v", o.Name, o.Rejected, o.Rows, o.Problems[0])
			}
			es, err := s.Events(context.Background(), event.EventQuery{Type: event.TypeID("shadowserver", o.Type), Limit: 100_000})
			if err != nil || int64(len(es)) != o.Events {
				t.Errorf("%s: %d events are stored (%v), want %d", o.Name, len(es), err, o.Events)
			}
			for _, e := range es {
				if e.Class != typ.Class && typ.Class != "" && typ.Name != "scan_exchange" || e.Class == "" || e.Kind == "" {
					t.Errorf("%s: row %d is of class %q %q, want %q", o.Name, e.Row, e.Class, e.Kind, typ.Class)
				}
				if _, raw, err := s.Row(context.Background(), e.File, e.Row); err != nil || raw == "" {
					t.Errorf("%s: row %d: %v", o.Name, e.Row, err)
				}
			}
			stored += int64(len(es))
		}
		if sum.Files != 62 || stored != sum.Events || sum.Rows != sum.Events+sum.Rejected {
			t.Errorf("%d files, %d rows, %d events, %d stored, %d rejected", sum.Files, sum.Rows, sum.Events, stored, sum.Rejected)
		}
		s.check()
		whole(t, s)
	})
}

func TestAProcessThatDiesBeforeSettlingLeavesAJob(t *testing.T) {
	eachStation(t, func(t *testing.T, s *station) {
		name, content := report("2026-01-01", "scan_ftp", "nation", "192.0.2.1 21 high")
		s.ingest(name, content)
		waiting := column[string](s, `SELECT payload FROM job WHERE kind = 'event.settle' AND state = 'ready'`)
		if !slices.Equal(waiting, []string{"shadowserver"}) {
			t.Errorf("jobs that wait: %q", waiting)
		}
	})
}
