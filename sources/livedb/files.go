package livedb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// fileID tells one file from all others of this computer.
type fileID struct {
	dev, ino uint64
	birth    int64 // ns; 0 if unknown. It tells a file from a later one that got its inode
}

// stat is what tells whether a file changed.
type stat struct {
	id           fileID
	size         int64
	mtime, ctime int64 // ns; ctime is 0 if unknown
}

// racy is how old a file's times must be before they are trusted to change
// with the next write: kernels keep them in steps of up to 10 ms.
const racy = 20 * time.Millisecond

// age is how long before now the file was last written, as far as its times
// know. Times in the future are old too: the next write changes them.
func (s stat) age(now time.Time) time.Duration {
	age := now.Sub(time.Unix(0, max(s.mtime, s.ctime)))
	if s.coarse() {
		age -= 2 * time.Second
	}
	if age < -3*time.Second {
		return time.Hour
	}
	return age
}

// coarse says whether the file system seems to keep whole seconds only; FAT
// keeps every second one.
func (s stat) coarse() bool { return s.mtime%1e9 == 0 && s.ctime%1e9 == 0 }

// files are a database's file and those beside it.
type files struct {
	open   Opener
	base   string
	prefix int64
	read   int64 // bytes so far
}

const (
	walSuffix     = "-wal"
	shmSuffix     = "-shm"
	journalSuffix = "-journal"
)

// reach opens a regular file.
func (s *files) reach(suffix string, flag int) (*os.File, stat, error) {
	f, err := s.open(s.base+suffix, flag)
	if err != nil {
		return nil, stat{}, err
	}
	st, err := statOf(f)
	if err != nil {
		f.Close()
		return nil, stat{}, fmt.Errorf("%s: %w", s.base+suffix, err)
	}
	return f, st, nil
}

// beside opens a file beside the database, or returns nil if there is none.
func (s *files) beside(suffix string) (*os.File, stat, error) {
	f, st, err := s.reach(suffix, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, stat{}, nil
	}
	return f, st, err
}

// start reads the first bytes of a file, fewer if it is shorter.
func (s *files) start(f *os.File, off int64, p []byte) ([]byte, error) {
	n, err := readAt(f, p, off)
	s.read += int64(n)
	if err == io.EOF {
		err = nil
	}
	return p[:n], err
}

// stillThere says whether the paths lead to these files.
func (s *files) stillThere(want map[string]fileID) (bool, error) {
	for suffix, id := range want {
		f, st, err := s.beside(suffix)
		if err != nil {
			return false, err
		}
		if f == nil {
			return false, nil
		}
		f.Close()
		if st.id != id {
			return false, nil
		}
	}
	return true, nil
}
