package digest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tocsin/internal/disclosure"
	"tocsin/internal/event/feed"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

// receiver is the system of a constituent: it takes calls that are signed with its secret, and each id once.
type receiver struct {
	secret string

	mu    sync.Mutex
	seen  map[string]bool
	taken []string
	wrong []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	when, err := strconv.ParseInt(at, 10, 64)
	want, signing := notify.Sign(r.secret, id, when, body)
	switch {
	case err != nil || signing != nil || req.Header.Get("webhook-signature") != want || r.seen[id]:
		r.wrong = append(r.wrong, id+" "+at)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.seen[id] = true
	r.taken = append(r.taken, string(body))
}

func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.taken...)
}

// receive makes a webhook of a constituent that a loopback server answers.
func (w *town) receive(ref string, kinds ...string) (*receiver, notify.Hook) {
	w.t.Helper()
	r := &receiver{seen: map[string]bool{}}
	s := httptest.NewServer(r)
	w.t.Cleanup(s.Close)
	h, secret, err := w.Outbox.AddHook(context.Background(), officer, notify.Hook{Constituent: w.ids[ref], Name: "SIEM", URL: s.URL + "/in", Kinds: kinds})
	w.ok(err)
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err != nil || len(key) != 32 {
		w.t.Fatalf("secret %q", secret)
	}
	r.secret = secret
	return r, h
}

// by sets the channel of a constituent.
func (w *town) by(ref, channel string) {
	w.t.Helper()
	s := DefaultSetting(w.ids[ref])
	s.Channel = channel
	w.ok(w.Set(context.Background(), officer, s))
}

// work lets the outbox work until a condition holds.
func (w *town) work(until func() bool) {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Outbox.Work(ctx); close(done) }()
	defer func() { stop(); <-done }()
	for deadline := time.After(time.Minute); !until(); {
		select {
		case <-deadline:
			w.t.Fatal("it did not come to that within a minute")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestWebhookGetsTheDigestSignedThroughTheGateAndTheLedger(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		r, h := w.receive("isp", "digest")
		w.by("isp", ByBoth)
		w.ok(w.Outbox.Start(ctx, officer, "the first day"))
		w.next(1)
		w.report("scan_ftp", "203.0.113.1 21 high", "203.0.113.9 21 high", "203.0.114.9 21 high")
		w.collect()
		w.clock.Set(w.clock.Now().Add(time.Hour))
		w.tell()
		held := func() bool {
			ls, _, err := w.Outbox.List(ctx, notify.Filter{State: notify.Held, Constituent: w.ids["isp"]})
			w.ok(err)
			return len(ls) == 2
		}
		w.work(held)
		if len(r.all()) != 0 {
			t.Fatal("it was called before its release")
		}
		_, err := w.Outbox.ReleaseAll(ctx, officer)
		w.ok(err)
		w.work(func() bool { return len(r.all()) == 1 && len(w.server.Got()) >= 1 })
		var c Call
		d := json.NewDecoder(strings.NewReader(r.all()[0]))
		d.DisallowUnknownFields()
		w.ok(d.Decode(&c))
		if c.Version != 1 || c.Type != "digest" || c.Ticket == "" || c.Constituent.Ref != "isp" || c.Marking != "TLP:AMBER" || c.Urgent || c.Counts != (CallCounts{New: 2}) || len(c.Types) != 1 || c.Types[0].Advice == "" {
			t.Errorf("call %+v", c)
		}
		if c.Answer == nil || !strings.HasPrefix(c.Answer.URL, "https://cert.example/answer/") {
			t.Fatalf("answer %+v", c.Answer)
		}
		if _, err := w.Link(ctx, strings.TrimPrefix(c.Answer.URL, "https://cert.example/answer/")); err != nil {
			t.Errorf("the link does not work: %v", err)
		}
		if f := c.Findings[0]; len(c.Findings) != 2 || f.IP != "203.0.113.9" || *f.Port != 21 || f.Change != "new" || f.Severity != "high" || f.Owner == nil || f.Owner.Ref != "hospital" || c.Findings[1].Owner != nil {
			t.Errorf("findings %+v", c.Findings)
		}
		ls, _, err := w.Outbox.List(ctx, notify.Filter{Constituent: w.ids["isp"], State: notify.Handed})
		w.ok(err)
		es, _, err := w.Gate.Ledger(ctx, disclosure.LedgerFilter{Limit: 10})
		w.ok(err)
		ledger := map[int64]disclosure.Channel{}
		for _, e := range es {
			ledger[e.ID] = e.Channel
		}
		for _, l := range ls {
			if l.Channel == disclosure.Webhook && ledger[l.Ledger] != disclosure.Webhook {
				t.Errorf("the ledger has %q for the call", ledger[l.Ledger])
			}
		}
		if len(r.wrong) > 0 {
			t.Errorf("calls that the receiver refuses: %v", r.wrong)
		}
		_, err = w.Outbox.TestHook(ctx, officer, h.ID)
		w.ok(err)
		w.work(func() bool { return len(r.all()) == 2 })
		if !strings.Contains(r.all()[1], `"type":"test"`) || strings.Contains(r.all()[1], "203.0.113") {
			t.Errorf("the test says %s", r.all()[1])
		}
	})
}

func TestWebhookOnlyMeansNoMailUnlessNoWebhookIsLeft(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		s := DefaultSetting(w.ids["clinic"])
		if s.Channel = ByWebhook; fault.KindOf(w.Set(ctx, officer, s)) != fault.Invalid {
			t.Error("a channel that leads nowhere is taken")
		}
		_, h := w.receive("clinic")
		w.by("clinic", ByWebhook)
		w.next(1)
		w.report("scan_ftp", "198.51.100.1 21 critical", "198.51.100.3 21 critical")
		if w.tell() != 1 {
			t.Fatal("nothing was told")
		}
		if ls := w.letters("clinic"); len(ls) != 1 || ls[0].Channel != disclosure.Webhook || !strings.Contains(ls[0].Text, "198.51.100.3") {
			t.Fatalf("letters %v", ls)
		}
		w.ok(w.Outbox.EnableHook(ctx, officer, h.ID, false))
		w.report("scan_smb", "198.51.100.3 445 critical")
		if w.tell() != 1 {
			t.Fatal("nothing was told")
		}
		if ls := w.letters("clinic"); len(ls) != 1 || ls[0].To != "it@clinic.example" {
			t.Errorf("letters %v", ls)
		}
	})
}

func TestCallSaysOnlyWhatTheGateLetsOutByWebhook(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.settled()
		w.receive("clinic")
		w.by("clinic", ByBoth)
		w.next(1)
		w.report("scan_ftp", "198.51.100.1 21 critical", "198.51.100.3 21 critical")
		w.collect()
		c, err := w.PreviewCall(ctx, w.ids["clinic"])
		w.ok(err)
		if len(c.Findings) != 1 || !strings.HasSuffix(c.Answer.URL, "/…") {
			t.Errorf("preview %+v", c)
		}
		f, err := w.Feeds.ByName(ctx, "shadowserver")
		w.ok(err)
		f.Audience = feed.StaffOnly
		_, err = w.Feeds.Save(ctx, officer, f)
		w.ok(err)
		if c, err = w.PreviewCall(ctx, w.ids["clinic"]); err != nil || len(c.Findings) != 0 {
			t.Errorf("what is for the staff only would be called: %+v, %v", c, err)
		}
		if w.tell() != 0 {
			t.Error("it was told")
		}
	})
}

func TestConstituentChangesOnlyItsOwnWebhooksAndNamesNoMachineInside(t *testing.T) {
	eachTown(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		_, made := w.receive("clinic")
		clinic := act.Actor{Kind: act.Person, ID: "7", Name: "Clinic", Rights: &act.Rights{Constituents: []int64{w.ids["clinic"]}}}
		own := notify.Hook{Constituent: w.ids["clinic"], Name: "Ours", URL: "https://siem.clinic.example/in"}
		h, _, err := w.Outbox.AddHook(ctx, clinic, own)
		w.ok(err)
		for _, url := range []string{"https://127.0.0.1/", "http://127.0.0.1:8080/", "https://localhost/", "https://10.0.0.1/", "https://[::1]/"} {
			x := own
			x.URL = url
			if _, _, err := w.Outbox.AddHook(ctx, clinic, x); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", url, err)
			}
		}
		other := own
		other.Constituent = w.ids["isp"]
		_, _, err = w.Outbox.AddHook(ctx, clinic, other)
		for what, err := range map[string]error{"another's": err, "one of the staff's": w.Outbox.RemoveHook(ctx, clinic, made.ID),
			"switching one of the staff's": w.Outbox.EnableHook(ctx, clinic, made.ID, false)} {
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := w.Outbox.TestHook(ctx, clinic, made.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("testing one of the staff's: %v", err)
		}
		_, err = w.Outbox.TestHook(ctx, clinic, h.ID)
		w.ok(err)
		w.ok(w.Outbox.RemoveHook(ctx, clinic, h.ID))
		for range 10 {
			_, _, err = w.Outbox.AddHook(ctx, clinic, own)
			w.ok(err)
		}
		if _, _, err = w.Outbox.AddHook(ctx, clinic, own); fault.KindOf(err) != fault.Conflict {
			t.Errorf("the eleventh: %v", err)
		}
	})
}
