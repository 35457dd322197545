//go:build unix

package durable

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// rename is renameat(2): atomic, and it replaces path.
func rename(tmp, path string) error { return os.Rename(tmp, path) }

// renameNew names tmp path unless path exists. The kernel's own exclusive
// rename works everywhere but on old kernels and some network file systems;
// link(2), which never replaces either, works where there are hard links.
func renameNew(tmp, path string) error {
	err := renameExclusive(tmp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Link(tmp, path); err != nil {
		return err
	}
	return os.Remove(tmp)
}

// syncDir is fsync(2) on the folder. EINVAL and ENOTSUP are how file systems
// say that they have no such thing.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// sharedBits returns the permissions that let group or others read or write.
func sharedBits(mode fs.FileMode) fs.FileMode { return mode.Perm() & 0o066 }

// quote makes path safe to paste into a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return r > 127 || strings.ContainsRune("/._-+,@%", r) ||
			'0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
