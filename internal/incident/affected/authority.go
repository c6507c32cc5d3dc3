package affected

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/disclosure"
	"tocsin/internal/format/tlp"
	"tocsin/internal/identity"
	"tocsin/internal/incident"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail"
)

// Listing is the list of a case's affected as an authority gets it.
type Listing struct {
	Case     string       `json:"case"`
	Title    string       `json:"title"`
	Type     string       `json:"type"`
	Severity int          `json:"severity"`
	At       string       `json:"at"` // RFC 3339, UTC
	TLP      string       `json:"tlp"`
	Affected []ListedLine `json:"affected"`
}

// ListedLine is one of those affected.
type ListedLine struct {
	Kind    Kind   `json:"kind"`
	Ref     string `json:"ref,omitempty"`
	Name    string `json:"name"`
	Sector  string `json:"sector,omitempty"`
	Persons int64  `json:"persons,omitempty"`
	Why     string `json:"why"`
	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"`
	ToldAt  string `json:"told_at,omitempty"` // RFC 3339, UTC: when first
	Channel string `json:"channel,omitempty"`
}

// Listing makes the list of a case's affected.
func (d *Desk) Listing(ctx context.Context, id int64) (l Listing, err error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return l, err
	}
	all, err := d.List(ctx, id)
	if err != nil {
		return l, err
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return l, err
	}
	l = Listing{Case: c.Number, Title: c.Title, Type: c.Type, Severity: c.Severity, At: stamp(d.now()), TLP: c.Label.String(), Affected: []ListedLine{}}
	for _, a := range all {
		line := ListedLine{Kind: a.Kind, Name: a.Name, Persons: a.Persons, Why: a.Why, State: a.State, Reason: a.Reason}
		if o, ok := dir.ByID(a.Constituent); ok {
			line.Ref, line.Sector = o.Ref, o.Sector
		}
		if len(a.Tellings) > 0 {
			line.ToldAt, line.Channel = stamp(a.Tellings[0].At), a.Tellings[0].Channel
		}
		l.Affected = append(l.Affected, line)
	}
	return l, nil
}

func stamp(at int64) string { return time.UnixMicro(at).UTC().Format(time.RFC3339) }

// CSV is the list as a file for a spreadsheet, which must not take a name for a formula.
func (l Listing) CSV() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"kind", "ref", "name", "sector", "persons", "why", "state", "reason", "told_at", "channel"})
	for _, a := range l.Affected {
		row := []string{string(a.Kind), a.Ref, a.Name, a.Sector, strconv.FormatInt(a.Persons, 10), a.Why, string(a.State), a.Reason, a.ToldAt, a.Channel}
		for i, s := range row {
			if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
				row[i] = "'" + s
			}
		}
		w.Write(row)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// Give sends the list of a case's affected to a competent authority, as CSV and JSON.
func (d *Desk) Give(ctx context.Context, by act.Actor, id, authority int64, label tlp.Label, reason string) (sent int, err error) {
	if !identity.Allowed(by, "incident.rule") {
		return 0, fault.New(fault.Forbidden, "this asks for the permission incident.rule, which you do not have")
	}
	var m mistakes
	m.words("reason", &reason, true)
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return 0, err
	}
	to, ok := dir.ByID(authority)
	if !ok || to.Kind != constituency.Authority {
		m.add("authority", "there is no competent authority with this reference in the registry")
	}
	if label < tlp.Clear || label > tlp.AmberStrict {
		m.add("tlp", "a list by mail needs a label from CLEAR to AMBER+STRICT")
	}
	if err := m.err(); err != nil {
		return 0, err
	}
	list, err := d.Listing(ctx, id)
	if err != nil {
		return 0, err
	}
	if len(list.Affected) == 0 {
		return 0, fault.Conflictf("nobody is affected by the case %s as far as is written down: add them first", list.Case)
	}
	list.TLP = label.String()
	table, err := list.CSV()
	if err != nil {
		return 0, err
	}
	record, _, err := list.In("json")
	if err != nil {
		return 0, err
	}
	profile, _, err := d.Nation.Load(ctx)
	if err != nil {
		return 0, err
	}
	files := []mail.Attachment{{Name: "affected-" + list.Case + ".csv", Type: "text/csv", Bytes: table}, {Name: "affected-" + list.Case + ".json", Type: "application/json", Bytes: record}}
	err = d.act(ctx, by, "affected.give", id, func(tx *db.Tx, c *incident.Case) error {
		sent = 0
		contacts, err := constituency.Reach(tx, authority, constituency.DayOf(d.Clock.Now()))
		if err != nil {
			return err
		}
		desks := constituency.Desks(contacts)
		if len(desks) == 0 {
			return fault.Conflictf("%s has no mail address in the registry", to.Name)
		}
		w := writer{Desk: d, profile: profile, dir: dir, c: c}
		for _, contact := range desks {
			lang := w.language(contact.Language, to.Language)
			p := d.words.In(lang, profile.Location())
			subject := fmt.Sprintf("[%s] %s", c.Ticket(), p.T("list.subject", c.Number))
			body := strings.Join([]string{p.T("notice.greeting", to.Name), p.T("list.lead", profile.Team.Name, c.Number, c.Title, len(list.Affected)), reason,
				signature(p, profile.Team), p.T("notice.tlp", label.String())}, "\n\n") + "\n"
			recipient, mark := disclosure.OfContact(to, contact), disclosure.Marking{Label: label, PAP: c.PAP, Owners: []int64{authority}}
			may, err := d.Gate.Foresee(ctx, recipient, disclosure.Mail, []disclosure.Marking{mark})
			if err != nil {
				return err
			}
			if !may[0] {
				return fault.Conflictf("%s may not be given %s by mail: tell them another way, and record it", contact.Mail, mark)
			}
			sum := sha256.Sum256(append([]byte(strings.ToLower(contact.Mail)), record...))
			number, err := d.Outbox.Enqueue(tx, notify.Letter{Key: fmt.Sprintf("affected:%d:%s", id, hex.EncodeToString(sum[:8])), Kind: ListLetter, Constituent: authority,
				Recipient: recipient, To: contact.Mail, Name: clip(contact.Name, 100), Language: lang, Ticket: c.Ticket(), Object: c.Ref(),
				EncryptionRequired: contact.Encrypt, Asked: true, Content: &notify.Content{Subject: subject, Text: body, Attachments: files, Marking: mark}})
			if err != nil {
				return err
			}
			t := Telling{Case: id, Receiver: authority, Name: to.Name, At: d.now(), By: by.Name, Channel: "mail", Address: contact.Mail, Contact: contact.Role, Letter: number,
				Language: lang, Label: int(label), Lowered: reason, Subject: subject, Text: string(record)}
			if err := d.told(tx, by, c, nil, &t); err != nil {
				return err
			}
			sent++
		}
		return nil
	})
	return sent, err
}

// In is the list in a format, csv or json, with its media type.
func (l Listing) In(format string) (b []byte, kind string, err error) {
	switch format {
	case "csv":
		b, err = l.CSV()
		return b, "text/csv; charset=utf-8", err
	case "json":
		b, err = json.MarshalIndent(l, "", "  ")
		return b, "application/json", err
	}
	return nil, "", fault.NotFoundf("there is no format %q: use csv or json", format)
}

// Authorities are the competent authorities of the registry, by name.
func (d *Desk) Authorities(ctx context.Context) (out []constituency.Listed, err error) {
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range dir.All() {
		if l.Kind == constituency.Authority {
			out = append(out, l)
		}
	}
	return out, nil
}
