package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"syscall"

	"tocsin/internal/event"
	"tocsin/internal/event/feed"
	"tocsin/internal/platform/act"
	"tocsin/internal/platform/fault"
)

const (
	maxListed   = 20_000 // files in a watched folder
	folderBatch = 200    // files taken in a run
)

// collectFolder takes the files of a folder that did not change since the last look. Files that stay are remembered by
// name, size and time of change: one that changes is taken again, as a correction.
func (s *session) collectFolder(ctx context.Context, src feed.FolderSource) error {
	if err := s.apart(src.Path, src.Done, src.Failed); err != nil {
		return err
	}
	root, err := os.OpenRoot(src.Path) // a link in it must not lead out of it
	if err != nil {
		return fault.New(fault.Unavailable, "look into the folder: %w", err)
	}
	defer root.Close()
	marks, err := s.look(root)
	if err != nil {
		return err
	}
	ready := s.ready(marks)
	s.state.Marks = marks
	archives, plain := archivesApart(ready)
	for part := range slices.Chunk(plain, folderBatch) {
		if err := s.takeFolder(ctx, root, src, part); err != nil {
			return err
		}
	}
	for i := range archives { // alone, so that what fails in one is known to be its
		if err := s.takeFolder(ctx, root, src, archives[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// archivesApart parts the zip files from the others.
func archivesApart(names []string) (archives, plain []string) {
	for _, n := range names {
		if strings.EqualFold(filepath.Ext(n), ".zip") {
			archives = append(archives, n)
		} else {
			plain = append(plain, n)
		}
	}
	return archives, plain
}

// apart refuses folders within the data directory or around it: Tocsin's own files must not be taken in, let alone moved.
func (s *session) apart(folders ...string) error {
	own, err := filepath.EvalSymlinks(filepath.Dir(string(s.Spool)))
	if err != nil {
		return fault.New(fault.Unavailable, "find the data directory: %w", err)
	}
	for _, f := range folders {
		if f == "" {
			continue
		}
		if real, err := filepath.EvalSymlinks(f); err == nil {
			f = real
		}
		if within(f, own) || within(own, f) {
			return fault.Invalidf("the folder %s and Tocsin's data directory overlap: name a folder of its own", f)
		}
	}
	return nil
}

func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// openRegular opens a regular file and nothing else: a pipe in its place would wait for ever.
func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fault.Invalidf("it is no regular file")
	}
	return f, nil
}

// look lists the folder's files as they are now. Hidden and unfinished files by the usual names are not among them.
func (s *session) look(root *os.Root) (map[string]Mark, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, fault.New(fault.Unavailable, "look into the folder: %w", err)
	}
	defer dir.Close()
	marks := map[string]Mark{}
	for {
		entries, err := dir.ReadDir(1000)
		for _, e := range entries {
			if len(marks) == maxListed {
				s.problem("the folder has more than %d files: the others wait until some are gone", maxListed)
				return marks, nil
			}
			if unfinished(e.Name()) || !e.Type().IsRegular() {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				s.problem("%s cannot be looked at: %v", e.Name(), err)
				continue
			}
			marks[e.Name()] = Mark{Size: info.Size(), Changed: info.ModTime().UnixMicro()}
		}
		if errors.Is(err, io.EOF) {
			return marks, nil
		}
		if err != nil {
			return nil, fault.New(fault.Unavailable, "look into the folder: %w", err)
		}
	}
}

func unfinished(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
		return true
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp":
		return true
	}
	return false
}

// ready names the files that look as they did last time and were not taken; marks learn which ones were.
func (s *session) ready(marks map[string]Mark) []string {
	var names []string
	for name, m := range marks {
		old, seen := s.state.Marks[name]
		if !seen || old.Size != m.Size || old.Changed != m.Changed {
			continue
		}
		if m.Taken = old.Taken; m.Taken {
			marks[name] = m
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// takeFolder hands files to the intake and puts them away. A file that cannot be read is told and tried again.
func (s *session) takeFolder(ctx context.Context, root *os.Root, src feed.FolderSource, names []string) error {
	var ss []event.Source
	for _, name := range names {
		f, err := openRegular(root, name)
		if err != nil {
			s.problem("%s cannot be read: %v", name, err)
			continue
		}
		f.Close()
		m := s.state.Marks[name]
		ss = append(ss, event.Source{Name: name, Issued: time.UnixMicro(m.Changed).UTC(), Size: m.Size,
			Open: func() (io.ReadCloser, error) { return openRegular(root, name) }})
	}
	if len(ss) == 0 {
		return nil
	}
	sum, err := s.Take(ctx, act.Machine, s.feed.Name, ss)
	if err != nil {
		return err
	}
	bad := failed(sum, ss)
	for _, source := range ss {
		s.state.Taken++
		to := src.Done
		if why := bad[source.Name]; why != nil {
			to = src.Failed
			s.problem("%s could not be taken in: %v", source.Name, why)
		}
		if err := putAway(src.Path, source.Name, to); err != nil {
			s.problem("%s was taken in and stays where it is: %v", source.Name, err)
		}
		m := s.state.Marks[source.Name]
		m.Taken = true // also when it was moved: the mark goes with the next look
		s.state.Marks[source.Name] = m
	}
	return nil
}

// putAway moves a file to another folder, beside one that has its name already; "" leaves it.
func putAway(from, name, to string) error {
	if to == "" {
		return nil
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	ext := filepath.Ext(name)
	target := filepath.Join(to, name)
	for i := 1; ; i++ {
		_, err := os.Lstat(target)
		if errors.Is(err, fs.ErrNotExist) {
			return os.Rename(filepath.Join(from, name), target)
		}
		if err != nil || i == 1000 {
			return fmt.Errorf("put it into %s: %w", to, errors.Join(err, fs.ErrExist))
		}
		target = filepath.Join(to, fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), i, ext))
	}
}
