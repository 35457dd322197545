package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/chatkeep/chatkeep/internal/hint"
)

// standing is what stands under a name.
type standing int

const (
	nothing standing = iota
	ours             // what pull wrote, unchanged
	other            // something else, or what pull wrote and somebody changed
)

// standing looks at a name. rec is what pull remembers of it, or nil.
func (d *pulling) standing(full string, rec *pullRecord) standing {
	st, _ := d.look(full, rec)
	return st
}

// look is standing, and tells what it saw. What can't be looked at is not ours.
func (d *pulling) look(full string, rec *pullRecord) (standing, os.FileInfo) {
	dir, name, err := d.rs.near.of(full)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nothing, nil // a file or a symlink has the name of a folder above
	}
	if err != nil {
		return other, nil
	}
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothing, nil
	case err != nil:
		return other, nil
	case rec != nil && rec.left(info, func() (string, error) { return dir.Readlink(name) }):
		return ours, info
	}
	return other, info
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// CodePullFull says that the disk was full before everything was there.
const CodePullFull hint.Code = "pull_disk_full"

func fullError(dir string, err error) error {
	return hint.New(CodePullFull, fmt.Errorf("pull to %s: %w", dir, err), "path", dir)
}
