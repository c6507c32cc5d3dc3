package event

import (
	"tocsin/internal/constituency"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// correct enters into the registry what the findings say is the right constituent's: their exact addresses, or the domains
// of those whose subject is a name, from the day each was first seen. The registry's change has open findings attributed
// anew, as every change of it has.
func (r *ruler) correct(tx *db.Tx, ix *index) error {
	if r.lister.registry == nil {
		return fault.New(fault.Unavailable, "the registry cannot be corrected from here")
	}
	owner, err := r.lister.registry.Named(tx, r.decision.Constituent)
	if err != nil {
		return err
	}
	wanted := map[string]constituency.Asset{}
	for at := 0; at < len(r.ids); at += 1000 {
		chunk := r.ids[at:min(at+1000, len(r.ids))]
		rows, err := ix.readFindings(tx, chunk)
		if err != nil {
			return err
		}
		for _, id := range chunk {
			f, ok := rows[id]
			if !ok || f.Owner.ID == owner {
				continue
			}
			a, err := claim(ix, &f)
			if err != nil {
				continue // it is said when its turn comes
			}
			key := string(a.Kind) + " " + a.Value
			if known, ok := wanted[key]; ok {
				a.ValidFrom = min(a.ValidFrom, known.ValidFrom)
			}
			wanted[key] = a
		}
	}
	ids, err := r.lister.registry.Correct(tx, owner, wanted)
	if err != nil {
		return err
	}
	r.deed.Constituent, r.assets, r.index = owner, ids, ix
	return nil
}

// asset is what the correction added for a finding.
func (r *ruler) asset(f *Finding) (int64, error) {
	if f.Owner.ID == r.deed.Constituent {
		return 0, fault.Conflictf("the finding is theirs already")
	}
	a, err := claim(r.index, f)
	if err != nil {
		return 0, err
	}
	id, ok := r.assets[string(a.Kind)+" "+a.Value]
	if !ok {
		return 0, fault.Conflictf("the registry says already that %s is theirs", a.Value)
	}
	return id, nil
}

// claim is the asset that a finding is about, by the rule that attributes it.
func claim(ix *index, f *Finding) (constituency.Asset, error) {
	st := typeState{}
	for _, t := range ix.types {
		if t.id == f.TypeID {
			st.ReportType = t.ReportType
		}
	}
	q := registryQuery(st, f.ID, f.Name, "", 0)
	a := constituency.Asset{Kind: constituency.AddressAsset, ValidFrom: constituency.Day(f.FirstDay)}
	if q.IP.IsValid() {
		a.Value = q.IP.String()
	}
	if q.Names[0] != "" && (q.NameFirst || a.Value == "") {
		if v, err := constituency.Canonical(constituency.DomainAsset, q.Names[0]); err == nil {
			a.Kind, a.Value = constituency.DomainAsset, v
		}
	}
	if a.Value == "" {
		return a, fault.Conflictf("the finding has no address and no domain that could be a constituent's")
	}
	return a, nil
}

// uncorrect takes the assets that an act added out of the registry again, but for those that somebody changed since.
func (l *Lister) uncorrect(tx *db.Tx, deed int64) (left int64, err error) {
	items, err := itemsOf(tx, deed)
	if err != nil {
		return 0, err
	}
	if l.registry == nil {
		return 0, fault.New(fault.Unavailable, "the registry cannot be corrected from here")
	}
	var ids []int64
	for _, it := range items {
		ids = append(ids, it.earlier.Asset)
	}
	changed, err := l.registry.Uncorrect(tx, ids)
	for _, it := range items {
		if changed[it.earlier.Asset] {
			left++
		}
	}
	return left, err
}
