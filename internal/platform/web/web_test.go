package web_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/web"
)

type filter struct {
	Query string `query:"q" max:"20"`
	Limit int    `query:"limit" min:"1" max:"100" default:"10"`
}

type list struct {
	Filter filter
	Heads  []web.Column
	Pager  web.Pager
}

type entry struct {
	ID    int64  `path:"id"`
	Title string `form:"title" need:"true" max:"10"`
}

// Elsewhere is where note 7 is shown.
func (e entry) Elsewhere() string {
	if e.ID == 7 {
		return "/notes/8"
	}
	return ""
}

func files(m map[string]string) fstest.MapFS {
	f := fstest.MapFS{}
	for n, s := range m {
		f[n] = &fstest.MapFile{Data: []byte(s)}
	}
	return f
}

func room() web.Room {
	fs := files(map[string]string{
		"list.html": `<h1>{{t "title.list"}}</h1>{{with .Data}}<p>{{.Filter.Query}}|{{.Filter.Limit}}</p><table>{{template "thead" .Heads}}</table>{{template "pager" .Pager}}{{end}}{{template "problems" .Form}}{{template "field" (field "note.title" "q" .Form "")}}`,
		"edit.html": `{{template "problems" .Form}}<form method="post">{{template "field" (field "note.title" "title" .Form "given")}}</form>`,
		"part.html": `<div data-poll="/part">{{.Data}}</div>`,
		"locale/en.toml": `"title.list" = "Notes"
"title.edit" = "Edit a note"
"note.title" = "Title"
"nav" = "Notes"
["done"]
one = "{0} note kept"
other = "{0} notes kept"`,
	})
	return web.Room{Name: "note", Templates: fs, Locale: fs,
		Nav: []web.NavEntry{{Path: "/notes", Key: "nav", Order: 1, Shortcut: "n", Permission: "note.read"}},
		Routes: []web.Route{
			web.Page("GET /notes", "note.read", "list.html", func(_ context.Context, v web.Visitor, f filter) (list, error) {
				heads := web.Sorted(v, "title", web.Column{Key: "note.title", Sort: "title"})
				return list{f, heads, web.NewPager(v, "k", 2)}, nil
			}),
			web.Page("GET /notes/{id}", "note.read", "edit.html", func(_ context.Context, _ web.Visitor, e entry) (entry, error) {
				switch e.ID {
				case 404:
					return e, fault.NotFoundf("there is no note %d", e.ID)
				case 500:
					return e, errors.New("secret detail")
				case 501:
					panic("secret panic")
				}
				return e, nil
			}),
			web.Action("POST /notes/{id}", "note.write", "GET /notes/{id}", func(_ context.Context, _ web.Visitor, e entry) (web.Done, error) {
				return web.Done{To: "/notes", Flash: "done", Args: []any{e.ID}}, nil
			}),
			web.Fragment("GET /part", "note.read", "part.html", func(context.Context, web.Visitor, struct{}) (string, error) {
				return "<b>", nil
			}),
			web.Download("GET /notes.csv", "note.read", func(_ context.Context, _ web.Visitor, f filter) (web.File, error) {
				return web.File{Name: "nötes.csv", Type: "text/csv; charset=utf-8", Write: func(w io.Writer) error {
					if f.Query == "early" {
						return fault.New(fault.Unavailable, "later")
					}
					_, err := io.WriteString(w, "a,b\n")
					return err
				}}, nil
			}),
			web.Action("POST /upload", "note.write", "", func(_ context.Context, _ web.Visitor, in struct {
				Name  string      `form:"name"`
				Files web.Uploads `form:"file"`
			}) (web.Done, error) {
				var got []string
				for {
					f, err := in.Files.Next()
					if err == io.EOF {
						return web.Done{}, fault.Invalidf("%s %s", in.Name, strings.Join(got, " "))
					}
					if err != nil {
						return web.Done{}, err
					}
					b, err := io.ReadAll(f)
					if err != nil {
						return web.Done{}, err
					}
					got = append(got, fmt.Sprintf("%s=%d", f.Name, len(b)))
				}
			}),
		}}
}

func config() web.Config {
	return web.Config{Nation: "Ruritania", Team: "CERT Ruritania", Version: "1", Clock: clock.NewManual(time.Unix(1e9, 0)),
		Actor: func(r *http.Request) act.Actor { return act.Actor{Kind: act.Local, ID: r.Header.Get("X-Who")} },
		Allowed: func(a act.Actor, p act.Permission) bool {
			return a.ID != "guest" || p == "note.read"
		},
		Log: slog.New(slog.DiscardHandler)}
}

func app(t *testing.T) *web.App {
	t.Helper()
	a, err := web.New(config(), room())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func get(a http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int, parts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d\n%s", w.Code, status, w.Body)
	}
	for _, p := range parts {
		if !strings.Contains(w.Body.String(), p) {
			t.Errorf("%q is missing in\n%s", p, w.Body)
		}
	}
}

func TestPageShowsTypedInputInTheLayout(t *testing.T) {
	w := get(app(t), "GET", "/notes?q=%3Cscript%3E&limit=7", "")
	want(t, w, 200, "&lt;script&gt;|7", "CERT Ruritania", `aria-current="page"`, `data-key="n"`, `aria-sort="ascending"`,
		`href="/notes?limit=7&amp;q=%3Cscript%3E&amp;sort=-title"`, `after=k`, "<title>Notes · CERT Ruritania</title>")
	for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Server-Timing"} {
		if w.Header().Get(h) == "" {
			t.Errorf("the header %s is missing", h)
		}
	}
	if strings.Contains(w.Body.String(), "<style") || strings.Contains(w.Body.String(), " style=") ||
		strings.Contains(w.Body.String(), "onclick") {
		t.Error("something inline")
	}
}

func TestInputOutOfBoundsIsRefusedByName(t *testing.T) {
	a := app(t)
	want(t, get(a, "GET", "/notes?limit=101", ""), 400, "limit: 101 is more than 100")
	want(t, get(a, "GET", "/notes?limit=x", ""), 400, "limit:")
	want(t, get(a, "GET", "/notes?q="+strings.Repeat("a", 21), ""), 400, "q: longer than 20 characters")
	want(t, get(a, "GET", "/notes?q=%ff", ""), 400, "UTF-8")
	want(t, get(a, "GET", "/notes/x", ""), 400, "id:")
}

func TestErrorsBecomePages(t *testing.T) {
	a := app(t)
	want(t, get(a, "GET", "/nowhere", ""), 404, "There is no such page", "CERT Ruritania")
	want(t, get(a, "GET", "/notes/404", ""), 404, "there is no note 404")
	want(t, get(a, "DELETE", "/notes", ""), 405)
	want(t, get(a, "POST", "/notes/1", "title=x", "X-Who", "guest"), 403, "note.write")
	for _, p := range []string{"/notes/500", "/notes/501"} {
		w := get(a, "GET", p, "")
		want(t, w, 500, "Internal error", "reference")
		if strings.Contains(w.Body.String(), "secret") {
			t.Error("an internal error is shown")
		}
	}
}

func TestActionLeadsOnWithAFlashShownOnce(t *testing.T) {
	a := app(t)
	w := get(a, "POST", "/notes/3", "title=x")
	want(t, w, 303)
	cookie := strings.Split(w.Header().Get("Set-Cookie"), ";")[0]
	w = get(a, "GET", w.Header().Get("Location"), "", "Cookie", cookie)
	want(t, w, 200, "3 notes kept")
	if c := w.Header().Get("Set-Cookie"); !strings.Contains(c, "Max-Age=0") {
		t.Errorf("the flash stays: %s", c)
	}
}

func TestRefusedActionShowsItsFormAgain(t *testing.T) {
	w := get(app(t), "POST", "/notes/3", url.Values{"title": {"<longer than ten>"}}.Encode())
	want(t, w, 400, `value="&lt;longer than ten&gt;"`, "longer than 10 characters", `aria-invalid="true"`, "Edit a note")
}

func TestRefusedActionOfAPageThatIsElsewhereIsAnError(t *testing.T) {
	w := get(app(t), "POST", "/notes/7", url.Values{"title": {"longer than ten"}}.Encode())
	want(t, w, 400, "longer than 10 characters")
	if strings.Contains(w.Body.String(), "<form method=\"post\">") {
		t.Error("the form is shown on a page that shows nothing")
	}
}

func TestCrossSiteWritesAreRefused(t *testing.T) {
	want(t, get(app(t), "POST", "/notes/3", "title=x", "Sec-Fetch-Site", "cross-site"), 403, "another origin", "CERT Ruritania")
}

func TestEveryAnswerIsObserved(t *testing.T) {
	cfg := config()
	var seen []string
	cfg.Observe = func(route string, status int, d time.Duration) { seen = append(seen, fmt.Sprint(route, " ", status)) }
	a, err := web.New(cfg, room())
	if err != nil {
		t.Fatal(err)
	}
	get(a, "GET", "/notes/3", "")
	get(a, "GET", "/notes/404", "")
	get(a, "GET", "/nowhere", "")
	get(a, "POST", "/notes/3", "title=x")
	if s := strings.Join(seen, ", "); s != "GET /notes/{id} 200, GET /notes/{id} 404, none 404, POST /notes/{id} 303" {
		t.Error(s)
	}
}

func TestFragmentHasNoLayout(t *testing.T) {
	w := get(app(t), "GET", "/part", "")
	want(t, w, 200)
	if w.Body.String() != `<div data-poll="/part">&lt;b&gt;</div>` {
		t.Error(w.Body)
	}
}

func TestAFileOfStaffIsRecordedOrNotGiven(t *testing.T) {
	c := config()
	var taken []string
	var broken error
	c.Took = func(_ context.Context, a act.Actor, path, query string) error {
		taken = append(taken, a.ID+" "+path+"?"+query)
		return broken
	}
	a, err := web.New(c, room())
	if err != nil {
		t.Fatal(err)
	}
	want(t, get(a, "GET", "/notes.csv?q=x", "", "X-Who", "guest"), 200, "a,b")
	broken = errors.New("the log is full")
	if w := get(a, "GET", "/notes.csv", ""); w.Code != 500 || strings.Contains(w.Body.String(), "a,b") {
		t.Errorf("given without a record: %d", w.Code)
	}
	if len(taken) != 2 || taken[0] != "guest /notes.csv?q=x" {
		t.Errorf("recorded %q", taken)
	}
}

func TestDownloadFailsAsAPageBeforeItsFirstByte(t *testing.T) {
	a := app(t)
	w := get(a, "GET", "/notes.csv", "")
	want(t, w, 200, "a,b\n")
	if d := w.Header().Get("Content-Disposition"); d != `attachment; filename="n_tes.csv"; filename*=UTF-8''n%C3%B6tes.csv` {
		t.Error(d)
	}
	want(t, get(a, "GET", "/notes.csv?q=early", ""), 503, "later")
}

func TestUploadIsStreamed(t *testing.T) {
	body := "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nn1\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\\\a.csv\"\r\n\r\n12345\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.csv\"\r\n\r\n1\r\n--x--\r\n"
	w := get(app(t), "POST", "/upload", body, "Content-Type", "multipart/form-data; boundary=x")
	want(t, w, 400, "n1 a.csv=5 b.csv=1")
	w = get(app(t), "POST", "/upload", strings.TrimSuffix(body, "--x--\r\n"), "Content-Type", "multipart/form-data; boundary=x")
	want(t, w, 400, "the upload broke off")
}

func TestPreferencesKeepThemeAndLeadBack(t *testing.T) {
	a := app(t)
	w := get(a, "POST", "/preferences", "theme=dark&to=/notes%3Fq%3D1")
	if w.Code != 303 || w.Header().Get("Location") != "/notes?q=1" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	cookie := strings.Split(w.Header().Get("Set-Cookie"), ";")[0]
	want(t, get(a, "GET", "/notes", "", "Cookie", cookie), 200, `data-theme="dark"`)
	if w := get(a, "POST", "/preferences", "to=//elsewhere.example"); w.Header().Get("Location") != "/" {
		t.Error("led elsewhere")
	}
}

func TestRoomsAreCheckedAtTheStart(t *testing.T) {
	bad := room()
	bad.Routes = append(bad.Routes,
		web.Page("GET /a", "", "list.html", func(context.Context, web.Visitor, struct{}) (int, error) { return 0, nil }),
		web.Page("GET /b", "note.read", "none.html", func(context.Context, web.Visitor, struct{}) (int, error) { return 0, nil }),
		web.Page("GET /c", "note.read", "part.html", func(context.Context, web.Visitor, struct{}) (int, error) { return 0, nil }),
		web.Page("GET /d", "note.read", "list.html", func(context.Context, web.Visitor, struct {
			C chan int `query:"c"`
		}) (int, error) {
			return 0, nil
		}),
	)
	_, err := web.New(config(), bad)
	for _, part := range []string{"/a", "/b", "/c", "/d"} {
		if err == nil || !strings.Contains(err.Error(), "GET "+part+`"`) {
			t.Errorf("%s is not refused: %v", part, err)
		}
	}
}

func TestPagesSpeakTheVisitorsLanguage(t *testing.T) {
	a := app(t)
	want(t, get(a, "GET", "/nowhere", "", "Accept-Language", "sr-RS, en;q=0.5"), 404, `<html lang="sr-Latn"`, "Takva stranica ne postoji")
	want(t, get(a, "GET", "/nowhere", "", "Accept-Language", "sr", "Cookie", "tocsin-language=en"), 404, `<html lang="en"`)
	cfg := config()
	cfg.Languages = []string{"sr", "xx"}
	a, err := web.New(cfg, room())
	if err != nil {
		t.Fatal(err)
	}
	want(t, get(a, "GET", "/nowhere", ""), 404, `<html lang="sr-Latn"`)
}

func TestPagesAreCompressed(t *testing.T) {
	w := get(app(t), "GET", "/notes", "", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || !strings.Contains(string(b), "</html>") {
		t.Errorf("%v: %s", err, b)
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	a := app(t)
	page := get(a, "GET", "/notes", "").Body.String()
	_, rest, _ := strings.Cut(page, `href="/assets/tocsin-`)
	name, _, _ := strings.Cut(rest, `"`)
	w := get(a, "GET", "/assets/tocsin-"+name, "")
	want(t, w, 200, "--accent")
	if c := w.Header().Get("Cache-Control"); !strings.Contains(c, "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%s %s", c, w.Header().Get("Content-Type"))
	}
}

func FuzzInput(f *testing.F) {
	a, err := web.New(config(), room())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/notes", "q=a&limit=3", "title=x", "")
	f.Add("/notes/7", "q=%00", "title=%ff", "eyJyIjoibm90ZSJ9")
	f.Fuzz(func(t *testing.T, path, query, form, flash string) {
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "/", strings.NewReader(form))
			r.URL = &url.URL{Path: path, RawQuery: query}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: "tocsin-flash", Value: flash})
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code == 500 && !strings.HasPrefix(path, "/notes/50") {
				t.Errorf("%s %q?%q %q: %s", method, path, query, form, w.Body)
			}
			if to := w.Header().Get("Location"); strings.HasPrefix(to, "//") || strings.Contains(to, "://") {
				t.Errorf("led to %q", to)
			}
		}
	})
}

type inner struct {
	Name string `query:"name" need:"true"`
}

func TestInputIsReadIntoStructsInside(t *testing.T) {
	got, err := web.Read[struct{ inner }]("name=grid")
	if err != nil || got.Name != "grid" {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := web.Read[struct{ inner }](""); err == nil {
		t.Error("what is needed inside is not asked for")
	}
}
