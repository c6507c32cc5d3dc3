package generate_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/event/generate"
	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
)

// TestRegisterIsImportedAndKnowsTheRows: the constituency passes the import as it is, and its assets own the rows' addresses
// but for the stated share.
func TestRegisterIsImportedAndKnowsTheRows(t *testing.T) {
	ctx, world := context.Background(), clock.Real()
	for _, spec := range []generate.Spec{{Rows: 20_000, Types: 30}, {Rows: 20_000, Types: 30, Prefixes: 20_000, Constituents: 500}} {
		g, err := generate.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		text, err := g.ConstituencyJSON()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := constituency.Read("constituency.json", constituency.JSON, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		d := dbtest.Open(t, filepath.Join(t.TempDir(), "tocsin.db"), "live", audit.Recorder(world))
		if _, err := constituency.NewStore(d, world).Import(ctx, identity.LocalActor, doc, constituency.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		r, err := constituency.LoadResolver(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		nobody, all, owners := 0, 0, map[int64]bool{}
		for _, a := range addresses(t, g) {
			v := r.Resolve(constituency.Query{IP: a, At: g.Spec().From.Time().UnixMicro()})
			if all++; v.Owner == 0 {
				nobody++
			}
			owners[v.Owner] = true
		}
		if share := float64(nobody) / float64(all); share < 0.06 || share > 0.10 {
			t.Errorf("%+v: %.3f of the rows are nobody's", spec, share)
		}
		if len(owners) < g.Spec().Constituents*9/10 {
			t.Errorf("%+v: only %d owners have rows", spec, len(owners))
		}
	}
}

// addresses are those of a day's rows about addresses.
func addresses(t *testing.T, g *generate.Generator) (list []netip.Addr) {
	day := g.Spec().From
	for _, f := range g.Files(day) {
		var b bytes.Buffer
		if _, err := g.WriteReport(&b, day, f.Type); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		ip := max(slices.Index(rows[0], "ip"), slices.Index(rows[0], "src_ip"))
		for _, r := range rows[1:] {
			list = append(list, netip.MustParseAddr(r[ip]))
		}
	}
	return list
}
