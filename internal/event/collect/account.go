package collect

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
	"tocsin/internal/platform/spool"
)

// account speaks Shadowserver's reports API (https://github.com/The-Shadowserver-Foundation/api_utils/wiki): every call is
// a POST of a JSON object with the key, signed in the header HMAC2 by the hex HMAC-SHA256 of the body.
type account struct {
	client    *fetch.Client
	base      string
	downloads string // "" asks reports/download
	key       string
	secret    []byte
	reports   []string
	limit     int // of a list
}

// listed is one report that can be downloaded.
type listed struct {
	ID        string `json:"id"`
	File      string `json:"file"`
	Report    string `json:"report"` // the subscription
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
	URL       string `json:"url"`

	issued time.Time
}

const (
	apiListLimit = 10_000 // the most the API gives at once
	apiMaxAnswer = 64 << 20
)

func newAccount(client *fetch.Client, src feed.APISource) (*account, error) {
	key, err := reveal("the API key", src.Key)
	if err != nil {
		return nil, err
	}
	secret, err := reveal("the API secret", src.Secret)
	if err != nil {
		return nil, err
	}
	return &account{client, src.BaseURL(), src.DownloadURL(), key, []byte(secret), src.Reports, apiListLimit}, nil
}

// request is a signed call.
func (a *account) request(method string, fields map[string]any) (fetch.Request, error) {
	fields["apikey"] = a.key
	body, err := json.Marshal(fields)
	if err != nil {
		return fetch.Request{}, err
	}
	mac := hmac.New(sha256.New, a.secret)
	mac.Write(body)
	return fetch.Request{Method: "POST", URL: a.base + method, Body: body, Header: map[string]string{
		"HMAC2": hex.EncodeToString(mac.Sum(nil)), "Content-Type": "application/json"}}, nil
}

func (a *account) call(ctx context.Context, method string, fields map[string]any) ([]byte, error) {
	q, err := a.request(method, fields)
	if err != nil {
		return nil, err
	}
	body, _, err := a.client.Bytes(ctx, q, apiMaxAnswer)
	if err != nil {
		return nil, a.explain(err)
	}
	return body, nil
}

// explain says what to do about a refusal.
func (a *account) explain(err error) error {
	var status *fetch.StatusError
	if errors.As(err, &status) && (status.Status == 401 || status.Status == 403) {
		return fault.Invalidf("the reports API refuses the key or the secret: check both in the feed's collector (%w)", err)
	}
	return err
}

// list gives what can be downloaded of the report days from to until, both included. whole is false when the API would not
// give all, even in parts: it cuts a list at its limit without saying so, and a day is the smallest range, a type of one
// day the smallest part.
func (a *account) list(ctx context.Context, from, to int64) (reports []listed, whole bool, err error) {
	got, err := a.part(ctx, map[string]any{"date": dateRange(from, to)})
	if err != nil {
		return nil, false, err
	}
	if len(got) < a.limit {
		return got, true, nil
	}
	if from == to {
		return a.byType(ctx, from, got)
	}
	middle := from + (to-from)/2
	first, whole1, err := a.list(ctx, from, middle)
	if err != nil {
		return nil, false, err
	}
	second, whole2, err := a.list(ctx, middle+1, to)
	return append(first, second...), whole1 && whole2, err
}

// byType lists a day type by type, because at once it is too long.
func (a *account) byType(ctx context.Context, day int64, all []listed) (reports []listed, whole bool, err error) {
	body, err := a.call(ctx, "reports/types", map[string]any{"date": feed.Date(day)})
	if err != nil {
		return nil, false, err
	}
	var types []string
	if err := json.Unmarshal(body, &types); err != nil {
		return all, false, nil // a list is all there is
	}
	whole = true
	for _, t := range types {
		part, err := a.part(ctx, map[string]any{"date": feed.Date(day), "type": t})
		if err != nil {
			return nil, false, err
		}
		whole = whole && len(part) < a.limit
		all = append(all, part...)
	}
	slices.SortFunc(all, func(x, y listed) int { return strings.Compare(x.ID, y.ID) })
	return slices.CompactFunc(all, func(x, y listed) bool { return x.ID == y.ID }), whole, nil
}

func (a *account) part(ctx context.Context, fields map[string]any) ([]listed, error) {
	fields["limit"] = a.limit
	if len(a.reports) > 0 {
		fields["reports"] = a.reports
	}
	body, err := a.call(ctx, "reports/list", fields)
	if err != nil {
		return nil, err
	}
	return parseListing(body)
}

// parseListing reads the answer of reports/list. Entries without an id or a usable file name are left out.
func parseListing(body []byte) ([]listed, error) {
	var all []listed
	if err := json.Unmarshal(body, &all); err != nil {
		var said struct {
			Error   string `json:"error"`
			Message string `json:"message"`
		}
		if json.Unmarshal(body, &said) == nil && said.Error+said.Message != "" {
			return nil, fault.Invalidf("the reports API says: %.300s", strings.ToValidUTF8(said.Error+said.Message, "\uFFFD"))
		}
		return nil, fault.New(fault.Unavailable, "the reports API did not answer with a list of reports: %w", err)
	}
	out := all[:0]
	for _, l := range all {
		if l.ID == "" || l.File == "" || strings.ContainsAny(l.File, "/\\\x00") || len(l.File) > 255 {
			continue
		}
		l.issued = parseIssued(l.Timestamp)
		out = append(out, l)
	}
	return out, nil
}

// parseIssued reads a time in UTC; what is none is the zero time.
func parseIssued(s string) time.Time {
	for _, layout := range []string{time.DateTime, time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// download gets one report whole.
func (a *account) download(ctx context.Context, l listed) (*spool.File, error) {
	q := fetch.Request{URL: a.downloads + url.PathEscape(l.ID)}
	if a.downloads == "" {
		var err error
		if q, err = a.request("reports/download", map[string]any{"id": l.ID}); err != nil {
			return nil, err
		}
	}
	f, r, err := a.client.File(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", l.File, a.explain(err))
	}
	if f == nil || f.Size() == 0 || strings.HasPrefix(r.ContentType, "text/html") || saysError(f, r) {
		if f != nil {
			f.Close()
		}
		return nil, fault.New(fault.Unavailable, "download %s: what came is no report: empty, a page or an error message", l.File)
	}
	return f, nil
}

// saysError tells a short JSON object from a report: the API may say what went wrong with a status of success.
func saysError(f *spool.File, r fetch.Response) bool {
	if f.Size() > 4096 || !strings.Contains(r.ContentType, "json") {
		return false
	}
	body, err := f.Open()
	if err != nil {
		return true
	}
	defer body.Close()
	var b [1]byte
	n, _ := body.Read(b[:])
	return n == 1 && bytes.ContainsAny(b[:], "{")
}

func dateRange(from, to int64) string {
	if from == to {
		return feed.Date(from)
	}
	return feed.Date(from) + ":" + feed.Date(to)
}
