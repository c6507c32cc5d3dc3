package nation

import (
	"fmt"
	"time"
)

// Date is a calendar day, written "2024-10-18" or as TOML's own date; the zero value is no date.
type Date struct{ time.Time }

// UnmarshalTOML reads either form.
func (d *Date) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case time.Time:
		d.Time = time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC)
		return nil
	case string:
		if v == "" {
			d.Time = time.Time{}
			return nil
		}
		t, err := time.Parse(time.DateOnly, v)
		if err != nil {
			return fmt.Errorf("%q is no date; write YYYY-MM-DD", v)
		}
		d.Time = t
		return nil
	}
	return fmt.Errorf("%v is no date; write YYYY-MM-DD", v)
}

// String is "2024-10-18", "" for no date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// MarshalText writes the day.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Duration is a time span, written as Go does: "24h", "72h".
type Duration time.Duration

// UnmarshalText reads a positive span.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no time span; write hours as 24h or 72h", b)
	}
	*d = Duration(v)
	return nil
}

// String is the span as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the span.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Hours is the span in hours.
func (d Duration) Hours() float64 { return time.Duration(d).Hours() }
