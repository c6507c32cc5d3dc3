package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/clock"
	"tocsin/internal/world"
)

// measureAccess measures what it costs to know who asks: a sign-in beside its floor, the bare argon2id, and what every page and
// operation pays since somebody has to be allowed.
func (b *bench) measureAccess(ctx context.Context, e *engine) (err error) {
	w, err := world.Open(ctx, world.Config{Dir: e.dir, DatabaseURL: e.url})
	if err != nil {
		return err
	}
	defer w.Close()
	const login, password = "bench-person@cert.example", "violet tractor hums quietly"
	ids := w.Identity
	if _, err := ids.ByLogin(ctx, login); err != nil {
		if _, err := ids.Create(ctx, identity.LocalActor, identity.NewAccount{Login: login, Name: "Bench", Password: password,
			Roles: []identity.Held{{Role: identity.Analyst}}}); err != nil {
			return err
		}
	}
	var secret string
	hash := ids.Hasher.Hash(password)
	median := func(n int, fn func() error) (time.Duration, error) {
		var times []time.Duration
		for range n {
			watch := clock.Start()
			if err := fn(); err != nil {
				return 0, err
			}
			times = append(times, watch.Elapsed())
		}
		return percentile(times, 50), nil
	}
	floor, err := median(20, func() error {
		if !ids.Hasher.Matches(hash, password) {
			return errors.New("argon2id does not know its own hash")
		}
		return nil
	})
	if err != nil {
		return err
	}
	signIn, err := median(20, func() error {
		in, err := ids.SignIn(ctx, login, password, identity.Device{})
		if err == nil {
			secret = in.Secret
		}
		return err
	})
	if err != nil {
		return err
	}
	b.report.add("sign-in, p50", e.name, fmt.Sprintf("%.1f ms", ms(signIn)), fmt.Sprintf("floor: argon2id alone %.1f ms", ms(floor)), "")
	session, err := median(2000, func() error { _, err := ids.Resume(ctx, secret); return err })
	if err != nil {
		return err
	}
	bearer, err := median(2000, func() error { _, err := ids.Bearer(ctx, b.token); return err })
	if err != nil {
		return err
	}
	who, err := ids.Resume(ctx, secret)
	if err != nil {
		return err
	}
	const checks = 1_000_000
	watch := clock.Start()
	for range checks {
		if !identity.Allowed(who, "finding.read") {
			return errors.New("an analyst may not read findings")
		}
	}
	b.report.add("who asks, p50", e.name, fmt.Sprintf("%.3f ms", ms(session)), fmt.Sprintf("by session; by token %.3f ms; before there were accounts 0", ms(bearer)), "")
	b.report.add("may they", e.name, fmt.Sprintf("%d ns", watch.Elapsed().Nanoseconds()/checks), "a permission, by route", "")
	return nil
}
