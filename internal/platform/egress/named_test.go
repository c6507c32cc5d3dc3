package egress

import (
	"context"
	"errors"
	"testing"
)

func TestANamedAddressIsReachedByItsOwnNetOnly(t *testing.T) {
	addr, other := listen(t), listen(t)
	ctx := context.Background()
	n := Open(Policy{})
	to := n.To(addr)
	c, err := to.DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for name, dial := range map[string]func() error{
		"the net it was made of": func() error { _, err := n.DialContext(ctx, "tcp", addr); return err },
		"another local address":  func() error { _, err := to.DialContext(ctx, "tcp", other); return err },
		"where a stranger leads": func() error { _, err := to.DialPublic(ctx, "tcp", addr); return err },
		"the host of another scheme": func() error {
			u, _ := n.ToURL("https://127.0.0.1")
			_, err := u.DialContext(ctx, "tcp", addr)
			return err
		},
	} {
		if err := dial(); !errors.Is(err, ErrLocal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Sealed("exercise-7").To(addr).DialContext(ctx, "tcp", addr); !errors.Is(err, ErrSealed) {
		t.Errorf("a sealed net: %v", err)
	}
}
