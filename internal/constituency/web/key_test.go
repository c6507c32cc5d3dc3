package web_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"tocsin/internal/constituency"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/mail/protect/protecttest"
)

func TestKeysAreEnteredShownAndWarnedOf(t *testing.T) {
	each(t, func(c *console) {
		ctx := context.Background()
		grid, err := c.store.Create(ctx, act.Machine, constituency.Constituent{Ref: "grid", Name: "Grid", Kind: constituency.Operator, Designation: constituency.OtherDesignation})
		if err != nil {
			c.Fatal(err)
		}
		home := "/constituents/" + strconv.FormatInt(grid.ID, 10)
		soon, _ := protecttest.Certificate(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC), "soc@grid.example")
		expired, _ := protecttest.Certificate(time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC), "soc@grid.example")
		c.post(home+"/contacts", 400, map[string]string{"role": "security", "mail": "soc@grid.example", "key": expired}, "expired on 2026-02-20")
		c.post(home+"/contacts", 303, map[string]string{"role": "security", "mail": "soc@grid.example", "encrypt": "1"})
		c.get("/registry/keys", 200, "no key that works", "soc@grid.example", "nothing in clear")
		cs, err := c.store.Contacts(ctx, grid.ID)
		if err != nil || len(cs) != 1 {
			c.Fatal(cs, err)
		}
		keys := home + "/contacts/" + strconv.FormatInt(cs[0].ID, 10) + "/keys"
		c.get(keys, 200, "Keys of soc@grid.example")
		c.post(keys, 400, map[string]string{"key": "hello"}, "this is no key")
		if to := c.post(keys, 303, map[string]string{"key": soon, "encrypt": "1"}); to != home+"#contacts" {
			c.Errorf("sent to %q", to)
		}
		c.get(home, 200, "expires soon", "nothing in clear", keys)
		c.get("/registry/keys", 200, "expires soon", "Desk")
		c.get("/constituents", 200, "Keys of contacts have expired, are missing, or expire soon.")
		c.get("/registry/keys?show=good", 200, "There are no keys like that")
		cs, _ = c.store.Contacts(ctx, grid.ID)
		c.post(keys, 303, map[string]string{"keep": cs[0].Keys[0].Fingerprint})
		if cs, _ = c.store.Contacts(ctx, grid.ID); len(cs[0].Keys) != 1 || cs[0].Encrypt {
			c.Errorf("%+v", cs)
		}
		c.post(keys, 303, nil)
		if cs, _ = c.store.Contacts(ctx, grid.ID); len(cs[0].Keys) != 0 {
			c.Errorf("%+v", cs)
		}
		c.get("/constituents/99/contacts/"+strconv.FormatInt(cs[0].ID, 10)+"/keys", 404)
	})
}
