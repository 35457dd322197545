package livedb

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Where SQLite's locks are: https://www.sqlite.org/src/file/src/os_unix.c.
var (
	pendingByte  = lockRange{0x40000000, 1}
	reservedByte = lockRange{0x40000001, 1}
	sharedBytes  = lockRange{0x40000002, 510}

	ckptByte = lockRange{121, 1} // of the -shm, as dmsByte
	dmsByte  = lockRange{128, 1} // "dead man's switch": whoever has the database open holds it shared
)

type lockRange struct{ start, length int64 }

// Open file description locks: POSIX locks would be dropped when any other
// descriptor of the file is closed. The two kinds conflict with each other, and
// asking for them takes nothing that anybody could notice.

// taken says whether somebody else holds a lock that a lock of this kind would
// have to wait for.
func taken(f *os.File, kind int16, r lockRange) (bool, error) {
	l := unix.Flock_t{Type: kind, Start: r.start, Len: r.length}
	if err := flock(f, unix.F_OFD_GETLK, &l); err != nil {
		return false, err
	}
	return l.Type != unix.F_UNLCK, nil
}

// take tries to get a lock. It does not wait.
func take(f *os.File, kind int16, r lockRange) (bool, error) {
	l := unix.Flock_t{Type: kind, Start: r.start, Len: r.length}
	err := flock(f, unix.F_OFD_SETLK, &l)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

func flock(f *os.File, cmd int, l *unix.Flock_t) error {
	for {
		err := unix.FcntlFlock(f.Fd(), cmd, l)
		if err == unix.EINTR {
			continue
		}
		return os.NewSyscallError("fcntl", err)
	}
}

// probe asks who holds locks. shm is nil if there is none.
func probe(db, shm *os.File) (l lockState, err error) {
	if l.pending, err = taken(db, unix.F_RDLCK, pendingByte); err != nil {
		return lockState{}, err
	}
	if l.reserved, err = taken(db, unix.F_RDLCK, reservedByte); err != nil {
		return lockState{}, err
	}
	if l.exclusive, err = taken(db, unix.F_RDLCK, sharedBytes); err != nil {
		return lockState{}, err
	}
	if shm != nil {
		if l.live, err = taken(shm, unix.F_WRLCK, dmsByte); err != nil {
			return lockState{}, err
		}
	}
	l.known = true
	return l, nil
}
