// Package durable writes files that survive a crash.
//
// A file written here is, at every instant and after a power cut, either the
// old content, the new content, or absent if there was none: never a prefix,
// never empty by accident. That holds because the bytes go to a temporary file
// in the same folder, are synced, and only then take the name, after which the
// folder itself is synced.
//
// The package knows nothing of what it writes. Secrets ([ReadSecret],
// [WriteSecret]) differ only in who may read them.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// WriteFile writes data to path, replacing what was there. When it returns
// nil the content and the name are on the disk. After an error path holds the
// old content or, if only the last sync of the folder went wrong, the new
// one; no temporary file is left.
//
// A new file gets perm less the umask, as with [os.WriteFile]; a replaced
// file gets it too. If path is a symlink, the link is replaced, not its
// target. The folder must exist.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, rename)
}

func write(path string, data []byte, perm fs.FileMode, name naming) error {
	f, err := create(path, perm, name)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// File is a file being written. It has its name only after Commit; until
// then nobody sees it under path. It is used by one goroutine.
type File struct {
	path string
	tmp  *os.File
	name naming
	done bool
}

// naming gives the temporary file its final name: [rename] or [renameNew].
type naming func(tmp, path string) error

// Create starts writing path. The caller ends with [File.Commit], or with
// [File.Abort], which does nothing after Commit and so can be deferred.
func Create(path string, perm fs.FileMode) (*File, error) {
	return create(path, perm, rename)
}

func create(path string, perm fs.FileMode, name naming) (*File, error) {
	// openat(O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC): beside path, because rename
	// doesn't cross file systems.
	tmp, err := step("open", path, func() (*os.File, error) {
		return os.OpenFile(tmpName(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &File{path: path, tmp: tmp, name: name}, nil
}

// tmpName returns a hidden, unused name in path's folder. It is cut so that
// it is no longer than file systems allow, also for a long base name.
func tmpName(path string) string {
	dir, base := filepath.Split(path)
	return dir + "." + strings.ToValidUTF8(base[:min(len(base), 200)], "") + ".tmp-" + rand.Text()[:12]
}

// Write appends to the file. After an error only Abort is of use.
func (f *File) Write(p []byte) (int, error) {
	n, err := step("write", f.path, func() (int, error) { return f.tmp.Write(p) }) // write(2)
	if err != nil {
		return n, fmt.Errorf("write %s: %w", f.path, err)
	}
	return n, nil
}

// Commit gives the file its name, with the guarantee of [WriteFile]. After an
// error the file is aborted.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("write %s: %w", f.path, fs.ErrClosed)
	}
	if err := f.commit(); err != nil {
		f.Abort()
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

func (f *File) commit() error {
	// fsync(2) of the content; on macOS fcntl(F_FULLFSYNC), which also empties
	// the drive's own cache; on Windows FlushFileBuffers.
	if err := do("sync", f.path, f.tmp.Sync); err != nil {
		return err
	}
	// close(2), which some network file systems use to report a failed write.
	if err := do("close", f.path, f.tmp.Close); err != nil {
		return err
	}
	// renameat(2): atomic. From here on the new content is what readers see.
	if err := do("rename", f.path, func() error { return f.name(f.tmp.Name(), f.path) }); err != nil {
		return err
	}
	f.done = true
	// fsync(2) of the folder, so that the name survives too.
	return SyncDir(filepath.Dir(f.path))
}

// Abort drops what was written and leaves path as it was. After Commit, or a
// second time, it does nothing.
func (f *File) Abort() {
	if f.done {
		return
	}
	f.done = true
	f.tmp.Close()           // closed already if Commit got that far
	os.Remove(f.tmp.Name()) // unlinkat(2)
}

// MkdirAll creates the folder path and its missing parents with perm less the
// umask, and syncs the parent of every folder it made. When it returns nil
// the folders survive a crash. An existing folder is left as it is.
func MkdirAll(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("make folder %s: %w", path, syscall.ENOTDIR)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("make folder: %w", err)
	}
	parent := filepath.Dir(filepath.Clean(path))
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	// mkdirat(2). Somebody else may have been faster.
	err = do("mkdir", path, func() error { return os.Mkdir(path, perm) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder: %w", err)
	}
	return SyncDir(parent)
}

// SyncDir makes the names in a folder survive a crash: files created, renamed
// or removed there before. Where a folder can't be synced (Windows, some
// network file systems) it does nothing, and the file system's own order has
// to do.
func SyncDir(path string) error {
	if err := do("syncdir", path, func() error { return syncDir(path) }); err != nil {
		return fmt.Errorf("sync folder %s: %w", path, err)
	}
	return nil
}

// fault lets the tests make one step fail: it is asked before the step and
// stops it by returning an error.
var fault func(step, path string) error

func do(name, path string, f func() error) error {
	_, err := step(name, path, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func step[T any](name, path string, f func() (T, error)) (T, error) {
	if fault != nil {
		if err := fault(name, path); err != nil {
			var none T
			return none, err
		}
	}
	return f()
}
