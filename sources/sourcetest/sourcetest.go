// Package sourcetest proves that a source keeps the promises of package
// sources. Every source passes it; the test of a new one is a line:
//
//	func TestSource(t *testing.T) { sourcetest.Run(t, setup) }
//
// Each check gets a source of its own, plants files in its one account and
// looks at them from there. What a source does beyond the promises (patterns,
// categories, databases) is tested by its own package.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chatkeep/chatkeep/sources"
)

// Setup returns a fresh source with exactly one account, and the folder that
// is its root. The folder exists and is writable; whatever else the source
// needs to find its account may already be in it, but nothing called
// "planted". A file planted there is one the source keeps.
type Setup func(t testing.TB) (s sources.Source, root string)

// Run checks all promises, each in a subtest.
func Run(t *testing.T, setup Setup) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			s, err := newSubject(t, setup)
			if err == nil {
				err = c.run(s)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise. It returns how it was broken, so that the suite's own
// test can watch it fail.
type check struct {
	name string
	run  func(*subject) error
}

var checks = []check{
	{"account has a name, a kind and a root", accountIsNamed},
	{"accounts are the same each time", accountsAreStable},
	{"a vanished root says so, with a hint", vanishedRoot},
	{"walk keeps tree order", treeOrder},
	{"walk mentions every entry once, as it is", everythingOnce},
	{"walk returns the callback's error as it is", callbackError},
	{"walk stops when cancelled", cancelledWalk},
	{"nothing leaves a trace", noTrace},
	{"two views at once don't disturb each other", twoViews},
	{"open returns the content", contentEqual},
	{"open works while walk runs, and many at once", openWhileWalking},
	{"open of a vanished file is fs.ErrNotExist", openVanished},
	{"open follows no symlink put in a file's place", swappedFile},
	{"open follows no symlink put in a folder's place", swappedFolder},
	{"open refuses a folder put in a file's place", folderInPlace},
	{"open refuses when cancelled", cancelledOpen},
	{"stat tells that a file changed", statTellsChange},
	{"a fifo is named, never opened", fifo},
	{"extended attributes are sorted and complete", attributes},
}

// subject is what one check looks at.
type subject struct {
	t       testing.TB
	source  sources.Source
	account sources.Account
	root    string
}

func newSubject(t testing.TB, setup Setup) (*subject, error) {
	s := &subject{t: t}
	s.source, s.root = setup(t)
	accounts, err := s.source.Accounts(t.Context())
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	if len(accounts) != 1 {
		return nil, fmt.Errorf("%d accounts, the suite wants a setup with one", len(accounts))
	}
	s.account = accounts[0]
	return s, nil
}

// at returns where a planted path lies on the disk.
func (s *subject) at(path string) string {
	return filepath.Join(s.root, "planted", filepath.FromSlash(path))
}

// plant writes files below planted; each holds its own path.
func (s *subject) plant(paths ...string) error {
	for _, path := range paths {
		full := s.at(path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, contentOf(path), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// contentOf is what plant writes: more than a read at once for some.
func contentOf(path string) []byte {
	var b []byte
	for n := range len(path) * 10 {
		b = fmt.Appendf(b, "%s %d\n", path, n)
	}
	return b
}

// view opens the account; it is closed with the test.
func (s *subject) view() (sources.View, error) {
	v, err := s.account.View(s.t.Context())
	if err != nil {
		return nil, fmt.Errorf("calling View: %w", err)
	}
	s.t.Cleanup(func() { v.Close() })
	return v, nil
}

// walk opens a view and returns all that it keeps and skips.
func (s *subject) walk() (v sources.View, kept []sources.Entry, skipped []sources.Skipped, err error) {
	if v, err = s.view(); err != nil {
		return nil, nil, nil, err
	}
	err = v.Walk(s.t.Context(),
		func(e sources.Entry) error { kept = append(kept, e); return nil },
		func(k sources.Skipped) { skipped = append(skipped, k) })
	if err != nil {
		err = fmt.Errorf("calling Walk: %w", err)
	}
	return v, kept, skipped, err
}

// entry plants a file and returns the view and the entry that found it.
func (s *subject) entry(path string) (sources.View, sources.Entry, error) {
	if err := s.plant(path); err != nil {
		return nil, sources.Entry{}, err
	}
	return s.entryAsIs(path)
}

// entryAsIs is entry for what is planted already.
func (s *subject) entryAsIs(path string) (sources.View, sources.Entry, error) {
	v, kept, _, err := s.walk()
	if err != nil {
		return nil, sources.Entry{}, err
	}
	for _, e := range kept {
		if e.Path == "planted/"+path {
			return v, e, nil
		}
	}
	return nil, sources.Entry{}, fmt.Errorf("planted/%s was not kept", path)
}

// mustFail opens e and returns an error unless opening fails, and as want if
// that is not nil.
func mustFail(ctx context.Context, v sources.View, e sources.Entry, want error) error {
	c, err := v.Open(ctx, e)
	if err == nil {
		c.Close()
		return fmt.Errorf("calling Open(%q): no error", e.Path)
	}
	if want != nil && !errors.Is(err, want) {
		return fmt.Errorf("calling Open(%q): %w, want %w", e.Path, err, want)
	}
	return nil
}
