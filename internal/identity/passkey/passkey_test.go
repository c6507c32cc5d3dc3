package passkey_test

import (
	"context"
	"strings"
	"testing"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/identity/passkey"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

func keys(t testing.TB, public string) (*passkey.Keys, error) {
	t.Helper()
	seal, err := identity.NewSeal([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	d := dbtest.Open(t, t.TempDir()+"/tocsin.db", "live", audit.Recorder(clock.Real()))
	return passkey.New(passkey.Config{Accounts: identity.NewStore(identity.Config{DB: d, Real: clock.Real(), Seal: seal}), Seal: seal,
		Real: clock.Real(), PublicURL: public, Title: "CERT"})
}

func TestPasskeysAreOfferedUnderANameOnly(t *testing.T) {
	for public, offered := range map[string]bool{"https://cert.example": true, "https://cert.example:8443": true, "http://localhost:8080": true,
		"": false, "http://127.0.0.1:8080": false, "https://192.0.2.1": false, "http://cert.example": false} {
		if k, err := keys(t, public); err != nil || k.Offered() != offered {
			t.Errorf("%q: offered %v, %v", public, k != nil && k.Offered(), err)
		}
	}
	if _, err := keys(t, "cert.example"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an address without scheme: %v", err)
	}
}

// FuzzAnswer sends what no device made: it is refused as wrong input, whatever it is.
func FuzzAnswer(f *testing.F) {
	k, err := keys(f, "https://cert.example")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AAAA","userHandle":"MQ"}}`, true)
	f.Add(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0","authenticatorData":"SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ","signature":"AAAA","userHandle":"MQ"}}`, true)
	f.Add(`{}`, false)
	f.Fuzz(func(t *testing.T, answer string, sealed bool) {
		state := "x"
		if sealed {
			c, err := k.Get()
			if err != nil {
				t.Fatal(err)
			}
			state = c.State
		}
		in, err := k.Got(context.Background(), state, answer, identity.Device{})
		if in != nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", answer, err)
		}
	})
}
