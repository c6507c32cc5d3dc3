package telemetry_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tocsin/internal/platform/telemetry"
)

func TestRouteLabelIsThePatternNotThePath(t *testing.T) {
	m := telemetry.NewMetrics("test")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /constituents/{id}", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := m.Measure(mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/constituents/secret", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/secret", nil))
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	body, _ := io.ReadAll(rec.Body)
	if strings.Contains(string(body), "secret") {
		t.Error("a path leaked into a label")
	}
	for _, want := range []string{
		`tocsin_http_requests_total{method="GET",route="GET /constituents/{id}",status="4xx"} 1`,
		`tocsin_http_requests_total{method="other",route="none",status="4xx"} 1`,
		`tocsin_build_info{version="test"} 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("missing %s", want)
		}
	}
}

func TestLoggerRefusesUnknownFormatAndLevel(t *testing.T) {
	for _, tt := range [][2]string{{"xml", "info"}, {"text", "loud"}} {
		if _, err := telemetry.Logger(io.Discard, tt[0], tt[1]); err == nil {
			t.Errorf("%v: no error", tt)
		}
	}
	var b bytes.Buffer
	l, err := telemetry.Logger(&b, "json", "warn")
	if err != nil {
		t.Fatal(err)
	}
	l.Info("below")
	l.Warn("above", "id", 7)
	if got := b.String(); strings.Contains(got, "below") || !strings.Contains(got, `"id":7`) {
		t.Error(got)
	}
}
