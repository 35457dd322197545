//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package tree

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
)

// dir is an open folder through os.Root, which never leaves it. It follows a
// symlink that is put in a file's place between looking and opening, but only
// to something else in the same folder.
type dir struct{ root *os.Root }

func openTop(path string) (*dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &dir{root}, nil
}

func (d *dir) again() (*dir, error) { return d.step(".") }

func (d *dir) child(name string) (*dir, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, errReplaced
	}
	return d.step(name)
}

func (d *dir) step(name string) (*dir, error) {
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &dir{root}, nil
}

func (d *dir) names() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (d *dir) look(name string, e *sources.Entry) (special bool, err error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return false, err
	}
	special = fill(e, info)
	if e.Type == sources.Symlink {
		e.Target, err = d.root.Readlink(name)
	}
	return special, err
}

func (d *dir) self(e *sources.Entry) error {
	info, err := d.root.Stat(".")
	if err == nil {
		fill(e, info)
	}
	return err
}

func (d *dir) gone() bool {
	_, err := d.root.Stat(".")
	return errors.Is(err, fs.ErrNotExist)
}

func (d *dir) close() error { return d.root.Close() }

func fill(e *sources.Entry, info fs.FileInfo) (special bool) {
	switch {
	case info.Mode().IsRegular():
		e.Type, e.Size = sources.File, info.Size()
	case info.IsDir():
		e.Type = sources.Dir
	case info.Mode()&fs.ModeSymlink != 0:
		e.Type = sources.Symlink
	default:
		special = true
	}
	e.Mode = uint32(info.Mode().Perm())
	e.ModTime = info.ModTime()
	return special
}

func (d *dir) open(e sources.Entry) (*content, error) {
	f, err := d.file(e.Path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return &content{f, e}, nil
}

func (d *dir) file(path string, flag int) (*os.File, error) {
	if err := d.checkSteps(path); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(filepath.FromSlash(path), flag, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, cmp.Or(err, errNotRegular)
	}
	return f, nil
}

// checkSteps refuses a path that leads through or to anything but folders and
// a regular file.
func (d *dir) checkSteps(path string) error {
	for i := 0; i < len(path); {
		end := strings.IndexByte(path[i:], '/')
		last := end < 0
		if last {
			i = len(path)
		} else {
			i += end
		}
		info, err := d.root.Lstat(filepath.FromSlash(path[:i]))
		switch {
		case err != nil:
			return err
		case last && !info.Mode().IsRegular(), !last && !info.IsDir():
			return errNotRegular
		}
		i++
	}
	return nil
}

// xattrs knows none on these systems.
func (d *dir) xattrs(sources.Entry) ([]sources.XAttr, error) { return nil, nil }

func ignoreUnsupported(err error) error { return err }

// content is an open regular file.
type content struct {
	f     *os.File
	entry sources.Entry
}

var _ io.ReadCloser = (*content)(nil)

func (c *content) Read(p []byte) (int, error) { return c.f.Read(p) }
func (c *content) Close() error               { return c.f.Close() }

func (c *content) Stat() (sources.Entry, error) {
	info, err := c.f.Stat()
	if err != nil {
		return sources.Entry{}, err
	}
	e := c.entry
	if special := fill(&e, info); special || e.Type != sources.File {
		return sources.Entry{}, errNotRegular
	}
	return e, nil
}
