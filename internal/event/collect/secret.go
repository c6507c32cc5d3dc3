package collect

import (
	"io"
	"os"
	"strings"

	"tocsin/internal/event/feed"
	"tocsin/internal/platform/fault"
)

const maxSecret = 4096

// reveal reads a secret from where it is kept. Errors name the place, never the secret.
func reveal(what string, s feed.Secret) (string, error) {
	text := ""
	if s.Env != "" {
		text = os.Getenv(s.Env)
		if text == "" {
			return "", fault.Invalidf("%s: the environment variable %s is not set", what, s.Env)
		}
	} else {
		f, err := os.Open(s.File)
		if err != nil {
			return "", fault.Invalidf("%s: %w", what, err)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return "", fault.Invalidf("%s: %w", what, err)
		}
		text = string(b)
	}
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxSecret || strings.ContainsAny(text, "\r\n\x00") {
		return "", fault.Invalidf("%s: what is kept there is no secret of one line", what)
	}
	return text, nil
}
