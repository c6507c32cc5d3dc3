package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tocsin/internal/platform/fault"
)

func TestValuesThatBeginAlikeAreGathered(t *testing.T) {
	decode, err := newDecoder[struct {
		Cells map[string]string `form:"cell-*"`
		Other string            `form:"other"`
	}]()
	if err != nil {
		t.Fatal(err)
	}
	post := func(v url.Values) *http.Request {
		r := httptest.NewRequest("POST", "/", strings.NewReader(v.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	in, err := decode(post(url.Values{"cell-a": {" 1 "}, "cell-b-2": {"x", "2"}, "cell-": {"3"}, "cell-c": {""}, "other": {"o"}}))
	if err != nil || len(in.Cells) != 3 || in.Cells["a"] != "1" || in.Cells["b-2"] != "2" || in.Cells[""] != "3" || in.Other != "o" {
		t.Errorf("%+v, %v", in, err)
	}
	if in, err = decode(httptest.NewRequest("GET", "/?cell-a=1", nil)); err != nil || len(in.Cells) != 0 {
		t.Errorf("of an address: %+v, %v", in, err)
	}
	var ps fault.Problems
	if _, err = decode(post(url.Values{"cell-a": {strings.Repeat("1", 401)}})); !errors.As(err, &ps) || ps[0].Field != "cell-a" {
		t.Errorf("too long: %v", err)
	}
	many := url.Values{}
	for i := range 1001 {
		many.Set("cell-"+strings.Repeat("a", i%40)+string(rune('0'+i/40)), "1")
	}
	if _, err = decode(post(many)); len(many) > 1000 && err == nil {
		t.Error("more than 1000 values are taken")
	}
	if _, err := newDecoder[struct {
		Cells []string `form:"cell-*"`
	}](); err == nil {
		t.Error("a list gathers values")
	}
}
