package generate

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
)

func TestEachPrefixIsInTheCountry(t *testing.T) {
	for _, spec := range []Spec{{}, {Prefixes: 20_000}, {Constituents: 300, Prefixes: 5000}, {Constituents: 1, Prefixes: 70}} {
		g := mustNew(t, spec)
		c := g.Constituency()
		count, seen := 0, map[string]int{}
		refs := map[string]bool{}
		for _, o := range c.Constituents {
			if refs[o.Ref] {
				t.Errorf("two constituents are %q", o.Ref)
			}
			refs[o.Ref] = true
			for _, a := range o.Assets {
				if a.Kind != "prefix" {
					continue
				}
				p := netip.MustParsePrefix(a.Value)
				if p != p.Masked() || !slices.ContainsFunc(c.NationalPrefixes, func(n string) bool {
					return netip.MustParsePrefix(n).Contains(p.Addr())
				}) {
					t.Errorf("%s: prefix %s", o.Ref, a.Value)
				}
				count++
				seen[a.Value]++
			}
		}
		if want := g.spec.Prefixes; count < want-ispBlocks || count > want+1 {
			t.Errorf("%d prefixes, want %d", count, want)
		}
		if twice := count - len(seen); twice > 1 {
			t.Errorf("%d prefixes stand twice", twice)
		}
		for _, o := range c.Constituents {
			if o.Parent != "" && !refs[o.Parent] || o.Delegate != "" && !refs[o.Delegate] {
				t.Errorf("%s: parent %q or delegate %q is not there", o.Ref, o.Parent, o.Delegate)
			}
		}
	}
}

func TestDefaultNationHasEightSectorsAndSomeWithoutContact(t *testing.T) {
	g := mustNew(t, Spec{})
	sectors, mute := map[string]bool{}, 0
	for _, o := range g.Constituency().Constituents {
		sectors[o.Sector] = true
		if len(o.Contacts) == 0 {
			mute++
		}
	}
	if len(sectors) != 8 || mute < 3 || mute > 8 {
		t.Errorf("sectors %v, %d without a contact", slices.Sorted(maps.Keys(sectors)), mute)
	}
	profile, err := Nation()
	if err != nil {
		t.Fatal(err)
	}
	for s := range sectors {
		if !bytes.Contains(profile, fmt.Appendf(nil, "id = %q", s)) {
			t.Errorf("sector %q is not in the nation's profile", s)
		}
	}
}
