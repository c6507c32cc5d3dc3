package command

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tocsin/internal/identity"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/world"
)

type userCmd struct {
	List    userListCmd    `cmd:"" help:"List accounts."`
	First   userFirstCmd   `cmd:"" help:"Print a link for the first administrator."`
	Invite  userInviteCmd  `cmd:"" help:"Print a link with which somebody joins."`
	Create  userCreateCmd  `cmd:"" help:"Make an account; the password is read from standard input."`
	Roles   userRolesCmd   `cmd:"" help:"Give an account these roles and no others."`
	Recover userRecoverCmd `cmd:"" help:"Print a link that gives an account back to its owner."`
	Disable userDisableCmd `cmd:"" help:"Disable an account, its sessions and its tokens."`
	Enable  userEnableCmd  `cmd:"" help:"Let a disabled account sign in again."`
	Token   userTokenCmd   `cmd:"" help:"Make a service with a token, and print the token."`
}

// Help is the command's long help.
func (userCmd) Help() string {
	return `Works beside a running server and without one. A link is one-time: hand it over by a way you trust.

Examples:
  tocsin user first --url https://cert.example
  tocsin user invite ana@cert.example "Ana Anić" --role duty-officer
  tocsin user invite noc@grid.example "Grid NOC" --role manager --constituent grid
  tocsin user token siem-export "Export to the SIEM" --role reader --scope finding.read`
}

type userListCmd struct {
	Format string `help:"Output: ${enum}." enum:"text,json" default:"text"`
	Role   string `help:"Only accounts with this role."`
}

// Run lists accounts.
func (c *userListCmd) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		after := ""
		for {
			list, next, err := w.Identity.List(e.Ctx, identity.Filter{Role: identity.Role(c.Role), After: after, Limit: 1000})
			if err != nil {
				return err
			}
			for _, a := range list {
				if c.Format == "json" {
					if err := json.NewEncoder(e.Out).Encode(a); err != nil {
						return err
					}
					continue
				}
				var rs []string
				for _, h := range a.Roles {
					rs = append(rs, held(e, w, h))
				}
				state := "active"
				if a.Disabled {
					state = "disabled"
				}
				fmt.Fprintf(e.Out, "%d\t%s\t%s\t%s\t%s\n", a.ID, a.Login, state, strings.Join(rs, ","), a.Name)
			}
			if after = next; next == "" {
				return nil
			}
		}
	})
}

func held(e *Env, w *world.World, h identity.Held) string {
	if h.Constituent == 0 {
		return string(h.Role)
	}
	return fmt.Sprintf("%s:%s", h.Role, w.ConstituentName(e.Ctx, h.Constituent))
}

// address is where links begin.
type address struct {
	URL string `help:"Address of the console that the link begins with." default:"http://127.0.0.1:8080" placeholder:"URL"`
}

func (a address) join(secret string) string {
	return strings.TrimSuffix(a.URL, "/") + "/join/" + secret
}

type userFirstCmd struct{ address }

// Run prints the link.
func (c *userFirstCmd) Run(e *Env) error {
	return e.withNew(func(w *world.World) error {
		secret, err := w.Identity.First(e.Ctx)
		if err == nil {
			fmt.Fprintln(e.Out, c.join(secret))
		}
		return err
	})
}

// role is one role, for a constituent where it is of one.
type role struct {
	Role        string `help:"Role: administrator, duty-officer, analyst, reader, manager, member, sector-cert, authority, law-enforcement, partner, guest-partner." required:""`
	Constituent string `help:"Reference of the constituent that the role is held for." placeholder:"REF"`
}

func (r role) held(e *Env, w *world.World) (identity.Held, error) {
	h := identity.Held{Role: identity.Role(r.Role)}
	if r.Constituent == "" {
		return h, nil
	}
	var err error
	h.Constituent, err = w.ConstituentByRef(e.Ctx, r.Constituent)
	return h, err
}

type userInviteCmd struct {
	address
	role
	Mail string `arg:"" help:"Mail address."`
	Name string `arg:"" help:"Name."`
}

// Run prints the link.
func (c *userInviteCmd) Run(e *Env) error {
	return e.withNew(func(w *world.World) error {
		h, err := c.held(e, w)
		if err != nil {
			return err
		}
		secret, _, err := w.Identity.Invite(e.Ctx, identity.LocalActor, identity.Invitation{Login: c.Mail, Name: c.Name, Role: h.Role, Constituent: h.Constituent})
		if err == nil {
			fmt.Fprintln(e.Out, c.join(secret))
		}
		return err
	})
}

type userCreateCmd struct {
	role
	Mail string `arg:"" help:"Mail address."`
	Name string `arg:"" help:"Name."`
}

// Run makes the account.
func (c *userCreateCmd) Run(e *Env) error {
	line, err := bufio.NewReader(e.In).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return fault.Invalidf("give the password on standard input (%v), or let the person choose it: tocsin user invite", err)
	}
	return e.withNew(func(w *world.World) error {
		h, err := c.held(e, w)
		if err != nil {
			return err
		}
		id, err := w.Identity.Create(e.Ctx, identity.LocalActor, identity.NewAccount{Login: c.Mail, Name: c.Name, Password: line, Roles: []identity.Held{h}})
		if err == nil {
			fmt.Fprintln(e.Out, id)
		}
		return err
	})
}

type userRolesCmd struct {
	Login string   `arg:"" help:"Mail address, or the name of a service."`
	Roles []string `arg:"" optional:"" help:"Roles, as role or role:REF for a constituent; none takes all away."`
}

// Run gives the roles.
func (c *userRolesCmd) Run(e *Env) error {
	return e.account(c.Login, func(w *world.World, a *identity.Account) error {
		var hs []identity.Held
		for _, r := range c.Roles {
			name, ref, _ := strings.Cut(r, ":")
			h, err := role{name, ref}.held(e, w)
			if err != nil {
				return err
			}
			hs = append(hs, h)
		}
		return w.Identity.SetRoles(e.Ctx, identity.LocalActor, a.ID, hs)
	})
}

func (e *Env) account(login string, fn func(*world.World, *identity.Account) error) error {
	return e.with(func(w *world.World) error {
		a, err := w.Identity.ByLogin(e.Ctx, login)
		if err != nil {
			return err
		}
		return fn(w, a)
	})
}

type userRecoverCmd struct {
	address
	Login string `arg:"" help:"Mail address."`
}

// Run prints the link.
func (c *userRecoverCmd) Run(e *Env) error {
	return e.with(func(w *world.World) error {
		secret, err := w.Identity.Recover(e.Ctx, identity.LocalActor, c.Login)
		if err == nil {
			fmt.Fprintln(e.Out, c.join(secret))
		}
		return err
	})
}

type userDisableCmd struct {
	Login string `arg:"" help:"Mail address, or the name of a service."`
}

// Run disables the account.
func (c *userDisableCmd) Run(e *Env) error {
	return e.account(c.Login, func(w *world.World, a *identity.Account) error {
		return w.Identity.Disable(e.Ctx, identity.LocalActor, a.ID)
	})
}

type userEnableCmd struct {
	Login string `arg:"" help:"Mail address, or the name of a service."`
}

// Run enables the account.
func (c *userEnableCmd) Run(e *Env) error {
	return e.account(c.Login, func(w *world.World, a *identity.Account) error {
		return w.Identity.Enable(e.Ctx, identity.LocalActor, a.ID)
	})
}

type userTokenCmd struct {
	role
	Service string   `arg:"" help:"Short name of the service; it is made when there is none."`
	Title   string   `arg:"" help:"What the token is for."`
	Scope   []string `help:"Permissions; the role's own without it." placeholder:"PERMISSION"`
	Days    int      `help:"Days until it ends." default:"90"`
}

// Run prints the token.
func (c *userTokenCmd) Run(e *Env) error {
	return e.withNew(func(w *world.World) error {
		h, err := c.held(e, w)
		if err != nil {
			return err
		}
		var id int64
		a, err := w.Identity.ByLogin(e.Ctx, c.Service)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			if id, err = w.Identity.Create(e.Ctx, identity.LocalActor, identity.NewAccount{Kind: identity.ServiceAccount, Login: c.Service, Name: c.Title, Roles: []identity.Held{h}}); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			id = a.ID
		}
		var scope []act.Permission
		for _, s := range c.Scope {
			scope = append(scope, act.Permission(s))
		}
		if len(scope) == 0 {
			if scope, err = w.Identity.Scopes(e.Ctx, id); err != nil {
				return err
			}
		}
		secret, _, err := w.Identity.Issue(e.Ctx, identity.LocalActor, id, c.Title, scope, w.Identity.Real.Now().Add(time.Duration(c.Days)*24*time.Hour))
		if err == nil {
			fmt.Fprintln(e.Out, secret)
		}
		return err
	})
}
