package folder

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"github.com/chatkeep/chatkeep/sources"
)

// view is one look: the open root. All methods may run at once; they share
// nothing but the handle.
type view struct {
	account *account
	top     *dir
}

// Walk keeps the promises of [sources.View]. Beyond them: a folder that can't
// be opened is skipped and is no entry; one that breaks off in the middle is
// an entry with what was read so far, and named to skipped as well.
func (v *view) Walk(ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	root, err := v.top.again()
	if err != nil {
		return v.account.openError(err)
	}
	w := &walker{
		ctx: ctx, rules: &v.account.rules, maxSize: v.account.maxSize,
		entry: entry, skipped: skipped, announced: 1, // the root is no entry
	}
	start := &level{dir: root, within: len(w.rules.include) == 0}
	defer start.shut()
	if err := root.self(&start.at); err != nil {
		return v.account.openError(err)
	}
	names, err := root.names()
	switch {
	case len(names) == 0 && root.gone():
		return v.account.vanished()
	case len(names) == 0 && err != nil:
		return v.account.openError(err)
	}
	w.path = []*level{start}
	return w.walk(names, err)
}

// Open keeps the promises of [sources.View]. What is not a regular file any
// more is not opened, and a fifo doesn't block.
func (v *view) Open(ctx context.Context, e sources.Entry) (sources.Content, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkPath(e.Path); err != nil {
		return nil, err
	}
	c, err := v.top.open(e)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", e.Path, cause(err))
	}
	return c, nil
}

// XAttrs keeps the promises of [sources.View]. An attribute that disappears
// between listing and reading is left out.
func (v *view) XAttrs(e sources.Entry) ([]sources.XAttr, error) {
	if err := checkPath(e.Path); err != nil {
		return nil, err
	}
	list, err := v.top.xattrs(e)
	if err != nil {
		return nil, fmt.Errorf("read extended attributes of %q: %w", e.Path, cause(err))
	}
	return list, nil
}

func (v *view) Close() error { return v.top.close() }

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
