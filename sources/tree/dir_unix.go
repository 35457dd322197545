//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package tree

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/sources"
	"golang.org/x/sys/unix"
)

const (
	dirFlags  = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	fileFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
)

// dir is an open folder: everything is asked of its descriptor, so that
// nothing above it matters.
type dir struct{ fd int }

func openTop(path string) (*dir, error) {
	return openDir(unix.AT_FDCWD, path, 0)
}

func (d *dir) again() (*dir, error) { return openDir(d.fd, ".", 0) }

func (d *dir) child(name string) (*dir, error) {
	c, err := openDir(d.fd, name, unix.O_NOFOLLOW)
	if err == unix.ENOTDIR || isSymlink(err) {
		return nil, errReplaced
	}
	return c, err
}

func openDir(at int, name string, flags int) (*dir, error) {
	fd, err := openQuietly(at, name, dirFlags|flags)
	if err != nil {
		return nil, err
	}
	return &dir{fd: fd}, nil
}

// openQuietly is openat without leaving a trace in the access time, where the
// system has that and lets us: only the owner may.
func openQuietly(at int, name string, flags int) (int, error) {
	if oNoATime != 0 {
		if fd, err := openat(at, name, flags|oNoATime); err != unix.EPERM {
			return fd, err
		}
	}
	return openat(at, name, flags)
}

func openat(at int, name string, flags int) (fd int, err error) {
	err = ignoringEINTR(func() error {
		fd, err = unix.Openat(at, name, flags, 0)
		return err
	})
	return fd, err
}

func (d *dir) look(name string, e *sources.Entry) (special bool, err error) {
	var st unix.Stat_t
	err = ignoringEINTR(func() error { return unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return false, err
	}
	special = fill(e, &st)
	if e.Type == sources.Symlink {
		e.Target, err = readlinkat(d.fd, name)
	}
	return special, err
}

func (d *dir) self(e *sources.Entry) error {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return err
	}
	fill(e, &st)
	return nil
}

// gone relies on the link count. On a file system that always says 1, a
// deleted folder is just empty.
func (d *dir) gone() bool {
	var e sources.Entry
	err := d.self(&e)
	return errors.Is(err, unix.ESTALE) || err == nil && e.Links == 0
}

func (d *dir) close() error { return unix.Close(d.fd) }

// fill turns what stat says into an entry, and reports whether it is of a type
// that is never kept.
func fill(e *sources.Entry, st *unix.Stat_t) (special bool) {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Type, e.Size = sources.File, st.Size
	case unix.S_IFDIR:
		e.Type = sources.Dir
	case unix.S_IFLNK:
		e.Type = sources.Symlink
	default:
		special = true
	}
	e.Mode = uint32(st.Mode) & 0o7777
	e.ModTime = time.Unix(st.Mtim.Unix())
	e.ChangeNS = st.Ctim.Nano()
	e.Inode, e.Device, e.Links = uint64(st.Ino), uint64(st.Dev), uint64(st.Nlink)
	e.UID, e.GID, e.HasOwner = st.Uid, st.Gid, true
	return special
}

// readlinkat returns a symlink's target however long it is.
func readlinkat(fd int, name string) (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(fd, name, buf)
		switch {
		case err == unix.EINTR:
		case err == unix.EINVAL:
			return "", errReplaced // not a symlink any more
		case err != nil:
			return "", err
		case n < size:
			return string(buf[:n]), nil
		}
	}
}

// reach opens what is at path below d, never through a symlink.
func (d *dir) reach(path string, flags int) (int, error) {
	fd, err := openBelow(d.fd, path, flags|unix.O_NOFOLLOW)
	if err == unix.ENOTDIR {
		return -1, fs.ErrNotExist // a folder of the path is gone, a file has its name
	}
	return fd, err
}

// stepwise does so one element at a time, where no single call can.
func stepwise(top int, path string, flags int) (int, error) {
	at := top
	defer func() { closeStep(at, top) }()
	for {
		name, rest, more := strings.Cut(path, "/")
		if !more {
			return openQuietly(at, name, flags)
		}
		next, err := openQuietly(at, name, dirFlags|unix.O_NOFOLLOW)
		if err != nil {
			return -1, stepError(at, name, err)
		}
		closeStep(at, top)
		at, path = next, rest
	}
}

// stepError tells a symlink from a file where the system gives one answer for
// both.
func stepError(at int, name string, err error) error {
	var st unix.Stat_t
	if err == unix.ENOTDIR && unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unix.ELOOP
	}
	return err
}

// isSymlink reports the refusal of O_NOFOLLOW; BSDs call it EMLINK.
func isSymlink(err error) bool { return err == unix.ELOOP || err == unix.EMLINK }

func closeStep(fd, top int) {
	if fd != top {
		unix.Close(fd)
	}
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
