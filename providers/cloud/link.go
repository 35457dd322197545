package cloud

import (
	"os"
	"path/filepath"

	"github.com/chatkeep/chatkeep/providers"
)

// link gives a local file a second name below the root, where both lie on one
// disk: that costs nothing, where a copy costs as much as the rest of a backup
// writes. It reports whether it did; if not, nothing is left.
//
// The file gets the rights of its new folder, as a new one would have. Where a
// new file would have got more from the folder than these, it is not linked.
func (d *disk) link(src providers.Source, name string) bool {
	file, ok := src.(providers.LocalFile)
	if d == nil || !ok {
		return false
	}
	to := filepath.Join(d.root, name)
	folder := filepath.Dir(to)
	if os.MkdirAll(folder, 0o777) != nil { // as rclone would
		return false
	}
	in, err := os.Stat(folder)
	if err != nil || in.Mode()&os.ModeSetgid != 0 {
		return false
	}
	if os.Link(file.LocalPath(), to) != nil {
		return false
	}
	info, err := os.Lstat(to)
	if err == nil && info.Mode().IsRegular() && info.Size() == src.Size() && os.Chmod(to, in.Mode().Perm()&0o666) == nil {
		return true
	}
	_ = os.Remove(to) // what can't be removed is a leftover like any other
	return false
}

// unlink removes the other name of a file that was linked. It is still there
// if the object had been put from the same file before: a rename between two
// names of one file does nothing.
func (d *disk) unlink(name string) {
	if d == nil {
		return
	}
	_ = os.Remove(filepath.Join(d.root, name))
}
