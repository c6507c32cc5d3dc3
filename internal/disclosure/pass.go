package disclosure

import (
	"context"
	"fmt"
	"slices"

	"tocsin/internal/format/tlp"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
)

// maxReach bounds how many objects one item may reach. Beyond it the gate does not know what it would let out, so it does not.
const maxReach = 10000

// pass is one call of Clear: one recipient at one exit.
type pass struct {
	tx       *db.Tx
	to       Recipient
	via      Channel
	now      int64
	circles  *[]string     // nil: not asked for yet
	live     map[Ref]int64 // overrides; nil: not asked for yet
	rules    map[string]bool
	highest  tlp.Label
	passed   []Ref
	withheld []Withheld
}

func (g *Gate) begin(ctx context.Context, tx *db.Tx, to Recipient, via Channel) (*pass, error) {
	if to.Subject == "" || !slices.Contains(RecipientKinds(), to.Kind) || !slices.Contains(Channels(), via) {
		return nil, fmt.Errorf("the recipient %q of kind %q, or the exit %q, is not known", to.Subject, to.Kind, via)
	}
	if err := g.place(ctx, &to); err != nil {
		return nil, err
	}
	return &pass{tx: tx, to: to, via: via, now: g.Clock.Now().UnixMicro(), rules: map[string]bool{}}, nil
}

// place finds out, of a sector CERT, which constituent it is and which it looks after.
func (g *Gate) place(ctx context.Context, to *Recipient) error {
	if to.placed || to.Kind != SectorCERT && (to.Kind != Constituent || to.Person()) {
		return nil
	}
	d, err := g.Constituency.Directory(ctx)
	if err == nil {
		*to = to.In(d)
	}
	return err
}

// judge says whether one object may leave, by the rules or by an override of this very object.
func (p *pass) judge(o Item) (verdict, error) {
	m := o.Marking()
	if len(m.Circles) > 0 && p.circles == nil {
		var names []string
		for _, s := range p.to.subjects() {
			in, err := circlesOf(p.tx, s)
			if err != nil {
				return verdict{}, err
			}
			names = append(names, in...)
		}
		p.circles = &names
	}
	var circles []string
	if p.circles != nil {
		circles = *p.circles
	}
	v := judge(m, p.to, circles, p.via)
	if v.ok {
		return v, nil
	}
	if p.live == nil {
		p.live = map[Ref]int64{}
		for _, s := range p.to.subjects() {
			if err := liveOverrides(p.tx, s, p.via, p.now, p.live); err != nil {
				return verdict{}, err
			}
		}
	}
	if id, ok := p.live[o.Ref()]; ok {
		return verdict{ok: true, rule: fmt.Sprintf("override:%d", id)}, nil
	}
	return v, nil
}

// admit judges an item and everything it reaches.
func (p *pass) admit(it Item) (bool, error) {
	rules, highest, bad, err := p.walk(it)
	if err != nil {
		return false, err
	}
	if bad != nil {
		p.withheld = append(p.withheld, *bad)
		return false, nil
	}
	for _, r := range rules {
		p.rules[r] = true
	}
	p.highest = max(p.highest, highest)
	p.passed = append(p.passed, it.Ref())
	return true, nil
}

// walk visits what an item reaches, breadth first. Every object that is pointed at is judged, even one whose name was seen
// before; its own references are followed once, so a cycle ends.
func (p *pass) walk(it Item) (rules []string, highest tlp.Label, bad *Withheld, err error) {
	root := it.Ref()
	seen := map[Ref]bool{root: true}
	queue := []Item{it}
	for n := 0; n < len(queue); n++ {
		o := queue[n]
		if n >= maxReach {
			return nil, 0, &Withheld{root, "reach", fmt.Sprintf("the item reaches more than %d objects", maxReach), ""}, nil
		}
		if o == nil {
			return nil, 0, &Withheld{root, "reference", "the item refers to an object that is not there", "unknown"}, nil
		}
		v, err := p.judge(o)
		if err != nil {
			return nil, 0, nil, err
		}
		if !v.ok {
			w := Withheld{Item: root, Rule: v.rule, Reason: v.reason}
			if n > 0 {
				w.Via, w.Reason = o.Ref(), "it refers to a hidden object: "+v.reason
			}
			return nil, 0, &w, nil
		}
		rules, highest = append(rules, v.rule), max(highest, o.Marking().Effective())
		for _, r := range o.References() {
			if r == nil || !seen[r.Ref()] {
				queue = append(queue, r)
				if r != nil {
					seen[r.Ref()] = true
				}
			} else if v, err := p.judge(r); err != nil {
				return nil, 0, nil, err
			} else if !v.ok {
				return nil, 0, &Withheld{root, v.rule, "it refers to a hidden object: " + v.reason, r.Ref()}, nil
			}
		}
	}
	return rules, highest, nil, nil
}

func (p *pass) grant() *egress.Grant {
	g := &egress.Grant{Recipient: p.to.Subject, Channel: string(p.via), Highest: p.highest.String(),
		Items: len(p.passed), Withheld: len(p.withheld)}
	for r := range p.rules {
		g.Rules = append(g.Rules, r)
	}
	slices.Sort(g.Rules)
	return g
}
