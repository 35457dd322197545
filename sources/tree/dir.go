package tree

import (
	"cmp"
	"errors"
	"slices"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/pkg/xattr"
)

// A dir is an open folder. There is one type per family of systems, with
// these methods; names are single path elements, and none follows a symlink:
//
//	openTop(path) (*dir, error)                 the root; the only place where symlinks are followed
//	again() (*dir, error)                       the same folder with a handle and reading position of its own
//	child(name) (*dir, error)                   a folder in this one; errReplaced if it is none (any more)
//	names() ([]string, error)                   what is in it, unordered; with an error, what was read before it
//	look(name, *Entry) (special bool, error)    all an entry says but path and category; errReplaced if torn
//	self(*Entry) error                          the same about the folder itself
//	gone() bool                                 it was deleted, as far as the system tells; asked only of empty ones
//	open(Entry) (*content, error)               a regular file at a path below
//	file(path, flag) (*os.File, error)          the same with os.O_RDONLY or os.O_RDWR, at any place
//	xattrs(Entry) ([]XAttr, error)              the attributes of anything at a path below
//	close() error

// Errors of a dir.
var (
	errReplaced   = errors.New("it is something else by now")
	errNotRegular = errors.New("it is not a regular file any more")
)

// collect reads all attributes that list names through get, in order of their
// names. An attribute that is gone since is left out; a file system without
// attributes has none.
func collect(list func() ([]string, error), get func(name string) ([]byte, error)) ([]sources.XAttr, error) {
	names, err := list()
	if err != nil {
		return nil, ignoreUnsupported(err)
	}
	var out []sources.XAttr
	for _, name := range names {
		value, err := get(name)
		switch {
		case errors.Is(err, xattr.ENOATTR):
		case err != nil:
			return nil, ignoreUnsupported(err)
		default:
			out = append(out, sources.XAttr{Name: name, Value: value})
		}
	}
	slices.SortFunc(out, func(a, b sources.XAttr) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
