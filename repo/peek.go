package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// While one process works with the state folder, which may take days, others
// look without its lock. One rule makes that safe: only the holder of the lock
// changes the folder.
//
//   - What a process learns (keys, the list of devices, heads, what a check
//     found) it notes with [State.remember]. Whoever only looks keeps it to
//     itself, until its Repo is closed.
//   - What a process does (a backup, a change of the list of devices, a
//     statement, a joining, the end of any of them that somebody left) begins
//     with [State.mayWork], which refuses whoever only looks.
//
// What is remembered already counts for both, so that whoever looks is warned of
// the same things.

// PeekState opens a state folder to look, without its lock: another process may
// be working with it, and nothing in it is ever changed. A repository opened
// with it is as this device sees it, but everything that needs the lock is
// refused with CodeLocked and the name of the process. A folder that isn't there
// is like an empty one.
func PeekState(dir string) (*State, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "stat", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look into state folder: %w", err)
	}
	s := &State{dir: dir}
	s.busy = s.lockedBy(s.holder())
	return s, nil
}

// holds reports whether this process has the lock.
func (s *State) holds() bool { return s != nil && s.busy == nil }

// remember writes what this process has learned, unless it only looks.
func (s *State) remember(write func() error) error {
	if !s.holds() {
		return nil
	}
	return write()
}

// mayWork says why this process may not do what changes the folder, nil if it
// may. Without a folder there is none to change.
func (s *State) mayWork() error {
	if s == nil {
		return nil
	}
	return s.busy
}

// recollection is what a device remembers of its repository.
type recollection struct {
	keys      *trust.Keyring
	roster    []byte // sealed, nil if there is none
	seen      seen
	forgotten error // why seen is empty although there was something
}

// recall reads the memory. The holder of the lock writes keys, roster and seen
// in this order, and each of them whole. They are read the other way round: so
// the keys are never older than the roster, or it could not be opened and would
// count for nothing, nor the roster older than what was seen. What is read is
// what a process could leave that dies between two writes. And all of it is read
// before the remote is asked, which then has all that it speaks of.
func (s *State) recall() (m recollection, err error) {
	m.seen, err = s.loadSeen()
	if errors.Is(err, format.ErrMalformed) {
		m.forgotten, err = err, nil
	}
	m.roster, _ = os.ReadFile(s.path(rosterFile)) // lost: as if it had never been seen
	keys, kerr := s.loadKeys()
	if kerr != nil {
		return m, kerr
	}
	m.keys = keys
	return m, err
}
