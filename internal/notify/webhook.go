package notify

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/mail"
)

// A webhook is called as the Standard Webhooks specification says (standardwebhooks.com, 1.0.0): the headers webhook-id,
// webhook-timestamp (Unix seconds) and webhook-signature, which is "v1," and the base64 of HMAC-SHA256 over
// "<id>.<timestamp>.<body>" with the bytes that the secret has after "whsec_" in base64. The receiver refuses a timestamp that is more
// than ReplayWindow off, and an id that it has seen: a retry has the same id and body, and a timestamp of its own.

// ReplayWindow is how far a receiver lets the timestamp of a call be off, in seconds.
const ReplayWindow = 300

// Hook is an address that letters to a constituent are posted to.
type Hook struct {
	ID          int64    `json:"id"`
	Constituent int64    `json:"constituent"`
	Name        string   `json:"name"`
	URL         string   `json:"url"`
	Kinds       []string `json:"kinds" nullable:"false"` // the kinds of letter it takes; empty: all
	Enabled     bool     `json:"enabled"`
	Created     int64    `json:"created"` // UTC microseconds
	Own         bool     `json:"own"`     // somebody of the constituent made it: they may change it, and it leads to public addresses only

	secret string // sealed
}

// Takes tells whether letters of the kind are posted to it.
func (h *Hook) Takes(kind string) bool {
	return h.Enabled && (len(h.Kinds) == 0 || slices.Contains(h.Kinds, kind))
}

func (h *Hook) check() error {
	var ps fault.Problems
	if h.Name == "" || !oneLine(h.Name, 200) {
		ps = append(ps, fault.Problem{Field: "name", Message: "is one line of at most 200 bytes"})
	}
	if err := checkURL(h.URL, h.Own); err != nil {
		ps = append(ps, fault.Problem{Field: "url", Message: err.Error()})
	}
	for _, k := range h.Kinds {
		if !kindName.MatchString(k) {
			ps = append(ps, fault.Problem{Field: "kinds", Message: fmt.Sprintf("%q is no kind of letter", k)})
		}
	}
	if len(h.Kinds) > 50 {
		ps = append(ps, fault.Problem{Field: "kinds", Message: "are more than 50"})
	}
	if len(ps) > 0 {
		return ps
	}
	return nil
}

// checkURL wants https, except on this machine, which strangers may not name; where a name leads is judged when it is called.
func checkURL(s string, stranger bool) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(s) > 2000 || !oneLine(s, 2000) {
		return errors.New("is no web address: want https://host/path")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	local := err == nil && ip.Unmap().IsLoopback() || u.Hostname() == "localhost"
	switch {
	case stranger && local:
	case u.Scheme == "https" && (local || err != nil || egress.Public(ip)):
		return nil
	case u.Scheme == "http" && local:
		return nil
	case u.Scheme == "http":
		return errors.New("webhooks are called by https only")
	}
	return errors.New("leads to no public address")
}

func host(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), u.Port()))
}

func hookNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != s {
		return 0
	}
	return n
}

func hookMessageID(key string) string {
	sum := sha256.Sum256([]byte("tocsin webhook\x00" + key))
	return "msg_" + hex.EncodeToString(sum[:16])
}

const secretPrefix = "whsec_"

// Sign is the signature of a call, as the header webhook-signature has it.
func Sign(secret, id string, timestamp int64, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil || len(key) < 16 {
		return "", errors.New("the secret of the webhook is damaged")
	}
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "%s.%d.", id, timestamp)
	m.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)), nil
}

// maxOwn is how many webhooks a constituent may make itself.
const maxOwn = 10

// outsider tells whether an actor is of a constituent and not of the staff.
func outsider(a act.Actor) bool {
	return a.Kind != act.Local && a.Kind != act.System && (a.Rights == nil || !a.Rights.Staff)
}

// mine finds a webhook that the actor may change: the staff any, a constituent those that it made. Others' are not there.
func mine(tx *db.Tx, a act.Actor, id int64) (Hook, error) {
	h, err := hookByID(tx, id)
	if err == nil && outsider(a) && !(h.Own && a.Rights.Covers(h.Constituent)) {
		return h, fault.NotFoundf("there is no webhook %d", id)
	}
	return h, err
}

// AddHook makes a webhook and returns its secret, which is not shown again. The staff makes them for anybody, others for whom they act for.
func (o *Outbox) AddHook(ctx context.Context, actor act.Actor, h Hook) (Hook, string, error) {
	h.Name, h.URL, h.Enabled = strings.TrimSpace(h.Name), strings.TrimSpace(h.URL), true
	h.Created, h.Own = o.Clock.Now().UnixMicro(), outsider(actor)
	if h.Own && !actor.Rights.Covers(h.Constituent) {
		return h, "", fault.NotFoundf("there is no constituent %d", h.Constituent)
	}
	if err := h.check(); err != nil {
		return h, "", err
	}
	d, err := o.Gate.Constituency.Directory(ctx)
	if err != nil {
		return h, "", err
	}
	if _, ok := d.ByID(h.Constituent); !ok {
		return h, "", fault.NotFoundf("there is no constituent %d", h.Constituent)
	}
	var b [32]byte
	rand.Read(b[:])
	secret := secretPrefix + base64.StdEncoding.EncodeToString(b[:])
	detail, err := json.Marshal(map[string]any{"name": h.Name, "url": h.URL, "constituent": h.Constituent, "kinds": h.Kinds})
	if err != nil {
		return h, "", err
	}
	err = o.DB.Act(ctx, act.Act{Actor: actor, Verb: "webhook.create", Detail: string(detail)}, func(tx *db.Tx) error {
		all, err := hooks(tx, h.Constituent)
		if err != nil {
			return err
		}
		if own := slices.DeleteFunc(all, func(x Hook) bool { return !x.Own }); h.Own && len(own) >= maxOwn {
			return fault.Conflictf("there are %d webhooks already: remove one", len(own))
		}
		if h.ID, err = insertHook(tx, h); err != nil {
			return err
		}
		tx.Note(h.object(), "")
		return saveSecret(tx, h.ID, o.Seal.Lock(secret, h.object()))
	})
	return h, secret, err
}

func (h *Hook) object() string { return fmt.Sprintf("webhook:%d", h.ID) }

// EnableHook lets a webhook be called, or not. Letters to one that is not enabled are given up, and can be sent again.
func (o *Outbox) EnableHook(ctx context.Context, actor act.Actor, id int64, enabled bool) error {
	h := Hook{ID: id}
	verb := map[bool]string{true: "webhook.enable", false: "webhook.disable"}[enabled]
	return o.DB.Act(ctx, act.Act{Actor: actor, Verb: verb, Object: h.object()}, func(tx *db.Tx) error {
		if _, err := mine(tx, actor, id); err != nil {
			return err
		}
		return enableHook(tx, id, enabled)
	})
}

// RemoveHook removes a webhook; its letters that are not handed over yet are cancelled.
func (o *Outbox) RemoveHook(ctx context.Context, actor act.Actor, id int64) error {
	h := Hook{ID: id}
	return o.DB.Act(ctx, act.Act{Actor: actor, Verb: "webhook.delete", Object: h.object()}, func(tx *db.Tx) error {
		if _, err := mine(tx, actor, id); err != nil {
			return err
		}
		return removeHook(tx, id, o.Clock.Now().UnixMicro())
	})
}

// HookByID finds a webhook.
func (o *Outbox) HookByID(ctx context.Context, id int64) (h Hook, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		h, err = hookByID(tx, id)
		return err
	})
	return h, err
}

// Hooks lists the webhooks of a constituent by number, 0 those of all; at most 1,000.
func (o *Outbox) Hooks(ctx context.Context, constituent int64) (hs []Hook, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		hs, err = hooks(tx, constituent)
		return err
	})
	return hs, err
}

// HooksOf lists, in the caller's transaction, the webhooks of a constituent that take letters of a kind: enqueue one for each.
func HooksOf(tx *db.Tx, constituent int64, kind string) ([]Hook, error) {
	hs, err := hooks(tx, constituent)
	return slices.DeleteFunc(hs, func(h Hook) bool { return constituent == 0 || !h.Takes(kind) }), err
}

// hookRefusal is what a webhook says to one letter.
type hookRefusal struct {
	err     error
	forGood bool
}

func (r *hookRefusal) Error() string { return r.err.Error() }
func (r *hookRefusal) Unwrap() error { return r.err }

// maxAnswer bounds what a webhook may answer; nobody reads it.
const maxAnswer = 64 << 10

// call posts a letter to its webhook.
func (o *Outbox) call(ctx context.Context, l *Letter, cleared egress.Cleared[mail.Raw]) error {
	m, _, err := cleared.Open()
	if err != nil {
		return err
	}
	h, err := o.HookByID(ctx, hookNumber(l.To))
	if err != nil {
		return &hookRefusal{err, fault.KindOf(err) == fault.NotFound}
	}
	if !h.Enabled || o.Client == nil {
		return &hookRefusal{errors.New("the webhook is switched off"), true}
	}
	secret, err := o.Seal.Unlock(h.secret, h.object())
	if err != nil {
		return &hookRefusal{err, true}
	}
	at := o.Real.Now().Unix()
	signature, err := Sign(secret, l.MessageID, at, m.Bytes)
	if err != nil {
		return &hookRefusal{err, true}
	}
	_, _, err = o.Client.Bytes(ctx, fetch.Request{Method: "POST", URL: h.URL, Body: m.Bytes, Public: h.Own, Header: map[string]string{
		"Content-Type": "application/json", "webhook-id": l.MessageID, "webhook-timestamp": strconv.FormatInt(at, 10), "webhook-signature": signature,
	}}, maxAnswer)
	var se *fetch.StatusError
	if errors.As(err, &se) {
		// 410 says that the hook is gone, the others that this very body is wrong; anything else may pass.
		return &hookRefusal{fmt.Errorf("the webhook answered %d", se.Status), slices.Contains([]int{400, 410, 413, 422}, se.Status)}
	}
	return err
}
