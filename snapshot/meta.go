package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/chatkeep/chatkeep/repo/format"
)

// fileMode turns the stored bits into what package os takes.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// setFileMeta gives an open temporary file owner, attributes, mode and time.
func (rs *restorer) setFileMeta(t *target) error {
	e := &t.entry
	if os.Geteuid() == 0 && e.HasOwner {
		if err := t.file.Chown(int(e.UID), int(e.GID)); err != nil {
			return err
		}
	}
	setXAttrs(t.file, e.XAttrs)
	if err := t.file.Chmod(fileMode(e.Mode)); err != nil {
		return err
	}
	dir, _, err := rs.near.of(t.temp)
	if err != nil {
		return err
	}
	when := time.Unix(0, e.ModTime)
	return dir.Chtimes(path.Base(t.temp), when, when)
}

// setMeta does the same for a folder, by its name. It is opened as itself, so
// that a symlink put in its place meanwhile is not followed.
func (rs *restorer) setMeta(p string, e *format.Entry) error {
	var err error
	if os.Geteuid() == 0 && e.HasOwner {
		err = rs.dir.Lchown(p, int(e.UID), int(e.GID))
	}
	if f, oerr := rs.dir.Open(p); oerr == nil {
		setXAttrs(f, e.XAttrs)
		err = errors.Join(err, f.Close())
	}
	when := time.Unix(0, e.ModTime)
	return errors.Join(err, rs.dir.Chmod(p, fileMode(e.Mode)), rs.dir.Chtimes(p, when, when))
}
