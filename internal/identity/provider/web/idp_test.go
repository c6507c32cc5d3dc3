package web

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// idp is a real provider on loopback, where whoever comes is signed in as the same person at once. What it answers at its
// token endpoint can be changed, under its own key or another.
type idp struct {
	*httptest.Server
	down    atomic.Bool
	userAt  atomic.Value // the login
	asked   atomic.Int64 // for its description
	storage *storage.Storage

	mu     sync.Mutex
	change func(claims map[string]any)
	forge  bool
}

func startIDP(t *testing.T, clients map[string]*storage.Client) *idp {
	t.Helper()
	p := &idp{}
	p.userAt.Store("ana")
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			p.asked.Add(1)
		}
		if p.down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	users := filepath.Join(t.TempDir(), "users.json")
	if err := os.WriteFile(users, []byte(`{
		"id1": {"ID": "id1", "Username": "ana", "Password": "x", "FirstName": "Ana", "LastName": "Anić", "Email": "ana@cert.example", "EmailVerified": true},
		"id2": {"ID": "id2", "Username": "eve", "Password": "x", "FirstName": "Eve", "LastName": "E", "Email": "eve@cert.example", "EmailVerified": false},
		"id3": {"ID": "id3", "Username": "bob", "Password": "x", "FirstName": "Bob", "LastName": "B", "Email": "bob@elsewhere.example", "EmailVerified": true}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := storage.StoreFromFile(users)
	if err != nil {
		t.Fatal(err)
	}
	p.storage = storage.NewStorageWithClients(store, clients)
	provider, err := op.NewProvider(&op.Config{CryptoKey: sha256.Sum256([]byte("test")), CodeMethodS256: true, AuthMethodPost: true},
		p.storage, op.StaticIssuer(p.URL), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	callback := op.AuthCallbackURL(provider)
	mux.Handle("GET /login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := p.storage.CheckUsernamePassword(p.userAt.Load().(string), "x", id); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, callback(r.Context(), id), http.StatusFound)
	}))
	mux.Handle("POST /oauth/token", p.changed(t, provider))
	mux.Handle("/", provider)
	return p
}

// changed lets the provider answer, and signs its ID token anew with other claims when the test asks for it.
func (p *idp) changed(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		p.mu.Lock()
		defer p.mu.Unlock()
		if rec.Code == http.StatusOK && (p.change != nil || p.forge) {
			var answer map[string]any
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Error(err)
			}
			answer["id_token"] = p.sign(t, answer["id_token"].(string))
			body, _ = json.Marshal(answer)
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		w.Write(body)
	})
}

func (p *idp) sign(t *testing.T, token string) string {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Error(err)
		return ""
	}
	claims := map[string]any{}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		t.Error(err)
	}
	claims = maps.Clone(claims)
	if p.change != nil {
		p.change(claims)
	}
	key, err := p.storage.SigningKey(context.Background())
	if err != nil {
		t.Error(err)
	}
	private := key.Key()
	if p.forge {
		if private, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Error(err)
		}
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: private, KeyID: key.ID()}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	out, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return out
}

// answers sets what the next tokens say.
func (p *idp) answers(change func(map[string]any), forge bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change, p.forge = change, forge
}
