package disclosure

import (
	"context"
	"slices"
	"strings"
	"testing"

	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
)

// The constituents of the matrix: 7 is whom the item is about, 8 asked for copies, 9 has nothing to do with it, 70 is the
// sector CERT that looks after 7 and 71 one that looks after 9.
var matrixRecipients = []struct {
	column string
	to     Recipient
}{
	{"staff", Recipient{Kind: Staff, Subject: "person:1"}},
	{"named", Recipient{Kind: Staff, Subject: "person:2"}},
	{"owner", Recipient{Kind: Constituent, Subject: "person:3", Organisations: []int64{7}}},
	{"owner-named", Recipient{Kind: Constituent, Subject: "person:4", Organisations: []int64{7}}},
	{"owner-org", OfConstituent(7, "seven")},
	{"copy", OfConstituent(8, "eight")},
	{"stranger", OfConstituent(9, "nine")},
	{"sector", Recipient{Kind: SectorCERT, Subject: "person:5", Organisations: []int64{70}, Branch: []int64{7}}},
	{"sector-other", Recipient{Kind: SectorCERT, Subject: "person:6", Organisations: []int64{71}, Branch: []int64{9}}},
	{"authority", Recipient{Kind: Authority, Subject: "person:10"}},
	{"law", Recipient{Kind: Enforcement, Subject: "person:11"}},
	{"partner", Recipient{Kind: Partner, Subject: "service:12"}},
	{"guest", Recipient{Kind: GuestPartner, Subject: "person:13"}},
	{"public", Anybody()},
}

// matrix is written by hand. A letter is an exit by which the item leaves: p page, o portal, r rest, e export, f feed, m mail,
// w webhook; "all" is every one of them and "-" none.
const matrix = `
label         staff named owner owner-named owner-org copy stranger sector sector-other authority law partner guest public
CLEAR         all   all   all   all         all       all  all      all    all          all       all all     all   all
GREEN         all   all   all   all         all       all  all      all    all          all       all all     all   -
AMBER         all   all   all   all         all       all  -        all    -            -         -   -       -     -
AMBER+STRICT  all   all   all   all         all       -    -        -      -            -         -   -       -     -
RED           -     poe   -     poe         -         -    -        -      -            -         -   -       -     -
unmarked      -     -     -     -           -         -    -        -      -            -         -   -       -     -
`

var letters = map[Channel]string{Page: "p", Portal: "o", REST: "r", Export: "e", Feed: "f", Mail: "m", Webhook: "w"}

// TestMatrixOfLabelsRecipientsAndExits asks the gate itself for every cell, with the label on the item and by its source's default,
// and reads in the ledger that it says the same.
func TestMatrixOfLabelsRecipientsAndExits(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(matrix), "\n")
	head := strings.Fields(rows[0])[1:]
	if len(head) != len(matrixRecipients) || len(rows) != len(tlp.Labels())+2 || len(letters) != len(Channels()) {
		t.Fatal("the table lacks a recipient, a label or an exit")
	}
	var items []*thing
	for _, row := range rows[1:] {
		name := strings.Fields(row)[0]
		label, err := tlp.Parse(strings.TrimPrefix(name, "unmarked"))
		if err != nil {
			t.Fatal(err)
		}
		m := Marking{Label: label, Owners: []int64{7}, Copies: []int64{8}, Persons: []string{"person:2", "person:4"}}
		items = append(items, &thing{Ref("own:" + name), m, nil})
		m.Label, m.Default = tlp.None, label
		items = append(items, &thing{Ref("default:" + name), m, nil})
	}
	onEach(t, func(b *bench) {
		cells := 0
		for i, r := range matrixRecipients {
			if head[i] != r.column {
				b.Fatalf("column %d is %s, want %s", i, head[i], r.column)
			}
			for _, via := range Channels() {
				left, why, _ := b.clear(r.to, via, items...)
				for k, it := range items {
					cell := strings.Fields(rows[1+k/2])[i+1]
					want := cell == "all" || strings.Contains(cell, letters[via])
					withheld := slices.ContainsFunc(why, func(w Withheld) bool { return w.Item == it.ref && w.Rule != "" && w.Reason != "" })
					if slices.Contains(left, it.ref) != want || withheld == want {
						b.Errorf("%s to %s by %s: left %t, withheld %t, want %t", it.ref, r.column, via, !want, withheld, want)
					}
					cells++
				}
			}
		}
		if cells != 6*14*7*2 {
			b.Errorf("%d cells were asked", cells)
		}
		es, _, err := b.gate.Ledger(context.Background(), LedgerFilter{Limit: 1000})
		b.must(err)
		if len(es) != 14*7 {
			b.Errorf("%d rows in the ledger", len(es))
		}
		for _, e := range es {
			if e.Items+e.Withheld != int64(len(items)) {
				b.Errorf("%s by %s: %d of %d in the ledger", e.Recipient, e.Channel, e.Items+e.Withheld, len(items))
			}
		}
	})
}

func TestWhatIsWrittenForSomebodyReachesOnlyThem(t *testing.T) {
	to := func(subject string) Recipient { return Recipient{Kind: Public, Subject: subject} }
	for _, label := range []tlp.Label{tlp.Green, tlp.Amber, tlp.AmberStrict} {
		m := Marking{Label: label, Named: []string{"reporter:1"}}
		if !judge(m, to("reporter:1"), nil, Page).ok || judge(m, to("reporter:12"), nil, Page).ok || judge(m, Anybody(), nil, Page).ok {
			t.Errorf("%s does not go to whom it names alone", label)
		}
	}
	for _, m := range []Marking{{Label: tlp.Red, Named: []string{"reporter:1"}}, {Label: tlp.Amber, Audience: StaffOnly, Named: []string{"reporter:1"}}, {Named: []string{"reporter:1"}}} {
		if judge(m, to("reporter:1"), nil, Page).ok {
			t.Errorf("a name opened %+v", m)
		}
	}
}

func TestItemsOwnLabelBeatsItsSourcesDefault(t *testing.T) {
	m := Marking{Label: tlp.Clear, Default: tlp.Amber}
	if !judge(m, Anybody(), nil, Page).ok {
		t.Error("the source's default overrode the label")
	}
	m = Marking{Label: tlp.Red, Default: tlp.Clear}
	if judge(m, Anybody(), nil, Page).ok {
		t.Error("a wide default opened a RED item")
	}
}

func TestAudienceNarrowsWhatTheLabelAllows(t *testing.T) {
	const table = `
audience           staff owner copy stranger sector sector-other authority law partner guest public
any                yes   yes   yes  yes      yes    yes          yes       yes yes     yes   yes
owner              yes   yes   -    -        yes    -            -         -   -       -     -
owner+also-notify  yes   yes   yes  -        yes    -            -         -   -       -     -
staff              yes   -     -    -        -      -            -         -   -       -     -
nonsense           yes   -     -    -        -      -            -         -   -       -     -`
	rows := strings.Split(strings.TrimSpace(table), "\n")
	for _, row := range rows[1:] {
		f := strings.Fields(row)
		m := Marking{Label: tlp.Clear, Audience: Audience(strings.TrimPrefix(f[0], "any")), Owners: []int64{7}, Copies: []int64{8}}
		for i, column := range strings.Fields(rows[0])[1:] {
			for _, r := range matrixRecipients {
				if r.column == column {
					if v := judge(m, r.to, nil, Mail); v.ok != (f[i+1] == "yes") {
						t.Errorf("audience %s to %s: %+v", f[0], column, v)
					}
				}
			}
		}
	}
}

func TestPAPNarrowsTheExits(t *testing.T) {
	for p, exits := range map[PAP]string{NoPAP: "porefmw", PAPClear: "porefmw", PAPGreen: "porefmw", PAPAmber: "porem", PAPRed: "po", 9: ""} {
		for _, via := range Channels() {
			if v := judge(Marking{Label: tlp.Clear, PAP: p}, Anybody(), nil, via); v.ok != strings.Contains(exits, letters[via]) {
				t.Errorf("%v by %s: %+v", p, via, v)
			}
		}
	}
	for _, s := range []string{"", "CLEAR", "pap:green", "Amber", "PAP:RED", "white"} {
		p, err := ParsePAP(s)
		if err != nil {
			t.Error(err)
		}
		if again, err := ParsePAP(p.String()); err != nil || again != p {
			t.Errorf("%q: %v %v", s, again, err)
		}
	}
	if _, err := ParsePAP("purple"); err == nil {
		t.Error("a level that does not exist was read")
	}
}

func TestClearanceCapsWhatARecipientIsGiven(t *testing.T) {
	to := OfConstituent(7, "seven")
	to.Clearance = tlp.Green
	if !judge(Marking{Label: tlp.Green}, to, nil, Mail).ok || judge(Marking{Label: tlp.Amber, Owners: []int64{7}}, to, nil, Mail).ok {
		t.Error("the clearance does not count")
	}
}

func TestCirclesLimitAndGiveANeedToKnow(t *testing.T) {
	partner := Recipient{Kind: Partner, Subject: "service:12"}
	for _, tt := range []struct {
		label   tlp.Label
		circles []string
		want    bool
	}{
		{tlp.Green, nil, false}, {tlp.Green, []string{"energy"}, false}, {tlp.Green, []string{"csirt"}, true},
		{tlp.Clear, nil, false}, {tlp.Amber, nil, false}, {tlp.Amber, []string{"energy", "csirt"}, true},
		{tlp.AmberStrict, []string{"csirt"}, false}, {tlp.Red, []string{"csirt"}, false},
	} {
		v := judge(Marking{Label: tt.label, Circles: []string{"csirt", "banks"}}, partner, tt.circles, REST)
		if v.ok != tt.want {
			t.Errorf("%v for a member of %v: %+v", tt.label, tt.circles, v)
		}
	}
	if !judge(Marking{Label: tlp.Amber, Circles: []string{"csirt"}}, Recipient{Kind: Staff, Subject: "person:1"}, nil, Page).ok {
		t.Error("the staff that keeps the circles is outside of them")
	}
}

func TestEveryPermissionOfAnOutsidersRoleAloneNeedsTheGate(t *testing.T) {
	for _, r := range identity.Roles() {
		for _, p := range r.Permissions() {
			if want := !r.Staff() && p != identity.Own; want && !Outside(p) {
				t.Errorf("%s of %s would be shown uncleared", p, r)
			} else if r.Staff() && Outside(p) {
				t.Errorf("%s of %s is a permission of outsiders", p, r)
			}
		}
	}
}
