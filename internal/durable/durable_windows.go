package durable

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// rename is MoveFileEx with WRITE_THROUGH, which returns only once the move
// is on the disk: what syncing the folder does elsewhere.
func rename(tmp, path string) error {
	return move(tmp, path, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH)
}

// renameNew is MoveFileEx without REPLACE_EXISTING: it fails if path exists.
func renameNew(tmp, path string) error {
	return move(tmp, path, windows.MOVEFILE_WRITE_THROUGH)
}

func move(tmp, path string, flags uint32) error {
	from, err := windows.UTF16PtrFromString(tmp)
	if err != nil {
		return err
	}
	to, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(from, to, flags); err != nil {
		return &os.LinkError{Op: "rename", Old: tmp, New: path, Err: err}
	}
	return nil
}

// syncDir does nothing: Windows has no such call, see rename.
func syncDir(string) error { return nil }

// sharedBits is always 0: permission bits say nothing here.
func sharedBits(fs.FileMode) fs.FileMode { return 0 }

// quote puts path in double quotes, which no Windows path can contain.
func quote(path string) string { return `"` + path + `"` }
