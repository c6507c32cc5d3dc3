package identity_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"tocsin/internal/audit"
	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/clock"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/db/dbtest"
	"tocsin/internal/platform/fault"
)

const right = "violet tractor hums quietly"

type stage struct {
	*identity.Store
	clock *clock.Manual
	t     *testing.T
}

func each(t *testing.T, fn func(s *stage)) {
	t.Parallel()
	at := clock.NewManual(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	dbtest.Each(t, audit.Recorder(at), func(t *testing.T, d *db.DB) {
		at := clock.NewManual(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
		seal, err := identity.OpenSeal(filepath.Join(t.TempDir(), "seal.key"))
		if err != nil {
			t.Fatal(err)
		}
		fn(&stage{identity.NewStore(identity.Config{DB: d, Real: at, Seal: seal}), at, t})
	})
}

var desk = identity.Device{Address: netip.MustParseAddr("192.0.2.7"), Agent: "Browser"}

func (s *stage) account(login string, roles ...identity.Held) int64 {
	s.t.Helper()
	id, err := s.Create(context.Background(), identity.LocalActor, identity.NewAccount{Login: login, Name: "Somebody", Password: right, Roles: roles})
	s.must(err)
	return id
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) want(kind fault.Kind, err error) {
	s.t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		s.t.Fatalf("want a fault of kind %s, got %v", kind, err)
	}
}

func (s *stage) who(secret string) act.Actor {
	s.t.Helper()
	a, err := s.Resume(context.Background(), secret)
	s.must(err)
	return a
}

func (s *stage) signIn(login string) (act.Actor, string) {
	s.t.Helper()
	in, err := s.SignIn(context.Background(), login, right, desk)
	s.must(err)
	return s.who(in.Secret), in.Secret
}

func TestPasswordSignsInAndTheSessionEndsByIdleAbsoluteAndSignOut(t *testing.T) {
	each(t, func(s *stage) {
		s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		a, secret := s.signIn("Ana@CERT.example ")
		if a.Kind != act.Person || !identity.Allowed(a, "finding.write") || identity.Allowed(a, "identity.write") {
			t.Fatalf("wrong rights: %+v", a.Rights)
		}
		s.clock.Move(119 * time.Minute)
		if s.who(secret).Kind != act.Person {
			t.Fatal("ended before its time")
		}
		s.clock.Move(121 * time.Minute)
		if s.who(secret).Kind != act.Public {
			t.Fatal("an idle session lives on")
		}
		_, secret = s.signIn("ana@cert.example")
		for range 12 * 60 / 30 {
			s.clock.Move(30 * time.Minute)
			s.who(secret)
		}
		s.clock.Move(time.Minute)
		if s.who(secret).Kind != act.Public {
			t.Fatal("a session outlives its absolute limit")
		}
		a, secret = s.signIn("ana@cert.example")
		s.must(s.SignOut(context.Background(), a, secret))
		if s.who(secret).Kind != act.Public {
			t.Fatal("signed out, and still in")
		}
	})
}

func TestWrongPasswordsMakeAnAccountWaitLongerAndLonger(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		wrong := func() error { _, err := s.SignIn(ctx, "ana@cert.example", "not the password", desk); return err }
		for range 5 {
			s.want(fault.Invalid, wrong())
		}
		if _, err := s.SignIn(ctx, "ana@cert.example", right, desk); err == nil {
			t.Fatal("the right password signs in while the account waits")
		}
		s.clock.Move(31 * time.Second)
		s.want(fault.Invalid, wrong())
		s.clock.Move(31 * time.Second)
		if _, err := s.SignIn(ctx, "ana@cert.example", right, desk); err == nil {
			t.Fatal("the wait did not double")
		}
		s.clock.Move(30 * time.Second)
		s.signIn("ana@cert.example")
		a, err := s.ByLogin(ctx, "ana@cert.example")
		s.must(err)
		if a.LockedUntil != 0 {
			t.Fatal("a success does not forgive")
		}
		_, unknown := s.SignIn(ctx, "nobody@cert.example", right, desk)
		if unknown == nil || unknown.Error() != wrong().Error() {
			t.Fatalf("the answer tells who has an account: %v", unknown)
		}
	})
}

func TestSecondFactorIsNeededAndNoCodeCountsTwice(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		a, _ := s.signIn("ana@cert.example")
		secret, address := s.NewTOTP("CERT", "ana@cert.example")
		if !strings.HasPrefix(address, "otpauth://totp/") {
			t.Fatal(address)
		}
		code := func() string { c, err := totp.GenerateCode(secret, s.clock.Now()); s.must(err); return c }
		s.want(fault.Invalid, s.ConfirmTOTP(ctx, a, secret, "000000"))
		s.must(s.ConfirmTOTP(ctx, a, secret, code()))
		in, err := s.SignIn(ctx, "ana@cert.example", right, desk)
		s.must(err)
		if !in.Second || s.who(in.Secret).Kind != act.Public {
			t.Fatal("the password alone signs in")
		}
		_, err = s.SecondFactor(ctx, in.Secret, code(), desk)
		s.want(fault.Invalid, err) // confirmed with this very code
		s.clock.Move(30 * time.Second)
		used := code()
		whole, err := s.SecondFactor(ctx, in.Secret, used, desk)
		s.must(err)
		if s.who(whole.Secret).Kind != act.Person || s.who(in.Secret).Kind != act.Public {
			t.Fatal("the second factor does not sign in under a new secret")
		}
		again, err := s.SignIn(ctx, "ana@cert.example", right, desk)
		s.must(err)
		_, err = s.SecondFactor(ctx, again.Secret, used, desk)
		s.want(fault.Invalid, err)
	})
}

func TestFirstLinkMakesOneAdministratorOnce(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		old, err := s.First(ctx)
		s.must(err)
		secret, err := s.First(ctx)
		s.must(err)
		j := identity.Joining{Login: "root@cert.example", Name: "Root", Password: right}
		_, err = s.Join(ctx, old, j, desk)
		s.want(fault.NotFound, err)
		_, err = s.Join(ctx, secret, identity.Joining{Login: "root@cert.example", Name: "Root", Password: "password1234"}, desk)
		s.want(fault.Invalid, err)
		in, err := s.Join(ctx, secret, j, desk)
		s.must(err)
		if !identity.Allowed(s.who(in.Secret), identity.Write) {
			t.Fatal("the first is no administrator")
		}
		_, err = s.Join(ctx, secret, j, desk)
		s.want(fault.NotFound, err)
		_, err = s.First(ctx)
		s.want(fault.Conflict, err)
		s.want(fault.Conflict, s.Disable(ctx, identity.LocalActor, in.Account.ID))
		s.want(fault.Conflict, s.SetRoles(ctx, identity.LocalActor, in.Account.ID, []identity.Held{{Role: identity.Reader}}))
	})
}

func TestInvitationExpiresAndIsWithdrawn(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		inv := identity.Invitation{Login: "ben@cert.example", Name: "Ben", Role: identity.Duty}
		secret, l, err := s.Invite(ctx, identity.LocalActor, inv)
		s.must(err)
		s.must(s.Withdraw(ctx, identity.LocalActor, l.ID, nil))
		_, err = s.LinkOf(ctx, secret)
		s.want(fault.NotFound, err)
		secret, _, err = s.Invite(ctx, identity.LocalActor, inv)
		s.must(err)
		s.clock.Move(8 * 24 * time.Hour)
		_, err = s.Join(ctx, secret, identity.Joining{Password: right}, desk)
		s.want(fault.NotFound, err)
		secret, _, err = s.Invite(ctx, identity.LocalActor, inv)
		s.must(err)
		in, err := s.Join(ctx, secret, identity.Joining{Login: "other@cert.example", Name: "Other", Password: right}, desk)
		s.must(err)
		if in.Account.Login != "ben@cert.example" || !in.Account.Has(identity.Duty) {
			t.Fatalf("who joins chooses who they are: %+v", in.Account)
		}
	})
}

func TestRecoveryTakesTwoAdministrators(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		admin := identity.Held{Role: identity.Administrator}
		s.account("one@cert.example", admin)
		s.account("two@cert.example", admin)
		lost := s.account("lost@cert.example", identity.Held{Role: identity.Analyst})
		one, _ := s.signIn("one@cert.example")
		two, _ := s.signIn("two@cert.example")
		_, lostSession := s.signIn("lost@cert.example")
		_, err := s.AskRecovery(ctx, one, lost, " ")
		s.want(fault.Invalid, err)
		id, err := s.AskRecovery(ctx, one, lost, "called back on the known number")
		s.must(err)
		_, err = s.DecideRecovery(ctx, one, id, true)
		s.want(fault.Forbidden, err)
		secret, err := s.DecideRecovery(ctx, two, id, true)
		s.must(err)
		_, err = s.DecideRecovery(ctx, two, id, true)
		s.want(fault.Conflict, err)
		in, err := s.Join(ctx, secret, identity.Joining{Password: "another four words entirely"}, desk)
		s.must(err)
		if in.Account.ID != lost || s.who(lostSession).Kind != act.Public {
			t.Fatal("the recovered account keeps its old sessions")
		}
		_, err = s.SignIn(ctx, "lost@cert.example", right, desk)
		s.want(fault.Invalid, err)
		_, err = s.Recover(ctx, one, "lost@cert.example")
		s.want(fault.Forbidden, err)
	})
}

func TestNationsTableDecidesHowManyRecover(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		needs := false
		s.NeedsTwo = func(_ context.Context, what string) (bool, error) { return needs && what == "identity.recover", nil }
		s.account("one@cert.example", identity.Held{Role: identity.Administrator})
		lost := s.account("lost@cert.example", identity.Held{Role: identity.Analyst})
		one, _ := s.signIn("one@cert.example")
		for _, needs = range []bool{true, false} {
			id, err := s.AskRecovery(ctx, one, lost, "called back on the known number")
			s.must(err)
			list, err := s.Recoveries(ctx, one)
			s.must(err)
			if list[len(list)-1].Mine != needs {
				t.Errorf("two needed %t: the request is shown as %+v", needs, list[len(list)-1])
			}
			_, err = s.DecideRecovery(ctx, one, id, true)
			if needs {
				s.want(fault.Forbidden, err)
				_, err = s.DecideRecovery(ctx, one, id, false)
			}
			s.must(err)
		}
	})
}

func TestTokenHasItsScopeAndEnds(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		id := s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		a, _ := s.signIn("ana@cert.example")
		in30 := s.clock.Now().Add(30 * 24 * time.Hour)
		_, _, err := s.Issue(ctx, a, id, "x", []act.Permission{"identity.write"}, in30)
		s.want(fault.Invalid, err)
		_, _, err = s.Issue(ctx, a, id, "x", []act.Permission{"finding.read"}, s.clock.Now().Add(400*24*time.Hour))
		s.want(fault.Invalid, err)
		secret, tok, err := s.Issue(ctx, a, id, "dashboard", []act.Permission{"finding.read"}, in30)
		s.must(err)
		who, err := s.Bearer(ctx, secret)
		s.must(err)
		if !identity.Allowed(who, "finding.read") || identity.Allowed(who, "finding.write") || identity.Allowed(who, identity.Own) {
			t.Fatalf("wrong rights of a token: %v", who.Rights.Permissions)
		}
		s.must(s.SetRoles(ctx, identity.LocalActor, id, []identity.Held{{Role: identity.GuestPartner}}))
		who, err = s.Bearer(ctx, secret)
		s.must(err)
		if identity.Allowed(who, "finding.read") {
			t.Fatal("a token may do what its owner may no longer")
		}
		s.must(s.Revoke(ctx, a, id, tok.ID))
		_, err = s.Bearer(ctx, secret)
		s.want(fault.Forbidden, err)
		_, err = s.Bearer(ctx, secret+"x")
		s.want(fault.Forbidden, err)
		s.must(s.SetRoles(ctx, identity.LocalActor, id, []identity.Held{{Role: identity.Analyst}}))
		secret, _, err = s.Issue(ctx, a, id, "dashboard", []act.Permission{"finding.read"}, in30)
		s.must(err)
		s.clock.Move(31 * 24 * time.Hour)
		_, err = s.Bearer(ctx, secret)
		s.want(fault.Forbidden, err)
	})
}

func TestRolesAreRefusedThatDoNotFit(t *testing.T) {
	each(t, func(s *stage) {
		for _, hs := range [][]identity.Held{
			{{Role: "king"}},
			{{Role: identity.Manager}},
			{{Role: identity.Analyst, Constituent: 1}},
			{{Role: identity.Analyst}, {Role: identity.GuestPartner}},
			{{Role: identity.Member, Constituent: 99}},
		} {
			_, err := s.Create(context.Background(), identity.LocalActor, identity.NewAccount{Login: "x@cert.example", Name: "X", Roles: hs})
			s.want(fault.Invalid, err)
		}
	})
}

func TestEveryPermissionOfARoleIsWellFormed(t *testing.T) {
	for _, r := range identity.Roles() {
		if len(r.Permissions()) == 0 {
			t.Errorf("%s may do nothing", r)
		}
		for _, p := range r.Permissions() {
			if !identity.Known(p) || !strings.Contains(string(p), ".") {
				t.Errorf("%s: %q", r, p)
			}
		}
	}
	if identity.Known("made.up") {
		t.Error("an unknown permission counts as known")
	}
}

func TestPasswordsThatAttackersTryFirstAreRefused(t *testing.T) {
	for _, p := range []string{"", "short", "password1234", "Passw0rd!Passw0rd!", "123456789012", "qwertyuiop12", "Welcome2026!!", "aaaaaaaaaaaaaa",
		"AnaAnaAnaAna1", "ana@cert.example", "letmeinletmein", "Summer2026Summer", strings.Repeat("ab cd ef ", 40), "\xff\xffviolet tractor hums"} {
		if identity.CheckPassword(p, "ana@cert.example", "Ana Anić") == nil {
			t.Errorf("%q is taken", p)
		}
	}
	for _, p := range []string{right, "correct kettle bronze llama", "xK9#mQ2vLr8&", "брза лисица скаче преко", "9f86d081884c7d659a2f"} {
		if err := identity.CheckPassword(p, "ana@cert.example", "Ana Anić"); err != nil {
			t.Errorf("%q is refused: %v", p, err)
		}
	}
}

func FuzzPasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "x")
	h := identity.NewHasher(1)
	f.Fuzz(func(t *testing.T, hash, password string) {
		if len(hash) > 60 { // a cost that somebody put into the database is theirs
			return
		}
		if h.Matches(hash, password) {
			t.Errorf("%q matches %q", password, hash)
		}
	})
}
