package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed *.html assets locale
var own embed.FS

// assets are the style sheet, the script and the mark. Their names carry a hash of their content, so that a browser keeps
// them for ever and never has an old one.
type assets struct {
	byName map[string][]byte // "tocsin-3f2a….css"
	hashed map[string]string // "tocsin.css" → "/assets/tocsin-3f2a….css"
}

func loadAssets() (*assets, error) {
	a := &assets{byName: map[string][]byte{}, hashed: map[string]string{}}
	files, err := fs.ReadDir(own, "assets")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := fs.ReadFile(own, "assets/"+f.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		ext := path.Ext(f.Name())
		name := fmt.Sprintf("%s-%s%s", strings.TrimSuffix(f.Name(), ext), hex.EncodeToString(sum[:8]), ext)
		a.byName[name] = b
		a.hashed[f.Name()] = "/assets/" + name
	}
	return a, nil
}

func (a *assets) url(name string) (string, error) {
	u, ok := a.hashed[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return u, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, ok := a.byName[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}

// Locale is the layout's own catalogue.
func Locale() fs.FS { return own }

// Templates are the layout's own templates.
func Templates() fs.FS { return own }
