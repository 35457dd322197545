//go:build unix && !linux

package livedb

import (
	"os"

	"golang.org/x/sys/unix"
)

func openQuietly(path string, flag int) (*os.File, error) {
	return os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

func statOf(f *os.File) (stat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stat{}, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return stat{}, errNotRegular
	}
	return stat{
		id:   fileID{dev: uint64(st.Dev), ino: uint64(st.Ino)},
		size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}, nil
}

func readAt(f *os.File, p []byte, off int64) (int, error) { return f.ReadAt(p, off) }
