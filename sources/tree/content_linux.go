package tree

import (
	"fmt"
	"os"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

// XAttrs asks the open file. Most have none, which takes one call.
func (c *content) XAttrs() ([]sources.XAttr, error) {
	if c.fd < 0 {
		return nil, os.ErrClosed
	}
	n, err := unix.Flistxattr(c.fd, nil)
	if err = ignoreUnsupported(err); err != nil {
		return nil, fmt.Errorf("read extended attributes of %q: %w", c.entry.Path, err)
	}
	if n <= 0 {
		return nil, nil
	}
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("read extended attributes of %q: %w", c.entry.Path, err)
	}
	f := os.NewFile(uintptr(fd), "entry")
	defer f.Close()
	return collect(
		func() ([]string, error) { return xattr.FList(f) },
		func(name string) ([]byte, error) { return xattr.FGet(f, name) })
}
