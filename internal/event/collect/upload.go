package collect

import (
	"context"
	"errors"
	"io"
	"time"

	"tocsin/internal/event"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/spool"
)

const maxFiles = 1000

// Upload is files that somebody sends: held until all have come, then taken in together. Close it when it is given up;
// Start and Finish close it themselves.
type Upload struct {
	c     *Collector
	feed  string
	files []held
	bytes int64
}

type held struct {
	name string
	file *spool.File
}

// Upload begins an upload to a feed; an unknown feed is a fault of kind NotFound, before anything was sent.
func (c *Collector) Upload(ctx context.Context, feed string) (*Upload, error) {
	f, err := c.Feeds.ByName(ctx, feed)
	if err != nil {
		return nil, err
	}
	return &Upload{c: c, feed: f.Name}, nil
}

// Add holds one file; more than the limit is a fault of kind Invalid.
func (u *Upload) Add(name string, r io.Reader) error {
	if len(u.files) == maxFiles {
		return fault.Invalidf("an upload has at most %d files: send the others after it, or all as a zip", maxFiles)
	}
	counted := &counted{r: r, u: u}
	f, err := u.c.Spool.Hold(counted, u.c.MaxUpload)
	if err != nil {
		u.c.held.Add(-counted.n)
		return err
	}
	u.bytes += counted.n
	u.files = append(u.files, held{name, f})
	return nil
}

// counted counts what all uploads under way hold together: files that each keep their limit could fill the disk else.
type counted struct {
	r io.Reader
	u *Upload
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.u.c.held.Add(int64(n)) > c.u.c.MaxHeld {
		return 0, fault.New(fault.Unavailable, "the uploads under way hold more than %d bytes together: send less at a time, or wait until others are taken in", c.u.c.MaxHeld)
	}
	return n, err
}

// Close gives up what was held.
func (u *Upload) Close() error {
	var errs []error
	for _, h := range u.files {
		errs = append(errs, h.file.Close())
	}
	u.c.held.Add(-u.bytes)
	u.files, u.bytes = nil, 0
	return errors.Join(errs...)
}

// Start takes the files in while the caller goes on, and returns the run's id.
func (u *Upload) Start(actor act.Actor) (id string, err error) {
	if len(u.files) == 0 {
		return "", fault.Problems{{Field: "file", Message: "choose at least one file"}}
	}
	r := u.c.runs.begin(u.feed, actor, len(u.files))
	u.c.underway.Go(func() {
		defer u.Close()
		if _, err := u.c.take(u.c.alive, actor, u.feed, u.sources(), r); err != nil {
			u.c.Log.Error("upload", "feed", u.feed, "run", r.ID, "error", err)
		}
	})
	return r.ID, nil
}

// Finish takes the files in and returns how it ended.
func (u *Upload) Finish(ctx context.Context, actor act.Actor) (Run, error) {
	defer u.Close()
	if len(u.files) == 0 {
		return Run{}, fault.Problems{{Field: "file", Message: "send at least one file"}}
	}
	r := u.c.runs.begin(u.feed, actor, len(u.files))
	if _, err := u.c.take(ctx, actor, u.feed, u.sources(), r); err != nil {
		return Run{}, err
	}
	return u.c.runs.ByID(r.ID)
}

// sources are the files as the intake reads them; a person hands over the newest there is, so they are issued now.
func (u *Upload) sources() []event.Source { return sources(u.files, u.c.Clock.Now()) }

func sources(files []held, issued time.Time) []event.Source {
	var ss []event.Source
	for _, h := range files {
		ss = append(ss, event.Source{Name: h.name, Issued: issued, Size: h.file.Size(), Open: h.file.Open})
	}
	return ss
}
