// Package folder is the source for a plain folder: everything below one root,
// less what the user's patterns leave out. It is also the short commented
// example to copy for a new app.
//
// A source has three parts, and here each is as small as it gets. [Source]
// finds accounts: a plain folder is exactly one. The account opens a look at
// its files, a [sources.View]: a tree that asks the rules what to keep. An
// app's source differs in how it finds accounts and in the category and
// priority it gives to each path, and it captures databases; the walk stays
// the same.
//
// The files are:
//
//	folder.go   Options, Source, its account and the look at it
//	rules.go    what patterns mean
//
// The walk itself, race-free and per operating system, is package tree's. This
// package doesn't decide that a folder is suddenly empty, and doesn't compare
// with an earlier look: that is the snapshot's business.
package folder

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

// Category is the category of everything in a plain folder.
const Category = "files"

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
	Priority    int   // of everything in the folder; 0 goes first
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
	rules.maxSize, rules.priority = o.MaxFileSize, o.Priority
	return &Source{account{name: o.Name, root: filepath.Clean(o.Root), rules: rules}}, nil
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
}

func (a *account) Name() string { return a.name }
func (a *account) Kind() string { return "folder" }
func (a *account) Root() string { return a.root }

func (a *account) View(ctx context.Context) (sources.View, error) {
	t, err := tree.Open(ctx, a.name, a.root)
	if err != nil {
		return nil, err
	}
	return &view{t, &a.rules}, nil
}

// view is one look: the tree opens and reads.
type view struct {
	*tree.Tree
	rules *rules
}

// Walk keeps the promises of [sources.View].
func (v *view) Walk(ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	return v.Tree.Walk(ctx, v.rules, entry, skipped)
}
