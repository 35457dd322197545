package tree

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"
)

const oNoATime = unix.O_NOATIME

// listings are the buffers that folders are listed into; one call fills most.
var listings = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (d *dir) names() (names []string, err error) {
	buf := listings.Get().(*[32 << 10]byte)
	defer listings.Put(buf)
	for {
		var n int
		err = ignoringEINTR(func() error {
			n, err = unix.ReadDirent(d.fd, buf[:])
			return err
		})
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// noOpenat2 is set where the kernel is older than 5.6, or a sandbox doesn't
// know the call.
var noOpenat2 atomic.Bool

// openBelow opens path below top in one system call that refuses symlinks in
// every element, or one element at a time where that call is missing or the
// path is longer than it takes.
func openBelow(top int, path string, flags int) (int, error) {
	if noOpenat2.Load() || len(path) >= unix.PathMax {
		return stepwise(top, path, flags)
	}
	noATime := uint64(oNoATime)
	if flags&unix.O_PATH != 0 {
		noATime = 0
	}
	fd, err := openat2(top, path, uint64(flags)|noATime)
	if err == unix.EPERM && noATime != 0 {
		fd, err = openat2(top, path, uint64(flags)) // not the owner; or a sandbox, then it fails again
	}
	switch err {
	case unix.ENOSYS:
		noOpenat2.Store(true)
		return stepwise(top, path, flags)
	case unix.EPERM, unix.E2BIG:
		return stepwise(top, path, flags)
	}
	return fd, err
}

func openat2(top int, path string, flags uint64) (fd int, err error) {
	how := unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	err = ignoringEINTR(func() error {
		fd, err = unix.Openat2(top, path, &how)
		if err == unix.EAGAIN {
			return unix.EINTR // the path was renamed while it was resolved: once more
		}
		return err
	})
	return fd, err
}

func adviseSequential(fd int) {
	_ = unix.Fadvise(fd, 0, 0, unix.FADV_SEQUENTIAL) // only advice
}

// xattrs asks through /proc/self/fd, which reaches the very thing that was
// opened without the right to read it, a symlink included.
func (d *dir) xattrs(e sources.Entry) ([]sources.XAttr, error) {
	fd, err := d.reach(e.Path, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	list, err := collect(
		func() ([]string, error) { return xattr.List(path) },
		func(name string) ([]byte, error) { return xattr.Get(path, name) })
	if errors.Is(err, os.ErrNotExist) {
		return d.xattrsByFile(e) // no /proc here
	}
	return list, err
}
