//go:build !linux

package snapshot

import (
	"os"

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

// syncFile makes a written file survive a crash.
func syncFile(f *os.File) error { return f.Sync() }

// syncAll has nothing left to do: there is no call for a whole tree here.
func syncAll(string) error { return nil }
