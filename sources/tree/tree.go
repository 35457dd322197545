// Package tree walks and opens what lies below one folder of the user's, for
// every source: a source says what is kept (a [Judge]), the tree finds it.
//
// Nothing here trusts the tree: it belongs to an app that renames, deletes and
// replaces while we look. So every path is resolved from the open root, no
// symlink is ever followed (the root itself may be one, resolved once), and
// nothing but regular files and folders is ever opened.
//
// The files are:
//
//	tree.go     the open root, from which all else is reached
//	judge.go    what a source decides
//	walk.go     tree order, what is skipped
//	dir_*.go    the few system calls, per operating system
//
// This package doesn't know what patterns, categories or databases are.
package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/pkg/xattr"
)

// Hint codes this package attaches, each with the argument "source", the
// account's name.
const (
	codeVanished   hint.Code = "source_vanished"   // the root does not exist
	codeNotFolder  hint.Code = "source_not_folder" // the root is a file
	codeUnreadable hint.Code = "source_unreadable" // the root may not be read
)

// Tree is one look at a folder. All methods may run at once; they share
// nothing but the handle on the root, so that a root that is renamed or
// replaced meanwhile changes nothing. Embedded, it is a [sources.View] but for
// Walk.
type Tree struct {
	account string // named in hints
	root    string // named in errors
	top     *dir
}

// Open opens the folder root for the account of this name. The error wraps
// [sources.ErrVanished] if there is none.
func Open(ctx context.Context, account, root string) (*Tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &Tree{account: account, root: root}
	top, err := openTop(root)
	if err != nil {
		return nil, t.openError(err)
	}
	t.top = top
	return t, nil
}

// Walk calls entry and skipped as [sources.View] promises, for what judge
// keeps. Beyond the promises: a folder that can't be opened is skipped and is
// no entry; one that breaks off in the middle is an entry with what was read
// so far, and named to skipped as well. It may be called again, and by a
// judge.
func (t *Tree) Walk(ctx context.Context, judge Judge, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	root, err := t.top.again()
	if err != nil {
		return t.openError(err)
	}
	w := &walker{ctx: ctx, judge: judge, entry: entry, skipped: skipped, announced: 1} // the root is no entry
	start := &level{dir: root}
	defer start.shut()
	if err := root.self(&start.at); err != nil {
		return t.openError(err)
	}
	names, err := root.names()
	switch {
	case len(names) == 0 && root.gone():
		return t.vanished()
	case len(names) == 0 && err != nil:
		return t.openError(err)
	}
	w.path = []*level{start}
	return w.walk(names, err)
}

// Open keeps the promises of [sources.View]. What is not a regular file any
// more is not opened, and a fifo doesn't block.
func (t *Tree) Open(ctx context.Context, e sources.Entry) (sources.Content, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkPath(e.Path); err != nil {
		return nil, err
	}
	c, err := t.top.open(e)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", e.Path, cause(err))
	}
	return c, nil
}

// File opens the regular file at path under the rules of Open, with os.O_RDONLY
// or, for locks that want it, os.O_RDWR. The caller closes it.
func (t *Tree) File(path string, flag int) (*os.File, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	f, err := t.top.file(path, flag)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, cause(err))
	}
	return f, nil
}

// XAttrs keeps the promises of [sources.View]. An attribute that disappears
// between listing and reading is left out.
func (t *Tree) XAttrs(e sources.Entry) ([]sources.XAttr, error) {
	if err := checkPath(e.Path); err != nil {
		return nil, err
	}
	list, err := t.top.xattrs(e)
	if err != nil {
		return nil, fmt.Errorf("read extended attributes of %q: %w", e.Path, cause(err))
	}
	return list, nil
}

// Close ends the look.
func (t *Tree) Close() error { return t.top.close() }

// openError says why the root could not be opened, with the hint that helps.
func (t *Tree) openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.vanished()
	case errors.Is(err, syscall.ENOTDIR):
		return hint.New(codeNotFolder, fmt.Errorf("open folder %s: it is a file", t.root), "source", t.account)
	}
	return hint.New(codeUnreadable, fmt.Errorf("open folder %s: %w", t.root, cause(err)), "source", t.account)
}

func (t *Tree) vanished() error {
	return hint.New(codeVanished, fmt.Errorf("open folder %s: %w", t.root, sources.ErrVanished), "source", t.account)
}

// cause strips the operation and path that a package below wraps around an
// error, since we name them ourselves.
func cause(err error) error {
	var (
		pe *fs.PathError
		xe *xattr.Error
	)
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &xe):
		return xe.Err
	}
	return err
}

// checkPath refuses a path that Walk can't have produced, before it reaches
// the file system.
func checkPath(path string) error {
	for step := range strings.SplitSeq(path, "/") {
		if step == "" || step == "." || step == ".." {
			return fmt.Errorf("open %q: %w", path, fs.ErrInvalid)
		}
	}
	return nil
}
