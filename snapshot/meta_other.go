//go:build !linux

package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pkg/xattr"

	"github.com/chatkeep/chatkeep/repo/format"
)

// setXAttrs restores what the target's file system takes; another one may have
// no attributes at all, and the content matters more.
func setXAttrs(f *os.File, list []format.XAttr) {
	for _, a := range list {
		_ = xattr.FSet(f, a.Name, a.Value)
	}
}

// setLinkMeta leaves a symlink's times as they are: there is no portable way.
func (rs *restorer) setLinkMeta(string, *format.Entry) error { return nil }

// syncTree syncs every file below dir; there is no call for all of them.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return nil // a file restored without read permission
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
