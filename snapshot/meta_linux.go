package snapshot

import (
	"os"
	"path"
	"time"

	"github.com/pkg/xattr"
	"golang.org/x/sys/unix"

	"github.com/chatkeep/chatkeep/repo/format"
)

// setXAttrs restores what the target's file system takes; another one may have
// no attributes at all, and the content matters more.
func setXAttrs(f *os.File, list []format.XAttr) {
	for _, a := range list {
		_ = xattr.FSet(f, a.Name, a.Value)
	}
}

// setLinkMeta gives a symlink its owner and time.
func (rs *restorer) setLinkMeta(full string, e *format.Entry) error {
	dir, err := rs.dir.Open(path.Dir(full))
	if err != nil {
		return err
	}
	defer dir.Close()
	if os.Geteuid() == 0 && e.HasOwner {
		if err := unix.Fchownat(int(dir.Fd()), path.Base(full), int(e.UID), int(e.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	}
	ts := unix.NsecToTimespec(time.Unix(0, e.ModTime).UnixNano())
	return unix.UtimesNanoAt(int(dir.Fd()), path.Base(full), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// syncFile leaves it to syncAll.
func syncFile(*os.File) error { return nil }

// syncAll makes everything written below dir survive a crash, in one call
// rather than one per file.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
