package madeup

import (
	"errors"
	"os"
)

// ErrBusy is somebody else's lock.
var ErrBusy = errors.New("database is locked")

// lockKind is what a lock lets others do. A lock replaces the one that the
// same open file had.
type lockKind int

const (
	unlocked  lockKind = iota
	shared             // others may have it too
	exclusive          // nobody else may
)

// The bytes of the -shm file that SQLite locks. What readers lock is one byte
// for each slot.
const (
	lockWrite      = 120 // a transaction that writes
	lockCheckpoint = 121
	lockRecover    = 122
	lockRead       = 123
	lockAlive      = 128 // shared as long as the database is open, "DMS"
)

// The bytes of the database that SQLite locks: shared as long as it is open.
const (
	lockShared     = 0x40000002
	lockSharedSize = 510
)

// locked runs do with a lock on n bytes of f.
func locked(f *os.File, kind lockKind, off, n int64, do func() error) (err error) {
	if err := lock(f, kind, off, n); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock(f, unlocked, off, n)) }()
	return do()
}
