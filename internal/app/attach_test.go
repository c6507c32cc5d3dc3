package app_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"strings"
	"testing"

	"tocsin/internal/app"
	"tocsin/internal/incident"
)

// A reporter under attack has nothing but the address of their page: a bad file must not take it away.
func TestReporterLearnsWhichFilesWereKeptAndStaysOnTheirPage(t *testing.T) {
	w := openWorld(t)
	s, _ := startWith(t, w, app.Options{Listen: "127.0.0.1:0"})
	secret, err := w.Filing.Begin(t.Context(), netip.MustParseAddr("192.0.2.7"), incident.Filing{Text: "All is locked."})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	home := "/report/" + secret
	attach := func(names ...string) string {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for _, n := range names {
			part, err := form.CreateFormFile("file", n)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(n, "empty") {
				io.WriteString(part, "pay us")
			}
		}
		form.Close()
		r, err := http.NewRequest(http.MethodPost, s.URL()+home+"/files", &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", form.FormDataContentType())
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		a, err := (&http.Client{Jar: jar}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		page, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK || a.Request.URL.Path != home {
			t.Fatalf("they are at %s: %s, %v", a.Request.URL.Path, a.Status, err)
		}
		return string(page)
	}
	says := func(page string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(page, p) {
				t.Errorf("the page lacks %q:\n%s", p, page)
			}
		}
	}
	says(attach("first.txt", "empty.txt", "last.txt"), "2 files were kept. Not kept: empty.txt: the file empty.txt is empty", "first.txt", "last.txt", home+"/files")
	many := []string{"good.txt"}
	for range 12 {
		many = append(many, "empty"+strings.Repeat("š", 180)+".txt") // what is said must fit
	}
	says(attach(many...), "1 file was kept. Not kept: emptyšš", "and 8 more", "good.txt")
	says(attach(), "No file was chosen")
}
