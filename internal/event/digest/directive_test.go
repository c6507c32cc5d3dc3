package digest

import (
	"context"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/event"
)

func TestBacklogOfAFirstIntakeIsKnownAndNeverTold(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.want()
		w.next(1)
		w.report("scan_ftp", "203.0.113.1 21 high", "198.51.100.1 21 critical", "198.51.100.2 21 high")
		w.collect()
		w.want("clinic 198.51.100.2 waiting open new Thu 05 07:00")
	})
}

func TestBacklogThatFlapsStaysKnownAndIsToldWhenItComesBack(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_ftp", "198.51.100.1 21 critical")
		w.collect()
		w.next(1)
		w.report("scan_ftp", "203.0.113.1 21 high", "198.51.100.1 21 critical") // away for a day only
		w.collect()
		w.want("hospital 203.0.113.1 known open - -", "isp 203.0.113.1 known open - -")
		for range 4 {
			w.next(1)
			w.report("scan_ftp", "198.51.100.1 21 critical")
		}
		w.collect()
		w.want("hospital 203.0.113.1 known gone - -", "isp 203.0.113.1 known gone - -")
		w.next(1)
		w.report("scan_ftp", "203.0.113.1 21 high")
		w.collect()
		w.want("hospital 203.0.113.1 waiting open new Wed 11 07:00", "isp 203.0.113.1 waiting open new Wed 11 07:00")
	})
}

func TestUrgencyFollowsSeverityUnlessAPolicySaysOtherwise(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		_, err := w.SetPolicy(ctx, officer, Policy{Sector: "health", Severity: int(event.Low), Frequency: Never, Reason: "too many"})
		w.ok(err)
		_, err = w.SetPolicy(ctx, officer, Policy{Ref: "clinic", Severity: AnySeverity, Frequency: Daily, Reason: "asked for"})
		w.ok(err)
		w.next(1) // Thursday
		w.report("scan_smb", "203.0.113.5 445 critical", "203.0.113.6 445 medium", "203.0.113.7 445 low", "203.0.113.8 445 info", "198.51.100.7 445 low")
		w.report("device_id", "198.51.100.9 80 high")
		w.collect()
		w.want(
			"hospital 203.0.113.5 waiting open new Thu 05 06:00", "isp 203.0.113.5 waiting open new Thu 05 06:00",
			"hospital 203.0.113.6 waiting open new Mon 09 07:00", "isp 203.0.113.6 waiting open new Mon 09 07:00",
			"hospital 203.0.113.7 silent open - -", "isp 203.0.113.7 waiting open new Mon 09 07:00",
			"hospital 203.0.113.8 silent open - -", "isp 203.0.113.8 silent open - -",
			"clinic 198.51.100.7 waiting open new Thu 05 07:00", "clinic 198.51.100.9 silent open - -")
	})
}

func TestCopyGoesOnlyToWhoAskedForIt(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_ftp", "203.0.113.9 21 high", "198.51.100.9 21 high") // cable did not ask
		w.collect()
		w.want("hospital 203.0.113.9 waiting open new Thu 05 07:00", "isp 203.0.113.9 waiting open new Thu 05 07:00",
			"clinic 198.51.100.9 waiting open new Thu 05 07:00")
	})
}

func TestSuppressedIsCountedAndToldAfterwards(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		today := w.today()
		for _, s := range []Suppression{{Kind: OfPrefix, Value: "198.51.100.16/28"}, {Kind: OfType, Value: "scan_rdp"}, {Kind: OfConstituent, Value: "isp"}} {
			s.Until, s.Reason = today+1, "maintenance"
			_, err := w.Suppress(ctx, officer, s)
			w.ok(err)
		}
		w.next(1)
		w.report("scan_ftp", "198.51.100.1 21 critical", "198.51.100.17 21 high", "203.0.114.1 21 high")
		w.report("scan_rdp", "198.51.100.40 3389 high")
		w.collect()
		w.want("clinic 198.51.100.17 suppressed open - -", "clinic 198.51.100.40 suppressed open - -", "isp 203.0.114.1 suppressed open - -")
		list, err := w.Suppressions(ctx, false)
		w.ok(err)
		for _, s := range list {
			if s.Held != 1 {
				t.Errorf("%s %s holds %d, want 1", s.Kind, s.Value, s.Held)
			}
		}
		w.next(1)
		w.collect()
		w.want("clinic 198.51.100.17 waiting open new Fri 06 07:00", "clinic 198.51.100.40 waiting open new Fri 06 07:00", "isp 203.0.114.1 waiting open new Fri 06 07:00")
	})
}

func TestSuppressionByASNGoesByTheEvents(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		_, err := w.Suppress(context.Background(), officer, Suppression{Kind: OfASN, Value: "as0", Until: w.today(), Reason: "no such"})
		if err == nil {
			t.Error("AS0 is taken")
		}
		_, err = w.Suppress(context.Background(), officer, Suppression{Kind: OfASN, Value: "64500", Until: w.today() + 9, Reason: "sold"})
		w.ok(err)
		w.next(1)
		w.reportWith("scan_ftp", "asn", "198.51.100.18 21 high 64500", "198.51.100.19 21 high 64501")
		w.collect()
		w.want("clinic 198.51.100.18 suppressed open - -", "clinic 198.51.100.19 waiting open new Thu 05 07:00")
	})
}

func TestTransferredFindingIsToldToItsNewOwner(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		_, err := w.Constituency.AddAsset(ctx, officer, constituency.Asset{Constituent: w.ids["mute"], Kind: constituency.AddressAsset, Value: "198.51.100.1"})
		w.ok(err)
		w.next(1)
		w.report("scan_ftp", "203.0.113.1 21 high", "198.51.100.1 21 high")
		w.collect()
		w.want("mute 198.51.100.1 waiting open new Thu 05 07:00")
	})
}

func TestCollectingTwiceChangesNothing(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		w.settled()
		w.next(1)
		w.report("scan_ftp", "203.0.113.9 21 high", "198.51.100.9 21 critical")
		w.collect()
		before := w.directives()
		sum, err := w.Collect(context.Background())
		w.ok(err)
		if sum != (Collected{}) {
			t.Errorf("the second run did %+v", sum)
		}
		w.clock.Set(w.clock.Now().Add(25 * time.Hour)) // another day, the same findings: what waits keeps its time
		w.collect()
		w.want(before...)
	})
}

func TestDueIsOnTheRecipientsBusinessDaysAndInItsZone(t *testing.T) {
	zone := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, tt := range []struct {
		name string
		week week
		f    Frequency
		at   string
		want string
	}{
		{"at once at night", week{zone: zone("Asia/Tokyo"), hour: -1}, Immediate, "2026-03-07T23:10:00Z", "2026-03-07T23:10:00Z"},
		{"the same morning", week{zone: zone("Europe/Belgrade"), hour: -1}, Daily, "2026-03-05T06:59:00Z", "2026-03-05T07:00:00Z"},
		{"no longer the same morning", week{zone: zone("Europe/Belgrade"), hour: -1}, Daily, "2026-03-05T07:00:00Z", "2026-03-06T07:00:00Z"},
		{"over the weekend", week{zone: zone("Europe/Belgrade"), hour: -1}, Daily, "2026-03-06T08:00:00Z", "2026-03-09T07:00:00Z"},
		{"over a change of the clocks", week{zone: zone("Europe/Belgrade"), hour: -1}, Daily, "2026-03-27T09:00:00Z", "2026-03-30T06:00:00Z"},
		{"Tokyo is a day ahead", week{zone: zone("Asia/Tokyo"), hour: 9}, Daily, "2026-03-05T22:00:00Z", "2026-03-06T00:00:00Z"},
		{"a week begins on Monday", week{zone: time.UTC, hour: -1}, Weekly, "2026-03-05T06:00:00Z", "2026-03-09T08:00:00Z"},
		{"or on Sunday", week{zone: zone("Asia/Riyadh"), hour: -1, weekdays: 0b0011111}, Weekly, "2026-03-05T06:00:00Z", "2026-03-08T05:00:00Z"},
		{"of who never rests on Monday", week{zone: time.UTC, hour: 0, weekdays: 0b1111111}, Weekly, "2026-03-05T06:00:00Z", "2026-03-09T00:00:00Z"},
		{"of who works on two days after the longer rest", week{zone: time.UTC, hour: 0, weekdays: 0b0010010}, Weekly, "2026-03-05T06:00:00Z", "2026-03-09T00:00:00Z"},
		{"where the clocks skip midnight", week{zone: zone("Africa/Cairo"), hour: 0, weekdays: 0b1111111}, Daily, "2026-04-23T20:00:00Z", "2026-04-23T22:00:00Z"},
		{"never", week{zone: time.UTC}, Never, "2026-03-05T06:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := tt.week.due(tt.f, at).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestMostSpecificPolicyWins(t *testing.T) {
	all := Policies{
		{ID: 1, Severity: AnySeverity, Frequency: Weekly}, {ID: 2, Severity: 4, Frequency: Never}, {ID: 3, Sector: "health", Severity: AnySeverity, Frequency: Daily},
		{ID: 4, Type: "scan_ftp", Severity: AnySeverity, Frequency: Immediate}, {ID: 5, Constituent: 7, Severity: AnySeverity, Frequency: Weekly},
		{ID: 6, Constituent: 7, Severity: 4, Frequency: Daily},
	}
	for _, tt := range []struct {
		c    Case
		f    Frequency
		rule string
	}{
		{Case{Severity: 3}, Weekly, "policy:1"}, {Case{Severity: 4}, Never, "policy:2"}, {Case{Severity: 4, Sector: "health"}, Daily, "policy:3"},
		{Case{Severity: 4, Sector: "health", Type: "scan_ftp"}, Immediate, "policy:4"}, {Case{Constituent: 7, Severity: 3, Type: "scan_ftp"}, Weekly, "policy:5"},
		{Case{Constituent: 7, Severity: 4}, Daily, "policy:6"}, {Case{Severity: 5, Population: true}, Never, "default:population"},
		{Case{Severity: 5, Population: true, Type: "scan_ftp"}, Immediate, "policy:4"},
	} {
		if f, rule := all.Decide(tt.c); f != tt.f || rule != tt.rule {
			t.Errorf("%+v: %s by %s, want %s by %s", tt.c, f, rule, tt.f, tt.rule)
		}
	}
	for s, want := range map[event.Severity]Frequency{event.Critical: Immediate, event.High: Daily, event.Medium: Weekly, event.Low: Weekly, event.Info: Never, event.Unrated: Weekly} {
		if f, _ := (Policies{}).Decide(Case{Severity: s}); f != want {
			t.Errorf("by default %s is told %s, want %s", s, f, want)
		}
	}
}
