// Package situationtest fills a database with a made-up nation whose findings and daily counts agree, for the tests of
// the national picture and of its pages. The numbers follow from the size alone.
package situationtest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
)

// Size says how large the nation is.
type Size struct {
	Constituents int
	Types        int
	Findings     int
	Days         int
	Last         event.Day // the latest day
	Incomplete   []int     // days before Last on which the feed was incomplete
}

// Sectors are the sectors of the nation; the last constituents have none.
var Sectors = []string{"energy", "health", "finance", "transport", "water", "digital", "government", "education"}

var kinds = []struct {
	name, title, class, kind string
	severity                 event.Severity
}{
	{"scan_rdp", "Accessible RDP", "vulnerable", "vulnerable-system", event.High},
	{"scan_smb", "Accessible SMB", "vulnerable", "vulnerable-system", event.High},
	{"event_sinkhole_dns", "Sinkhole DNS events", "malicious-code", "infected-system", event.Critical},
	{"scan_exchange", "Vulnerable Exchange servers", "vulnerable", "vulnerable-system", event.Critical},
	{"scan_ntp", "NTP monitor", "vulnerable", "ddos-amplifier", event.Medium},
	{"scan_dns", "Open resolvers", "vulnerable", "ddos-amplifier", event.Medium},
	{"scan_snmp", "Open SNMP", "vulnerable", "ddos-amplifier", event.Medium},
	{"scan_telnet", "Accessible Telnet", "vulnerable", "weak-crypto", event.Medium},
	{"scan_ssl_poodle", "SSLv3 (POODLE)", "vulnerable", "weak-crypto", event.Low},
	{"scan_ftp", "Accessible FTP", "vulnerable", "potentially-unwanted-accessible", event.Low},
	{"device_id", "Device identification", "other", "other", event.Info},
	{"compromised_website", "Compromised web sites", "intrusions", "system-compromise", event.Critical},
}

// Fill writes the nation. The database must be empty.
func Fill(ctx context.Context, d *db.DB, s Size) error {
	f := filler{Size: s, r: rand.New(rand.NewPCG(1, uint64(s.Findings)))}
	for _, step := range []func(*db.Tx) error{f.constituents, f.feed} {
		if err := f.act(ctx, d, step); err != nil {
			return err
		}
	}
	for i := range s.Types {
		if err := f.act(ctx, d, func(tx *db.Tx) error { return f.reports(tx, i) }); err != nil {
			return err
		}
	}
	return nil
}

type filler struct {
	Size
	r *rand.Rand
}

func (f *filler) act(ctx context.Context, d *db.DB, fn func(*db.Tx) error) error {
	return d.Act(ctx, act.Act{Actor: act.Machine, Verb: "test.fill"}, fn)
}

func (f *filler) constituents(tx *db.Tx) error {
	names := []string{"Power", "Clinic", "Bank", "Rail", "Waterworks", "Telecom", "Ministry", "University"}
	for i := 1; i <= f.Constituents; i++ {
		k := (i - 1) % len(Sectors)
		sector, designation, kind := Sectors[k], "other", "institution"
		if i%9 == 0 {
			sector = ""
		}
		if i%3 == 1 {
			designation, kind = "special-importance", "operator"
		}
		_, err := tx.Prepared(`INSERT INTO constituent (id, ref, parent, name, kind, sector, designation, delegate, language, note, source,
			origin, valid_from, valid_until) VALUES ($1, $2, NULL, $3, $4, $5, $6, NULL, 'en', '', 'manual', '', 0, 9999999)`,
			i, fmt.Sprintf("c%d", i), fmt.Sprintf("%s of District %d", names[k], i), kind, sector, designation)
		if err != nil {
			return err
		}
		if i%5 != 0 {
			_, err = tx.Prepared(`INSERT INTO contact (constituent, role, name, mail, phone, language, keys, clearance, source, origin,
				valid_from, valid_until) VALUES ($1, 'abuse', '', $2, '', 'en', '[]', '', 'manual', '', 0, 9999999)`,
				i, fmt.Sprintf("abuse@c%d.example", i))
		}
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ('constituency.version', '1')`)
	return err
}

func (f *filler) feed(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO feed (id, name, format, title, marking, audience, collector, settings, enabled)
		VALUES (1, 'shadowserver', 'shadowserver', 'Shadowserver', 'TLP:AMBER', 'owner', '{}', '{}', 1)`)
	for i := 0; i < f.Days && err == nil; i++ {
		complete, missing := 1, "[]"
		for _, n := range f.Incomplete {
			if n == i {
				complete, missing = 0, `["scan_rdp","scan_smb"]`
			}
		}
		_, err = tx.Exec(`INSERT INTO feed_day (feed, day, types, expected, missing, complete, listing, ruled)
			VALUES (1, $1, $2, $3, $4, $5, '', -1)`, int64(f.Last)-int64(i), f.Types-2*(1-complete), f.Types, missing, complete)
	}
	return err
}

type key struct {
	day   event.Day
	owner int64
}

type tally struct{ events, fresh, ongoing, gone int64 }

// reports writes one type: its findings and what they add up to. A finding is seen on every day from its first to its last
// and is no longer seen three days after that.
func (f *filler) reports(tx *db.Tx, i int) error {
	k := kinds[i%len(kinds)]
	name, title := k.name, k.title
	if n := i / len(kinds); n > 0 {
		name, title = fmt.Sprintf("%s_%d", name, n+1), fmt.Sprintf("%s %d", title, n+1)
	}
	id := int64(1000 + i)
	first := f.Last - event.Day(f.Days) + 1
	_, err := tx.Exec(`INSERT INTO report_type (id, feed, name, title, class, kind, identifier, severity, subject, closing, known, first_day,
		last_day, cutoff, closed_on, version) VALUES ($1, 1, $2, $3, $4, $5, '', $6, 'service', 'snapshot', 1, $7, $8, $9, $8, $10)`,
		id, name, title, k.class, k.kind, int(k.severity), int64(first), int64(f.Last), int64(f.Last)-3, f.Days)
	if err != nil {
		return err
	}
	for d := first; d <= f.Last; d++ {
		if _, err := tx.Prepared(`INSERT INTO report (type, day, delta, events, live) VALUES ($1, $2, 0, 1, 1)`, id, int64(d)); err != nil {
			return err
		}
	}
	counts := map[key]*tally{}
	at := func(d event.Day, o int64) *tally {
		t := counts[key{d, o}]
		if t == nil {
			t = &tally{}
			counts[key{d, o}] = t
		}
		return t
	}
	for n := range f.Findings / f.Types {
		from := first
		if n%3 == 0 {
			from += event.Day(f.r.IntN(f.Days))
		}
		to := event.Day(9999999)
		if n%3 == 0 && f.r.IntN(2) == 0 {
			to = min(from+event.Day(f.r.IntN(20)), f.Last-1)
			from = min(from, to)
		}
		owner := f.owner(i)
		at(from, owner).fresh++
		for d := from; d <= min(to, f.Last); d++ {
			at(d, owner).events++
			if d > from {
				at(d, owner).ongoing++
			}
		}
		if to+3 <= f.Last {
			at(to+3, owner).gone++
		}
		severity := k.severity
		if n%10 == 0 && severity < event.Critical {
			severity++
		}
		if err := f.finding(tx, id, uint32(n), owner, severity, from, to); err != nil {
			return err
		}
	}
	for k, t := range counts {
		_, err := tx.Prepared(`INSERT INTO daily_count (type, day, owner, events, fresh, ongoing, gone, reopened, transferred, handed_over)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0)`, id, int64(k.day), k.owner, t.events, t.fresh, t.ongoing, t.gone)
		if err != nil {
			return err
		}
	}
	return nil
}

// owner draws an owner: a few have most, every eighth finding is nobody's.
func (f *filler) owner(typ int) int64 {
	if f.r.IntN(8) == 0 {
		return 0
	}
	x := f.r.Float64()
	return (int64(x*x*x*float64(f.Constituents))+int64(typ)*7)%int64(f.Constituents) + 1
}

func (f *filler) finding(tx *db.Tx, typ int64, n uint32, owner int64, severity event.Severity, from, to event.Day) error {
	address := binary.BigEndian.AppendUint32([]byte{4}, 0xcb007100+n)
	id := append(binary.BigEndian.AppendUint32(nil, uint32(typ)), address...)
	id = append(id, 0, 53, 2)
	_, err := tx.Prepared(`INSERT INTO finding (id, type, address, port, transport, name, identifier, severity, owner, explanation,
		first_seen, first_day, run_from, run_to, closed_day) VALUES ($1, $2, $3, 53, 'udp', '', '', $4, $5, 0, $6, $7, $7, $8, -1)`,
		id, typ, address, int(severity), owner, from.Time().UnixMicro(), int64(from), int64(to))
	return err
}
