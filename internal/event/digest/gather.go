package digest

import (
	"context"
	"fmt"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/format/tlp"
	"tocsin/internal/nation"
	"tocsin/internal/platform/fault"
)

const (
	linkDays   = 30      // how long an answer link is valid
	maxEntries = 20_000  // findings of one message
	everything = 1 << 62 // after every time
)

// office is what composing needs of the world, read once.
type office struct {
	profile *nation.Profile
	dir     *constituency.Directory
	feeds   map[string]feed.Feed
	types   map[int64]event.TypeMark
}

func (d *Desk) office(ctx context.Context) (*office, error) {
	o := &office{feeds: map[string]feed.Feed{}, types: map[int64]event.TypeMark{}}
	var err error
	if o.profile, err = d.profile(ctx); err != nil {
		return nil, err
	}
	if o.dir, err = d.Constituency.Directory(ctx); err != nil {
		return nil, err
	}
	feeds, err := d.Feeds.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range feeds {
		o.feeds[f.Name] = f
	}
	marks, err := d.Lister.Marks(ctx)
	for _, m := range marks {
		o.types[m.ID] = m
	}
	return o, err
}

// profile is the nation's, parsed again only after it changed.
func (d *Desk) profile(ctx context.Context) (*nation.Profile, error) {
	words, err := d.Nation.Text(ctx)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	if p := d.nation.Load(); p != nil && p.words == words {
		return p.profile, nil
	}
	p, _, err := d.Nation.Load(ctx)
	if err == nil {
		d.nation.Store(&parsed{words, p})
	}
	return p, err
}

// parsed is a profile with the text that it was parsed from.
type parsed struct {
	words   string
	profile *nation.Profile
}

// marking is how a finding may travel: as its feed says, to whom it belongs, and to who gets a copy.
func (o *office) marking(x *directive) disclosure.Marking {
	f := o.feeds[o.types[x.finding.Type()].Feed]
	label, _ := tlp.Parse(f.Marking) // one that cannot be read is none, which leaves to nobody
	m := disclosure.Marking{Default: label, Audience: disclosure.Audience(f.Audience), Owners: []int64{x.owner}}
	if x.owner != x.constituent {
		m.Copies = []int64{x.constituent}
	}
	return m
}

// deliverable divides directives into those that the gate would let out by an exit to one recipient at least, and those that none may have.
// some tells which recipients may have any.
func (d *Desk) deliverable(ctx context.Context, o *office, via disclosure.Channel, all []directive, to ...disclosure.Recipient) (out, withheld []directive, some []bool, err error) {
	may, some := make([]bool, len(all)), make([]bool, len(to))
	markings := make([]disclosure.Marking, len(all))
	for i := range all {
		markings[i] = o.marking(&all[i])
	}
	for r := range to {
		ok, err := d.Gate.Foresee(ctx, to[r], via, markings)
		if err != nil {
			return nil, nil, nil, err
		}
		for i := range ok {
			may[i], some[r] = may[i] || ok[i], some[r] || ok[i]
		}
	}
	out = make([]directive, 0, len(all))
	for i, x := range all {
		if may[i] {
			out = append(out, x)
		} else {
			withheld = append(withheld, x)
		}
	}
	return out, withheld, some, nil
}

// reach is deliverable for the contacts of a constituent. who are those that get a letter.
func (d *Desk) reach(ctx context.Context, o *office, l constituency.Listed, all []directive, contacts []constituency.Contact) (
	out, withheld []directive, who []constituency.Contact, err error) {
	to := make([]disclosure.Recipient, len(contacts))
	for i, c := range contacts {
		to[i] = disclosure.OfContact(l, c).In(o.dir)
	}
	out, withheld, some, err := d.deliverable(ctx, o, disclosure.Mail, all, to...)
	for i, c := range contacts {
		if err == nil && some[i] {
			who = append(who, c)
		}
	}
	return out, withheld, who, err
}

// strictest is the label of a message that tells of the directives, and its short form.
func (o *office) strictest(all []directive) (tlp.Label, string) {
	label := tlp.None
	for i := range all {
		label = max(label, o.marking(&all[i]).Effective())
	}
	if label == tlp.None {
		return label, ""
	}
	return label, label.String()[len("TLP:"):]
}

// entries are directives with their findings; what is not news is still open.
func (d *Desk) entries(ctx context.Context, all []directive) ([]entry, error) {
	facts, err := d.facts(ctx, all)
	if err != nil {
		return nil, err
	}
	return entriesOf(facts, all), nil
}

// facts reads the findings of directives.
func (d *Desk) facts(ctx context.Context, all ...[]directive) (map[event.ID]event.Finding, error) {
	n := 0
	for i := range all {
		n += len(all[i])
	}
	ids := make([]event.ID, 0, n)
	for _, some := range all {
		for i := range some {
			ids = append(ids, some[i].finding)
		}
	}
	return d.Lister.Facts(ctx, ids)
}

func entriesOf(facts map[event.ID]event.Finding, all []directive) []entry {
	out := make([]entry, 0, len(all))
	for i := range all {
		x := &all[i]
		f, ok := facts[x.finding]
		if !ok {
			continue
		}
		e := entry{Finding: f, what: x.pending, since: x.since, copy: x.owner != x.constituent}
		if e.what == "" {
			e.what = TellStill
		}
		e.Severity = x.severity
		out = append(out, e)
	}
	return out
}

// language is what somebody is written to in.
func (o *office) language(contact, constituent string) string {
	for _, l := range append([]string{contact, constituent}, o.profile.Languages...) {
		if l != "" {
			return l
		}
	}
	return ""
}

func (d *Desk) answerURL() string {
	if d.URL == "" {
		return ""
	}
	return d.URL + "/answer/"
}

// draft is a message as it would be decided now.
func (d *Desk) draft(o *office, l constituency.Listed, set Setting, before Message, news []directive, still int64) Message {
	now := d.now()
	zone := set.week(o.profile).zone
	m := Message{Constituent: l.ID, Name: l.Name, At: now.UnixMicro(), Frequency: Never, Period: now.In(zone).Format(time.DateOnly), Still: still,
		Until: d.today(), Expires: now.AddDate(0, 0, linkDays).UnixMicro()}
	first := m.Until
	for i := range news {
		x := &news[i]
		if x.pending == TellGone {
			m.Gone++
			m.Frequency = urgent(Daily, m.Frequency)
			continue
		}
		m.Fresh++
		first = min(first, x.since)
		m.Frequency = urgent(x.frequency, m.Frequency)
	}
	if m.Frequency == Immediate && m.Gone > 0 { // good news does not come with an alarm
		m.Frequency = Daily
	}
	if m.Frequency == Never {
		m.Frequency = Weekly
	}
	m.From = max(first, m.Until-7)
	kind := "A"
	if m.Frequency != Immediate {
		kind = "D"
		if before.ID != 0 {
			m.From = max(min(first, before.Until+1), m.Until-14)
		}
	} else {
		m.Still = 0
	}
	m.Ticket = fmt.Sprintf("T-%s%d", kind, l.ID)
	return m
}

// split separates news from what is still open.
func split(all []directive) (news, still []directive) {
	for _, x := range all {
		if x.pending != "" {
			news = append(news, x)
		} else {
			still = append(still, x)
		}
	}
	return news, still
}
