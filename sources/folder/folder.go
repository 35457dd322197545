// Package folder is the source for a plain folder: everything below one root,
// less what the user's patterns leave out. It is also the short commented
// example to copy for a new app.
//
// A source has three parts, and here each is as small as it gets. [Source]
// finds accounts: a plain folder is exactly one. The account opens a look at
// its files, a [sources.View]. The view walks and opens. An app's source
// differs in how it finds accounts and in the category and priority it gives
// to each path; the walk stays the same.
//
// The files are:
//
//	folder.go   Options, Source and its account
//	view.go     the look: one handle on the root, from which all else is reached
//	walk.go     tree order, rules, what is skipped
//	rules.go    what patterns mean
//	dir_*.go    the few system calls, per operating system
//
// Nothing here trusts the tree: it belongs to an app that renames, deletes and
// replaces while we look. So every path is resolved from the open root, no
// symlink is ever followed (the root itself may be one, resolved once per
// look), and nothing but regular files and folders is ever opened.
//
// This package doesn't decide that a folder is suddenly empty, and doesn't
// compare with an earlier look: that is the snapshot's business.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/pkg/xattr"
)

// Category is the category of everything in a plain folder.
const Category = "files"

// Hint codes this package attaches, each with the argument "source", the
// account's name.
const (
	codeVanished   hint.Code = "source_vanished"   // the root does not exist
	codeNotFolder  hint.Code = "source_not_folder" // the root is a file
	codeUnreadable hint.Code = "source_unreadable" // the root may not be read
)

// Options say which folder, and what of it. Name and Root are required.
type Options struct {
	Name string // the account's name, see [sources.CheckName]
	Root string // absolute path; may be a symlink to the folder

	// Include and Exclude are patterns as in doublestar: * and ? stop at a
	// slash, ** does not, [a-z], {jpg,png}, and \ before a sign to mean it.
	//
	// A pattern without a slash is held against the base name, anywhere in
	// the tree: "*.tmp". With a slash it is held against the path from the
	// root: "cache/*.bin", "**/cache/*.bin"; a slash in front does only that:
	// "/notes.txt" is the one at the top. A slash at the end means folders
	// only: "cache/". Letters match their own case.
	//
	// Whatever Exclude names is left out; a folder it names is not even
	// looked into. If Include is not empty, only what it names is kept: files
	// and symlinks, a named folder with all it holds, and the folders they
	// lie in. Exclude wins over Include.
	Include []string
	Exclude []string

	MaxFileSize int64 // bytes; larger files are skipped and named; 0 is no limit
}

// Source is one configured folder.
type Source struct{ account account }

// New checks options and returns their source. It doesn't look at the disk:
// whether the root exists is found out by each View.
func New(o Options) (*Source, error) {
	if err := sources.CheckName(o.Name); err != nil {
		return nil, fmt.Errorf("folder source: %w", err)
	}
	if !filepath.IsAbs(o.Root) {
		return nil, fmt.Errorf("folder source %s: %q is not an absolute path", o.Name, o.Root)
	}
	if o.MaxFileSize < 0 {
		return nil, fmt.Errorf("folder source %s: a largest file size of %d bytes", o.Name, o.MaxFileSize)
	}
	rules, err := newRules(o.Include, o.Exclude)
	if err != nil {
		return nil, fmt.Errorf("folder source %s: %w", o.Name, err)
	}
	return &Source{account{
		name: o.Name, root: filepath.Clean(o.Root), rules: rules, maxSize: o.MaxFileSize,
	}}, nil
}

// Accounts returns the folder as the one account it is, whether or not it
// exists at the moment.
func (s *Source) Accounts(context.Context) ([]sources.Account, error) {
	return []sources.Account{&s.account}, nil
}

// account is the folder. It never changes after New, so one can be used by
// many at once.
type account struct {
	name, root string
	rules      rules
	maxSize    int64
}

func (a *account) Name() string { return a.name }
func (a *account) Kind() string { return "folder" }
func (a *account) Root() string { return a.root }

// View opens the root. Everything the view does later starts from this handle,
// so that a root that is renamed or replaced meanwhile changes nothing.
func (a *account) View(ctx context.Context) (sources.View, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	top, err := openTop(a.root)
	if err != nil {
		return nil, a.openError(err)
	}
	return &view{account: a, top: top}, nil
}

// openError says why the root could not be opened, with the hint that helps.
func (a *account) openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a.vanished()
	case errors.Is(err, syscall.ENOTDIR):
		return hint.New(codeNotFolder, fmt.Errorf("open folder %s: it is a file", a.root), "source", a.name)
	}
	return hint.New(codeUnreadable, fmt.Errorf("open folder %s: %w", a.root, cause(err)), "source", a.name)
}

func (a *account) vanished() error {
	return hint.New(codeVanished, fmt.Errorf("open folder %s: %w", a.root, sources.ErrVanished), "source", a.name)
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
