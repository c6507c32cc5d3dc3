package deadline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/audit"
)

// Proved is a clock as the audit log alone tells of it.
type Proved struct {
	Clock     string        `json:"clock"` // "clock:7"
	Report    int64         `json:"report,omitempty"`
	Case      int64         `json:"case,omitempty"`
	Entity    string        `json:"entity"`
	Regime    string        `json:"regime"`
	Edition   string        `json:"edition"`
	Step      string        `json:"step"`
	Owed      string        `json:"owed_by"`
	Source    string        `json:"source"` // of the law
	Term      string        `json:"term"`   // "24h0m0s", or "1 months"
	Zone      string        `json:"zone"`
	Triggered string        `json:"triggered"`
	Due       string        `json:"due"`
	State     State         `json:"state"`
	Submitted string        `json:"submitted,omitempty"`
	InTime    bool          `json:"in_time"`
	Happened  []ProvedEvent `json:"happened"`
	Problems  []string      `json:"problems,omitempty"` // what does not agree with the law as the log has it
}

// ProvedEvent is an entry of the audit log about a clock.
type ProvedEvent struct {
	Entry  int64             `json:"entry"`
	At     string            `json:"at"`
	Verb   string            `json:"verb"`
	By     string            `json:"by"`
	Detail map[string]string `json:"detail,omitempty"`
}

// facts is what the entries about clocks say.
type facts struct {
	Law       string         `json:"law"`
	Report    int64          `json:"report"`
	Case      int64          `json:"case"`
	From      int64          `json:"from"`
	Entity    string         `json:"entity"`
	Regime    string         `json:"regime"`
	Edition   string         `json:"edition"`
	Step      string         `json:"step"`
	Owed      string         `json:"owed_by"`
	Zone      string         `json:"zone"`
	Triggered string         `json:"triggered"`
	Due       string         `json:"due"`
	Alarms    []stampedAlarm `json:"alarms"`
	At        string         `json:"at"`
	By        string         `json:"by"`
	Proof     string         `json:"proof"`
	Why       string         `json:"why"`
	Reason    string         `json:"reason"`
	Planned   string         `json:"planned"`
	Overtaken bool           `json:"overtaken"`
	Letters   int            `json:"letters"`
}

type stampedAlarm struct {
	Kind string `json:"kind"`
	At   string `json:"at"`
}

// Reconstruct tells from entries of the audit log, the first first, and from nothing else, what was due when under which law, and what became
// of it. It reckons every term again, and says where the log does not agree with the law that it has, or with itself.
func Reconstruct(entries []audit.Entry) []Proved {
	p := prover{laws: map[string]*Law{}, at: map[string]*proving{}}
	for _, e := range entries {
		p.read(e)
	}
	out := make([]Proved, 0, len(p.order))
	for _, x := range p.order {
		out = append(out, x.Proved)
	}
	return out
}

type proving struct {
	Proved
	alarms []stampedAlarm
	stage  int
}

type prover struct {
	laws  map[string]*Law
	at    map[string]*proving
	order []*proving
}

func (p *prover) read(e audit.Entry) {
	verb, ok := strings.CutPrefix(e.Verb, "clock.")
	if !ok {
		return
	}
	if verb == "law" {
		if l, err := readLaw(e.Detail); err == nil {
			if _, sum := l.body(); "law:"+sum == e.Object {
				p.laws[sum] = l
			}
		}
		return
	}
	var f facts
	if err := json.Unmarshal([]byte(e.Detail), &f); err != nil && e.Detail != "" {
		if x := p.at[e.Object]; x != nil {
			x.problem("entry %d cannot be read", e.ID)
		}
		return
	}
	if verb == "attach" {
		p.attach(f)
		return
	}
	if !strings.HasPrefix(e.Object, "clock:") {
		return
	}
	x := p.at[e.Object]
	if x == nil {
		x = &proving{Proved: Proved{Clock: e.Object, Report: f.Report, Case: f.Case, Entity: f.Entity, Regime: f.Regime, Edition: f.Edition, Step: f.Step, Owed: f.Owed, Zone: f.Zone,
			Triggered: f.Triggered, Due: f.Due, State: Running}, alarms: f.Alarms}
		p.at[e.Object] = x
		p.order = append(p.order, x)
		if verb != "start" {
			x.problem("entry %d tells of it before it was started", e.ID)
		}
	}
	x.happened(e, verb, f)
	if verb == "start" {
		x.check(p.laws[f.Law])
	}
}

// attach notes that the clocks of a report, or of another case, belong to a case.
func (p *prover) attach(f facts) {
	for _, x := range p.order {
		if f.Report != 0 && x.Report == f.Report || f.From != 0 && x.Case == f.From {
			x.Case = f.Case
		}
	}
}

func (x *proving) problem(format string, args ...any) {
	x.Problems = append(x.Problems, fmt.Sprintf(format, args...))
}

// check reckons the term again by the law.
func (x *proving) check(l *Law) {
	if l == nil {
		x.problem("the log does not have the law")
		return
	}
	x.Source = l.Source
	st, ok := l.Step(x.Step)
	if !ok {
		x.problem("the law has no step %s", x.Step)
		return
	}
	if x.Term = st.Term; st.Months != 0 {
		x.Term = fmt.Sprintf("%d months", st.Months)
	}
	at, err := time.Parse(stampForm, x.Triggered)
	if err != nil {
		x.problem("it was triggered at %q, which is no time", x.Triggered)
		return
	}
	due, alarms, err := l.plan(st, at.UnixMicro())
	if err != nil {
		x.problem("its term cannot be reckoned: %v", err)
		return
	}
	if stamp(due) != x.Due {
		x.problem("by the law it was due at %s, and the log says %s", stamp(due), x.Due)
	}
	same := slices.EqualFunc(alarms, x.alarms, func(a Alarm, b stampedAlarm) bool { return a.Kind == b.Kind && stamp(a.At) == b.At })
	if !same {
		x.problem("by the law its reminders were due at other times than the log says")
	}
}

// happened notes what an entry says about the clock.
func (x *proving) happened(e audit.Entry, verb string, f facts) {
	said := map[string]string{}
	for k, v := range map[string]string{"at": f.At, "by": f.By, "proof": f.Proof, "why": f.Why, "reason": f.Reason, "planned": f.Planned} {
		if v != "" {
			said[k] = v
		}
	}
	x.Happened = append(x.Happened, ProvedEvent{e.ID, stamp(e.At), verb, cmp.Or(e.Name, e.Actor), said})
	if verb != "start" && f.Due != x.Due {
		x.problem("entry %d says that it was due at %q", e.ID, f.Due)
	}
	switch verb {
	case Remind, TooLate, Escalate:
		x.alarm(e, verb, f)
	case "submit":
		x.State, x.Submitted, x.InTime = Submitted, f.At, f.At <= x.Due
	case "waive":
		x.State = Waived
	case "end":
		x.State = Ended
	case "resume", "reopen":
		x.State, x.Submitted, x.InTime = Running, "", false
		if slices.ContainsFunc(x.Happened, func(h ProvedEvent) bool { return h.Verb == TooLate }) {
			x.State = Late
		}
	}
}

// alarm checks that an alarm is the one whose turn it was, and that it did not come early.
func (x *proving) alarm(e audit.Entry, verb string, f facts) {
	if x.stage >= len(x.alarms) || x.alarms[x.stage] != (stampedAlarm{verb, f.Planned}) {
		x.problem("entry %d: %s, planned for %s, was not its turn", e.ID, verb, f.Planned)
	}
	if x.stage++; stamp(e.At) < f.Planned {
		x.problem("entry %d: %s came before its time", e.ID, verb)
	}
	if !x.State.Live() {
		x.problem("entry %d: %s although it was %s", e.ID, verb, x.State)
	}
	if verb == TooLate {
		x.State = Late
	}
}

// Proof reconstructs the clocks of a case, or of a report, from the audit log alone.
func Proof(ctx context.Context, log *audit.Log, caseID, report int64) (out []Proved, err error) {
	var entries []audit.Entry
	for before := int64(0); ; {
		es, next, err := log.List(ctx, audit.Filter{Verb: "clock."}, before, audit.MaxList)
		if err != nil {
			return nil, err
		}
		if entries = append(entries, es...); next == 0 {
			break
		}
		before = next
	}
	slices.Reverse(entries)
	for _, p := range Reconstruct(entries) {
		if caseID != 0 && p.Case == caseID || report != 0 && p.Report == report {
			out = append(out, p)
		}
	}
	return out, nil
}
