package madeup

import "golang.org/x/sys/unix"

// setLock makes locks belong to the open file. They meet SQLite's own locks
// as those meet one another, and also hold against others in this program.
const setLock = unix.F_OFD_SETLK
