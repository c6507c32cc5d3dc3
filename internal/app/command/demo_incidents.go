package command

import (
	"fmt"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/constituency/special"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

// hospital is the operator whose side of the counter the demo shows too.
const hospital = "royalhospital"

// shift is a fictional day at the desk: what was reported, and what the duty officer has made of it so far.
type shift struct {
	e    *Env
	w    *world.World
	duty act.Actor
	dir  *constituency.Directory
	now  time.Time
}

// incidents fills the desk with a day's work.
func (c *demoCmd) incidents(e *Env, w *world.World, duty int64) error {
	in, err := w.Identity.Begin(e.Ctx, duty, "password", identity.Device{})
	if err != nil {
		return err
	}
	s := &shift{e: e, w: w, now: w.Clock().Now()}
	if s.duty, err = w.Identity.Resume(e.Ctx, in.Secret); err != nil {
		return err
	}
	if s.dir, err = w.Constituency.Directory(e.Ctx); err != nil {
		return err
	}
	for _, part := range []func() error{s.encrypted, s.flooded, s.defaced, s.waiting, s.register} {
		if err := part(); err != nil {
			return fmt.Errorf("make the demo's incidents: %w", err)
		}
	}
	if _, err := w.Sitreps.Draft(e.Ctx, act.Machine); err != nil && fault.KindOf(err) != fault.Conflict {
		return err
	}
	return w.Identity.SignOut(e.Ctx, s.duty, in.Secret)
}

func (s *shift) ago(d time.Duration) int64 { return s.now.Add(-d).UnixMicro() }

func (s *shift) file(o constituency.Listed, f incident.Filing) (incident.Report, error) {
	f.Name, f.Organisation, f.Mail = "Security, "+o.Name, o.Name, "security@"+o.Ref+".example"
	r, _, err := s.w.Incidents.File(s.e.Ctx, identity.LocalActor, incident.Reporter{Origin: incident.FromPortal, Constituent: o.ID}, f)
	return r, err
}

// encrypted: a grave incident that is being worked on, with its clocks running.
func (s *shift) encrypted() error {
	ctx, in := s.e.Ctx, s.w.Incidents
	o, err := s.dir.ByRef(hospital)
	if err != nil {
		return err
	}
	r, err := s.file(o, incident.Filing{Title: "Ransomware on the file servers, admissions work on paper", Guess: "infected-system", Step: "early-warning",
		Text: "Since about four in the morning the shares of three file servers are encrypted. A note asks for payment. Admissions and the laboratory work on paper; " +
			"intensive care is not affected. We have taken the servers off the network. The first alert was a sign-in from 198.18.7.44 with an account of a supplier.",
		Happened: s.ago(6 * time.Hour), Aware: s.ago(5 * time.Hour), Label: tlp.AmberStrict,
		Details: incident.Details{Ongoing: "yes", Impact: "Admissions and laboratory on paper, planned operations moved", Systems: "Three file servers, the domain controller is being checked",
			Measures: "Servers off the network, accounts of the supplier locked, backups of Sunday are whole", PersonalData: "yes", Suspected: "yes", Users: 1200,
			Indicators: "198.18.7[.]44\nhxxps://updates.supplier-portal[.]example/agent\n9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}})
	if err != nil {
		return err
	}
	k, err := in.Accept(ctx, s.duty, r.ID, 0, incident.Opening{Type: "infected-system", Impact: "serious", Reach: "one", Label: tlp.AmberStrict, Lead: s.duty.Rights.Account, LeadName: s.duty.Name})
	if err != nil {
		return err
	}
	pap := disclosure.PAPAmber
	if k, err = in.Edit(ctx, s.duty, k.ID, k.Version, incident.Change{PAP: &pap}); err != nil {
		return err
	}
	if _, err := in.Move(ctx, s.duty, k.ID, k.Version, incident.Containment, ""); err != nil {
		return err
	}
	if _, err := in.Judge(ctx, s.duty, k.ID, incident.Confirmed, []string{"198.18.7.44", "https://updates.supplier-portal.example/agent"}, ""); err != nil {
		return err
	}
	called, err := in.AddTask(ctx, s.duty, k.ID, incident.Task{Title: "Call the hospital back and ask for the note", Assignee: s.duty.Rights.Account, Name: s.duty.Name})
	if err != nil {
		return err
	}
	if _, err := in.Finish(ctx, s.duty, k.ID, called.ID, true); err != nil {
		return err
	}
	for _, t := range []incident.Task{{Title: "Ask who else has this supplier", Due: s.ago(-2 * time.Hour)}, {Title: "Image of the first server that was encrypted", Due: s.ago(-20 * time.Hour)}} {
		t.Assignee, t.Name = s.duty.Rights.Account, s.duty.Name
		if _, err := in.AddTask(ctx, s.duty, k.ID, t); err != nil {
			return err
		}
	}
	for _, n := range []incident.Entry{
		{Kind: incident.KindFact, At: s.ago(6 * time.Hour), Text: "First file encrypted, by the time in the note."},
		{Kind: incident.KindNote, Text: "Spoke with the head of their IT: backups are whole, they restore the laboratory first. They want no press."},
		{Kind: incident.KindHandover, Text: "Waiting for the image and the list of the supplier's accounts. If 198.18.7[.]44 shows up at anybody else, wake the head of the team."}} {
		n.Case = k.ID
		if _, err := in.Note(ctx, s.duty, k.ID, n); err != nil {
			return err
		}
	}
	found, err := s.w.Findings.List(ctx, event.Filter{Owner: o.Ref}, event.Sort{}, event.PageRequest{Limit: 1})
	if err != nil {
		return err
	}
	for _, f := range found.Items {
		if _, err := in.Connect(ctx, s.duty, k.ID, "finding", f.ID.String()); err != nil {
			return err
		}
	}
	other, err := s.dir.ByRef("strelsauwater")
	if err != nil {
		return err
	}
	_, err = s.w.Affected.Add(ctx, s.duty, k.ID, affected.Affected{Kind: affected.Entity, Constituent: o.ID, Source: affected.ByParty, Why: "It reported the incident."},
		affected.Affected{Kind: affected.Entity, Constituent: other.ID, Source: affected.ByHand, Why: "It has the same supplier."})
	return err
}

// flooded: a bank, whose early warning is late.
func (s *shift) flooded() error {
	ctx, in := s.e.Ctx, s.w.Incidents
	o, err := s.dir.ByRef("nationalbank")
	if err != nil {
		return err
	}
	r, err := s.file(o, incident.Filing{Title: "Online banking floods over and again", Guess: "ddos",
		Text:  "Two waves of traffic from many countries, the second one larger. Online banking and cards on the web were down for forty minutes each time.",
		Aware: s.ago(30 * time.Hour), Happened: s.ago(31 * time.Hour),
		Details: incident.Details{Ongoing: "no", Impact: "Online banking down twice for forty minutes", Systems: "Online banking", CrossBorder: "yes", Countries: "XS", Measures: "Traffic goes through the provider's cleaning centre"}})
	if err != nil {
		return err
	}
	k, err := in.Accept(ctx, s.duty, r.ID, 0, incident.Opening{Title: "Denial of service against online banking", Type: "ddos", Impact: "serious", Reach: "several"})
	if err != nil {
		return err
	}
	_, err = in.Note(ctx, s.duty, k.ID, incident.Entry{Kind: incident.KindNote, Text: "Asked two other banks: one saw the same on a smaller scale, and did not report it."})
	return err
}

// defaced: a case that is over.
func (s *shift) defaced() error {
	ctx, in := s.e.Ctx, s.w.Incidents
	o, err := s.dir.ByRef("zendatech")
	if err != nil {
		return err
	}
	r, err := s.file(o, incident.Filing{Title: "Start page of the library replaced", Text: "Somebody replaced the start page through an old extension of the content system.", Guess: "system-compromise", Aware: s.ago(20 * time.Hour)})
	if err != nil {
		return err
	}
	k, err := in.Accept(ctx, s.duty, r.ID, 0, incident.Opening{Type: "system-compromise", Impact: "none", Reach: "one"})
	if err != nil {
		return err
	}
	if _, err := s.w.Affected.Add(ctx, s.duty, k.ID, affected.Affected{Kind: affected.Entity, Constituent: o.ID, Source: affected.ByParty, Why: "It is their site."}); err != nil {
		return err
	}
	list, err := s.w.Affected.List(ctx, k.ID)
	if err != nil {
		return err
	}
	if err := s.w.Affected.Record(ctx, s.duty, k.ID, list[0].ID, affected.Telling{Channel: "phone", Address: "+999 555 0142", Text: "Told the webmaster which extension it was; it is removed."}); err != nil {
		return err
	}
	if _, err := in.Move(ctx, s.duty, k.ID, 0, incident.Resolved, ""); err != nil {
		return err
	}
	_, err = in.Move(ctx, s.duty, k.ID, 0, incident.Closed, "The page is restored, the extension removed, the passwords changed.")
	return err
}

// waiting: what nobody has looked at.
func (s *shift) waiting() error {
	ctx, in := s.e.Ctx, s.w.Incidents
	for _, f := range []incident.Filing{
		{Title: "Parcel message asks for my card", Guess: "phishing", Aware: s.ago(time.Hour), Name: "A citizen", Mail: "citizen@mail.example",
			Text: "The message says that my parcel waits and that I must pay 1.99. The page is hxxps://parcel-ruritania[.]example/pay and looks like that of the post."},
		{Title: "Same parcel message, sent to all of our staff", Guess: "phishing", Aware: s.ago(30 * time.Minute), Name: "Office of a school", Mail: "office@school.example",
			Text: "Forty of us got it. Two entered their cards. hxxps://parcel-ruritania[.]example/pay", Details: incident.Details{Users: 2}}} {
		r, _, err := in.File(ctx, act.Anybody, incident.Reporter{Origin: incident.FromPublic, Link: true, Confirm: true}, f)
		if err != nil {
			return err
		}
		if _, err := in.Confirm(ctx, act.Anybody, r.ID); err != nil {
			return err
		}
	}
	o, err := s.dir.ByRef("strelsauwater")
	if err != nil {
		return err
	}
	_, _, err = in.File(ctx, s.duty, incident.Reporter{Origin: incident.FromStaff, Constituent: o.ID}, incident.Filing{Title: "Call: a pump station shows values that cannot be", Aware: s.ago(20 * time.Minute),
		Reported: s.ago(10 * time.Minute), Name: "Shift leader", Phone: "+999 555 0177", Text: "Pressure jumps between zero and the maximum since the remote access of the maker was used. They work by hand.",
		Details: incident.Details{Ongoing: "yes", Impact: "One station by hand", Help: "Wants to know whether others see it"}})
	return err
}

// register: the CERTs that the law knows beside the national one.
func (s *shift) register() error {
	for _, c := range []special.CERT{
		{Name: "CERT of the banks", Organisation: "Association of banks of Ruritania", Scope: "Banks and payment services", Mail: "cert@banks.example", Phone: "+999 555 0210", Website: "https://cert.banks.example",
			Approved: true, Approval: "By letter of its head"},
		{Name: "Academic CERT", Organisation: "Research network of Ruritania", Scope: "Universities, schools and libraries", Mail: "cert@research.example", Website: "https://cert.research.example",
			Approved: true, Approval: "By its description (RFC 2350)"}} {
		if _, err := s.w.Special.Save(s.e.Ctx, identity.LocalActor, c); err != nil {
			return err
		}
	}
	return nil
}
