package incident

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tocsin/internal/platform/act"
	"tocsin/internal/platform/db"
	"tocsin/internal/platform/fault"
	"tocsin/internal/platform/file"
	"tocsin/internal/platform/job"
)

// File is a file of a report or a case, kept as it came.
type File struct {
	ID       int64  `json:"id"`
	Case     int64  `json:"case,omitempty"`     // 0: of a report only
	Report   int64  `json:"report,omitempty"`   // 0: of a case only
	Addition int64  `json:"addition,omitempty"` // that it came with
	Name     string `json:"name"`
	Type     string `json:"type"` // as the sender calls it
	Bytes    int64  `json:"bytes"`
	SHA256   string `json:"sha256"`
	At       int64  `json:"at"` // UTC microseconds
	By       string `json:"by"`
	Note     string `json:"note,omitempty"`
	// Owner is the constituent that mailed it, or Stranger; 0: it is whose its report or case is.
	Owner int64 `json:"-"`

	// Sender is the address in a mail that nobody vouches for: such files have a bound of their own. "" for all others.
	Sender string `json:"-"`
	// Bound is what its sender may add to its report, together with what is there; the zero value is no bound.
	Bound Bound `json:"-"`

	path   string
	shared bool // with the participants of its case, from the beginning
}

// Stranger is the owner of a file whose sender proved nothing.
const Stranger = -1

const (
	keeping    = 24 * time.Hour // how long a file may take to arrive
	maxFiles   = 1000           // of a report or a case
	draftsLast = 30 * 24 * time.Hour
)

// Register adds the desk's jobs: what was left half done is removed.
func (d *Desk) Register(q *job.Queue) {
	q.Periodic("incident.sweep", time.Hour, func(ctx context.Context, _ job.Job) error { return d.Sweep(ctx) })
}

// Keep keeps a file of a report, a case or both, as it comes: it is hashed while it is written, never held in memory, and there only when
// all of it is durable. A file of a case that is part of another one is that one's.
func (d *Desk) Keep(ctx context.Context, by act.Actor, f File, r io.Reader) (File, error) {
	f.Name, f.Type = fileName(f.Name), fileType(f.Type)
	var m mistakes
	m.text("note", &f.Note, maxSummary, false)
	if err := m.err(); err != nil {
		return f, err
	}
	name := strings.ToLower(rand.Text())
	f.path = name[:2] + "/" + name
	lease := d.Real.Now().Add(keeping).UnixMicro()
	if err := d.DB.Upkeep(ctx, func(tx *db.Tx) error { return insertPending(tx, f.path, lease) }); err != nil {
		return f, err
	}
	kept := false
	defer func() {
		if !kept {
			d.forget(context.WithoutCancel(ctx), f.path)
		}
	}()
	d.Step("pending")
	if err := d.write(&f, r); err != nil {
		return f, err
	}
	d.Step("written")
	of := f.Case
	err := d.DB.Act(ctx, act.Act{Actor: by, Verb: "evidence.keep"}, func(tx *db.Tx) error {
		f.Case = of
		if f.Report != 0 {
			r, err := lockReport(tx, f.Report)
			if err != nil {
				return err
			}
			if f.Case == 0 && r.State != Draft {
				f.Case = r.Case
			}
		}
		if f.Case != 0 {
			c, err := lockStanding(tx, f.Case) // the file is not lost when the case became part of another one while it came
			if err != nil {
				return err
			}
			if c.ID != f.Case && f.shared {
				return noCase(f.Case) // whose participants are others
			}
			f.Case = c.ID
		}
		n, err := countFiles(tx, f.Case, f.Report)
		if err != nil {
			return err
		}
		if n >= maxFiles {
			return fault.Conflictf("there are %d files already: pack several into one", n)
		}
		if err := d.room(tx, &f); err != nil {
			return err
		}
		f.At, f.By = d.now(), by.Name
		if err := insertFile(tx, &f); err != nil {
			return err
		}
		tx.Note(fmt.Sprintf("evidence:%d", f.ID), detail(map[string]any{"name": f.Name, "bytes": f.Bytes, "sha256": f.SHA256, "report": f.Report, "case": f.Case}))
		if f.Case != 0 {
			e := Entry{Case: f.Case, Kind: KindEvidence, Text: f.Note, Detail: detail(map[string]any{"file": f.ID, "name": f.Name, "bytes": f.Bytes, "sha256": f.SHA256})}
			if err := d.enter(tx, by, &e); err != nil {
				return err
			}
		}
		if f.shared {
			if err := shareFile(tx, f.Case, f.ID); err != nil {
				return err
			}
		}
		return deletePending(tx, f.path)
	})
	if err != nil {
		return f, fmt.Errorf("keep the file %s: %w", f.Name, err)
	}
	kept = true
	d.Step("kept")
	return f, nil
}

// write writes a file and makes it durable.
func (d *Desk) write(f *File, r io.Reader) error {
	p, err := d.Files.Create(f.path)
	if err != nil {
		return err
	}
	defer p.Abort()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(p, sum), io.LimitReader(r, d.MaxFile+1))
	if err != nil {
		return fmt.Errorf("take the file %s: %w", f.Name, err)
	}
	if n > d.MaxFile {
		return fault.Invalidf("the file %s is larger than %d bytes: split it, or bring it on a disk", f.Name, d.MaxFile)
	}
	if n == 0 {
		return fault.Invalidf("the file %s is empty", f.Name)
	}
	f.Bytes, f.SHA256 = n, hex.EncodeToString(sum.Sum(nil))
	return p.Commit()
}

// forget removes a file that nothing names.
func (d *Desk) forget(ctx context.Context, path string) {
	err := d.Files.Remove(path)
	if err == nil {
		err = d.DB.Upkeep(ctx, func(tx *db.Tx) error { return deletePending(tx, path) })
	}
	if err != nil {
		d.Log.Error("remove a file that was not kept", "path", path, "error", err) // the sweep tries again
	}
}

// Sweep removes what a crash left half done, and drafts that nobody wrote on for thirty days.
func (d *Desk) Sweep(ctx context.Context) error {
	var left []string
	var drafts []int64
	err := d.DB.View(ctx, func(tx *db.Tx) (err error) {
		if left, err = pendingBefore(tx, d.Real.Now().UnixMicro()); err != nil {
			return err
		}
		drafts, err = oldDrafts(tx, d.Clock.Now().Add(-draftsLast).UnixMicro())
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range left {
		d.forget(ctx, p)
	}
	for _, id := range drafts {
		if err := d.Discard(ctx, act.Machine, id); err != nil {
			return err
		}
	}
	return nil
}

// Discard removes a draft and its files.
func (d *Desk) Discard(ctx context.Context, by act.Actor, id int64) error {
	var files []File
	err := d.DB.Act(ctx, act.Act{Actor: by, Verb: "report.discard", Object: fmt.Sprintf("report:%d", id)}, func(tx *db.Tx) error {
		r, err := lockReport(tx, id)
		if err != nil {
			return err
		}
		if r.State != Draft {
			return fault.Conflictf("the report %s is handed in: it stays", r.Number)
		}
		if files, err = filesOfReport(tx, id); err != nil {
			return err
		}
		for _, f := range files { // they are removed after this is durable, or by the sweep
			if err := errors.Join(insertPending(tx, f.path, 0), deleteFile(tx, f.ID)); err != nil {
				return err
			}
		}
		return dropDraft(tx, id)
	})
	if err != nil {
		return err
	}
	for _, f := range files {
		d.forget(ctx, f.path)
	}
	return nil
}

// FilesOf lists the files of a case, or of a report, the first one first: all that these may have.
func (d *Desk) FilesOf(ctx context.Context, caseID, report int64) (out []File, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		if caseID != 0 {
			out, err = filesOfCase(tx, caseID)
		} else {
			out, err = filesOfReport(tx, report)
		}
		return err
	})
	return out, err
}

// FileByID finds a file; whether its reader may have it is the caller's to know, by its case and report.
func (d *Desk) FileByID(ctx context.Context, id int64) (f File, err error) {
	err = d.DB.View(ctx, func(tx *db.Tx) error {
		f, err = fileByID(tx, id)
		return err
	})
	return f, err
}

// Take opens a file for somebody who may have it; that they took it stands in the audit log before the first byte leaves.
func (d *Desk) Take(ctx context.Context, by act.Actor, id int64) (f File, r file.Reader, err error) {
	err = d.DB.Act(ctx, act.Act{Actor: by, Verb: "evidence.take", Object: fmt.Sprintf("evidence:%d", id)}, func(tx *db.Tx) error {
		if f, err = fileByID(tx, id); err != nil {
			return err
		}
		tx.Note("", detail(map[string]any{"name": f.Name, "sha256": f.SHA256, "report": f.Report, "case": f.Case}))
		return nil
	})
	if err != nil {
		return f, nil, err
	}
	if r, err = d.Files.Open(f.path); err != nil {
		return f, nil, fmt.Errorf("open the file %d: %w", id, err)
	}
	return f, r, nil
}

// Verify reads a file and tells whether it is still what came.
func (d *Desk) Verify(ctx context.Context, id int64) error {
	f, err := d.FileByID(ctx, id)
	if err != nil {
		return err
	}
	r, err := d.Files.Open(f.path)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("the content of file %d is not what came", id)
	}
	return nil
}

// fileName is the last part of a file's name, without what could lead elsewhere or fool somebody who reads it.
func fileName(s string) string {
	s = path.Base(strings.ReplaceAll(strings.ToValidUTF8(s, ""), `\`, "/"))
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, s)
	s = strings.Trim(s, ". ")
	for len(s) > 200 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if s == "" || s == "/" {
		return "file"
	}
	return s
}

// fileType is a media type as the sender wrote it, when it is one.
func fileType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || len(t) > 100 || slices.Contains([]string{"", "none"}, t) {
		return "application/octet-stream"
	}
	return t
}

// CopyTo writes a file out for somebody who may have it.
func (d *Desk) CopyTo(ctx context.Context, by act.Actor, id int64, w io.Writer) error {
	_, r, err := d.Take(ctx, by, id)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}
