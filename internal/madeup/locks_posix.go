//go:build unix && !linux

package madeup

import "golang.org/x/sys/unix"

// setLock makes locks belong to this program, as SQLite's own do.
const setLock = unix.F_SETLK
