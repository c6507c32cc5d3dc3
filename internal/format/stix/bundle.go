package stix

import (
	"slices"
	"strings"
	"time"

	"tocsin/internal/format/indicator"
	"tocsin/internal/format/tlp"
)

// bundle is section 8. It bears no version.
type bundle struct {
	Type    string   `json:"type"`
	ID      string   `json:"id"`
	Objects []object `json:"objects"`
}

// Bundle writes the incident. The same incident is the same bytes, its identifiers included; a bundle's own follows from all that
// is in it. STIX 2.1 defines no relationships of an incident (section 4.6), so that all are related-to, but for an indicator based
// on an observation (section 4.7.2).
func Bundle(in Incident) ([]byte, error) {
	if err := in.valid(); err != nil {
		return nil, err
	}
	m := maker{in: &in, space: v5(urls, in.Namespace), made: map[string]bool{}, used: map[tlp.Label]bool{}}
	m.producer = m.id("identity", in.Producer.Key)
	m.incident = m.id("incident", in.Key)
	m.organisation(in.Producer)
	h := m.head("incident", in.Key, in.Created, in.Modified, in.Marking)
	h.Labels = slices.Compact(slices.Sorted(slices.Values(in.Labels)))
	for _, r := range in.References {
		h.References = append(h.References, reference(r))
	}
	m.add(named{h, in.Name, in.Description})
	for _, o := range in.Affected {
		m.organisation(o)
		m.relate(m.incident, "related-to", m.id("identity", o.Key), o.Marking)
	}
	for _, o := range in.Observed {
		m.observation(o)
	}
	for _, i := range in.Indicators {
		m.indicator(i)
	}
	for _, n := range in.Notes {
		m.add(note{m.head("note", in.Key+" "+n.Key, n.At, n.At, n.Marking), n.Abstract, n.Content, n.Authors, []string{m.incident}})
	}
	var labels []object
	for _, l := range tlp.Labels() {
		if m.used[l] {
			labels = append(labels, markingOf(l))
		}
	}
	b := bundle{Type: "bundle", Objects: append(labels, m.objects...)}
	content, err := encode(b.Objects)
	if err != nil {
		return nil, err
	}
	b.ID = "bundle--" + v5(m.space, string(content)).String()
	return encode(b)
}

type maker struct {
	in                 *Incident
	space              uuid
	producer, incident string
	objects            []object
	made               map[string]bool
	used               map[tlp.Label]bool
}

func (m *maker) id(kind, key string) string { return kind + "--" + v5(m.space, kind+":"+key).String() }

// add takes an object once: the same organisation or value may be named more than once.
func (m *maker) add(o object) {
	if !m.made[o.id()] {
		m.made[o.id()] = true
		m.objects = append(m.objects, o)
	}
}

// head is what an object of the producer has.
func (m *maker) head(kind, key string, created, modified time.Time, l tlp.Label) head {
	l = m.strictest(l)
	m.used[l] = true
	return head{Type: kind, SpecVersion: "2.1", ID: m.id(kind, key), CreatedBy: m.producer, Created: stamp(created), Modified: stamp(modified),
		Language: m.in.Language, Markings: []string{markings[l]}}
}

// part is the head of what belongs to the incident and changes with it.
func (m *maker) part(kind, key string, l tlp.Label) head {
	return m.head(kind, m.in.Key+" "+key, m.in.Created, m.in.Modified, l)
}

// strictest is the strictest of the labels; none is the incident's.
func (m *maker) strictest(labels ...tlp.Label) tlp.Label {
	for i, l := range labels {
		if l == tlp.None {
			labels[i] = m.in.Marking
		}
	}
	return tlp.Strictest(labels...)
}

// organisation adds an identity. One that stands in more than one bundle should bear a label of its own, so that it is the same in all.
func (m *maker) organisation(o Organisation) {
	m.add(identity{m.head("identity", o.Key, o.Created, o.Created, o.Marking), o.Name, "organization", o.Sectors, o.Contact})
}

// relate adds a relationship that belongs to the incident. That two things are related is as secret as either of them.
func (m *maker) relate(source, kind, target string, labels ...tlp.Label) {
	h := m.part("relationship", source+" "+kind+" "+target, m.strictest(append(labels, tlp.None)...))
	h.Language = ""
	m.add(relationship{h, kind, source, target})
}

func (m *maker) observation(o Observation) {
	obj, _ := observable(o.Type, o.Value) // valid has seen to it
	l := m.strictest(o.Marking)
	for _, other := range m.in.Observed {
		if other.Type == o.Type && other.Value == o.Value {
			l = m.strictest(l, other.Marking)
		}
	}
	m.used[l] = true
	obj.Markings = []string{markings[l]}
	m.add(obj)
	h := m.part("observed-data", observedKey(o), o.Marking)
	m.add(observed{h, stamp(o.First), stamp(o.Last), o.Count, []string{obj.ID}})
	m.relate(h.ID, "related-to", m.incident, o.Marking)
}

// observedKey tells one observation of an incident from the others.
func observedKey(o Observation) string {
	return strings.Join([]string{string(o.Type), o.Value, stamp(o.First)}, " ")
}

func (m *maker) indicator(i Indicator) {
	if i.Type == indicator.CVE {
		h := m.part("vulnerability", i.Value, i.Marking)
		h.References = []reference{{Source: "cve", ID: i.Value}}
		m.add(named{h, i.Value, i.Description})
		m.relate(m.incident, "related-to", h.ID, i.Marking)
		return
	}
	p, _ := pattern(i.Type, i.Value) // valid has seen to it
	h := m.part("indicator", p, i.Marking)
	kind := i.Kind
	if kind == "" {
		kind = "unknown"
	}
	out := patterned{h, i.Description, i.Value, []string{kind}, p, "stix", stamp(i.From), ""}
	if !i.Until.IsZero() {
		out.Until = stamp(i.Until)
	}
	m.add(out)
	m.relate(h.ID, "related-to", m.incident, i.Marking)
	for _, o := range m.in.Observed {
		if o.Type == i.Type && o.Value == i.Value {
			m.relate(h.ID, "based-on", m.id("observed-data", m.in.Key+" "+observedKey(o)), i.Marking, o.Marking)
		}
	}
}
