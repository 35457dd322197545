//go:build unix

package madeup

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// linkTimes is 1 where a symlink's time can be set and so be compared, else 0.
const linkTimes = 1

// setLinkTime sets the times of the symlink itself.
func setLinkTime(full string, mtime int64) error {
	when := unix.NsecToTimespec(mtime)
	return unix.UtimesNanoAt(unix.AT_FDCWD, full, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

// inode is the identity of a file on this computer.
type inode struct{ device, number uint64 }

// inodeOf returns the identity of a file that has more than one name.
func inodeOf(info fs.FileInfo) (id inode, shared bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return inode{}, false
	}
	return inode{uint64(st.Dev), uint64(st.Ino)}, true
}
