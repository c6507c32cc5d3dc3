package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/api"
	"tocsin/internal/platform/fault"
)

type bell struct {
	Name string `json:"name" doc:"What it is called"`
	Tons int    `json:"tons"`
}

type listInput struct {
	api.Paging
	Heavy bool     `query:"heavy" doc:"Only those above ten tons"`
	Tower []string `query:"tower,explode"`
}

type oneInput struct {
	Name string `path:"name"`
}

type castInput struct {
	Body struct {
		Name string `json:"name" minLength:"1"`
	}
}

type uploadInput struct {
	Name  string `query:"name"`
	Files api.Upload
}

type uploaded struct {
	Files map[string]int `json:"files"`
}

func routes() []api.Route {
	return []api.Route{
		api.Operation[listInput, api.Page[bell]]{Method: http.MethodGet, Path: "/api/bells", ID: "list-bells",
			Summary: "List bells", Permission: "bell.read",
			Handle: func(ctx context.Context, c api.Caller, in *listInput) (*api.Page[bell], error) {
				var place struct{ After string }
				if in.Cursor != "" {
					if err := api.ReadCursor(in.Cursor, &place); err != nil {
						return nil, err
					}
				}
				next, err := api.Cursor(struct{ After string }{"Maria"})
				return api.NewPage([]bell{{Name: fmt.Sprint(in.Tower, in.Limit, place.After, c.Actor.ID), Tons: 9}}, next), err
			}},
		api.Operation[oneInput, bell]{Method: http.MethodGet, Path: "/api/bells/{name}", ID: "get-bell",
			Summary: "One bell", Permission: "bell.read",
			Handle: func(ctx context.Context, c api.Caller, in *oneInput) (*bell, error) {
				switch in.Name {
				case "cracked":
					return nil, fault.Problems{{File: "b.csv", Line: 3, Column: 7, Field: "tons", Message: "not a number"}}
				case "broken":
					return nil, errors.New("secret path of a file")
				case "panic":
					panic("it fell down")
				case "stolen":
					return nil, fault.Conflictf("somebody took %s", in.Name)
				}
				return nil, fault.NotFoundf("there is no bell %q", in.Name)
			}},
		api.Operation[castInput, api.Nothing]{Method: http.MethodPost, Path: "/api/bells", ID: "cast-bell",
			Summary: "Cast a bell", Permission: "bell.write", MaxBytes: 200,
			Handle: func(context.Context, api.Caller, *castInput) (*api.Nothing, error) { return nil, nil }},
		api.Operation[uploadInput, uploaded]{Method: http.MethodPost, Path: "/api/upload", ID: "upload",
			Summary: "Upload", Permission: "bell.write", MaxBytes: 1000,
			Handle: func(ctx context.Context, c api.Caller, in *uploadInput) (*uploaded, error) {
				out := uploaded{Files: map[string]int{}}
				err := in.Files.Each(func(name string, r io.Reader) error {
					b, err := io.ReadAll(r)
					out.Files[name] = len(b)
					return err
				})
				return &out, err
			}},
		api.Download[oneInput]{Path: "/api/song/{name}", ID: "song", Summary: "A song", Permission: "bell.read",
			Types: []string{"text/csv"},
			Handle: func(ctx context.Context, c api.Caller, in *oneInput) (*api.Stream, error) {
				return &api.Stream{ContentType: "text/csv", Name: in.Name + ".csv",
					Write: func(ctx context.Context, w io.Writer) error {
						switch in.Name {
						case "early":
							return fault.New(fault.Unavailable, "the ringer sleeps")
						case "late":
							w.Write(bytes.Repeat([]byte("ding,"), 20000))
							return errors.New("the rope broke")
						}
						_, err := io.WriteString(w, "ding,dong\n")
						return err
					}}, nil
			}},
	}
}

func newServer(t *testing.T, log *bytes.Buffer) *httptest.Server {
	t.Helper()
	h, err := api.New(api.Config{Title: "Bells", Version: "1", Description: "About bells.",
		Actor: func(r *http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: r.Header.Get("X-Who")} },
		Allowed: func(a act.Actor, p act.Permission) bool {
			return a.ID == "smith" || p == "bell.read"
		},
		Log: slog.New(slog.NewJSONHandler(log, nil))}, routes()...)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func ask(t *testing.T, s *httptest.Server, method, path, who, contentType, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Who", who)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		b = append(b, "READ ERROR: "+err.Error()...)
	}
	return res, string(b)
}

func problem(t *testing.T, res *http.Response, body string, status int, kind string) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("not a problem: %s", body)
	}
	if res.StatusCode != status || p.Status != status || p.Type != "/api/docs#"+kind || p.Title == "" ||
		res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %s %s, want %d %s", res.StatusCode, res.Header.Get("Content-Type"), body, status, kind)
	}
	return p
}

func TestEveryKindOfFaultIsAProblem(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, &log)
	for _, c := range []struct {
		path   string
		status int
		kind   string
	}{
		{"/api/bells/none", 404, "not-found"}, {"/api/bells/stolen", 409, "conflict"}, {"/api/bells/cracked", 422, "invalid"},
		{"/api/bells/broken", 500, "internal"}, {"/api/bells/panic", 500, "internal"}, {"/api/nowhere", 404, "not-found"},
		{"/api/bells?limit=0", 422, "invalid"}, {"/api/bells?limit=many", 422, "invalid"}, {"/api/bells?heavi=1", 422, "invalid"},
		{"/api/bells?cursor=%21", 422, "invalid"}, {"/api/song/early", 503, "unavailable"},
	} {
		res, body := ask(t, s, "GET", c.path, "smith", "", "")
		p := problem(t, res, body, c.status, c.kind)
		if c.kind == "internal" {
			if strings.Contains(body, "secret") || p.Ref == "" || !strings.Contains(log.String(), p.Ref) {
				t.Errorf("%s: %s, log %s", c.path, body, log.String())
			}
		}
		if c.path == "/api/bells/cracked" && (len(p.Errors) != 1 || p.Errors[0].Line != 3 || p.Errors[0].Field != "tons") {
			t.Errorf("the place is lost: %s", body)
		}
		if c.path == "/api/bells?limit=0" && p.Errors[0].Location != "query.limit" {
			t.Errorf("the place is lost: %s", body)
		}
	}
	if !strings.Contains(log.String(), "secret path of a file") {
		t.Error("an internal error is not logged in full")
	}
	res, body := ask(t, s, "DELETE", "/api/bells", "smith", "", "")
	problem(t, res, body, 405, "invalid")
	if res.Header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow is %q", res.Header.Get("Allow"))
	}
}

func TestACallerWithoutThePermissionIsRefused(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	res, body := ask(t, s, "POST", "/api/bells", "visitor", "application/json", `{"name":"x"}`)
	p := problem(t, res, body, 403, "forbidden")
	if !strings.Contains(p.Detail, "bell.write") {
		t.Errorf("it does not say what is missing: %s", p.Detail)
	}
	if res, body = ask(t, s, "POST", "/api/bells", "smith", "application/json", `{"name":"x"}`); res.StatusCode != 204 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestAPageOfAnotherOriginIsRefused(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	r, _ := http.NewRequest("POST", s.URL+"/api/bells", strings.NewReader(`{"name":"x"}`))
	r.Header.Set("X-Who", "smith")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	problem(t, res, string(body), 403, "forbidden")
}

func TestAddressesThatAreNoTextAreRefused(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, &log)
	for _, path := range []string{"/api/bells/%00", "/api/bells/a%00b", "/api/bells/%FF", "/api/bells/%ED%A0%80", "/api/bells?tower=%00",
		"/api/bells?tower=a%C0", "/api/bells?tower=%", "/api/nowhere/%80"} {
		res, body := ask(t, s, http.MethodGet, path, "ringer", "", "")
		problem(t, res, body, http.StatusBadRequest, "invalid")
	}
	if log.Len() > 0 {
		t.Errorf("the log has %s", log.String())
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	big := `{"name":"` + strings.Repeat("x", 300) + `"}`
	res, body := ask(t, s, "POST", "/api/bells", "smith", "application/json", big)
	problem(t, res, body, 413, "invalid")
	res, body = ask(t, s, "POST", "/api/upload?name=a.csv", "smith", "text/csv", strings.Repeat("x", 2000))
	problem(t, res, body, 422, "invalid")
	res, body = ask(t, s, "POST", "/api/bells", "smith", "application/json", `{"name":`)
	problem(t, res, body, 400, "invalid")
}

func TestPagesGoOnAtTheCursor(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	_, body := ask(t, s, "GET", "/api/bells?tower=a&tower=b", "smith", "", "")
	var p api.Page[bell]
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Items[0].Name != "[a b] 100smith" {
		t.Fatalf("%v %s", err, body)
	}
	_, body = ask(t, s, "GET", "/api/bells?limit=3&cursor="+p.Next, "smith", "", "")
	if !strings.Contains(body, "[] 3Mariasmith") {
		t.Errorf("%s", body)
	}
}

func TestUploadsAreStreamedUnderTheirNames(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for _, n := range []string{"a.csv", "b.csv"} {
		f, _ := w.CreateFormFile("file", n)
		io.WriteString(f, "hello")
	}
	w.Close()
	_, body := ask(t, s, "POST", "/api/upload", "smith", w.FormDataContentType(), form.String())
	if !strings.Contains(body, `{"a.csv":5,"b.csv":5}`) {
		t.Errorf("%s", body)
	}
	_, body = ask(t, s, "POST", "/api/upload?name=..%2Fc.csv", "smith", "text/csv", "abc")
	if !strings.Contains(body, `{"c.csv":3}`) {
		t.Errorf("%s", body)
	}
	res, body := ask(t, s, "POST", "/api/upload", "smith", "text/csv", "abc")
	problem(t, res, body, 422, "invalid")
	cut := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhalf a file\r\n"
	res, body = ask(t, s, "POST", "/api/upload", "smith", "multipart/form-data; boundary=b", cut)
	problem(t, res, body, 422, "invalid")
}

func TestABrokenStreamIsNotTakenForTheWhole(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	res, body := ask(t, s, "GET", "/api/song/short", "smith", "", "")
	if body != "ding,dong\n" || !strings.Contains(res.Header.Get("Content-Disposition"), "short.csv") ||
		res.Header.Get("Content-Type") != "text/csv" {
		t.Errorf("%v %s", res.Header, body)
	}
	if _, body = ask(t, s, "GET", "/api/song/late", "smith", "", ""); !strings.Contains(body, "READ ERROR") {
		t.Error("the client cannot see that the stream broke off")
	}
}

func TestTheInterfaceDocumentsItself(t *testing.T) {
	s := newServer(t, new(bytes.Buffer))
	_, body := ask(t, s, "GET", "/api/openapi.json", "", "", "")
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]struct{ XPermission string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%v %s", err, body)
	}
	for _, want := range []string{"Problem", "bellPage", "bell", "Wrong"} {
		if doc.Components.Schemas[want] == nil {
			t.Errorf("no schema %s in %v", want, doc.Components.Schemas)
		}
	}
	if doc.Components.Schemas["ErrorModel"] != nil {
		t.Error("huma's own error model is in the document")
	}
	if !strings.Contains(body, `"x-permission":"bell.write"`) || !strings.Contains(body, `"name":"cursor"`) {
		t.Errorf("%s", body)
	}
	if res, _ := ask(t, s, "GET", "/api/openapi.yaml", "", "", ""); res.StatusCode != 200 {
		t.Errorf("yaml: %d", res.StatusCode)
	}
	res, body := ask(t, s, "GET", "/api/docs", "", "", "")
	for _, want := range []string{"Cast a bell", "multipart/form-data", `id="not-found"`, `id="schema-Problem"`, "bell.write", "At most so many"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") ||
		strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Errorf("CSP %q", csp)
	}
}

func TestABadDeclarationFailsAtStart(t *testing.T) {
	ok := api.Operation[struct{}, bell]{Method: "GET", Path: "/api/x", ID: "x", Summary: "x", Permission: "bell.read",
		Handle: func(context.Context, api.Caller, *struct{}) (*bell, error) { return nil, nil }}
	bad := func(change func(*api.Operation[struct{}, bell])) []api.Route {
		o := ok
		change(&o)
		return []api.Route{o}
	}
	type pointer struct {
		P *string `query:"p"`
	}
	for name, rs := range map[string][]api.Route{
		"no permission":  bad(func(o *api.Operation[struct{}, bell]) { o.Permission = "" }),
		"odd permission": bad(func(o *api.Operation[struct{}, bell]) { o.Permission = "all" }),
		"no id":          bad(func(o *api.Operation[struct{}, bell]) { o.ID = "" }),
		"no handler":     bad(func(o *api.Operation[struct{}, bell]) { o.Handle = nil }),
		"outside":        bad(func(o *api.Operation[struct{}, bell]) { o.Path = "/x" }),
		"twice":          {ok, ok},
		"unusable input": {api.Operation[pointer, bell]{Method: "GET", Path: "/api/x", ID: "x", Summary: "x", Permission: "bell.read",
			Handle: func(context.Context, api.Caller, *pointer) (*bell, error) { return nil, nil }}},
	} {
		_, err := api.New(api.Config{Actor: func(*http.Request) act.Actor { return act.Actor{} },
			Allowed: func(act.Actor, act.Permission) bool { return true }, Log: slog.New(slog.DiscardHandler)}, rs...)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzCursor(f *testing.F) {
	c, _ := api.Cursor(map[string]int{"After": 3})
	f.Add(c)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, s string) {
		var p struct{ After int }
		if err := api.ReadCursor(s, &p); err != nil && fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
	})
}

func TestAStreamOfStaffIsRecordedOrNotGiven(t *testing.T) {
	var taken []string
	var broken error
	h, err := api.New(api.Config{Title: "Bells", Version: "1", Log: slog.New(slog.DiscardHandler),
		Actor: func(*http.Request) act.Actor { return act.Actor{ID: "7"} }, Allowed: func(act.Actor, act.Permission) bool { return true },
		Took: func(_ context.Context, a act.Actor, path, query string) error {
			taken = append(taken, a.ID+" "+path)
			return broken
		}}, routes()...)
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range []int{200, 500} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/api/song/peal", nil))
		if w.Code != status || strings.Contains(w.Body.String(), "ding") != (status == 200) || len(taken) != i+1 || taken[i] != "7 /api/song/peal" {
			t.Errorf("%d %s, recorded %q", w.Code, w.Body, taken)
		}
		broken = errors.New("the log is full")
	}
}
