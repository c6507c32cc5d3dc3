package digest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
)

// Call is a digest as a webhook gets it: what the mail says, for programs. Fields are added in later versions, and none is taken away.
type Call struct {
	Version     int           `json:"version" doc:"1"`
	Type        string        `json:"type" doc:"digest"`
	ID          int64         `json:"id" doc:"Of the digest: the portal shows it by this number"`
	Ticket      string        `json:"ticket" doc:"The same for all digests of its sort to this constituent"`
	Created     time.Time     `json:"created"`
	Urgent      bool          `json:"urgent" doc:"It tells of nothing but what cannot wait"`
	Team        string        `json:"team"`
	Constituent CallParty     `json:"constituent"`
	Language    string        `json:"language" doc:"Of titles and advice"`
	Marking     string        `json:"marking" doc:"How all of it may travel, as TLP:AMBER"`
	From        string        `json:"from" format:"date" doc:"Report days that it is about"`
	Until       string        `json:"until" format:"date"`
	Counts      CallCounts    `json:"counts"`
	Answer      *CallAnswer   `json:"answer,omitempty" doc:"Where a person answers without signing in"`
	Types       []CallType    `json:"types" nullable:"false"`
	Findings    []CallFinding `json:"findings" nullable:"false"`
}

// CallParty is an organisation.
type CallParty struct {
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

// CallCounts say what changed since the last digest.
type CallCounts struct {
	New   int `json:"new"`
	Again int `json:"again"`
	Still int `json:"still"`
	Gone  int `json:"gone"`
}

// CallAnswer is the link that answers are given by.
type CallAnswer struct {
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// CallType is a report type with what to do about its findings.
type CallType struct {
	Feed   string `json:"feed"`
	Name   string `json:"name"`
	Title  string `json:"title"`
	Advice string `json:"advice"`
}

// CallFinding is a finding.
type CallFinding struct {
	ID        string     `json:"id"`
	Change    string     `json:"change" enum:"new,again,still,gone" doc:"What is other than in the last digest"`
	Feed      string     `json:"feed"`
	Type      string     `json:"type" doc:"Name of its report type"`
	Class     string     `json:"class,omitempty" doc:"RSIT classification"`
	Severity  string     `json:"severity" enum:"unrated,info,low,medium,high,critical"`
	IP        string     `json:"ip,omitempty"`
	Port      *int32     `json:"port,omitempty"`
	Transport string     `json:"transport,omitempty"`
	Name      string     `json:"name,omitempty" doc:"A domain or host name"`
	Since     string     `json:"since" format:"date"`
	Last      string     `json:"last" format:"date" doc:"The latest report day that had it"`
	Owner     *CallParty `json:"owner,omitempty" doc:"Whose it is, when this is a copy"`
}

// targets are whom a message goes to.
type targets struct {
	contacts []constituency.Contact
	hooks    []notify.Hook
}

func (t targets) none() bool { return len(t.contacts)+len(t.hooks) == 0 }

// targetsOf are whom a constituent with a setting is told by. Without a webhook that takes digests it is told by mail.
func targetsOf(tx *db.Tx, set *Setting, contacts []constituency.Contact) (t targets, err error) {
	if set.pushes() {
		t.hooks, err = notify.HooksOf(tx, set.Constituent, Kind)
	}
	if set.Channel != ByWebhook || len(t.hooks) == 0 {
		t.contacts = constituency.Desks(contacts)
	}
	return t, err
}

// reachAll is reach for contacts and webhooks together.
func (d *Desk) reachAll(ctx context.Context, o *office, l constituency.Listed, all []directive, to targets) (out, withheld []directive, who targets, err error) {
	if len(to.hooks) == 0 {
		out, withheld, who.contacts, err = d.reach(ctx, o, l, all, to.contacts)
		return out, withheld, who, err
	}
	pushed, _, some, err := d.deliverable(ctx, o, disclosure.Webhook, all, hooked(l))
	if err != nil {
		return nil, nil, who, err
	}
	if some[0] {
		who.hooks = to.hooks
	}
	mailed, _, contacts, err := d.reach(ctx, o, l, all, to.contacts)
	who.contacts = contacts
	may := map[event.ID]bool{}
	for _, x := range append(pushed, mailed...) {
		may[x.finding] = true
	}
	for _, x := range all {
		if may[x.finding] {
			out = append(out, x)
		} else {
			withheld = append(withheld, x)
		}
	}
	return out, withheld, who, err
}

// hooked is a constituent's webhook, as the gate sees it.
func hooked(l constituency.Listed) disclosure.Recipient {
	return disclosure.OfConstituent(l.ID, l.Name)
}

// lettersTo are the letters of a message.
func (d *Desk) lettersTo(o *office, l constituency.Listed, m *Message, to targets) (out []notify.Letter) {
	for _, c := range to.contacts {
		out = append(out, d.letter(o, l, m, c))
	}
	for _, h := range to.hooks {
		out = append(out, notify.Letter{Key: fmt.Sprintf("digest:%d:webhook:%d", m.ID, h.ID), Kind: Kind, Channel: disclosure.Webhook, Constituent: l.ID, Recipient: hooked(l),
			To: strconv.FormatInt(h.ID, 10), Language: o.language(l.Language, ""), Ticket: m.Ticket, Object: disclosure.Ref(fmt.Sprintf("digest:%d", m.ID)),
			Payload: strconv.FormatInt(m.ID, 10)})
	}
	return out
}

// about names what a message tells of to the gate.
func (o *office) about(all []directive) (out []notify.About) {
	for i := range all {
		out = append(out, notify.About{Object: disclosure.Ref("finding:" + all[i].finding.String()), Mark: o.marking(&all[i])})
	}
	return out
}

// composeCall writes the content of a letter to a webhook.
func (d *Desk) composeCall(o *office, l notify.Letter, m *Message, list []entry, all []directive) (c notify.Content, err error) {
	label, short := o.strictest(all)
	p := d.speaker(l.Language, o.profile.Location())
	body, err := json.Marshal(d.call(o, m, list, all, p))
	if err != nil {
		return c, err
	}
	return notify.Content{Subject: subjectLine(p, m, sender{profile: o.profile, marking: short}), Text: string(body), About: o.about(all),
		Marking: disclosure.Marking{Label: label, Owners: []int64{m.Constituent}}}, nil
}

// call is a message as a webhook gets it.
func (d *Desk) call(o *office, m *Message, list []entry, all []directive, p speaker) *Call {
	label, _ := o.strictest(all)
	to, _ := o.dir.ByID(m.Constituent)
	c := &Call{Version: 1, Type: Kind, ID: m.ID, Ticket: m.Ticket, Created: time.UnixMicro(m.At).UTC(), Urgent: m.urgent(), Team: o.profile.Team.Name,
		Constituent: CallParty{to.Ref, to.Name}, Language: p.Lang(), Marking: label.String(), From: m.From.String(), Until: m.Until.String(), Types: []CallType{}, Findings: []CallFinding{}}
	if url := d.answerURL(); url != "" && m.secret != "" {
		c.Answer = &CallAnswer{url + m.secret, time.UnixMicro(m.Expires).UTC()}
	}
	types, gone := sections(list)
	add := func(e *entry) {
		f := CallFinding{ID: e.ID.String(), Change: e.what, Feed: e.Feed, Type: e.Type, Class: e.Class, Severity: e.Severity.String(), Transport: e.Transport, Name: e.Name,
			Since: e.since.String(), Last: e.LastDay.String()}
		if e.Address != (netip.Addr{}) {
			f.IP = e.Address.String()
		}
		if e.Port >= 0 {
			f.Port = &e.Port
		}
		if e.copy {
			owner, _ := o.dir.ByID(e.Owner.ID)
			f.Owner = &CallParty{owner.Ref, e.Owner.Name}
		}
		switch e.what {
		case TellAgain:
			c.Counts.Again++
		case TellStill:
			c.Counts.Still++
		case TellGone:
			c.Counts.Gone++
		default:
			c.Counts.New++
		}
		c.Findings = append(c.Findings, f)
	}
	for _, s := range types {
		first := &s.entries[0]
		c.Types = append(c.Types, CallType{first.Feed, first.Type, cmp.Or(first.Title, first.Type), p.T("guide." + familyOf(&first.Finding))})
		for i := range s.entries {
			add(&s.entries[i])
		}
	}
	for i := range gone {
		add(&gone[i])
	}
	return c
}

// PreviewCall is what a webhook of a constituent would get now: all that waits, as Preview has it. Nothing is sent.
func (d *Desk) PreviewCall(ctx context.Context, constituent int64) (*Call, error) {
	w, err := d.pending(ctx, constituent)
	if err != nil {
		return nil, err
	}
	all, _, _, err := d.deliverable(ctx, w.office, disclosure.Webhook, append(w.news, w.still...), hooked(w.listed))
	if err != nil {
		return nil, err
	}
	m, all := d.message(&w, all)
	list, err := d.entries(ctx, all)
	if err != nil {
		return nil, err
	}
	return d.call(w.office, &m, list, all, d.speaker(w.office.language(w.listed.Language, ""), w.office.profile.Location())), nil
}
