package livedb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Copy copies the database src into the new file dst, which only its owner can
// read. It is all or nothing: dst appears only once the copy is proven and on
// the disk. If the copy can't be proven, the result says so, and nothing is
// written. If the app left a journal that belongs to the copy, dst-journal is
// written with it. There must be no file of these names, nor dst-wal or
// dst-shm, which SQLite would take for the copy's own; else the error wraps
// [fs.ErrExist] with the hint exists.
func Copy(ctx context.Context, src, dst string, o Options) (*Result, error) {
	for _, suffix := range []string{"", walSuffix, shmSuffix, journalSuffix} {
		if err := absent(dst + suffix); err != nil {
			return nil, err
		}
	}
	o.Since = nil
	out, err := newOutput(dst)
	if err != nil {
		return nil, err
	}
	defer out.drop()
	r, err := Capture(ctx, src, fileTarget{out.File}, o)
	if err != nil {
		return nil, err
	}
	if r.Journal != nil {
		defer r.Journal.Close()
	}
	if !r.Proven {
		return r, nil
	}
	if r.Journal == nil {
		return r, out.name()
	}
	return r, withJournal(out, r.Journal)
}

// withJournal names the journal first: without it, the copy would look whole.
func withJournal(out *output, journal io.Reader) error {
	j, err := newOutput(out.path + journalSuffix)
	if err != nil {
		return err
	}
	defer j.drop()
	if _, err := io.Copy(j.File, journal); err != nil {
		return full(err)
	}
	if err := j.name(); err != nil {
		return err
	}
	if err := out.name(); err != nil {
		os.Remove(j.path)
		return err
	}
	return nil
}

func absent(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return hint.New(durable.CodeExists, fmt.Errorf("write %s: %w", path, fs.ErrExist), "path", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("write copy: %w", err)
}

// output is a new file that has its name only when it is whole.
type output struct {
	*os.File
	path string
}

func newOutput(path string) (*output, error) {
	dir, base := filepath.Split(path)
	name := filepath.Join(dir, "."+base[:min(len(base), 200)]+".tmp-"+rand.Text()[:12])
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &output{f, path}, nil
}

// name syncs the file and gives it its name, which nobody must have taken
// meanwhile.
func (o *output) name() error {
	if err := errors.Join(o.Sync(), o.Close()); err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	// link(2) never replaces anything. Not all file systems have it.
	if err := os.Link(o.Name(), o.path); err != nil {
		if err := absent(o.path); err != nil {
			return err
		}
		if err := os.Rename(o.Name(), o.path); err != nil {
			return fmt.Errorf("write %s: %w", o.path, err)
		}
	}
	os.Remove(o.Name())
	return durable.SyncDir(filepath.Dir(o.path))
}

// drop removes what has no name yet.
func (o *output) drop() {
	o.Close()
	os.Remove(o.Name())
}

// fileTarget is a Target that is a file.
type fileTarget struct{ *os.File }

func (t fileTarget) WriteAt(p []byte, off int64) (int, error) {
	n, err := t.File.WriteAt(p, off)
	return n, full(err)
}

func (t fileTarget) Hold(p []byte, off int64) error {
	_, err := t.WriteAt(p, off)
	return err
}
