package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameExclusive is renamex_np(2) with RENAME_EXCL.
func renameExclusive(tmp, path string) error {
	if err := unix.RenamexNp(tmp, path, unix.RENAME_EXCL); err != nil {
		return &os.LinkError{Op: "rename", Old: tmp, New: path, Err: err}
	}
	return nil
}
