package web

import "testing"

func TestSignInLeadsToThisConsoleOnly(t *testing.T) {
	for to, want := range map[string]string{"/findings?a=b": "/findings?a=b", "": "/", "//evil.example": "/", "/\t/evil.example": "/", "/%zz": "/",
		"https://evil.example/": "/", `/\evil.example`: "/", "/x\r\ny": "/", "/sign-in/code": "/", "/join/x": "/"} {
		if got := back(to); got != want {
			t.Errorf("%q leads to %q", to, got)
		}
	}
}
