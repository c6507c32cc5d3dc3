package world

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tocsin/internal/platform/db"
)

// CheckResult is what a check found.
type CheckResult struct {
	Engine   string    `json:"engine"`
	Schema   int64     `json:"schema"`
	Archived int       `json:"archived"` // files whose content was compared with its hash
	Segments int       `json:"segments"` // whose rows were counted
	Rows     int64     `json:"rows"`
	Problems []Trouble `json:"problems"`
}

// Trouble is one thing that is wrong.
type Trouble struct {
	Area    string `json:"area"` // records, archive, segments, mail
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// Check reads everything that the world has and compares it with the records, while work goes on. quick leaves out what
// reads the files' content. Trouble is a result and no error; an error means that the check could not be made.
func (w *World) Check(ctx context.Context, quick bool, progress func(area string, done int)) (r CheckResult, err error) {
	r = CheckResult{Engine: string(w.db.Engine()), Problems: []Trouble{}}
	if r.Schema, err = w.db.Version(ctx); err != nil {
		return r, err
	}
	err = w.db.View(ctx, func(tx *db.Tx) error {
		broken, err := integrity(tx)
		if err != nil {
			return err
		}
		wrong, err := inconsistencies(tx)
		for _, m := range append(broken, wrong...) {
			r.Problems = append(r.Problems, Trouble{Area: "records", Message: m})
		}
		return err
	})
	if err != nil {
		return r, fmt.Errorf("check the records: %w", err)
	}
	// A pin keeps what is retired meanwhile from disappearing under the check.
	err = w.pinned(ctx, "check", func(ctx context.Context) error {
		c := checker{w: w, quick: quick, progress: progress, result: &r}
		return errors.Join(c.archive(ctx), c.segments(ctx), c.kept(ctx, "mail", mailDir, mailAfter, c.w.Mailbox.Verify),
			c.kept(ctx, "evidence", incidentDir, evidenceAfter, c.w.Incidents.Verify))
	})
	return r, err
}

type checker struct {
	w        *World
	quick    bool
	progress func(string, int)
	result   *CheckResult
}

const checkPage = 500

func (c *checker) archive(ctx context.Context) error {
	for after := int64(0); ; {
		var page []archivedFile
		err := c.w.db.View(ctx, func(tx *db.Tx) (err error) {
			page, err = archivedAfter(tx, after, checkPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, f := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			after = f.id
			path := archiveDir + "/" + f.path
			if !c.there(path, f.stored, "archive") {
				continue
			}
			if !c.quick {
				if err := c.w.Intake.Verify(ctx, f.path, f.sum, f.size); err != nil {
					c.trouble("archive", path, strings.ReplaceAll(err.Error(), "\n", ": "))
				}
			}
			c.result.Archived++
			c.tell("archive", c.result.Archived)
		}
	}
}

func (c *checker) segments(ctx context.Context) error {
	for after := int64(0); ; {
		var page []storedSegment
		err := c.w.db.View(ctx, func(tx *db.Tx) (err error) {
			page, err = segmentsAfter(tx, after, checkPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			after = s.id
			path := segmentDir + "/" + s.path
			if !c.there(path, s.bytes, "segments") {
				continue
			}
			rows, err := c.w.Intake.SegmentRows(s.path)
			switch {
			case err != nil:
				c.trouble("segments", path, err.Error())
			case rows != s.rows:
				c.trouble("segments", path, fmt.Sprintf("has %d rows, the records say %d", rows, s.rows))
			}
			c.result.Segments++
			c.result.Rows += rows
			c.tell("segments", c.result.Segments)
		}
	}
}

// kept looks for the files of an area that are kept as they came, page by page, and lets what owns them read each.
func (c *checker) kept(ctx context.Context, area, dir string, after func(tx *db.Tx, after int64, limit int) ([]keptFile, error),
	verify func(ctx context.Context, id int64) error) error {
	for last := int64(0); ; {
		var page []keptFile
		err := c.w.db.View(ctx, func(tx *db.Tx) (err error) {
			page, err = after(tx, last, checkPage)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, f := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			last = f.id
			path := dir + "/" + f.path
			if !c.there(path, f.bytes, area) || c.quick {
				continue
			}
			if err := verify(ctx, f.id); err != nil {
				c.trouble(area, path, err.Error())
			}
		}
	}
}

// there looks whether the file is there in its size.
func (c *checker) there(path string, size int64, area string) bool {
	st, err := os.Stat(filepath.Join(c.w.Dir(), filepath.FromSlash(path)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.trouble(area, path, "is not there")
	case err != nil:
		c.trouble(area, path, err.Error())
	case st.Size() != size:
		c.trouble(area, path, fmt.Sprintf("has %d bytes, the records say %d", st.Size(), size))
	default:
		return true
	}
	return false
}

func (c *checker) trouble(area, path, message string) {
	c.result.Problems = append(c.result.Problems, Trouble{Area: area, Path: path, Message: message})
}

func (c *checker) tell(area string, done int) {
	if c.progress != nil {
		c.progress(area, done)
	}
}
