package special

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

var (
	officer = act.Actor{Kind: act.Local, ID: "test", Name: "Officer"}
	today   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func entry() CERT {
	return CERT{Name: " CERT of the grids ", Organisation: "Grids", Scope: "Transmission\r\nand distribution", Mail: "cert@grids.example", Phone: "+999 1",
		Website: "https://cert.grids.example", RFC2350: "https://cert.grids.example/rfc2350", Fingerprint: strings.Repeat("ab ", 20), Note: "CANARY of the staff",
		Since: constituency.DayOf(today)}
}

func eachRegister(t *testing.T, fn func(t *testing.T, r *Register, now *clock.Manual, d *db.DB)) {
	dbtest.Each(t, audit.Recorder(clock.Real()), func(t *testing.T, d *db.DB) {
		now := clock.NewManual(today)
		fn(t, New(d, now), now, d)
	})
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestContactDataArePublishedOnlyAsLongAsTheyAreAllowed(t *testing.T) {
	eachRegister(t, func(t *testing.T, r *Register, _ *clock.Manual, d *db.DB) {
		ctx := context.Background()
		c, err := r.Save(ctx, officer, entry())
		ok(t, err)
		published := func() Public {
			t.Helper()
			all, err := r.Published(ctx)
			ok(t, err)
			if len(all) != 1 || all[0].Name != "CERT of the grids" || all[0].Scope != "Transmission\nand distribution" || all[0].RFC2350 == "" {
				t.Fatalf("published: %+v", all)
			}
			return all[0]
		}
		if p := published(); p.Mail+p.Phone+p.Fingerprint+p.Key != "" {
			t.Errorf("nobody allowed it: %+v", p)
		}
		c.Approved = true
		_, err = r.Save(ctx, officer, c)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "say who allowed") {
			t.Errorf("without words: %v", err)
		}
		c.Approval = "Their head, by letter"
		c, err = r.Save(ctx, officer, c)
		ok(t, err)
		if p := published(); p.Mail != "cert@grids.example" || p.Phone != "+999 1" || p.Fingerprint != strings.Repeat("AB", 20) {
			t.Errorf("allowed: %+v", p)
		}
		c.Scope = "Transmission\nand distribution" // no contact data
		c, err = r.Save(ctx, officer, c)
		ok(t, err)
		if !c.Approved {
			t.Error("the approval is lost with other data")
		}
		c.Phone = "+999 2"
		c, err = r.Save(ctx, officer, c)
		ok(t, err)
		if p := published(); c.Approved || c.Approval != "" || p.Phone != "" {
			t.Errorf("the approval was of another number: %+v", c)
		}
		c.Phone, c.Approved, c.Approval = "+999 3", true, "Their head, by phone"
		c, err = r.Save(ctx, officer, c)
		ok(t, err)
		if published().Phone != "+999 3" {
			t.Error("allowed anew, and not published")
		}
		ok(t, d.View(ctx, func(tx *db.Tx) error {
			es, err := audit.Of(tx, "special-cert:1", 10)
			if len(es) != 5 || es[len(es)-1].Verb != "special.enter" && es[0].Verb != "special.enter" {
				t.Errorf("audit: %+v", es)
			}
			return err
		}))
	})
}

func TestOnlyWhatHoldsTodayIsPublished(t *testing.T) {
	eachRegister(t, func(t *testing.T, r *Register, now *clock.Manual, _ *db.DB) {
		ctx := context.Background()
		c := entry()
		c.Since, c.Until = constituency.DayOf(today)+1, constituency.DayOf(today)+3
		_, err := r.Save(ctx, officer, c)
		ok(t, err)
		for day, want := range []int{0, 1, 1, 0} {
			now.Set(today.Add(time.Duration(day) * 24 * time.Hour))
			all, err := r.Published(ctx)
			ok(t, err)
			if len(all) != want {
				t.Errorf("day %d: %+v", day, all)
			}
		}
		if all, err := r.All(ctx); err != nil || len(all) != 1 {
			t.Errorf("the staff see it always: %+v, %v", all, err)
		}
	})
}

func TestTwoPeopleDoNotOverwriteEachOther(t *testing.T) {
	eachRegister(t, func(t *testing.T, r *Register, _ *clock.Manual, _ *db.DB) {
		ctx := context.Background()
		c, err := r.Save(ctx, officer, entry())
		ok(t, err)
		_, err = r.Save(ctx, officer, c)
		ok(t, err)
		if _, err = r.Save(ctx, officer, c); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "changed by Officer meanwhile") {
			t.Errorf("an old version: %v", err)
		}
		if _, err = r.ByID(ctx, 99); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no such entry: %v", err)
		}
		c.ID = 99
		if _, err = r.Save(ctx, officer, c); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no such entry to change: %v", err)
		}
	})
}

func TestWrongEntriesAreRefusedByField(t *testing.T) {
	for want, change := range map[string]func(*CERT){
		"name: is needed":                   func(c *CERT) { c.Name = " " },
		"scope: is longer":                  func(c *CERT) { c.Scope = strings.Repeat("x", 1001) },
		"organisation: is no plain":         func(c *CERT) { c.Organisation = "a\nb" },
		"mail: \"Bob <b@x.example>\" is no": func(c *CERT) { c.Mail = "Bob <b@x.example>" },
		"website: \"javascript:alert(1)\"":  func(c *CERT) { c.Website = "javascript:alert(1)" },
		"rfc2350: \"http://a:b@x/\" is no":  func(c *CERT) { c.RFC2350 = "http://a:b@x/" },
		"fingerprint: \"XYZ\" is no":        func(c *CERT) { c.Fingerprint = "xyz" },
		"key: ":                             func(c *CERT) { c.Key = "-----BEGIN PGP PRIVATE KEY BLOCK-----" },
		"until: it ends before":             func(c *CERT) { c.Until = c.Since },
		"approval: say who":                 func(c *CERT) { c.Approved = true },
	} {
		c := entry()
		change(&c)
		if err := c.check(); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, _, err := Days("soon", "2026-13-01"); err == nil || !strings.Contains(err.Error(), "since: ") || !strings.Contains(err.Error(), "until: ") {
		t.Errorf("days: %v", err)
	}
}

func TestTheFileHasWhatIsPublic(t *testing.T) {
	c := entry()
	ok(t, c.check())
	c.Name = "=HYPERLINK(1)"
	var b bytes.Buffer
	ok(t, WriteCSV(&b, []Public{c.Public()}))
	if got := b.String(); !strings.Contains(got, "\n'=HYPERLINK(1),Grids,") || strings.Contains(got, "cert@") || strings.Contains(got, "CANARY") {
		t.Errorf("%s", got)
	}
}
