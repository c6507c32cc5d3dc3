// Package special keeps the register of special CERTs: the teams of the nation beside the national one, whose they are, whom they serve and
// how they are reached. The register is public; contact data stand in it only when whoever they are of has allowed that. Which constituents
// a CERT looks after is the registry's own matter: see constituency.Constituent.Delegate.
package special

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"tocsin/internal/constituency"
	"tocsin/internal/format/delimited"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/mail/protect"
)

// CERT is one entry of the register as the staff keep it.
type CERT struct {
	ID           int64
	Name         string
	Organisation string // whose CERT it is
	Scope        string // whom it serves
	Mail         string
	Phone        string
	Website      string
	RFC2350      string // URL of its description in the form of RFC 2350
	Fingerprint  string // of the public key, in capital hexadecimal
	Key          string // the public key: armored OpenPGP, or a certificate in PEM
	Note         string // for the staff
	Approved     bool   // mail, phone and key may be published
	Approval     string // who allowed it, and how
	Since        constituency.Day
	Until        constituency.Day // the first day on which it is none any more
	Changed      int64            // UTC microseconds
	ChangedBy    string
	Version      int64
}

// Public is an entry as everybody sees it.
type Public struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	Organisation string `json:"organisation"`
	Scope        string `json:"scope"`
	Website      string `json:"website,omitempty"`
	RFC2350      string `json:"rfc2350,omitempty"`
	Mail         string `json:"mail,omitempty"`
	Phone        string `json:"phone,omitempty"`
	Fingerprint  string `json:"fingerprint,omitempty"`
	Key          string `json:"key,omitempty"`
	Since        string `json:"since,omitempty"`
	Until        string `json:"until,omitempty"`
}

// Public is what everybody may see of the entry.
func (c *CERT) Public() Public {
	p := Public{ID: c.ID, Name: c.Name, Organisation: c.Organisation, Scope: c.Scope, Website: c.Website, RFC2350: c.RFC2350, Since: c.Since.String(), Until: c.Until.String()}
	if c.Approved {
		p.Mail, p.Phone, p.Fingerprint, p.Key = c.Mail, c.Phone, c.Fingerprint, c.Key
	}
	return p
}

// Register is a world's register. It is safe for concurrent use.
type Register struct {
	db    *db.DB
	clock clock.Clock
}

// New returns the register of a world.
func New(d *db.DB, c clock.Clock) *Register { return &Register{d, c} }

// limit bounds the register: a nation has a few dozen.
const limit = 1000

// All lists the register by name, ended ones included.
func (r *Register) All(ctx context.Context) (out []CERT, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = certs(tx)
		return err
	})
	return out, err
}

// Published lists the entries that hold today, as everybody sees them, by name.
func (r *Register) Published(ctx context.Context) ([]Public, error) {
	all, err := r.All(ctx)
	if err != nil {
		return nil, err
	}
	today := constituency.DayOf(r.clock.Now())
	out := []Public{}
	for i := range all {
		if c := &all[i]; c.Since <= today && today < c.Until {
			out = append(out, c.Public())
		}
	}
	return out, nil
}

// ByID is one entry.
func (r *Register) ByID(ctx context.Context, id int64) (c CERT, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		c, err = certByID(tx, id)
		return err
	})
	return c, err
}

// Save enters a CERT (ID 0), or changes one that still has the version. An approval is of the contact data as they were: whoever changes
// those and not the words of the approval takes it back.
func (r *Register) Save(ctx context.Context, by act.Actor, c CERT) (CERT, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	verb := "special.enter"
	if c.ID != 0 {
		verb = "special.change"
	}
	err := r.db.Act(ctx, act.Act{Actor: by, Verb: verb, Object: fmt.Sprintf("special-cert:%d", c.ID)}, func(tx *db.Tx) error {
		if c.ID != 0 {
			before, err := lockCERT(tx, c.ID)
			if err != nil {
				return err
			}
			if before.Version != c.Version {
				return fault.Conflictf("%s was changed by %s meanwhile: look at it again", before.Name, before.ChangedBy)
			}
			if c.Approval == before.Approval && (c.Mail != before.Mail || c.Phone != before.Phone || c.Key != before.Key || c.Fingerprint != before.Fingerprint) {
				c.Approved, c.Approval = false, ""
			}
		} else if n, err := count(tx); err != nil {
			return err
		} else if n >= limit {
			return fault.Conflictf("the register is full: it has %d entries", n)
		}
		c.Version++
		c.Changed, c.ChangedBy = r.clock.Now().UnixMicro(), by.Name
		if err := save(tx, &c); err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]any{"name": c.Name, "approved": c.Approved, "approval": c.Approval})
		tx.Note(fmt.Sprintf("special-cert:%d", c.ID), string(detail))
		return err
	})
	return c, err
}

func (c *CERT) check() error {
	var ps fault.Problems
	bad := func(field, format string, args ...any) {
		ps = append(ps, fault.Problem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	for _, f := range []struct {
		field string
		value *string
		most  int
		need  bool
		lines bool
	}{{"name", &c.Name, 200, true, false}, {"organisation", &c.Organisation, 200, true, false}, {"scope", &c.Scope, 1000, true, true}, {"mail", &c.Mail, 254, false, false},
		{"phone", &c.Phone, 100, false, false}, {"website", &c.Website, 1000, false, false}, {"rfc2350", &c.RFC2350, 1000, false, false},
		{"fingerprint", &c.Fingerprint, 200, false, false}, {"key", &c.Key, 100_000, false, true}, {"note", &c.Note, 10_000, false, true}, {"approval", &c.Approval, 1000, false, false}} {
		*f.value = strings.TrimSpace(strings.ReplaceAll(*f.value, "\r\n", "\n"))
		switch v := *f.value; {
		case f.need && v == "":
			bad(f.field, "is needed")
		case len(v) > f.most:
			bad(f.field, "is longer than %d bytes", f.most)
		case !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && (r != '\n' || !f.lines) || r == 0x7f }):
			bad(f.field, "is no plain text")
		}
	}
	if a, err := mail.ParseAddress(c.Mail); c.Mail != "" && (err != nil || a.Address != c.Mail) {
		bad("mail", "%q is no mail address", c.Mail)
	}
	for field, v := range map[string]string{"website": c.Website, "rfc2350": c.RFC2350} {
		if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil) {
			bad(field, "%q is no web address", v)
		}
	}
	c.key(bad)
	if c.Until == 0 {
		c.Until = constituency.Open
	}
	if c.Since < 0 || c.Until <= c.Since {
		bad("until", "it ends before it begins")
	}
	if c.Approved && c.Approval == "" {
		bad("approval", "say who allowed that the contact data are published, and how")
	}
	if len(ps) > 0 {
		slices.SortStableFunc(ps, func(a, b fault.Problem) int { return strings.Compare(a.Field, b.Field) })
		return ps
	}
	return nil
}

// key checks the public key; its fingerprint follows from it.
func (c *CERT) key(bad func(field, format string, args ...any)) {
	c.Fingerprint = strings.ToUpper(strings.NewReplacer(" ", "", ":", "").Replace(c.Fingerprint))
	if _, err := hex.DecodeString(c.Fingerprint); err != nil {
		bad("fingerprint", "%q is no fingerprint in hexadecimal", c.Fingerprint)
		return
	}
	if c.Key == "" {
		return
	}
	k, err := protect.ParseKey(c.Key)
	switch {
	case err != nil:
		bad("key", "%v", err)
	case c.Fingerprint != "" && c.Fingerprint != k.Fingerprint:
		bad("fingerprint", "the key has the fingerprint %s", k.Fingerprint)
	default:
		c.Fingerprint = k.Fingerprint
	}
}

// Days reads from when until when an entry holds, as YYYY-MM-DD; "" is always and open.
func Days(since, until string) (from, to constituency.Day, err error) {
	var ps fault.Problems
	if from, err = constituency.ParseDay(since, 0); err != nil {
		ps = append(ps, fault.Problem{Field: "since", Message: err.Error()})
	}
	if to, err = constituency.ParseDay(until, constituency.Open); err != nil {
		ps = append(ps, fault.Problem{Field: "until", Message: err.Error()})
	}
	if len(ps) > 0 {
		return 0, 0, ps
	}
	return from, to, nil
}

// WriteCSV writes what everybody may see, one row for each CERT.
func WriteCSV(w io.Writer, ps []Public) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"name", "organisation", "scope", "website", "rfc2350", "mail", "phone", "fingerprint", "since", "until"}); err != nil {
		return err
	}
	for _, p := range ps {
		if err := c.Write(delimited.InertRow([]string{p.Name, p.Organisation, p.Scope, p.Website, p.RFC2350, p.Mail, p.Phone, p.Fingerprint, p.Since, p.Until})); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
