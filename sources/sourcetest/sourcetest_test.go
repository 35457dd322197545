package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/folder"
)

func setup(t testing.TB) (sources.Source, string) {
	root := t.TempDir()
	s, err := folder.New(folder.Options{Name: "exports", Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return s, root
}

func TestFolder(t *testing.T) { Run(t, setup) }

// broken is the folder source with one promise broken.
type broken struct {
	sources.Source
	sources.Account
	sources.View
	root string

	accounts func(*broken) ([]sources.Account, error)
	view     func(*broken, context.Context) (sources.View, error)
	walk     func(*broken, context.Context, func(sources.Entry) error, func(sources.Skipped)) error
	open     func(*broken, context.Context, sources.Entry) (sources.Content, error)
	xattrs   func(*broken, sources.Entry) ([]sources.XAttr, error)
}

func (b *broken) Accounts(ctx context.Context) ([]sources.Account, error) {
	if b.accounts != nil {
		return b.accounts(b)
	}
	list, err := b.Source.Accounts(ctx)
	b.Account = list[0]
	return []sources.Account{brokenAccount{b}}, err
}

type brokenAccount struct{ *broken }

func (a brokenAccount) Name() string { return a.Account.Name() }

func (a brokenAccount) View(ctx context.Context) (sources.View, error) {
	if a.view != nil {
		return a.view(a.broken, ctx)
	}
	v, err := a.Account.View(ctx)
	copied := *a.broken
	copied.View = v
	return brokenView{&copied}, err
}

type brokenView struct{ *broken }

func (v brokenView) Walk(ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	if v.walk != nil {
		return v.walk(v.broken, ctx, entry, skipped)
	}
	return v.View.Walk(ctx, entry, skipped)
}

func (v brokenView) Open(ctx context.Context, e sources.Entry) (sources.Content, error) {
	if v.open != nil {
		return v.open(v.broken, ctx, e)
	}
	return v.View.Open(ctx, e)
}

func (v brokenView) XAttrs(e sources.Entry) ([]sources.XAttr, error) {
	if v.xattrs != nil {
		return v.xattrs(v.broken, e)
	}
	return v.View.XAttrs(e)
}

func (v brokenView) Close() error { return v.View.Close() }

// all collects a walk.
func (b *broken) all(ctx context.Context, skipped func(sources.Skipped)) (out []sources.Entry, err error) {
	err = b.View.Walk(ctx, func(e sources.Entry) error { out = append(out, e); return nil }, skipped)
	return out, err
}

// reordered is a walk whose entries went through change.
func reordered(change func([]sources.Entry) []sources.Entry) func(*broken, context.Context, func(sources.Entry) error, func(sources.Skipped)) error {
	return func(b *broken, ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
		list, err := b.all(ctx, skipped)
		for _, e := range change(list) {
			if err := entry(e); err != nil {
				return err
			}
		}
		return err
	}
}

// osFile is content opened the careless way.
type osFile struct {
	*os.File
	sources.Entry
}

func (f osFile) Stat() (sources.Entry, error) { return f.Entry, nil }

func careless(b *broken, _ context.Context, e sources.Entry) (sources.Content, error) {
	f, err := os.Open(filepath.Join(b.root, e.Path))
	return osFile{f, e}, err
}

// TestSuiteCatches breaks each promise and watches a check fail.
func TestSuiteCatches(t *testing.T) {
	byWholePath := func(list []sources.Entry) []sources.Entry {
		slices.SortFunc(list, func(a, b sources.Entry) int { return strings.Compare(a.Path, b.Path) })
		return list
	}
	tests := map[string]struct {
		broken broken
		by     string // the check that must fail
	}{
		"order by whole path": {broken{walk: reordered(byWholePath)}, "walk keeps tree order"},
		"folders after their content": {broken{walk: reordered(func(list []sources.Entry) []sources.Entry {
			slices.Reverse(list)
			return list
		})}, "walk keeps tree order"},
		"no folders": {broken{walk: reordered(func(list []sources.Entry) []sources.Entry {
			return slices.DeleteFunc(list, func(e sources.Entry) bool { return e.Type == sources.Dir })
		})}, "walk keeps tree order"},
		"an entry twice": {broken{walk: reordered(func(list []sources.Entry) []sources.Entry {
			return append(list, list[len(list)-1])
		})}, "walk mentions every entry once, as it is"},
		"an entry missing": {broken{walk: reordered(func(list []sources.Entry) []sources.Entry {
			return list[:len(list)-1]
		})}, "walk mentions every entry once, as it is"},
		"an entry too many": {broken{walk: reordered(func(list []sources.Entry) []sources.Entry {
			return append(list, sources.Entry{Path: "planted/zzz"})
		})}, "walk mentions every entry once, as it is"},
		"times in seconds": {broken{walk: reordered(func(list []sources.Entry) []sources.Entry {
			for i := range list {
				list[i].ModTime = list[i].ModTime.Truncate(1e9)
			}
			return list
		})}, "walk mentions every entry once, as it is"},
		"callback's error wrapped": {broken{walk: func(b *broken, ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
			return errors.Join(b.View.Walk(ctx, entry, skipped))
		}}, "walk returns the callback's error as it is"},
		"callback's error ignored": {broken{walk: func(b *broken, ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
			return b.View.Walk(ctx, func(e sources.Entry) error { _ = entry(e); return nil }, skipped)
		}}, "walk returns the callback's error as it is"},
		"cancelling ignored": {broken{walk: func(b *broken, _ context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
			return b.View.Walk(context.Background(), entry, skipped)
		}}, "walk stops when cancelled"},
		"a file left behind": {broken{walk: func(b *broken, ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
			return errors.Join(os.WriteFile(filepath.Join(b.root, "seen"), nil, 0o644), b.View.Walk(ctx, entry, skipped))
		}}, "nothing leaves a trace"},
		"a file touched": {broken{walk: func(b *broken, ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
			return errors.Join(os.Chmod(filepath.Join(b.root, "planted/a-b"), 0o600), b.View.Walk(ctx, entry, skipped))
		}}, "nothing leaves a trace"},
		"careless open of a file":     {broken{open: careless}, "open follows no symlink put in a file's place"},
		"careless open of a folder":   {broken{open: careless}, "open follows no symlink put in a folder's place"},
		"careless open in its place":  {broken{open: careless}, "open refuses a folder put in a file's place"},
		"careless open when canceled": {broken{open: careless}, "open refuses when cancelled"},
		"careless stat":               {broken{open: careless}, "stat tells that a file changed"},
		"short content": {broken{open: func(b *broken, ctx context.Context, e sources.Entry) (sources.Content, error) {
			c, err := b.View.Open(ctx, e)
			return &short{c, e}, err
		}}, "open returns the content"},
		"error that hides why": {broken{open: func(*broken, context.Context, sources.Entry) (sources.Content, error) {
			return nil, errors.New("no")
		}}, "open of a vanished file is fs.ErrNotExist"},
		"attributes forgotten": {broken{xattrs: func(*broken, sources.Entry) ([]sources.XAttr, error) {
			return nil, errors.New("no")
		}}, "extended attributes are sorted and complete"},
		"attributes unsorted": {broken{xattrs: func(*broken, sources.Entry) ([]sources.XAttr, error) {
			return []sources.XAttr{{Name: "user.b"}, {Name: "user.a"}}, nil
		}}, "extended attributes are sorted and complete"},
		"vanished without a hint": {broken{view: func(*broken, context.Context) (sources.View, error) {
			return nil, sources.ErrVanished
		}}, "a vanished root says so, with a hint"},
		"two accounts": {broken{accounts: func(b *broken) ([]sources.Account, error) {
			return make([]sources.Account, 2), nil
		}}, "accounts are the same each time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := runCheck(t, tt.by, &tt.broken); err == nil {
				t.Errorf("the check %q did not notice", tt.by)
			} else {
				t.Log(err)
			}
		})
	}
}

// runCheck runs one check on the broken source.
func runCheck(t *testing.T, name string, b *broken) error {
	i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("no check %q", name)
	}
	s, err := newSubject(t, func(t testing.TB) (sources.Source, string) {
		b.Source, b.root = setup(t)
		return b, b.root
	})
	if err != nil {
		return err
	}
	return checks[i].run(s)
}

// short is content that ends early.
type short struct {
	sources.Content
	e sources.Entry
}

func (s *short) Read(p []byte) (int, error) {
	if bytes.HasPrefix([]byte(s.e.Path), []byte("planted/a/")) {
		return 0, io.EOF
	}
	return s.Content.Read(p)
}
