//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package tree

import (
	"io"
	"os"

	"github.com/chatkeep/chatkeep/sources"
	"golang.org/x/sys/unix"
)

const (
	maxRead   = 1 << 30 // some systems refuse more in one call
	readAhead = 1 << 20 // from this size on the kernel is told that we read it all
)

// content is an open regular file.
type content struct {
	fd    int // -1 once closed
	entry sources.Entry
}

func (d *dir) open(e sources.Entry) (*content, error) {
	c, size, err := d.openWith(e, fileFlags)
	if err == nil && size > readAhead {
		adviseSequential(c.fd)
	}
	return c, err
}

// file leaves the descriptor to the caller.
func (d *dir) file(path string, flag int) (*os.File, error) {
	c, _, err := d.openWith(sources.Entry{Path: path}, fileFlags|flag)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(c.fd), path), nil
}

func (d *dir) openWith(e sources.Entry, flags int) (c *content, size int64, err error) {
	fd, err := d.reach(e.Path, flags)
	switch {
	case isSymlink(err), err == unix.ENXIO: // ENXIO: a socket
		return nil, 0, errNotRegular
	case err != nil:
		return nil, 0, err
	}
	c = &content{fd: fd, entry: e}
	now, err := c.Stat()
	if err != nil {
		c.Close()
		return nil, 0, err
	}
	return c, now.Size, nil
}

func (c *content) Read(p []byte) (n int, err error) {
	if c.fd < 0 {
		return 0, os.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(len(p), maxRead)]
	err = ignoringEINTR(func() error {
		n, err = unix.Read(c.fd, p)
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *content) Stat() (sources.Entry, error) {
	var st unix.Stat_t
	if c.fd < 0 {
		return sources.Entry{}, os.ErrClosed
	}
	if err := unix.Fstat(c.fd, &st); err != nil {
		return sources.Entry{}, err
	}
	e := c.entry
	if special := fill(&e, &st); special || e.Type != sources.File {
		return sources.Entry{}, errNotRegular
	}
	return e, nil
}

func (c *content) Close() error {
	if c.fd < 0 {
		return os.ErrClosed
	}
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}
