package constituency

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// inMemory is what a registry would hold after the plan.
func inMemory(p *plan) *holdings {
	h := &holdings{byRef: map[string]*Constituent{}, byID: map[int64]*Constituent{}, contacts: map[int64][]Contact{},
		assets: map[int64][]Asset{}, national: map[netip.Prefix]string{}}
	for i, s := range p.constituents {
		c := s.Constituent
		c.ID = int64(i + 1)
		h.byRef[c.Ref], h.byID[c.ID] = &c, &c
	}
	for _, s := range p.constituents {
		c := h.byRef[s.Ref]
		if up := h.byRef[s.parent]; up != nil {
			c.Parent = up.ID
		}
		if d := h.byRef[s.delegate]; d != nil {
			c.Delegate = d.ID
		}
	}
	for _, s := range p.contacts {
		id := h.byRef[s.ref].ID
		h.contacts[id] = append(h.contacts[id], s.Contact)
	}
	for _, s := range p.assets {
		id := h.byRef[s.ref].ID
		h.assets[id] = append(h.assets[id], s.Asset)
	}
	for _, n := range p.addNational {
		h.national[n] = string(Manual)
	}
	return h
}

func exportMemory(t *rapid.T, h *holdings, f Format) string {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	var e exporter = &jsonWriter{w: w}
	if f == CSV {
		e = newCSVWriter(w)
	}
	if err := h.export(e); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return b.String()
}

func TestExportRoundTripIsExact(t *testing.T) {
	empty := &holdings{byRef: map[string]*Constituent{}}
	anySector := func(string) bool { return true }
	rapid.Check(t, func(t *rapid.T) {
		source := documents().Draw(t, "document")
		doc, err := Read("in.json", JSON, strings.NewReader(source))
		if err != nil {
			t.Fatalf("%v\n%s", err, source)
		}
		p := makePlan(doc, empty, false, DayOf(today), anySector)
		if len(p.problems) > 0 {
			t.Fatal(p.problems)
		}
		h := inMemory(p)
		want := exportMemory(t, h, JSON)
		for _, f := range []Format{JSON, CSV} {
			out := exportMemory(t, h, f)
			doc, err := Read("out", f, strings.NewReader(out))
			if err != nil {
				t.Fatalf("%s: %v\n%s", f, err, out)
			}
			if got := exportMemory(t, inMemory(makePlan(doc, empty, false, DayOf(today), anySector)), JSON); got != want {
				t.Fatalf("%s:\n%s\nthen\n%s", f, want, got)
			}
			again := makePlan(doc, h, true, DayOf(today), anySector)
			if !again.Empty() {
				t.Fatalf("%s: importing the export changes %+v", f, again.Diff)
			}
		}
	})
}

func documents() *rapid.Generator[string] {
	anyText := rapid.StringOfN(rapid.RuneFrom([]rune("aé\"'\\,;\n\r\t<ж&=+-@ \u0000\u2028")), 0, 12, -1)
	return rapid.Custom(func(t *rapid.T) string {
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		j := &jsonWriter{w: w}
		n := rapid.IntRange(0, 5).Draw(t, "constituents")
		h := &holdings{byID: map[int64]*Constituent{}}
		for i := 1; i <= n; i++ {
			c := newConstituent()
			c.ID, c.Ref, c.Name, c.Note = int64(i), fmt.Sprintf("r%d", i), "N"+anyText.Draw(t, "name"), anyText.Draw(t, "note")
			c.Kind = rapid.SampledFrom(Kinds()).Draw(t, "kind")
			c.Parent = int64(rapid.IntRange(0, i-1).Draw(t, "parent"))
			for id, d := range h.byID {
				if d.Kind == SectorCERT && rapid.Bool().Draw(t, "delegated") {
					c.Delegate = max(c.Delegate, id)
				}
			}
			h.byID[c.ID] = &c
			var contacts []Contact
			for k := range rapid.IntRange(0, 3).Draw(t, "contacts") {
				contacts = append(contacts, Contact{Role: rapid.SampledFrom(Roles()).Draw(t, "role"), Name: anyText.Draw(t, "who"),
					Mail: fmt.Sprintf("m%d@a.example", k), Clearance: rapid.SampledFrom([]string{"", "RED", "green"}).Draw(t, "tlp"),
					Keys: rapid.SampledFrom([][]Key{nil, {{Type: "smime", Fingerprint: "ab:cd"}}, {{Key: deskCertificate()}}}).Draw(t, "keys"), Encrypt: rapid.Bool().Draw(t, "encrypt"),
					ValidUntil: Open})
			}
			var assets []Asset
			for range rapid.IntRange(0, 4).Draw(t, "assets") {
				from := Day(rapid.Int64Range(400, 30000).Draw(t, "from"))
				p := prefixes().Draw(t, "prefix").String()
				if !strings.Contains(fmt.Sprint(assets), p) {
					assets = append(assets, Asset{Kind: PrefixAsset, Value: p, AlsoNotify: rapid.Bool().Draw(t, "also"), ValidFrom: from, ValidUntil: from + 9},
						Asset{Kind: PrefixAsset, Value: p, ValidFrom: from + 20, ValidUntil: Open})
				}
			}
			if err := j.constituent(h, &c, contacts, assets); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.national(rapid.SliceOfN(prefixes(), 0, 3).Draw(t, "national")); err != nil {
			t.Fatal(err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		return b.String()
	})
}
