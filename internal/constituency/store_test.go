package constituency

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

func TestConstituentsAreActs(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		cert, err := s.Create(ctx, act.Machine, Constituent{Ref: "cert", Name: "Health CERT", Kind: SectorCERT, Designation: OtherDesignation})
		if err != nil {
			t.Fatal(err)
		}
		top, err := s.Create(ctx, act.Machine, Constituent{Ref: "ministry", Name: "Ministry", Kind: Authority,
			Designation: Important, Delegate: cert.ID})
		if err != nil {
			t.Fatal(err)
		}
		low, err := s.Create(ctx, act.Machine, Constituent{Ref: "clinic", Name: "Клиника", Kind: Institution, Sector: "health",
			Designation: OtherDesignation, Parent: top.ID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(ctx, act.Machine, Constituent{Ref: "clinic", Name: "Twin", Kind: OtherKind, Designation: OtherDesignation}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("a taken ref: %v", err)
		}
		if _, err := s.Create(ctx, act.Machine, Constituent{Ref: "?", Kind: "shop"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("nonsense: %v", err)
		}
		top.Parent = low.ID
		if err := s.Update(ctx, act.Machine, top); err == nil || !strings.Contains(err.Error(), "above itself") {
			t.Errorf("a cycle: %v", err)
		}
		top.Parent, top.Delegate = 0, low.ID
		if err := s.Update(ctx, act.Machine, top); err == nil || !strings.Contains(err.Error(), "delegated to") {
			t.Errorf("delegated to a clinic: %v", err)
		}
		if err := s.Update(ctx, act.Machine, Constituent{ID: 999, Ref: "x", Name: "x", Kind: OtherKind, Designation: OtherDesignation, ValidUntil: Open}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("nobody: %v", err)
		}
		d, err := s.Directory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := d.ByRef("clinic"); err != nil || l.DelegateRef != "cert" || l.ParentRef != "ministry" || len(d.Path(l.ID)) != 1 {
			t.Errorf("clinic: %+v, %v", l, err)
		}
		if got := d.Branch(top.ID); !slices.Equal(got, []int64{top.ID, low.ID}) || len(d.Children(0)) != 2 || len(d.Children(top.ID)) != 1 {
			t.Errorf("branch: %v", got)
		}
		certListed, _ := d.ByID(cert.ID)
		if got := d.Delegated(certListed); len(got) != 2 {
			t.Errorf("delegated: %+v", got)
		}
	})
}

func TestContactsAndAssetsBeginAndEnd(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		c, err := s.Create(ctx, act.Machine, Constituent{Ref: "a", Name: "A", Kind: ISP, Designation: OtherDesignation})
		if err != nil {
			t.Fatal(err)
		}
		k, err := s.AddContact(ctx, act.Machine, Contact{Constituent: c.ID, Role: "abuse", Mail: "abuse@a.example", Clearance: "red",
			Keys: []Key{{Type: "OpenPGP", Fingerprint: "ab cd"}}})
		if err != nil || k.Clearance != "TLP:RED" || k.Keys[0].Fingerprint != "ABCD" {
			t.Fatalf("%+v, %v", k, err)
		}
		if _, err := s.AddContact(ctx, act.Machine, Contact{Constituent: c.ID, Role: "abuse", Mail: "ABUSE@a.example"}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("twice: %v", err)
		}
		a, err := s.AddAsset(ctx, act.Machine, Asset{Constituent: c.ID, Kind: PrefixAsset, Value: "198.51.100.9/24"})
		if err != nil || a.Value != "198.51.100.0/24" {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, bad := range []Asset{{Constituent: c.ID, Kind: PrefixAsset, Value: "198.51.100.0/24"}, {Constituent: 99, Kind: ASNAsset, Value: "AS1"},
			{Constituent: c.ID, Kind: "planet", Value: "Mars"}} {
			if _, err := s.AddAsset(ctx, act.Machine, bad); fault.KindOf(err) == fault.Internal || err == nil {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		owner := func(day Day) int64 {
			r, err := s.Resolver(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return r.Resolve(Query{IP: netip.MustParseAddr("198.51.100.1"), At: at(int64(day))}).Owner
		}
		now := DayOf(today)
		if err := s.EndAsset(ctx, act.Machine, a.ID, now); err != nil {
			t.Fatal(err)
		}
		if owner(now-1) != c.ID || owner(now) != 0 {
			t.Error("an asset that ended still is somebody's, or never was")
		}
		if _, err := s.AddAsset(ctx, act.Machine, Asset{Constituent: c.ID, Kind: PrefixAsset, Value: "198.51.100.0/24", ValidFrom: now + 5}); err != nil {
			t.Errorf("again after a gap: %v", err)
		}
		if err := s.EndContact(ctx, act.Machine, k.ID, now); err != nil {
			t.Fatal(err)
		}
		if err := s.EndContact(ctx, act.Machine, 99, now); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no contact: %v", err)
		}
		d, err := s.Directory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := d.List(Filter{NoContact: true}); err != nil || p.Total != 1 || p.Items[0].Contacts != 0 {
			t.Errorf("without a contact: %+v, %v", p, err)
		}
		if err := s.Retire(ctx, act.Machine, c.ID, now+2); err != nil {
			t.Fatal(err)
		}
		as, more, err := s.Assets(ctx, AssetFilter{Constituent: c.ID, Ended: true, Text: "100.0", Limit: 1})
		if err != nil || !more || len(as) != 1 || as[0].ValidUntil != now {
			t.Errorf("assets: %+v %v %v", as, more, err)
		}
		as, more, err = s.Assets(ctx, AssetFilter{Constituent: c.ID, Kind: PrefixAsset, Ended: true, After: as[0].ID})
		if err != nil || more || len(as) != 1 || as[0].ValidUntil != now+5 {
			t.Errorf("what had not begun when it was retired never does: %+v %v %v", as, more, err)
		}
		if ks, err := s.Contacts(ctx, c.ID); err != nil || len(ks) != 1 || ks[0].ValidUntil != now {
			t.Errorf("contacts: %+v, %v", ks, err)
		}
	})
}

func TestListFiltersAndPages(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		var b strings.Builder
		b.WriteString(`{"constituents":[{"ref":"ended","name":"Ended","valid_until":"2020-01-01"}`)
		for i := range 25 {
			fmt.Fprintf(&b, `,{"ref":"c%02d","name":"Ђак %d","sector":%q,"kind":"isp"}`, i, i/2, []string{"health", "energy"}[i%2])
		}
		b.WriteString("]}")
		importText(t, s, b.String(), ImportOptions{})
		d, err := s.Directory(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, sort := range append(Sorts(), "", "-name", "-sector", "-assets") {
			var got []string
			for f := (Filter{Limit: 7, Sort: sort}); ; {
				p, err := d.List(f)
				if err != nil || p.Total != 25 {
					t.Fatalf("%+v, %v", p, err)
				}
				for _, l := range p.Items {
					got = append(got, l.Ref)
				}
				if f.After = p.Next; p.Next == "" {
					break
				}
			}
			if sort == "-sector" && got[0] != "c00" {
				t.Errorf("by sector turned round: %v", got)
			}
			slices.Sort(got)
			if len(slices.Compact(got)) != 25 {
				t.Errorf("pages by %q lose or repeat: %v", sort, got)
			}
		}
		if _, err := d.List(Filter{Sort: "colour"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a made-up order: %v", err)
		}
		for want, f := range map[int]Filter{26: {Ended: true}, 13: {Sector: "health"}, 2: {Text: "ЂАК 3"}, 0: {Kind: Operator}, 25: {Kind: ISP}} {
			if p, err := d.List(f); err != nil || p.Total != want {
				t.Errorf("%+v: %d, want %d", f, p.Total, want)
			}
		}
		if _, err := d.List(Filter{After: "%%"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a made-up cursor: %v", err)
		}
	})
}

func TestWhySaysWhoAndWhoLost(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		importText(t, s, `{"constituents":[
			{"ref":"isp","name":"ISP","assets":[{"kind":"prefix","value":"198.51.0.0/16","also_notify":true},{"kind":"asn","value":"AS64500"}]},
			{"ref":"old","name":"Old","assets":[{"kind":"prefix","value":"198.51.100.0/24","valid_until":"2025-01-01"}]},
			{"ref":"clinic","name":"Clinic","assets":[{"kind":"prefix","value":"198.51.100.0/24","valid_from":"2025-01-01"},
				{"kind":"domain","value":"clinic.example"},{"kind":"domain","value":"x.clinic.example"}]}]}`, ImportOptions{})
		a, err := s.Why(ctx, "198.51.100.7", time.Time{})
		if err != nil || a.Verdict.Winner.Ref != "clinic" || a.Verdict.Lost[0].Why != LostLessSpecific ||
			len(a.Copies) != 1 || a.Copies[0].Name != "ISP" || len(a.Invalid) != 1 || a.Invalid[0].Ref != "old" {
			t.Errorf("now: %+v %v", a, err)
		}
		a, err = s.Why(ctx, "198.51.100.7", time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC))
		if err != nil || a.Verdict.Winner.Ref != "old" {
			t.Errorf("then: %+v %v", a, err)
		}
		for subject, want := range map[string]string{"https://WWW.clinic.example:8443/x?y": "clinic", "clinic.example.": "clinic",
			"as64500": "isp", "http://198.51.3.4/": "isp", "::ffff:198.51.100.2": "clinic", "nobody.example": "", "2001:db8::1": ""} {
			if a, err := s.Why(ctx, subject, time.Time{}); err != nil || a.Verdict.Winner.Ref != want {
				t.Errorf("%s: %+v, %v", subject, a, err)
			}
		}
		if _, err := s.Why(ctx, "what is this", time.Time{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("nonsense: %v", err)
		}
		r, err := s.Resolver(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for subject, want := range map[string]int{"198.51.0.0/16": 2, "198.51.100.128/25": 2, "clinic.example": 2, "198.51.100.3": 2, "AS64500": 1} {
			if got, err := r.Owning(subject, today, 10); err != nil || len(got) != want {
				t.Errorf("owners of %s: %+v, %v", subject, got, err)
			}
		}
	})
}

func TestConflictsAreTiesAndOverlapsOfOtherBranches(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		importText(t, s, `{"constituents":[
			{"ref":"a","name":"A","assets":[{"kind":"prefix","value":"198.51.0.0/16"},{"kind":"asn","value":"AS64500"}]},
			{"ref":"a1","parent":"a","name":"A1","assets":[{"kind":"prefix","value":"198.51.100.0/24"}]},
			{"ref":"b","name":"B","assets":[{"kind":"prefix","value":"198.51.101.0/24"},{"kind":"asn","value":"AS64500"},
				{"kind":"domain","value":"b.example","valid_until":"2020-01-01"}]},
			{"ref":"c","name":"C","assets":[{"kind":"domain","value":"b.example","valid_from":"2020-01-01"}]}]}`, ImportOptions{})
		cs, err := s.Conflicts(context.Background(), 10)
		if err != nil || len(cs) != 2 {
			t.Fatalf("%+v, %v", cs, err)
		}
		if cs[0].Kind != TieConflict || cs[0].First.Ref != "a" || cs[0].Second.Ref != "b" || cs[0].First.Matched != "AS64500" {
			t.Errorf("tie: %+v", cs[0])
		}
		if cs[1].Kind != OverlapConflict || cs[1].First.Ref != "b" || cs[1].Second.Ref != "a" || cs[1].Copied {
			t.Errorf("overlap: %+v", cs[1])
		}
		if cs, err := s.Conflicts(context.Background(), 1); err != nil || len(cs) != 1 {
			t.Errorf("limit: %+v, %v", cs, err)
		}
	})
}
