package madeup

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lock locks or unlocks n bytes of f, or returns ErrBusy at once.
func lock(f *os.File, kind lockKind, off, n int64) error {
	at := windows.Overlapped{Offset: uint32(off), OffsetHigh: uint32(off >> 32)}
	h := windows.Handle(f.Fd())
	// Locks add up here, so the one that is replaced goes first.
	if err := windows.UnlockFileEx(h, 0, uint32(n), 0, &at); err != nil && !errors.Is(err, windows.ERROR_NOT_LOCKED) {
		return os.NewSyscallError("UnlockFileEx", err)
	}
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	switch kind {
	case unlocked:
		return nil
	case exclusive:
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(h, flags, 0, uint32(n), 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrBusy
	}
	return os.NewSyscallError("LockFileEx", err)
}
