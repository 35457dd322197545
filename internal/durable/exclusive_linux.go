package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive is renameat2(2) with RENAME_NOREPLACE.
func renameExclusive(tmp, path string) error {
	err := unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: tmp, New: path, Err: err}
	}
	return nil
}
