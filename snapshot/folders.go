package snapshot

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// folders keeps the folders open that a restore writes to, so that a file is
// one step away instead of a walk from the top. It is not for concurrent use.
type folders struct {
	top  *os.Root
	open []openFolder // those used last, the newest at the end
}

type openFolder struct {
	path string
	root *os.Root
}

// openFolders is how many are open at a time. Chunks come in the order of the
// packs, which jumps between a few folders.
const openFolders = 16

// of returns the folder that holds p, and p's last name.
func (f *folders) of(p string) (*os.Root, string, error) {
	dir, name := path.Split(p)
	at := slices.IndexFunc(f.open, func(o openFolder) bool { return o.path == dir })
	if at >= 0 {
		found := f.open[at]
		f.open = append(slices.Delete(f.open, at, at+1), found)
		return found.root, name, nil
	}
	root, err := f.walk(path.Clean(dir))
	if err != nil {
		return nil, "", err
	}
	if len(f.open) == openFolders {
		_ = f.open[0].root.Close()
		f.open = slices.Delete(f.open, 0, 1)
	}
	f.open = append(f.open, openFolder{dir, root})
	return root, name, nil
}

// walk opens a folder step by step. A symlink on the way is not followed, even
// where it stays inside: what lies behind it has another name.
func (f *folders) walk(dir string) (*os.Root, error) {
	at, err := f.top.OpenRoot(".")
	if err != nil || dir == "." {
		return at, err
	}
	for part := range strings.SplitSeq(dir, "/") {
		next, err := openPlainFolder(at, part)
		_ = at.Close() // nothing is written through it
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func openPlainFolder(at *os.Root, name string) (*os.Root, error) {
	info, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open folder", Path: name, Err: syscall.ENOTDIR}
	}
	return at.OpenRoot(name)
}

func (f *folders) close() {
	for _, o := range f.open {
		_ = o.root.Close() // nothing is written through it
	}
	f.open = nil
}
