package deadline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/text"
)

// The kinds of letter that clocks write.
const (
	KindReminder = "deadline-reminder"
	KindLate     = "deadline-late"
)

// whom lists the staff that an alarm is written to: of what is over the duty officers, when it has been over for a while those in charge
// too, and of what the CERT owes itself the duty officers from the first reminder on.
func (d *Desk) whom(ctx context.Context, c *Clock, kind string) (out []identity.Account, err error) {
	role := identity.Duty
	switch {
	case kind == Escalate:
		role = identity.Administrator
	case kind == Remind && !c.ours():
		return nil, nil
	}
	all, _, err := d.Identity.List(ctx, identity.Filter{Role: role, Limit: 200})
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.Kind == identity.PersonAccount && !a.Disabled { // a person's login is a mail address
			out = append(out, a)
		}
	}
	return out, nil
}

// reach picks the contacts that a deadline is for: security, else technical and so on; of what is late the management too.
func reach(all []constituency.Contact, late bool) (out []constituency.Contact) {
	seen := map[string]bool{}
	add := func(role string) {
		for _, c := range all {
			if a := strings.ToLower(c.Mail); c.Role == role && !seen[a] {
				seen[a] = true
				out = append(out, c)
			}
		}
	}
	for _, role := range []string{"security", "technical", "management", "abuse", "other"} {
		if len(out) == 0 {
			add(role)
		}
	}
	if late {
		add("management")
	}
	return out
}

// write enqueues the letters of an alarm and tells how many they are.
func (d *Desk) write(tx *db.Tx, c *Clock, n int, staff []identity.Account) (letters int, err error) {
	kind := c.Alarms[n].Kind
	as := KindReminder
	if kind != Remind {
		as = KindLate
	}
	base := notify.Letter{Kind: as, Object: disclosure.Ref(fmt.Sprintf("clock:%d", c.ID)), Payload: fmt.Sprintf("%d:%d", c.ID, n)}
	enqueue := func(l notify.Letter) error {
		l.Key = letterKey(c.ID, n, l.To)
		letters++
		_, err := d.Outbox.Enqueue(tx, l)
		return err
	}
	if !c.ours() && kind != Escalate {
		dir, err := d.Constituency.Directory(tx.Context())
		if err != nil {
			return 0, err
		}
		entity, _ := dir.ByID(c.Constituent)
		contacts, err := constituency.Reach(tx, c.Constituent, constituency.DayOf(d.Clock.Now()))
		if err != nil {
			return 0, err
		}
		for _, to := range reach(contacts, kind == TooLate) {
			l := base
			l.Constituent, l.Recipient, l.To, l.Name = c.Constituent, disclosure.OfConstituent(entity.ID, entity.Name), to.Mail, to.Name
			l.Recipient.Clearance, _ = tlp.Parse(to.Clearance) // checked when it was written
			if l.Language = to.Language; l.Language == "" {
				l.Language = entity.Language
			}
			if err := enqueue(l); err != nil {
				return letters, err
			}
		}
	}
	for _, a := range staff {
		l := base
		l.Recipient = disclosure.Recipient{Kind: disclosure.Staff, Subject: fmt.Sprintf("person:%d", a.ID), Name: a.Name}
		l.To, l.Name, l.Language = a.Login, a.Name, a.Language
		if err := enqueue(l); err != nil {
			return letters, err
		}
	}
	return letters, nil
}

// letterKey is the same for the same alarm to the same address.
func letterKey(clock int64, n int, to string) string {
	h := sha256.Sum256([]byte(strings.ToLower(to)))
	return fmt.Sprintf("deadline:%d:%d:%s", clock, n, hex.EncodeToString(h[:8]))
}

// Compose writes a letter when its turn comes. What is no longer owed by then is not told any more.
func (d *Desk) Compose(ctx context.Context, l notify.Letter) (notify.Content, error) {
	var none notify.Content
	var id int64
	var n int
	if _, err := fmt.Sscanf(l.Payload, "%d:%d", &id, &n); err != nil {
		return none, fault.Invalidf("the letter %s names no clock: %w", l.Key, err)
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return none, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return none, err
	}
	var c Clock
	var m message
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if c, err = clockByID(tx, id); err != nil {
			return err
		}
		reports, cases, err := incident.Numbers(tx, []int64{c.Report}, []int64{c.Case})
		m.report, m.caseNumber = reports[c.Report], cases[c.Case]
		return err
	})
	if err != nil {
		return none, err
	}
	if n < 0 || n >= len(c.Alarms) {
		return none, fault.Invalidf("the letter %s names an alarm that clock %d does not have", l.Key, id)
	}
	if !c.State.Live() {
		return none, notify.ErrNothing
	}
	entity, _ := dir.ByID(c.Constituent)
	language := l.Language
	if language == "" {
		language = profile.Languages[0]
	}
	m.Printer = d.words.In(text.Match(d.words.Languages(), language), profile.Location())
	m.clock, m.entity, m.team, m.mails, m.url = &c, entity.Name, profile.Team.Name, profile.Team.Mails, d.URL
	m.staff, m.kind, m.now = l.Recipient.Kind == disclosure.Staff, c.Alarms[n].Kind, d.Clock.Now()
	mark := disclosure.Marking{Label: tlp.Amber, Owners: []int64{c.Constituent}}
	return notify.Content{Subject: m.subject(), Text: m.text(), Headers: map[string]string{"Auto-Submitted": "auto-generated"}, Marking: mark,
		About: []notify.About{{Object: l.Object, Mark: mark}}}, nil
}

// message is what a letter about a clock says. It names no more of the incident than its number.
type message struct {
	*text.Printer
	clock                   *Clock
	report, caseNumber      string
	entity, team, url, kind string
	mails                   []string
	staff                   bool
	now                     time.Time
}

func (m *message) step() string { return m.clock.Law.StepName(m.clock.Step, m.Lang()) }

func (m *message) law() string { return m.clock.Law.Name(m.Lang()) }

func (m *message) due() time.Time { return time.UnixMicro(m.clock.Due) }

// over tells whether the term is over at the time of writing.
func (m *message) over() bool { return !m.now.Before(m.due()) }

// about is the number that people find it by.
func (m *message) about() string {
	if m.staff && m.caseNumber != "" || m.report == "" {
		return m.caseNumber
	}
	return m.report
}

func (m *message) subject() string {
	key := "subject.remind"
	if m.over() {
		key = "subject.late"
	}
	return oneLine(m.T(key, m.step(), m.Span(), m.about()))
}

// Span is how long there is, or how long it has been over, in the largest fitting unit.
func (m *message) Span() string { return m.span(m.due().Sub(m.now).Abs()) }

func (m *message) span(d time.Duration) string {
	switch {
	case d < 90*time.Minute:
		return m.T("span.minutes", max(1, int64(d.Round(time.Minute)/time.Minute)))
	case d < 48*time.Hour:
		return m.T("span.hours", int64(d.Round(time.Hour)/time.Hour))
	}
	return m.T("span.days", int64(d/(24*time.Hour)))
}

func (m *message) text() string {
	var b strings.Builder
	say := func(key string, args ...any) { b.WriteString(m.T(key, args...) + "\n\n") }
	to := "entity"
	if m.staff {
		to = "staff"
	}
	what := "remind"
	if m.over() {
		what = "late"
	}
	say(to+"."+what, m.entity, m.step(), m.about(), m.law(), m.Span())
	if m.kind == Escalate {
		say("staff.escalate", m.entity)
	}
	st, _ := m.clock.Law.Step(m.clock.Step)
	for _, f := range [][2]string{{"fact.due", m.Time(m.due())}, {"fact.triggered", m.Time(time.UnixMicro(m.clock.Triggered))},
		{"fact.law", m.law() + ", " + m.clock.Law.Source}} {
		b.WriteString(m.T(f[0], f[1]) + "\n")
	}
	b.WriteString("\n")
	switch {
	case m.staff:
	case st.Elsewhere:
		say("entity.elsewhere", st.To)
	default:
		say("entity.how")
	}
	if m.url != "" {
		b.WriteString(m.url + m.path() + "\n\n")
	}
	if !m.clock.Law.Confirmed {
		say("unconfirmed")
	}
	b.WriteString("--\n" + m.T("from", m.team) + "\n")
	if len(m.mails) > 0 && !m.staff {
		b.WriteString(m.T("contact", strings.Join(slices.Clone(m.mails), ", ")) + "\n")
	}
	return b.String()
}

// path is where the reader sees the clock.
func (m *message) path() string {
	switch {
	case !m.staff:
		return "/portal/clocks"
	case m.clock.Case != 0:
		return fmt.Sprintf("/cases/%d/clocks", m.clock.Case)
	}
	return fmt.Sprintf("/reports/%d/clocks", m.clock.Report)
}

// oneLine keeps what a profile says from breaking a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
