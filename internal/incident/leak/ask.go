package leak

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tocsin/internal/disclosure"
	"tocsin/internal/event"
	"tocsin/internal/format/tlp"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/egress"
	"tocsin/internal/platform/fault"
)

// Ask takes a question about an address. It is answered by a letter to that address, whatever the answer is: who asks sees nothing of it. The
// same address is answered once a day.
func (d *Desk) Ask(ctx context.Context, client netip.Addr, address, language string) error {
	address = strings.TrimSpace(address)
	normal, ok := Normal(address)
	if a, err := netmail.ParseAddress(address); err != nil || a.Address != address || !ok {
		return fault.Problems{{Field: "mail", Message: "is no mail address"}}
	}
	if err := d.asked.take(client, normal); err != nil {
		return err
	}
	// Both names are made with a key: whoever guesses addresses finds none of them in the ledger or the audit log.
	who := "address:" + hex.EncodeToString(mac(d.who, "asker", normal)[:8])
	daily := mac(d.who, "letter", untagged(normal))
	return d.DB.Act(ctx, act.Act{Actor: act.Anybody, Verb: "leak.ask", Object: who}, func(tx *db.Tx) error {
		_, err := d.Outbox.Enqueue(tx, notify.Letter{Key: fmt.Sprintf("leak:%x:%s", daily[:12], event.DayOf(d.Clock.Now().UnixMicro())), Kind: Kind, To: address, Language: language,
			Recipient: disclosure.Recipient{Kind: disclosure.Public, Subject: who, Name: who}, Asked: true})
		return err
	})
}

// take counts a question. What is refused by one limit takes nothing of the wider one.
func (a *asked) take(client netip.Addr, address string) error {
	if _, ok := a.network.Take(client); !ok {
		return fault.Conflictf("from your network %d questions came within an hour: try again later", asksPerHour)
	}
	everybody, domain := counted("everybody"), counted(address[strings.LastIndexByte(address, '@')+1:])
	if _, ok := a.all.Look(everybody); !ok {
		return fault.Conflictf("%d questions came within an hour: try again later", allPerHour)
	}
	if _, ok := a.domain.Take(domain); !ok {
		return fault.Conflictf("about addresses of this domain %d questions came within an hour: try again later", domainPerHour)
	}
	if _, ok := a.all.Take(everybody); !ok {
		return fault.Conflictf("%d questions came within an hour: try again later", allPerHour)
	}
	return nil
}

// untagged is a normal address without the tag that many providers let everybody add to theirs: it is the same mailbox, which is answered
// once a day.
func untagged(address string) string {
	at := strings.LastIndexByte(address, '@')
	if tag := strings.IndexByte(address[:at], '+'); tag > 0 {
		return address[:tag] + address[at:]
	}
	return address
}

// compose answers a question when its letter's turn comes.
func (d *Desk) compose(ctx context.Context, l notify.Letter) (none notify.Content, err error) {
	normal, ok := Normal(l.To)
	if !ok {
		return none, notify.ErrNothing
	}
	found, err := d.in(ctx, normal)
	if err != nil {
		return none, err
	}
	n, _, err := d.Nation.Load(ctx)
	if err != nil {
		return none, err
	}
	p := d.words.In(d.words.Choose(append([]string{l.Language}, n.Languages...)...), n.Location())
	mark := disclosure.Marking{Label: tlp.Amber, Named: []string{l.Recipient.Subject}}
	out := notify.Content{Subject: p.T("leak.subject", n.Team.Name), Headers: map[string]string{"Auto-Submitted": "auto-replied"}, Marking: mark}
	parts := []string{p.T("leak.asked", l.To)}
	if len(found) == 0 {
		parts = append(parts, p.T("leak.not-in"))
	} else {
		parts = append(parts, p.T("leak.in", len(found)))
	}
	for _, x := range found {
		parts = append(parts, x.Title+"\n"+x.Told) // as far as the letter itself; naming the lists would leave the answer in the ledger
	}
	parts = append(parts, p.T("leak.not-you"), p.T("leak.regards")+"\n"+n.Team.Signature())
	out.Text = strings.Join(parts, "\n\n") + "\n"
	return out, nil
}

// PrefixDigits is how many hexadecimal digits of a hash a program gives away.
const PrefixDigits = 5

// Fewest is the number of suffixes that a range has at least; a longer one has a multiple of it.
const Fewest = 32

// Range gives all suffixes of hashes that begin with five hexadecimal digits, in order, and among them as many that nobody has as it takes
// for the number to say nothing: always the same ones, so that asking again tells them not apart.
func (d *Desk) Range(ctx context.Context, by act.Actor, prefix string) (none egress.Cleared[[]string], err error) {
	n, err := strconv.ParseUint(prefix, 16, 32)
	if err != nil || len(prefix) != PrefixDigits {
		return none, fault.Problems{{Field: "prefix", Message: fmt.Sprintf("%.20q is not the first %d hexadecimal digits of the SHA-256 of an address in lower case", prefix, PrefixDigits)}}
	}
	if _, ok := d.ranges.Take(account(by)); !ok {
		return none, fault.Conflictf("you asked for %d ranges within an hour: go on later", rangesPerHour)
	}
	prefix = strings.ToLower(prefix)
	at, err := d.hashesOf(ctx, int64(n>>4))
	if err != nil {
		return none, err
	}
	var out []string
	for _, hs := range at {
		for _, h := range hs {
			if s := hex.EncodeToString(h[:]); strings.HasPrefix(s, prefix) {
				out = append(out, s[PrefixDigits:])
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	for i, most := 0, max(1, (len(out)+Fewest-1)/Fewest)*Fewest; len(out) < most; i++ {
		out = append(out, hex.EncodeToString(mac(d.pad, prefix, strconv.Itoa(i)))[PrefixDigits:])
	}
	slices.Sort(out)
	to := disclosure.RecipientOf(by)
	of := item[[]string]{disclosure.Ref("leak-range:" + prefix), disclosure.Marking{Label: tlp.Green}, out}
	var g *egress.Grant
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		cleared, _, err := disclosure.Clear(ctx, tx, d.Gate, to, disclosure.REST, []item[[]string]{of}, func(i item[[]string]) []string { return slices.Clone(i.v) })
		if err != nil {
			return err
		}
		var all [][]string
		if all, g, err = cleared.Open(); err == nil && len(all) == 0 {
			err = fault.New(fault.Forbidden, "ranges are for those whom the CERT serves")
		}
		return err
	})
	if err != nil {
		return none, err
	}
	return disclosure.Whole(out, g)
}

// account is what an account's ranges are counted under.
func account(by act.Actor) netip.Addr {
	if by.Rights != nil && by.Rights.Account != 0 {
		return counted(fmt.Sprintf("account:%d", by.Rights.Account))
	}
	return counted(by.Subject())
}

// counted is what something with a name is counted under: limits are kept by network address, so that it gets one of its own, within the
// prefix for documentation.
func counted(name string) netip.Addr {
	sum := sha256.Sum256([]byte(name))
	a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	copy(a[4:8], sum[:4])
	return netip.AddrFrom16(a)
}
