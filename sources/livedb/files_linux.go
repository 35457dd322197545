package livedb

import (
	"os"

	"golang.org/x/sys/unix"
)

// openQuietly leaves no trace in the access time, where the system lets us:
// only the owner may.
func openQuietly(path string, flag int) (*os.File, error) {
	flag |= unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	f, err := os.OpenFile(path, flag|unix.O_NOATIME, 0)
	if os.IsPermission(err) {
		f, err = os.OpenFile(path, flag, 0)
	}
	return f, err
}

func statOf(f *os.File) (stat, error) {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
	if err != nil {
		return stat{}, os.NewSyscallError("statx", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return stat{}, errNotRegular
	}
	s := stat{
		id:   fileID{dev: unix.Mkdev(st.Dev_major, st.Dev_minor), ino: st.Ino},
		size: int64(st.Size), mtime: nanoseconds(st.Mtime), ctime: nanoseconds(st.Ctime),
	}
	if st.Mask&unix.STATX_BTIME != 0 {
		s.id.birth = nanoseconds(st.Btime)
	}
	return s, nil
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

func readAt(f *os.File, p []byte, off int64) (int, error) { return f.ReadAt(p, off) }
