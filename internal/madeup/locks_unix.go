//go:build unix

package madeup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock locks or unlocks n bytes of f, or returns ErrBusy at once.
func lock(f *os.File, kind lockKind, off, n int64) error {
	l := unix.Flock_t{Start: off, Len: n}
	switch kind {
	case unlocked:
		l.Type = unix.F_UNLCK
	case shared:
		l.Type = unix.F_RDLCK
	case exclusive:
		l.Type = unix.F_WRLCK
	}
	err := unix.FcntlFlock(f.Fd(), setLock, &l)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return ErrBusy
	}
	return os.NewSyscallError("fcntl", err)
}
