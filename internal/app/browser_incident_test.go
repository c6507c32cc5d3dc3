package app_test

import (
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/world"
)

// furnishIncidents files reports, and makes a case of one of them.
func furnishIncidents(t *testing.T, w *world.World, root visitor, at string, own constituency.Listed) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	aware := w.Clock().Now().Add(-3 * time.Hour).UnixMicro()
	file := func(from incident.Reporter, f incident.Filing) incident.Report {
		t.Helper()
		f.Aware = aware
		r, _, err := w.Incidents.File(t.Context(), identity.LocalActor, from, f)
		must(err)
		return r
	}
	first := file(incident.Reporter{Origin: incident.FromPortal, Constituent: own.ID}, incident.Filing{Title: "Ransomware in the control room's office network", Guess: "infected-system",
		Text: "Since four this morning all file shares end in .locked. The plant itself runs. We have unplugged the office network from the control network.\n\nThe note names http://pay.example[.]onion and the address 198.51.100.77.",
		Name: "Night shift", Phone: "+381 11 555 0100", Details: incident.Details{Ongoing: "yes", Systems: "File servers FS1 and FS2, 40 desktop machines", Measures: "Network unplugged", PersonalData: "yes"}})
	_, err := w.Incidents.Keep(t.Context(), identity.LocalActor, incident.File{Report: first.ID, Name: "note.txt", Type: "text/plain"}, strings.NewReader("pay us"))
	must(err)
	_, err = w.Incidents.Add(t.Context(), identity.LocalActor, first.ID, incident.Addition{Via: "portal", Name: "Night shift", Text: "It began with a mail on Friday."})
	must(err)
	file(incident.Reporter{Origin: incident.FromMail}, incident.Filing{Title: "Phishing that pretends to be the tax office", Text: "My customers get these since noon.", Organisation: "Accountants of Zenda", Mail: "office@accountants.example"})
	file(incident.Reporter{Origin: incident.FromPublic, Confirm: true}, incident.Filing{Title: "My web shop shows something else", Text: "It was defaced.", Name: "Zoe", Guess: "unauthorised-information-modification"})
	one := "/reports/" + number(first.ID)
	_, at1 := root.post(t, at, one+"/decide", url.Values{"verb": {"accept"}, "lead": {"1"}})
	root.post(t, at, at1+"/clocks/significant", url.Values{"significant": {"yes"}, "reason": {"The grid's control room stands still."}})
	root.post(t, at, at1+"/notes", url.Values{"kind": {"handover"}, "text": {"The plant calls at six. Backups are from Thursday; the vendor is on the way."}})
	root.post(t, at, at1+"/notes", url.Values{"kind": {"fact"}, "text": {"The mail was opened at the reception."}, "shared": {"1"}})
	root.post(t, at, at1+"/move", url.Values{"to": {"containment"}})
	root.upload(t, at, at1+"/files", "image.dd", "the first disk", url.Values{"file-note": {"Disk of FS1"}})
	root.post(t, at, at1+"/tasks", url.Values{"task": {"Ask the vendor for the key of the backup"}, "assignee": {"me"}, "due": {"2026-01-02"}})
	root.post(t, at, at1+"/tasks", url.Values{"task": {"Block the address at the border"}})
	root.post(t, at, at1+"/tasks/finish", url.Values{"number": {"2"}, "done": {"1"}})
	root.post(t, at, at1+"/indicators", url.Values{"verdict": {"confirmed"}, "pick": {"198.51.100.77"}})
	_, second := root.post(t, at, "/cases/new", url.Values{"title": {"Scanning of water works from one network"}, "tlp": {"TLP:GREEN"}, "lead": {"nobody"}})
	root.post(t, at, at1+"/participants", url.Values{"login": {manager}, "until": {w.Clock().Now().Add(72 * time.Hour).Format(time.DateOnly)}, "note": {"Knows the plant."}})
	root.post(t, at, at1+"/links", url.Values{"kind": {"case"}, "object": {path.Base(second)}})
}
