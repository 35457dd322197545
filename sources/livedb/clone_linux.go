package livedb

import (
	"os"

	"golang.org/x/sys/unix"
)

// cloneFile makes dst share src's blocks as they are now, in no time, where
// the file system can do that and both are on it.
var cloneFile = func(dst, src *os.File) bool {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil
}
