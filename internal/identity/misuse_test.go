package identity_test

import (
	"context"
	"fmt"
	"slices"
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

func (s *stage) constituents(n int) {
	s.t.Helper()
	s.must(s.DB.Upkeep(context.Background(), func(tx *db.Tx) error {
		for i := 1; i <= n; i++ {
			if _, err := tx.Exec(`INSERT INTO constituent (ref, name, kind, sector, designation, language, note, source, origin,
				valid_from, valid_until) VALUES ($1, $1, 'operator', '', 'other', '', '', 'manual', '', 0, 9999999)`, fmt.Sprintf("c%d", i)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestWhoManagesOneConstituentManagesNoOtherThatTheyAreAMemberOf(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.constituents(2)
		other := s.account("other@two.example", identity.Held{Role: identity.Manager, Constituent: 2})
		s.account("both@one.example", identity.Held{Role: identity.Manager, Constituent: 1}, identity.Held{Role: identity.Member, Constituent: 2})
		both, _ := s.signIn("both@one.example")
		if !slices.Equal(both.Manages(), []int64{1}) {
			t.Errorf("manages %v", both.Manages())
		}
		_, _, err := s.Invite(ctx, both, identity.Invitation{Login: "friend@one.example", Name: "Friend", Role: identity.Manager, Constituent: 2})
		s.want(fault.Forbidden, err)
		s.want(fault.NotFound, s.Leave(ctx, both, other, both.Manages()))
		_, _, err = s.Invite(ctx, both, identity.Invitation{Login: "friend@one.example", Name: "Friend", Role: identity.Manager, Constituent: 1})
		s.must(err)
	})
}

func TestAManagerTakesNoRoleThatOnlyTheCERTGives(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.constituents(1)
		cert := s.account("cert@one.example", identity.Held{Role: identity.SectorCERT, Constituent: 1})
		s.account("boss@one.example", identity.Held{Role: identity.Manager, Constituent: 1})
		boss, _ := s.signIn("boss@one.example")
		s.want(fault.Forbidden, s.Leave(ctx, boss, cert, boss.Manages()))
		_, l, err := s.Invite(ctx, identity.LocalActor, identity.Invitation{Login: "new@one.example", Name: "New", Role: identity.SectorCERT, Constituent: 1})
		s.must(err)
		s.want(fault.NotFound, s.Withdraw(ctx, boss, l.ID, boss.Manages()))
	})
}

func TestInvitationsOfWhoMayNoLongerInviteLetNobodyIn(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.account("head@cert.example", identity.Held{Role: identity.Administrator})
		head, _ := s.signIn("head@cert.example")
		bad := s.account("bad@cert.example", identity.Held{Role: identity.Administrator})
		by, _ := s.signIn("bad@cert.example")
		invite := func(login string) string {
			secret, _, err := s.Invite(ctx, by, identity.Invitation{Login: login, Name: "Door", Role: identity.Administrator})
			s.must(err)
			return secret
		}
		one, two := invite("one@cert.example"), invite("two@cert.example")
		s.must(s.SetRoles(ctx, head, bad, []identity.Held{{Role: identity.Analyst}}))
		_, err := s.Join(ctx, one, identity.Joining{Password: right}, desk)
		s.want(fault.NotFound, err)
		s.must(s.SetRoles(ctx, head, bad, []identity.Held{{Role: identity.Administrator}}))
		_, err = s.Join(ctx, one, identity.Joining{Password: right}, desk)
		s.must(err)
		s.must(s.Disable(ctx, head, bad))
		_, err = s.LinkOf(ctx, two)
		s.want(fault.NotFound, err)
	})
}

func TestRecoveredAccountHasNoTokenAndNoProviderOfBefore(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		id := s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		thief, _ := s.signIn("ana@cert.example")
		secret, _, err := s.Issue(ctx, thief, id, "kept", []act.Permission{"finding.read"}, s.clock.Now().Add(24*time.Hour))
		s.must(err)
		s.must(s.Link(ctx, thief, id, "https://id.example", "thief"))
		link, err := s.Recover(ctx, identity.LocalActor, "ana@cert.example")
		s.must(err)
		_, err = s.Join(ctx, link, identity.Joining{Password: "four other words entirely"}, desk)
		s.must(err)
		_, err = s.Bearer(ctx, secret)
		s.want(fault.Forbidden, err)
		_, err = s.ByProvider(ctx, "https://id.example", "thief")
		s.want(fault.NotFound, err)
	})
}

func TestOneAdministratorTakesNoAccountOverBySingleSignOn(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.account("head@cert.example", identity.Held{Role: identity.Administrator})
		ana := s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		head, _ := s.signIn("head@cert.example")
		s.want(fault.Forbidden, s.Link(ctx, head, ana, "https://id.example", "head"))
		fresh, err := s.Create(ctx, identity.LocalActor, identity.NewAccount{Login: "new@cert.example", Name: "New", Roles: []identity.Held{{Role: identity.Reader}}})
		s.must(err)
		s.must(s.Link(ctx, head, fresh, "https://id.example", "new"))
		s.want(fault.Forbidden, s.Link(ctx, head, fresh, "https://other.example", "head"))
		by, _ := s.signIn("ana@cert.example")
		s.must(s.Link(ctx, by, ana, "https://id.example", "ana"))
	})
}

func TestMachineMayNotDoWhatOnlyPeopleDo(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		id, err := s.Create(ctx, identity.LocalActor, identity.NewAccount{Kind: identity.ServiceAccount, Login: "siem", Name: "SIEM",
			Roles: []identity.Held{{Role: identity.Administrator}}})
		s.must(err)
		fingerprint := "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
		s.must(s.Pin(ctx, identity.LocalActor, id, fingerprint, "key"))
		m, err := s.Machine(ctx, fingerprint)
		s.must(err)
		if !identity.Allowed(m, "finding.read") {
			t.Error("the machine may nothing")
		}
		for _, p := range []act.Permission{identity.Own, identity.Write, identity.Recover, "disclosure.override", "portal.manage"} {
			if identity.Allowed(m, p) {
				t.Errorf("a machine has the permission %s", p)
			}
		}
	})
}

func TestAnAuthenticatorAppIsNotReplacedWithoutThePassword(t *testing.T) {
	each(t, func(s *stage) {
		ctx := context.Background()
		s.account("ana@cert.example", identity.Held{Role: identity.Analyst})
		ana, _ := s.signIn("ana@cert.example")
		confirm := func() error {
			secret, _ := s.NewTOTP("CERT", "ana@cert.example")
			code, err := totp.GenerateCode(secret, s.clock.Now())
			s.must(err)
			return s.ConfirmTOTP(ctx, ana, secret, code)
		}
		s.must(confirm())
		s.want(fault.Conflict, confirm())
		s.must(s.RemoveTOTP(ctx, ana, right))
		s.must(confirm())
	})
}

func TestAttemptsOnNobodysAccountAreRecordedToo(t *testing.T) {
	t.Parallel()
	at := clock.NewManual(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	var verbs []string
	record := audit.Recorder(at)
	dbtest.Each(t, func(tx *db.Tx, a act.Act) error { verbs = append(verbs, a.Verb+" "+a.Object); return record(tx, a) }, func(t *testing.T, d *db.DB) {
		verbs = nil
		s := identity.NewStore(identity.Config{DB: d, Real: at})
		if _, err := s.SignIn(context.Background(), "nobody@cert.example", right, desk); fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		if !slices.Equal(verbs, []string{"identity.sign-in-failed account:0"}) {
			t.Errorf("recorded %q", verbs)
		}
	})
}
