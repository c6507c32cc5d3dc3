package constituency

import "encoding/json"

// pair finds for each incoming row the stored one that it describes: the same thing at exactly the same time, else one
// that begins with it, else one whose time overlaps. A thing that was somebody's twice, with a gap, is two rows. The
// result has an index into stored for every incoming row, or -1.
func pair[K comparable](stored int, storedAt func(int) (K, Day, Day), incoming int, incomingAt func(int) (K, Day, Day)) []int {
	byKey := make(map[K][]int, stored)
	for i := range stored {
		k, _, _ := storedAt(i)
		byKey[k] = append(byKey[k], i)
	}
	taken := make([]bool, stored)
	out := make([]int, incoming)
	for i := range out {
		out[i] = -1
	}
	for _, fits := range []func(f, u, f2, u2 Day) bool{
		func(f, u, f2, u2 Day) bool { return f == f2 && u == u2 },
		func(f, _, f2, _ Day) bool { return f == f2 },
		overlap,
	} {
		for i := range out {
			if out[i] >= 0 {
				continue
			}
			k, from, until := incomingAt(i)
			for _, j := range byKey[k] {
				if _, f, u := storedAt(j); !taken[j] && fits(f, u, from, until) {
					out[i], taken[j] = j, true
					break
				}
			}
		}
	}
	return out
}

func (p *planner) planContacts(ref string, stored []Contact, incoming []contactEntry, end bool) {
	match := pair(len(stored), func(i int) (contactKey, Day, Day) {
		return stored[i].identity(), stored[i].ValidFrom, stored[i].ValidUntil
	}, len(incoming), func(i int) (contactKey, Day, Day) {
		return incoming[i].identity(), incoming[i].ValidFrom, incoming[i].ValidUntil
	})
	kept := make([]bool, len(stored))
	for i, e := range incoming {
		c := e.Contact
		op := Change{Op: "added", Record: "contact", Ref: ref, Value: c.label()}
		if match[i] >= 0 {
			old := stored[match[i]]
			kept[match[i]] = true
			c.ID, c.Constituent = old.ID, old.Constituent
			if p.undated {
				c.ValidFrom = old.ValidFrom
			}
			op.Op, op.Fields = "changed", c.differs(&old)
			if len(op.Fields) == 0 {
				continue
			}
		}
		p.note(&p.Contacts, op)
		p.contacts = append(p.contacts, contactStep{ref, c})
	}
	for i, c := range stored {
		if end && !kept[i] && c.ValidUntil > p.today {
			c.ValidUntil = max(p.today, c.ValidFrom)
			p.note(&p.Contacts, Change{Op: "removed", Record: "contact", Ref: ref, Value: c.label()})
			p.contacts = append(p.contacts, contactStep{ref, c})
		}
	}
}

func (c *Contact) differs(old *Contact) []string {
	return changed("role", old.Role, c.Role, "name", old.Name, c.Name, "mail", old.Mail, c.Mail, "phone", old.Phone, c.Phone,
		"language", old.Language, c.Language, "keys", keysText(old.Keys), keysText(c.Keys),
		"encrypt", flag(old.Encrypt), flag(c.Encrypt),
		"clearance", old.Clearance, c.Clearance,
		"valid_from", old.ValidFrom.String(), c.ValidFrom.String(), "valid_until", old.ValidUntil.String(), c.ValidUntil.String())
}

func (p *planner) planAssets(ref string, stored []Asset, incoming []assetEntry, end bool) {
	match := pair(len(stored), func(i int) (assetKey, Day, Day) {
		return stored[i].identity(), stored[i].ValidFrom, stored[i].ValidUntil
	}, len(incoming), func(i int) (assetKey, Day, Day) {
		return incoming[i].identity(), incoming[i].ValidFrom, incoming[i].ValidUntil
	})
	kept := make([]bool, len(stored))
	for i, e := range incoming {
		a := e.Asset
		op := Change{Op: "added", Record: "asset", Ref: ref, Value: a.Value}
		if match[i] >= 0 {
			old := stored[match[i]]
			kept[match[i]] = true
			a.ID, a.Constituent = old.ID, old.Constituent
			if p.undated {
				a.ValidFrom = old.ValidFrom
			}
			op.Op, op.Fields = "changed", a.differs(&old)
			if len(op.Fields) == 0 {
				continue
			}
		}
		p.note(&p.Assets, op)
		p.assets = append(p.assets, assetStep{ref, a})
	}
	for i, a := range stored {
		if end && !kept[i] && a.ValidUntil > p.today {
			a.ValidUntil = max(p.today, a.ValidFrom)
			p.note(&p.Assets, Change{Op: "removed", Record: "asset", Ref: ref, Value: a.Value})
			p.assets = append(p.assets, assetStep{ref, a})
		}
	}
}

func (a *Asset) differs(old *Asset) []string {
	return changed("also_notify", flag(old.AlsoNotify), flag(a.AlsoNotify),
		"valid_from", old.ValidFrom.String(), a.ValidFrom.String(), "valid_until", old.ValidUntil.String(), a.ValidUntil.String())
}

// keysText is the list of keys as it is stored; "" for none.
func keysText(ks []Key) string {
	if len(ks) == 0 {
		return ""
	}
	b, err := json.Marshal(ks)
	if err != nil { // keys are made of texts
		panic(err)
	}
	return string(b)
}
