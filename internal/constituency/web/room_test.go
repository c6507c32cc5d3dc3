package web_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tocsin/internal/audit"
	"tocsin/internal/constituency"
	room "tocsin/internal/constituency/web"
	"tocsin/internal/nation"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/web"
	"tocsin/internal/platform/web/webtest"
)

type console struct {
	*testing.T
	app   http.Handler
	store *constituency.Store
}

func each(t *testing.T, fn func(c *console)) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(now), func(t *testing.T, d *db.DB) {
		s, n := constituency.NewStore(d, now), nation.NewStore(d)
		b, err := nation.Shipped("ruritania")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Set(context.Background(), act.Machine, "ruritania.toml", b); err != nil {
			t.Fatal(err)
		}
		a, err := web.New(web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1", Clock: now,
			Actor: func(*http.Request) act.Actor {
				return act.Actor{Kind: act.Local, ID: "local", Rights: &act.Rights{Staff: true}}
			},
			Allowed: func(act.Actor, act.Permission) bool { return true }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}, room.Room(s, n, toldLast))
		if err != nil {
			t.Fatal(err)
		}
		fn(&console{t, a, s})
	})
}

func (c *console) do(r *http.Request, status int, parts ...string) *httptest.ResponseRecorder {
	c.Helper()
	w := httptest.NewRecorder()
	c.app.ServeHTTP(w, r)
	if w.Code != status {
		c.Errorf("%s %s: %d, want %d: %s", r.Method, r.URL, w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			c.Errorf("%s %s: %q is missing: %s", r.Method, r.URL, p, w.Body)
		}
	}
	return w
}

func (c *console) get(target string, status int, parts ...string) {
	c.Helper()
	c.do(httptest.NewRequest("GET", target, nil), status, parts...)
}

func (c *console) post(target string, status int, values map[string]string, parts ...string) string {
	c.Helper()
	form := url.Values{}
	for k, v := range values {
		form.Set(k, v)
	}
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.do(r, status, parts...).Header().Get("Location")
}

func (c *console) upload(status int, mode, name, text string, parts ...string) string {
	c.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	w.WriteField("mode", mode)
	f, err := w.CreateFormFile("file", name)
	if err != nil {
		c.Fatal(err)
	}
	fmt.Fprint(f, text)
	w.Close()
	r := httptest.NewRequest("POST", "/registry/import", &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return c.do(r, status, parts...).Header().Get("Location")
}

func TestRoomKeepsTheRules(t *testing.T) {
	webtest.Check(t, room.Room(nil, nil, nil), "told.answer.", "kind.", "source.", "role.", "asset.", "record.", "op.", "rule.", "conflict.kind.",
		"list.all", "list.none", "list.none-text", "list.nothing", "list.nothing-text", "list.clear", "contact.no-clearance",
		"contact.added", "contact.ended", "asset.added", "asset.ended", "edit.no-sector", "edit.created", "edit.saved", "edit.retired",
		"import.choose", "import.done", "import.mode.", "key.", "key.state.", "key.saved", "key.trouble", "request.state.", "request.approved", "request.refused", "step.", "objection.", "field.", constituency.LostWeakerRule, constituency.LostLessSpecific,
		constituency.LostAutomatic, constituency.LostNameFirst, constituency.LostSameOwner, constituency.InvalidThen)
}

const registry = `{"constituents":[
 {"ref":"cert","name":"Energy CERT","kind":"sector-cert"},
 {"ref":"grid","name":"Grid <b>","kind":"operator","sector":"energy","designation":"special-importance","delegate":"cert",
  "contacts":[{"role":"security","mail":"soc@grid.example","clearance":"RED","keys":[{"type":"openpgp","fingerprint":"AB"}]}],
  "assets":[{"kind":"prefix","value":"198.51.100.0/24"},{"kind":"asn","value":"AS64500"}]},
 {"ref":"north","name":"North","parent":"grid","sector":"moon","assets":[{"kind":"asn","value":"AS64500"}]}]}`

func TestRegistryIsImportedAfterALook(t *testing.T) {
	each(t, func(c *console) {
		c.get("/constituents", 200, "There are no constituents yet")
		c.get("/registry/import", 200, "Show what it changes")
		c.upload(400, "merge", "x.json", `{"constituents":[{"ref":"?"}]}`, "x.json:1:25", "is no reference")
		to := c.upload(303, "merge", "x.json", registry)
		c.get(to, 200, "Nothing is changed yet", "Energy CERT", "no sector &#34;moon&#34;")
		c.get("/constituents", 200, "There are no constituents yet")
		c.post(to, 303, nil)
		c.get("/constituents", 200, "Grid &lt;b&gt;", "Operator of special importance", "3 constituents")
		c.get("/constituents?no-contact=1&sector=energy", 200, "Nobody fits")
		c.get("/constituents?delegate=cert&q=north", 200, "1 constituent")
		c.get("/constituents/2", 200, "T-D1", "/digests/messages/7", "3 new, 2 still open, 1 gone", "not ours", "/digests?constituent=grid", "/digests/answers?constituent=grid")
		c.get("/constituents/2", 200, "soc@grid.example", "TLP:RED", "198.51.100.0/24", "Energy CERT", "/findings?owner=grid")
		c.get("/constituents/1", 200, "Delegated to it", "Nobody here can be mailed")
		c.get("/constituents/99", 404)
		c.get("/constituents/grid", 303, "/constituents/2")
		c.get("/constituents/nobody", 404, "nobody")
		c.get("/constituents?sort=-assets", 200, `aria-sort="descending"`)
		c.get("/constituents?sort=colour", 400)
		c.get("/registry/conflicts", 200, "AS64500", "Both are told")
		c.get("/registry/refreshes", 200, "No regional registry")
		c.get("/registry/refreshes/1", 404)
		c.get("/registry/export/json", 200, `"ref":"grid"`)
		c.get("/registry/export/csv", 200, "record,ref")
		c.get("/registry/export/xml", 404)
		c.get("/registry/import/none", 404, "choose the file again")
	})
}

func TestConstituentsAreEditedByHand(t *testing.T) {
	each(t, func(c *console) {
		c.get("/constituents/new?parent=x", 200, `value="x"`)
		c.post("/constituents/new", 400, map[string]string{"ref": "a b", "kind": "isp", "designation": "other"}, "is no reference", "needs a name")
		c.post("/constituents/new", 400, map[string]string{"ref": "a", "name": "A", "parent": "nobody"}, "there is no constituent")
		c.post("/constituents/new", 303, map[string]string{"ref": "a", "name": "A", "kind": "isp", "designation": "other", "sector": "energy"})
		c.post("/constituents/new", 400, map[string]string{"ref": "a", "name": "B", "kind": "isp", "designation": "other"}, "is taken")
		c.get("/constituents/1/edit", 200, `value="A"`, "End the constituent")
		c.post("/constituents/1/edit", 303, map[string]string{"ref": "a", "name": "Anew", "kind": "isp", "designation": "important"})
		c.post("/constituents/1/contacts", 400, map[string]string{"role": "abuse", "mail": "nobody"}, "no mail address")
		c.post("/constituents/1/contacts", 303, map[string]string{"role": "abuse", "mail": "a@b.example", "fingerprint": "AB CD", "key-type": "openpgp"})
		c.post("/constituents/1/assets", 400, map[string]string{"asset-kind": "prefix", "value": "10.0.0.0"}, "has no length")
		c.post("/constituents/1/assets", 303, map[string]string{"asset-kind": "prefix", "value": "198.51.100.0/24", "asset-from": "2020-01-01", "also_notify": "1"})
		c.get("/constituents/1", 200, "Anew", "a@b.example", "from 2020-01-01", "Important entity")
		c.get("/why", 200, "Subject")
		c.get("/why?q=198.51.100.9", 200, "Anew", "longest prefix entered here")
		c.get("/why?q=198.51.100.9&at=2019-05-05", 200, "nothing matched", "not valid at that time")
		c.get("/why?q=198.51.100.9&at=lunch", 200, "is no time")
		c.get("/why?q=%3Cscript%3E", 200, "&lt;script&gt;")
		c.post("/constituents/1/contacts/1/end", 303, nil)
		c.post("/constituents/1/assets/1/end", 303, nil)
		c.post("/constituents/1/assets/7/end", 404, nil)
		c.get("/constituents/1?ended=1", 200, "2020-01-01 to 2026-03-01")
		c.post("/constituents/1/retire", 400, map[string]string{"retire-on": "soon"}, "is no date")
		c.post("/constituents/1/retire", 303, map[string]string{"retire-on": "2026-03-01"})
		c.get("/constituents/1", 200, "not valid today")
		c.get("/constituents", 200, "Nobody fits")
	})
}

func TestChangeRequestsAreDecided(t *testing.T) {
	each(t, func(c *console) {
		c.upload(303, "merge", "x.json", registry)
		c.get("/registry/requests", 200, "Nobody asks for anything")
		to := c.upload(303, "merge", "x.json", registry)
		c.post(to, 303, nil)
		ctx := context.Background()
		who := act.Actor{Kind: act.Person, ID: "5", Name: "Vera <i>", Rights: &act.Rights{Constituents: []int64{3}}}
		for range 2 {
			if _, err := c.store.Propose(ctx, who, 3, []constituency.ChangeStep{
				{Op: constituency.AssetAdd, Want: constituency.Record{Kind: constituency.PrefixAsset, Value: "198.51.100.0/25"}},
				{Op: constituency.ConstituentChange, Want: constituency.Record{Name: "North & Sons"}}}, "we grew"); err != nil {
				c.Fatal(err)
			}
		}
		c.get("/registry/requests", 200, "North", "Vera &lt;i&gt;", "new asset", "have not confirmed")
		c.get("/registry/confirmations", 200, "Energy CERT", "never")
		c.get("/registry/requests/1", 200, "we grew", "lies within what another constituent has", "Grid &lt;b&gt;", "North &amp; Sons", "Approve")
		c.get("/registry/requests/9", 404)
		c.post("/registry/requests/1/refuse", 400, nil, "needs a reason")
		c.post("/registry/requests/1/approve", 409, map[string]string{"seen": "0"}, "look at it again")
		r, err := c.store.Review(ctx, 1)
		if err != nil {
			c.Fatal(err)
		}
		c.post("/registry/requests/1/approve", 303, map[string]string{"seen": r.Seen})
		c.get("/constituents/3", 200, "North &amp; Sons", "198.51.100.0/25")
		c.get("/registry/requests/2", 200, "has this already", "can no longer be done")
		c.post("/registry/requests/2/refuse", 303, map[string]string{"reason": "twice"})
		c.get("/registry/requests?state=all", 200, "approved", "refused")
	})
}

// toldLast has something to show of everybody.
func toldLast(context.Context, int64) (room.Told, error) {
	return room.Told{Digests: []room.ToldDigest{{ID: 7, At: 1_700_000_000_000_000, Ticket: "T-D1", Frequency: "daily", Fresh: 3, Still: 2, Gone: 1, Answers: 1}},
		Answers: []room.ToldAnswer{{Digest: 7, At: 1_700_000_100_000_000, Answer: "not-ours", By: "Ana", Findings: 2}}}, nil
}
