package snapshot

import (
	"os"

	"github.com/chatkeep/chatkeep/repo/format"
)

// A restore that is started again goes on where the last one ended: what is
// there already and is proven to be the same counts as restored, and is not
// touched.

// fileThere reports whether full is the file e already: its size and time, and
// what proves says of its content.
func (rs *restorer) fileThere(full string, e *format.Entry, proves func(*os.File) bool) bool {
	dir, name, err := rs.near.of(full)
	if err != nil {
		return false
	}
	info, err := dir.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || uint64(info.Size()) != e.Content.Length || info.ModTime().UnixNano() != e.ModTime {
		return false
	}
	f, err := dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return proves(f)
}

// linkThere reports whether full is the symlink e already.
func (rs *restorer) linkThere(full string, e *format.Entry) bool {
	target, err := rs.dir.Readlink(full)
	return err == nil && target == e.Target
}

// sameThere reports whether two names are one file already.
func (rs *restorer) sameThere(a, b string) bool {
	x, err := rs.dir.Lstat(a)
	if err != nil {
		return false
	}
	y, err := rs.dir.Lstat(b)
	return err == nil && os.SameFile(x, y)
}

// openRegular opens a file for reading, nothing else and through no symlink.
func (rs *restorer) openRegular(full string) (*os.File, error) {
	dir, name, err := rs.near.of(full)
	if err != nil {
		return nil, err
	}
	info, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, existsError(full)
	}
	return dir.Open(name)
}
