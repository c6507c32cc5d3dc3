package collect

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/fetch"
)

// collectURL gets the latest file of an address, when there is a newer one than last time.
func (s *session) collectURL(ctx context.Context, src feed.URLSource) error {
	header := map[string]string{}
	for name, secret := range src.Headers {
		v, err := reveal("the header "+name, secret)
		if err != nil {
			return err
		}
		header[name] = v
	}
	f, r, err := s.Client.File(ctx, fetch.Request{URL: src.URL, Header: header, ETag: s.state.ETag, LastModified: s.state.LastModified})
	if err != nil || r.NotModified() {
		return err
	}
	defer f.Close()
	now := s.Clock.Now()
	name, err := fileName(src, r.Name, now.In(s.Zone))
	if err != nil {
		return err
	}
	issued, err := time.Parse(time.RFC1123, r.LastModified)
	if err != nil {
		issued = now
	}
	ss := []event.Source{{Name: name, Issued: issued.UTC(), Size: f.Size(), Open: f.Open}}
	sum, err := s.Take(ctx, act.Machine, s.feed.Name, ss)
	if err != nil {
		return err
	}
	s.state.Taken = 1
	for name, why := range failed(sum, ss) {
		s.problem("%s could not be taken in: %v", name, why)
	}
	s.state.ETag, s.state.LastModified = r.ETag, r.LastModified
	return nil
}

// fileName is what a fetched file is called for the reader: the name of the configuration with {date} filled in, or the
// server's, with the day put before it when the pattern found one and the name does not begin with it. The day is the one
// that the pattern finds in the server's name, else the day of the fetch.
func fileName(src feed.URLSource, served string, now time.Time) (string, error) {
	date := now.Format(time.DateOnly)
	if src.Pattern != "" {
		var err error
		if date, err = dateIn(src.Pattern, served); err != nil {
			return "", err
		}
	}
	switch {
	case src.Name != "":
		return strings.ReplaceAll(src.Name, "{date}", date), nil
	case served == "":
		return "", fault.Invalidf("neither the server nor the address names the file: give it a name in the feed's collector")
	case src.Pattern != "" && !strings.HasPrefix(served, date):
		return date + "-" + served, nil
	}
	return served, nil
}

// dateIn finds a report day in a name by a pattern with the groups year, month and day.
func dateIn(pattern, name string) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", fault.Invalidf("the pattern of the file's name is no regular expression: %w", err)
	}
	m := re.FindStringSubmatch(name)
	if m == nil {
		return "", fault.Invalidf("the file's name %q does not match the pattern %q that finds its day", name, pattern)
	}
	part := func(group string) int {
		i := re.SubexpIndex(group)
		if i < 0 {
			return 0
		}
		n, err := strconv.Atoi(m[i])
		if err != nil {
			return 0
		}
		return n
	}
	y, mo, d := part("year"), part("month"), part("day")
	if y >= 0 && y < 100 {
		y += 2000
	}
	date := fmt.Sprintf("%04d-%02d-%02d", y, mo, d)
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return "", fault.Invalidf("the file's name %q has no day: the pattern found %s", name, date)
	}
	return date, nil
}
