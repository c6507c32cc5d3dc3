package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tocsin/internal/app"
	"tocsin/internal/constituency"
	"tocsin/internal/constituency/special"
	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/event/digest"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/incident/affected"
	"tocsin/internal/incident/leak"
	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/notify/signing"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
	"tocsin/internal/situation/sitrep"
	"tocsin/internal/view"
	"tocsin/internal/world"
)

// canary stands in every text of Bravo's. It may reach the staff and Bravo, and nobody else.
const canary = "CANARY"

// public is the role of somebody who is not signed in.
const public identity.Role = "public"

// full is a served nation in which every kind of thing exists twice: Alpha's, for whom the outsiders act, and Bravo's.
type full struct {
	t       *testing.T
	w       *world.World
	s       *app.Server
	root    act.Actor
	ids     map[string]int64 // constituents by ref
	account map[identity.Role]int64
	actor   map[identity.Role]act.Actor
	token   map[identity.Role]string
	scope   map[identity.Role][]act.Permission // of the tokens: all that a token can do
	bravo   act.Actor                          // a manager of Bravo
	made    map[string]string
	serial  atomic.Int64
}

const fullRegistry = `{"constituents":[
 {"ref":"cert","name":"Energy CERT","kind":"sector-cert","sector":"energy"},
 {"ref":"alpha","name":"Alpha Power","kind":"operator","sector":"energy","delegate":"cert",
  "contacts":[{"role":"security","name":"Alpha desk","mail":"soc@alpha.example"}],"assets":[{"kind":"prefix","value":"203.0.113.0/25"},{"kind":"domain","value":"alpha.example"}]},
 {"ref":"bravo","name":"CANARY-Bravo","kind":"operator","sector":"energy","note":"CANARY-note",
  "contacts":[{"role":"security","name":"CANARY-person","mail":"canary@bravo.example"}],"assets":[{"kind":"prefix","value":"203.0.113.128/25"},{"kind":"domain","value":"canary-domain.example"}]}]}`

func newFull(t *testing.T, log slog.Handler) *full {
	t.Helper()
	f := &full{t: t, w: openWorld(t), ids: map[string]int64{}, account: map[identity.Role]int64{}, actor: map[identity.Role]act.Actor{},
		token: map[identity.Role]string{}, scope: map[identity.Role][]act.Permission{}, made: map[string]string{}}
	profile, err := nation.Shipped("ruritania")
	f.must(err)
	_, err = f.w.Nation.Set(t.Context(), identity.LocalActor, "ruritania.toml", profile)
	f.must(err)
	doc, err := constituency.Read("x.json", constituency.JSON, strings.NewReader(fullRegistry))
	f.must(err)
	_, err = f.w.Constituency.Import(t.Context(), identity.LocalActor, doc, constituency.ImportOptions{})
	f.must(err)
	directory, err := f.w.Constituency.Directory(t.Context())
	f.must(err)
	for _, c := range directory.All() {
		f.ids[c.Ref] = c.ID
	}
	f.takeIn()
	f.s, _ = startLogging(t, f.w, app.Options{Listen: "127.0.0.1:0", PublicURL: []string{"http://localhost:8080"}}, log)
	for _, r := range identity.Roles() {
		held := identity.Held{Role: r}
		switch r {
		case identity.Manager, identity.Member:
			held.Constituent = f.ids["alpha"]
		case identity.SectorCERT:
			held.Constituent = f.ids["cert"]
		}
		f.account[r], f.actor[r] = f.person("Person "+string(r), held)
		f.scope[r], err = f.w.Identity.Scopes(t.Context(), f.account[r])
		f.must(err)
		if len(f.scope[r]) == 0 {
			continue
		}
		f.token[r], _, err = f.w.Identity.Issue(t.Context(), f.actor[r], f.account[r], "matrix", f.scope[r], time.Now().Add(48*time.Hour))
		f.must(err)
	}
	f.root = f.actor[identity.Administrator]
	_, f.bravo = f.person("CANARY manager", identity.Held{Role: identity.Manager, Constituent: f.ids["bravo"]})
	return f
}

func (f *full) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// takeIn takes in two days of findings of Alpha and Bravo.
func (f *full) takeIn() {
	f.t.Helper()
	today := event.DayOf(f.w.Clock().Now().UnixMicro())
	for day := today - 2; day < today; day++ {
		var b strings.Builder
		b.WriteString(`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n")
		for host := 1; host < 9; host++ {
			fmt.Fprintf(&b, "\"%s 01:02:03\",\"high\",\"203.0.113.%d\",\"udp\",123,\"\",\"own\",\"64500\",\"RU\"\n", day, host)
			fmt.Fprintf(&b, "\"%s 01:02:03\",\"high\",\"203.0.113.%d\",\"udp\",123,\"canary-host.example\",\"CANARY-tag\",\"64500\",\"RU\"\n", day, 200+host)
		}
		text := b.String()
		_, err := f.w.Intake.Take(f.t.Context(), identity.LocalActor, "shadowserver", []event.Source{{Name: day.String() + "-scan_ntp-ruritania.csv", Size: int64(len(text)),
			Issued: (day + 1).Time(), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, nil)
		f.must(err)
	}
	f.must(f.w.Drain(f.t.Context()))
}

// tell has Alpha and Bravo told of findings that came after the first intake; once.
func (f *full) tell() {
	f.t.Helper()
	if f.made["told"] != "" {
		return
	}
	f.made["told"] = "yes"
	tell(f.t, f.w, "203.0.113.9", "203.0.113.209")
}

// tell lets something critical be reported of hosts today, and has their owners told of it.
func tell(t *testing.T, w *world.World, hosts ...string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Digest.Begin(t.Context(), identity.LocalActor, "shadowserver"))
	today := event.DayOf(w.Clock().Now().UnixMicro())
	var b strings.Builder
	b.WriteString(`"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo"` + "\n")
	for _, host := range hosts {
		fmt.Fprintf(&b, "\"%s 00:00:01\",\"critical\",%q,\"udp\",123,\"\",\"own\",\"64500\",\"RU\"\n", today, host)
	}
	text := b.String()
	_, err := w.Intake.Take(t.Context(), identity.LocalActor, "shadowserver", []event.Source{{Name: today.String() + "-scan_ntp-ruritania-delta.csv", Size: int64(len(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}}, nil)
	must(err)
	_, err = w.Digest.Collect(t.Context())
	must(err)
	_, err = w.Digest.Dispatch(t.Context())
	must(err)
}

// person makes an account and signs it in.
func (f *full) person(name string, held ...identity.Held) (int64, act.Actor) {
	f.t.Helper()
	id, err := f.w.Identity.Create(f.t.Context(), identity.LocalActor, identity.NewAccount{Login: f.unique("person") + "@people.example", Name: name, Password: password, Roles: held})
	f.must(err)
	a, err := f.w.Identity.Resume(f.t.Context(), f.session(id))
	f.must(err)
	return id, a
}

func (f *full) session(account int64) string {
	f.t.Helper()
	in, err := f.w.Identity.Begin(f.t.Context(), account, "password", identity.Device{})
	f.must(err)
	return in.Secret
}

func (f *full) unique(what string) string { return fmt.Sprintf("%s-%d", what, f.serial.Add(1)) }

// of is whose a thing is: "alpha" or "bravo".
func of(own bool) string {
	if own {
		return "alpha"
	}
	return "bravo"
}

// object gives the name, in an address, of a thing of a kind: the caller's own and Alpha's, or another account's and Bravo's.
// A fresh one is asked for when the request may use it up.
func (f *full) object(kind string, role identity.Role, own, fresh bool) string {
	f.t.Helper()
	key := fmt.Sprint(kind, own, role)
	if id, ok := f.made[key]; ok && !fresh {
		return id
	}
	id := f.make(kind, role, own)
	if !fresh {
		f.made[key] = id
	}
	return id
}

func (f *full) make(kind string, role identity.Role, own bool) string {
	f.t.Helper()
	t, w, ref := f.t, f.w, of(own)
	label := "Alpha thing"
	if !own {
		label = canary + " thing"
	}
	who, account := f.actor[role], f.account[role]
	if !own || role == public {
		who, account = f.bravo, f.bravo.Rights.Account
	}
	num := func(id int64, err error) string {
		f.t.Helper()
		f.must(err)
		return fmt.Sprint(id)
	}
	switch kind {
	case "sitrep": // of nobody's: there is one draft, which the morning may have made
		if _, err := w.Sitreps.Draft(t.Context(), f.root); fault.KindOf(err) != fault.Conflict {
			f.must(err)
		}
		open, _, err := w.Sitreps.List(t.Context(), sitrep.Filter{State: sitrep.Draft, Limit: 1})
		f.must(err)
		return fmt.Sprint(open[0].ID)
	case "told-sitrep": // of nobody's: all constituents may have it. What was the draft is none any more.
		if f.made[kind] != "" {
			return f.made[kind]
		}
		f.made[kind] = f.make("sitrep", role, own)
		maps.DeleteFunc(f.made, func(key, _ string) bool { return strings.HasPrefix(key, "sitrep") })
		var id int64
		fmt.Sscan(f.made[kind], &id)
		green := tlp.Green
		_, err := w.Sitreps.Edit(t.Context(), f.root, id, sitrep.Edit{Language: "en", Label: &green})
		f.must(err)
		_, err = w.Sitreps.Approve(t.Context(), act.Machine, id, 0)
		f.must(err)
		return f.made[kind]
	case "special-cert": // of nobody's: the register is public
		c, err := w.Special.Save(t.Context(), f.root, special.CERT{Name: "CERT of the grids", Organisation: "Grids", Scope: "Grids", Mail: "cert@grids.example"})
		f.must(err)
		return fmt.Sprint(c.ID)
	case "account":
		return num(w.Identity.Create(t.Context(), f.root, identity.NewAccount{Login: f.unique("person") + "@people.example", Name: label, Password: password,
			Roles: []identity.Held{{Role: identity.Member, Constituent: f.ids[ref]}}}))
	case "service":
		return num(w.Identity.Create(t.Context(), f.root, identity.NewAccount{Kind: identity.ServiceAccount, Login: f.unique("service"), Name: label,
			Roles: []identity.Held{{Role: identity.Reader}}}))
	case "service-token":
		service := f.object("service", role, own, false)
		var id int64
		fmt.Sscan(service, &id)
		_, tok, err := w.Identity.Issue(t.Context(), f.root, id, label, []act.Permission{"finding.read"}, time.Now().Add(48*time.Hour))
		f.must(err)
		return fmt.Sprint(tok.ID)
	case "mail-key":
		k, err := w.MailKeys.Generate(t.Context(), f.root, label, f.unique("team")+"@cert.example", signing.DefaultLife)
		f.must(err)
		return k.Fingerprint
	case "mail":
		return fmt.Sprint(f.mail(label))
	case "conversation":
		ticket, err := w.Mailbox.Begin(t.Context(), f.root, f.mail(label))
		f.must(err)
		return ticket
	case "fingerprint":
		return strings.Repeat("ab", 32)
	case "token":
		scope, err := w.Identity.Scopes(t.Context(), account)
		f.must(err)
		_, tok, err := w.Identity.Issue(t.Context(), who, account, label, scope, time.Now().Add(48*time.Hour))
		f.must(err)
		return fmt.Sprint(tok.ID)
	case "passkey":
		f.must(w.Identity.AddPasskey(t.Context(), who, []byte(f.unique("credential")), `{}`, label))
		list, err := w.Identity.Passkeys(t.Context(), account)
		f.must(err)
		return fmt.Sprint(list[len(list)-1].ID)
	case "invitation":
		_, l, err := w.Identity.Invite(t.Context(), f.root, identity.Invitation{Login: f.unique(ref) + "@people.example", Name: label, Role: identity.Member, Constituent: f.ids[ref]})
		f.must(err)
		return fmt.Sprint(l.ID)
	case "link":
		secret, _, err := w.Identity.Invite(t.Context(), f.root, identity.Invitation{Login: f.unique("joins") + "@people.example", Name: "Somebody", Role: identity.Member, Constituent: f.ids["alpha"]})
		f.must(err)
		return secret
	case "affected":
		var id int64
		fmt.Sscan(f.object("case", role, own, false), &id)
		_, err := w.Affected.Add(t.Context(), f.root, id, affected.Affected{Kind: affected.Entity, Constituent: f.ids[ref], Source: affected.ByHand, Why: label})
		f.must(err)
		all, err := w.Affected.List(t.Context(), id)
		f.must(err)
		return fmt.Sprint(all[0].ID)
	case "leak":
		var id int64
		fmt.Sscan(f.object("case", role, own, false), &id)
		domain := map[bool]string{true: "alpha.example", false: "canary-domain.example"}[own]
		l, err := w.Leaks.Load(t.Context(), f.root, leak.Leak{Case: id, Title: label, Told: label, Permit: "The court"}, strings.NewReader("CANARY-nobody@private.example\nsomebody@"+domain+"\n"))
		f.must(err)
		return fmt.Sprint(l.ID)
	case "recovery":
		id, _ := f.person("lost", identity.Held{Role: identity.Reader})
		_, asker := f.person("asks", identity.Held{Role: identity.Administrator})
		return num(w.Identity.AskRecovery(t.Context(), asker, id, "the phone was lost on the way home"))
	case "constituent":
		return fmt.Sprint(f.ids[ref])
	case "ref":
		return ref
	case "contact", "new-contact":
		if kind == "contact" {
			cs, err := w.Constituency.Contacts(t.Context(), f.ids[ref])
			f.must(err)
			return fmt.Sprint(cs[0].ID)
		}
		c, err := w.Constituency.AddContact(t.Context(), f.root, constituency.Contact{Constituent: f.ids[ref], Role: "technical", Name: label, Mail: f.unique("x") + "@" + ref + ".example"})
		f.must(err)
		return fmt.Sprint(c.ID)
	case "asset":
		a, err := w.Constituency.AddAsset(t.Context(), f.root, constituency.Asset{Constituent: f.ids[ref], Kind: constituency.DomainAsset, Value: f.unique("www") + "." + ref + "-assets.example"})
		f.must(err)
		return fmt.Sprint(a.ID)
	case "request":
		asker := f.actor[identity.Manager]
		if !own {
			asker = f.bravo
		}
		q, err := w.Constituency.Propose(t.Context(), asker, f.ids[ref], []constituency.ChangeStep{{Op: constituency.ContactAdd,
			Want: constituency.Record{Role: "technical", Name: label, Mail: f.unique("y") + "@" + ref + ".example"}}}, label)
		f.must(err)
		return fmt.Sprint(q.ID)
	case "finding":
		var page struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		_, body := f.ask(request{method: "GET", path: "/api/findings?owner=" + ref, role: identity.Administrator})
		f.must(json.Unmarshal([]byte(body), &page))
		if len(page.Items) == 0 {
			t.Fatalf("no findings of %s: %s", ref, body)
		}
		return page.Items[0].ID
	case "deed", "note":
		d, err := w.Findings.Rule(t.Context(), f.actor[identity.Analyst], event.Choice{IDs: []string{f.object("finding", role, own, false)}}, event.Decision{Verb: event.AddNote, Reason: label})
		f.must(err)
		return fmt.Sprint(d.ID)
	case "view":
		v, err := w.Views.Save(t.Context(), who, view.View{Name: f.unique(label), Path: "/findings", Query: "severity=high"})
		f.must(err)
		return fmt.Sprint(v.ID)
	case "circle":
		name := f.unique("circle")
		f.must(w.Gate.SaveCircle(t.Context(), f.root, name, label))
		f.must(w.Gate.Join(t.Context(), f.root, name, disclosure.Member{Subject: f.member(own)}))
		return name
	case "member":
		f.must(w.Gate.Join(t.Context(), f.root, f.object("circle", role, own, false), disclosure.Member{Subject: f.member(own)}))
		return f.member(own)
	case "override":
		_, asker := f.person("asks", identity.Held{Role: identity.Duty})
		o, err := w.Gate.RequestOverride(t.Context(), asker, disclosure.Override{Item: "finding:" + disclosure.Ref(f.object("finding", role, own, false)),
			Recipient: f.member(own), Channel: disclosure.Mail, Reason: label + " must know of it today", Hours: 2})
		f.must(err)
		return fmt.Sprint(o.ID)
	case "ledger":
		f.ask(request{method: "GET", path: "/api/portal/findings/export?format=json", role: identity.Manager})
		f.must(w.Gate.Flush(t.Context()))
		es, _, err := w.Gate.Ledger(t.Context(), disclosure.LedgerFilter{Limit: 1})
		f.must(err)
		return fmt.Sprint(es[0].ID)
	case "checkpoint":
		f.ask(request{method: "POST", path: "/api/audit/checkpoints", role: identity.Administrator, body: "{}"})
		_, body := f.ask(request{method: "GET", path: "/api/audit/checkpoints", role: identity.Administrator})
		var out struct {
			Items []struct {
				Size int64 `json:"size"`
			} `json:"items"`
		}
		f.must(json.Unmarshal([]byte(body), &out))
		if len(out.Items) == 0 {
			t.Fatal("no checkpoint: " + body)
		}
		return fmt.Sprint(out.Items[0].Size)
	case "letter":
		var id int64
		l := notify.Letter{Key: f.unique("letter"), Kind: "digest", Constituent: f.ids[ref], To: "abuse@" + ref + ".example", Content: &notify.Content{
			Subject: label, Text: label, Attachments: []mail.Attachment{{Name: "a.csv", Bytes: []byte("a")}}}}
		f.must(w.DB().Act(t.Context(), act.Act{Actor: f.root, Verb: "test.enqueue", Object: "test:1"}, func(tx *db.Tx) (err error) {
			id, err = w.Outbox.Enqueue(tx, l)
			return err
		}))
		return fmt.Sprint(id)
	case "clock":
		r, _, err := w.Incidents.File(t.Context(), f.root, incident.Reporter{Origin: incident.FromPortal, Constituent: f.ids[ref]}, incident.Filing{Title: label, Text: label,
			Aware: w.Clock().Now().UnixMicro(), Details: incident.Details{PersonalData: "yes"}})
		f.must(err)
		sheet, err := w.Deadlines.OfReport(t.Context(), r.ID)
		f.must(err)
		return fmt.Sprint(sheet.Clocks[0].ID)
	case "webhook":
		h, _, err := w.Outbox.AddHook(t.Context(), f.root, notify.Hook{Constituent: f.ids[ref], Name: label, URL: "https://" + ref + ".example/hook"})
		f.must(err)
		return fmt.Sprint(h.ID)
	case "part", "part-file": // a case that the caller takes part in, or Bravo does, and a file of it
		var id int64
		if kind == "part-file" {
			fmt.Sscan(f.object("part", role, own, false), &id)
			e, err := w.Incidents.Keep(t.Context(), f.root, incident.File{Case: id, Name: label}, strings.NewReader(label))
			f.must(err)
			f.must(w.Incidents.ShareFile(t.Context(), f.root, id, e.ID, true))
			return fmt.Sprint(e.ID)
		}
		fmt.Sscan(f.make("case", role, own), &id)
		if a, err := w.Identity.ByID(t.Context(), account); err == nil && !role.Staff() {
			_, err := w.Incidents.Invite(t.Context(), f.root, id, a.Login, w.Clock().Now().Add(48*time.Hour).UnixMicro(), label)
			f.must(err)
		}
		return fmt.Sprint(id)
	case "task":
		var id int64
		fmt.Sscan(f.object("case", role, own, false), &id)
		task, err := w.Incidents.AddTask(t.Context(), f.root, id, incident.Task{Title: label})
		return num(task.ID, err)
	case "report", "own-report", "case", "evidence":
		now := w.Clock().Now().UnixMicro()
		r, _, err := w.Incidents.File(t.Context(), f.root, incident.Reporter{Origin: incident.FromPortal, Constituent: f.ids[ref]}, incident.Filing{Title: label, Text: label, Aware: now})
		f.must(err)
		switch kind {
		case "evidence":
			e, err := w.Incidents.Keep(t.Context(), f.root, incident.File{Report: r.ID, Name: label}, strings.NewReader(label))
			return num(e.ID, err)
		case "case":
			c, err := w.Incidents.Accept(t.Context(), f.root, r.ID, 0, incident.Opening{})
			return num(c.ID, err)
		}
		return fmt.Sprint(r.ID)
	case "own-webhook":
		asker := f.actor[identity.Manager]
		if !own {
			asker = f.bravo
		}
		hs, err := w.Outbox.Hooks(t.Context(), f.ids[ref])
		f.must(err)
		for _, h := range hs { // one has few
			if h.Own {
				f.must(w.Outbox.RemoveHook(t.Context(), f.root, h.ID))
			}
		}
		h, _, err := w.Outbox.AddHook(t.Context(), asker, notify.Hook{Constituent: f.ids[ref], Name: label, URL: "https://" + ref + ".example/hook"})
		f.must(err)
		return fmt.Sprint(h.ID)
	case "feed":
		name := f.unique("feed")
		fd, err := w.Feeds.ByName(t.Context(), "shadowserver")
		f.must(err)
		fd.ID, fd.Name = 0, name
		_, err = w.Feeds.Save(t.Context(), f.root, fd)
		f.must(err)
		return name
	case "digest":
		f.tell()
		ms, _, err := w.Digest.Messages(t.Context(), []int64{f.ids[ref]}, 0, 1)
		f.must(err)
		if len(ms) == 0 {
			t.Fatalf("nothing was told to %s", ref)
		}
		return fmt.Sprint(ms[0].ID)
	case "claim":
		var id int64
		fmt.Sscan(f.object("digest", role, own, false), &id)
		f.must(w.Digest.Answer(t.Context(), identity.LocalActor, id, digest.Reply{Answer: digest.NotOurs, Note: label}))
		as, _, err := w.Digest.Answers(t.Context(), digest.AnswerFilter{Constituent: f.ids[ref], State: digest.ClaimOpen, Limit: 1})
		f.must(err)
		return fmt.Sprint(as[0].ID)
	case "policy":
		p, err := w.Digest.SetPolicy(t.Context(), f.root, digest.Policy{Ref: ref, Type: f.unique("scan"), Severity: digest.AnySeverity, Frequency: digest.Daily, Reason: label})
		f.must(err)
		return fmt.Sprint(p.ID)
	case "suppression":
		s, err := w.Digest.Suppress(t.Context(), f.root, digest.Suppression{Kind: digest.OfFeed, Value: f.unique("none"), Until: event.DayOf(w.Clock().Now().UnixMicro()) + 1, Reason: label})
		f.must(err)
		return fmt.Sprint(s.ID)
	case "upload":
		return path.Base(f.sendFile(identity.Administrator, "/upload", url.Values{"feed": {"shadowserver"}}, "2026-01-01-scan_ssdp-ruritania.csv", "\"timestamp\",\"ip\"\n"))
	case "import":
		if !slices.Contains(role.Permissions(), "constituency.write") {
			role = identity.Administrator
		}
		if !own {
			role = map[bool]identity.Role{true: identity.Duty, false: identity.Administrator}[role == identity.Administrator]
		}
		return path.Base(f.sendFile(role, "/registry/import", url.Values{"mode": {"merge"}}, "registry.json", fullRegistry))
	}
	t.Fatalf("nobody knows how to make a thing of kind %q: say it in full.make", kind)
	return ""
}

func (f *full) member(own bool) string { return fmt.Sprintf("constituent:%d", f.ids[of(own)]) }

// sendFile uploads a file as the browser of a role does and returns where it is led.
func (f *full) sendFile(role identity.Role, to string, fields url.Values, name, text string) string {
	f.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for k, vs := range fields {
		f.must(form.WriteField(k, vs[0]))
	}
	part, err := form.CreateFormFile("file", name)
	f.must(err)
	io.WriteString(part, text)
	f.must(form.Close())
	a, body := f.ask(request{method: "POST", path: to, role: role, body: b.String(), media: form.FormDataContentType()})
	if a.Header.Get("Location") == "" {
		f.t.Fatalf("upload to %s: %d %s", to, a.StatusCode, body)
	}
	return a.Header.Get("Location")
}

// request is one that a role makes.
type request struct {
	method, path, body, media string
	role                      identity.Role
	token                     bool // of the role, rather than a session of its own
}

var noFollow = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

func (f *full) ask(q request) (*http.Response, string) {
	f.t.Helper()
	r, err := http.NewRequest(q.method, f.s.URL()+q.path, strings.NewReader(q.body))
	f.must(err)
	if q.media == "" {
		q.media = "application/x-www-form-urlencoded"
		if strings.HasPrefix(q.path, "/api/") {
			q.media = "application/json"
		}
		if strings.HasPrefix(q.body, "--matrix\r\n") {
			q.media = "multipart/form-data; boundary=matrix"
		}
	}
	r.Header.Set("Content-Type", q.media)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	switch {
	case q.role == public:
	case q.token:
		r.Header.Set("Authorization", "Bearer "+f.token[q.role])
	default:
		r.Header.Set("Cookie", identity.SessionCookie+"="+f.session(f.account[q.role]))
	}
	a, err := noFollow.Do(r)
	f.must(err)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	f.must(err)
	return a, string(b)
}
