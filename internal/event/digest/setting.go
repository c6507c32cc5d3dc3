package digest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tocsin/internal/nation"
	"tocsin/internal/notify"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
)

// Setting is how a constituent wants to be told. The zero Setting with Hour -1 is as the nation is.
type Setting struct {
	Constituent int64     `json:"constituent"`
	Zone        string    `json:"zone"`      // IANA name; "": the nation's
	Weekdays    []int     `json:"weekdays"`  // business days, 0 is Sunday; none: Monday to Friday
	Hour        int       `json:"hour"`      // local; -1: 8
	Frequency   Frequency `json:"frequency"` // in place of daily and weekly; "": as policies say. What is immediate stays so
	Channel     string    `json:"channel"`   // mail, webhook, both, or portal: nothing is sent
	At          int64     `json:"at,omitempty"`
	By          string    `json:"by,omitempty"`
}

// The channels. Where no webhook takes digests any more, mail goes out instead, so that nothing is lost unnoticed.
const (
	ByMail     = "mail"
	ByWebhook  = "webhook"
	ByBoth     = "both" // mail and webhook
	PortalOnly = "portal"
)

// Channels lists them.
func Channels() []string { return []string{ByMail, ByWebhook, ByBoth, PortalOnly} }

// sends tells whether anything is sent at all, pushes whether it goes to webhooks too.
func (s *Setting) sends() bool  { return s.Channel != PortalOnly }
func (s *Setting) pushes() bool { return s.Channel == ByWebhook || s.Channel == ByBoth }

// DefaultSetting is that of a constituent that nobody set anything for.
func DefaultSetting(constituent int64) Setting {
	return Setting{Constituent: constituent, Weekdays: []int{}, Hour: -1, Channel: ByMail}
}

func (s *Setting) check() error {
	var m mistakes
	if _, err := time.LoadLocation(s.Zone); err != nil || len(s.Zone) > 60 {
		m.add("zone", "%q is no time zone: write a name such as Europe/Belgrade, or nothing for the nation's", s.Zone)
	}
	slices.Sort(s.Weekdays)
	s.Weekdays = slices.Compact(s.Weekdays)
	for _, d := range s.Weekdays {
		if d < 0 || d > 6 {
			m.add("weekdays", "%d is no weekday: 0 is Sunday, 6 Saturday", d)
		}
	}
	if s.Hour < -1 || s.Hour > 23 {
		m.add("hour", "%d is no hour: use 0 to 23, or -1 for the usual one", s.Hour)
	}
	if !slices.Contains([]Frequency{"", Immediate, Daily, Weekly}, s.Frequency) {
		m.add("frequency", "%q is not for a constituent to choose: use immediate, daily, weekly or nothing", s.Frequency)
	}
	if !slices.Contains(Channels(), s.Channel) {
		m.add("channel", "%q is no channel: use %s", s.Channel, strings.Join(Channels(), ", "))
	}
	return m.err()
}

func (s *Setting) mask() (bits int) {
	for _, d := range s.Weekdays {
		bits |= 1 << d
	}
	return bits
}

func weekdays(bits int) []int {
	out := []int{}
	for d := range 7 {
		if bits&(1<<d) != 0 {
			out = append(out, d)
		}
	}
	return out
}

func (s *Setting) week(n *nation.Profile) week {
	w := week{zone: n.Location(), weekdays: s.mask(), hour: s.Hour}
	if len(n.Holidays) > 0 {
		w.rests = n.Rests
	}
	if s.Zone != "" {
		if l, err := time.LoadLocation(s.Zone); err == nil {
			w.zone = l
		}
	}
	return w
}

// soon is how soon the constituent is told what a policy wants told so.
func (s *Setting) soon(f Frequency) Frequency {
	if s.Frequency != "" && (f == Daily || f == Weekly) {
		return s.Frequency
	}
	return f
}

// Setting is how a constituent wants to be told.
func (d *Desk) Setting(ctx context.Context, constituent int64) (out Setting, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		all, err := readSettings(tx, constituent)
		if out = DefaultSetting(constituent); len(all) > 0 {
			out = all[constituent]
		}
		return err
	})
	return out, err
}

// Set writes how a constituent wants to be told. Staff may, and who acts for the constituent.
func (d *Desk) Set(ctx context.Context, by act.Actor, s Setting) error {
	if !may(by, s.Constituent) {
		return fault.NotFoundf("there is no constituent with the id %d", s.Constituent)
	}
	dir, err := d.Constituency.Directory(ctx)
	if err != nil {
		return err
	}
	if _, ok := dir.ByID(s.Constituent); !ok {
		return fault.NotFoundf("there is no constituent with the id %d", s.Constituent)
	}
	if err := s.check(); err != nil {
		return err
	}
	s.At = d.now().UnixMicro()
	return d.DB.Act(ctx, act.Act{Actor: by, Verb: "digest.setting", Object: fmt.Sprintf("constituent:%d", s.Constituent), Detail: detail(s)},
		func(tx *db.Tx) error {
			if hooks, err := notify.HooksOf(tx, s.Constituent, Kind); err != nil {
				return err
			} else if s.pushes() && len(hooks) == 0 {
				return fault.Problems{{Field: "channel", Message: "no webhook takes digests: add one first"}}
			}
			if err := saveSetting(tx, &s); err != nil {
				return err
			}
			return touch(tx)
		})
}

// may tells whether an actor may see and do what is a constituent's.
func may(a act.Actor, constituent int64) bool {
	return a.Kind == act.Local || a.Kind == act.System || a.Rights.Covers(constituent)
}
