package digest

import (
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/nation"
)

// State is how far the telling of a finding to a recipient is.
type State string

// The states.
const (
	Waiting    State = "waiting"    // is to be told
	Told       State = "told"       // was told
	Known      State = "known"      // the backlog of a first intake, or over before it could be told: is not told
	Silent     State = "silent"     // a policy says that it is not told
	Suppressed State = "suppressed" // somebody keeps it back for a time
	Withheld   State = "withheld"   // the gate did not let it out
)

// States lists them.
func States() []State { return []State{Waiting, Told, Known, Silent, Suppressed, Withheld} }

// Presence is how the finding stands with the recipient.
type Presence string

// The presences.
const (
	Present Presence = "open"
	Gone    Presence = "gone"  // no longer seen
	Ruled   Presence = "ruled" // a person closed it, or ruled that it is none
	Left    Presence = "left"  // it is somebody else's now
)

// What a digest says of a finding.
const (
	TellNew   = "new"
	TellAgain = "again" // it was gone and came back
	TellStill = "still" // told before, and still open
	TellGone  = "gone"  // no longer seen
)

// directive is what is to be told of a finding to a recipient, and what was.
type directive struct {
	finding     event.ID
	constituent int64
	owner       int64
	severity    event.Severity
	since       event.Day
	state       State
	presence    Presence
	goneDay     event.Day
	goneAt      int64
	rule        string
	frequency   Frequency
	pending     string
	due         int64
	toldAt      int64
	message     int64
	answer      string
	answeredAt  int64
	fixedAt     int64
}

// rules is all that decides about directives at a moment.
type rules struct {
	now          time.Time
	policies     Policies
	suppressions []Suppression
	settings     map[int64]Setting
	sectors      map[int64]string
	profile      *nation.Profile
	version      int64
}

func (r *rules) setting(constituent int64) Setting {
	if s, ok := r.settings[constituent]; ok {
		return s
	}
	return DefaultSetting(constituent)
}

// about is the report type that directives are of.
type about struct {
	event.TypeMark
	population bool
	asns       map[event.ID][]string
}

// decide says anew whether and when a finding that the recipient was not told yet is told.
func (r *rules) decide(t *about, x *directive, what string) {
	x.pending, x.due = "", 0
	s := subject{recipient: x.constituent, address: x.finding.Address(), asns: t.asns[x.finding], typ: t.Name, feed: t.Feed}
	x.frequency, x.rule = r.policies.Decide(Case{x.constituent, r.sectors[x.constituent], t.Name, x.severity, t.population})
	set := r.setting(x.constituent)
	x.frequency = set.soon(x.frequency)
	if by := suppressed(r.suppressions, s); by != "" {
		x.state, x.rule = Suppressed, by
		return
	}
	if x.frequency == Never {
		x.state = Silent
		return
	}
	if !set.sends() {
		x.state, x.rule = Silent, "channel:"+set.Channel
		return
	}
	x.state, x.pending = Waiting, what
	x.due = r.due(x, x.frequency)
}

func (r *rules) due(x *directive, f Frequency) int64 {
	set := r.setting(x.constituent)
	w := set.week(r.profile)
	return w.due(f, r.now).UnixMicro()
}

// business tells whether a constituent works on the day of a time.
func (r *rules) business(constituent, at int64) bool {
	set := r.setting(constituent)
	w := set.week(r.profile)
	return w.business(time.UnixMicro(at).In(w.zone))
}

// redecide is decide for what waits: when nothing changed about it, it keeps its time, unless that became a holiday.
func (r *rules) redecide(t *about, x *directive) {
	what, due, f := x.pending, x.due, x.frequency
	if what == "" {
		what = TellNew
	}
	was := x.state
	r.decide(t, x, what)
	if was == Waiting && x.state == Waiting && x.frequency == f && due > 0 && (f == Immediate || r.business(x.constituent, due)) {
		x.due = due
	}
}

// follow brings a directive up to date with its finding; b is nil when a correction removed it.
func (r *rules) follow(t *about, x directive, b *event.Brief) directive {
	if b == nil || b.Owner != x.owner {
		if x.presence != Left {
			x.presence, x.goneAt, x.pending, x.due = Left, r.now.UnixMicro(), "", 0
		}
		return x
	}
	x.severity = b.Severity
	if b.State != event.Open {
		return r.end(x, b)
	}
	if x.presence != Present {
		if x.presence == Ruled || x.state == Told && x.pending == TellGone { // nobody was told that it was over
			x.presence, x.goneDay, x.goneAt, x.pending, x.due = Present, -1, 0, "", 0
			if x.state != Told {
				r.redecide(t, &x)
			}
			return x
		}
		what := TellAgain
		if x.toldAt == 0 {
			what = TellNew
		}
		x.presence, x.goneDay, x.goneAt, x.since = Present, -1, 0, b.From
		x.toldAt, x.message, x.answer, x.answeredAt, x.fixedAt = 0, 0, "", 0, 0
		r.decide(t, &x, what)
		return x
	}
	switch x.state {
	case Waiting, Silent, Suppressed, Withheld:
		r.redecide(t, &x)
	}
	return x
}

// end is follow for a finding that is not open any more.
func (r *rules) end(x directive, b *event.Brief) directive {
	if x.presence != Present {
		return x
	}
	x.pending, x.due = "", 0
	x.presence, x.goneDay, x.goneAt = Gone, b.Last, r.now.UnixMicro()
	if b.State != event.NoLongerSeen && b.State != event.Lapsed {
		x.presence = Ruled
		return x
	}
	switch x.state {
	case Told:
		if set := r.setting(x.constituent); set.sends() {
			f := x.frequency
			if f == Immediate || f == Never { // good news can wait
				f = Daily
			}
			x.pending, x.due = TellGone, r.due(&x, f)
		}
	case Waiting, Suppressed, Silent, Withheld:
		x.state, x.rule = Known, "over"
	}
	return x
}

// address is a mail address as it is compared.
func address(mail string) string { return strings.ToLower(strings.TrimSpace(mail)) }
