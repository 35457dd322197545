//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package tree

import (
	"errors"
	"os"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// xattrsByFile opens the file or folder to ask it. A symlink can't be opened
// and so has none.
func (d *dir) xattrsByFile(e sources.Entry) ([]sources.XAttr, error) {
	if e.Type == sources.Symlink {
		return nil, nil
	}
	flags := fileFlags
	if e.Type == sources.Dir {
		flags = dirFlags
	}
	fd, err := d.reach(e.Path, flags)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "entry")
	defer f.Close()
	return collect(
		func() ([]string, error) { return xattr.FList(f) },
		func(name string) ([]byte, error) { return xattr.FGet(f, name) })
}

// ignoreUnsupported turns the answers of file systems that have no attributes
// into none.
func ignoreUnsupported(err error) error {
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
