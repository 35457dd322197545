package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/sources"
)

// tree has names whose order by whole path differs from the order by
// components, and names that programs stumble over.
var tree = []string{
	"a/x", "a/y/z", "a-b", "a.txt", "a0", "B", "b/b/b/b", "empty-file", " space", "聊天/一", "聊天/二", "📷",
	"-dash", "é", "e\u0301", "new month/2024-05/photo", "長" + strings.Repeat("名", 70),
}

// plantTree plants tree and all that the system has beyond files.
func (s *subject) plantTree() error {
	if err := s.plant(tree...); err != nil {
		return err
	}
	if err := os.MkdirAll(s.at("hollow/inside"), 0o755); err != nil {
		return err
	}
	_ = os.Symlink("nowhere", s.at("a/dangling")) // not everywhere allowed
	_ = os.Symlink("..", s.at("a/up"))
	_ = os.WriteFile(s.at("line\nbreak"), nil, 0o640)
	_ = os.WriteFile(s.at("not utf-8 \xff\xc3"), nil, 0o600)
	when := time.Unix(1_600_000_000, 123_456_700)
	return os.Chtimes(s.at("a-b"), when, when)
}

func treeOrder(s *subject) error {
	if err := s.plantTree(); err != nil {
		return err
	}
	_, kept, _, err := s.walk()
	if err != nil {
		return err
	}
	folders := map[string]bool{"": true}
	for i, e := range kept {
		parent, _, nested := cutLast(e.Path)
		switch {
		case i > 0 && comparePaths(kept[i-1].Path, e.Path) >= 0:
			return fmt.Errorf("%q came before %q", kept[i-1].Path, e.Path)
		case nested && !folders[parent]:
			return fmt.Errorf("%q came without its folder", e.Path)
		case e.Type == sources.Dir:
			folders[e.Path] = true
		}
	}
	return nil
}

// comparePaths is tree order: component by component, by their bytes.
func comparePaths(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

func cutLast(path string) (dir, base string, nested bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

// everythingOnce compares what the walk says with what package os sees.
func everythingOnce(s *subject) error {
	if err := s.plantTree(); err != nil {
		return err
	}
	_, kept, skipped, err := s.walk()
	if err != nil {
		return err
	}
	found := map[string]sources.Entry{}
	for _, e := range kept {
		if _, twice := found[e.Path]; twice {
			return fmt.Errorf("%q was mentioned twice", e.Path)
		}
		found[e.Path] = e
	}
	for _, k := range skipped {
		if strings.HasPrefix(k.Path, "planted") {
			return fmt.Errorf("%q was skipped: %s, %v", k.Path, k.Reason, k.Err)
		}
	}
	count := 0
	err = filepath.WalkDir(s.at(""), func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(s.root, full)
		count++
		return sameAsDisk(found, filepath.ToSlash(name), full)
	})
	for path := range found {
		if path == "planted" || strings.HasPrefix(path, "planted/") {
			count--
		}
	}
	if err == nil && count != 0 {
		return fmt.Errorf("the walk mentioned %d planted entries that are not there", -count)
	}
	return err
}

func sameAsDisk(found map[string]sources.Entry, path, full string) error {
	e, ok := found[path]
	if !ok {
		return fmt.Errorf("%q was not mentioned", path)
	}
	info, err := os.Lstat(full)
	if err != nil {
		return err
	}
	want := sources.File
	target := ""
	switch {
	case info.IsDir():
		want = sources.Dir
	case info.Mode()&fs.ModeSymlink != 0:
		want = sources.Symlink
		target, err = os.Readlink(full)
	}
	switch {
	case err != nil:
		return err
	case e.Type != want || e.Target != target:
		return fmt.Errorf("%q: type %d to %q, want %d to %q", path, e.Type, e.Target, want, target)
	case want == sources.File && e.Size != info.Size():
		return fmt.Errorf("%q: %d bytes, want %d", path, e.Size, info.Size())
	case !e.ModTime.Equal(info.ModTime()):
		return fmt.Errorf("%q: time %v, want %v", path, e.ModTime, info.ModTime())
	case fs.FileMode(e.Mode)&fs.ModePerm != info.Mode().Perm():
		return fmt.Errorf("%q: mode %o, want %o", path, e.Mode, info.Mode().Perm())
	case e.Category == "":
		return fmt.Errorf("%q: no category", path)
	}
	return nil
}

func callbackError(s *subject) error {
	if err := s.plantTree(); err != nil {
		return err
	}
	v, err := s.view()
	if err != nil {
		return err
	}
	stop := errors.New("stop")
	calls := 0
	err = v.Walk(s.t.Context(), func(e sources.Entry) error {
		if calls++; calls > 3 {
			return stop
		}
		return nil
	}, func(sources.Skipped) {})
	if err != stop {
		return fmt.Errorf("calling Walk: %v, want the callback's own error", err)
	}
	if calls != 4 {
		return fmt.Errorf("the callback was called %d times, the fourth failed", calls)
	}
	return nil
}

func cancelledWalk(s *subject) error {
	if err := s.plantTree(); err != nil {
		return err
	}
	v, err := s.view()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	calls := 0
	err = v.Walk(ctx, func(sources.Entry) error {
		if calls++; calls == 3 {
			cancel()
		}
		return nil
	}, func(sources.Skipped) {})
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("calling Walk: %v, want context.Canceled", err)
	}
	if calls > 4 {
		return fmt.Errorf("%d more entries after it was cancelled", calls-3)
	}
	return nil
}

// noTrace looks at everything without the right to write, and compares what
// stat says before and after.
func noTrace(s *subject) error {
	if err := s.plantTree(); err != nil {
		return err
	}
	if err := s.writable(false); err != nil {
		return err
	}
	s.t.Cleanup(func() { _ = s.writable(true) })
	paths, err := s.ageAll()
	if err != nil {
		return err
	}
	before, err := traces(paths)
	if err != nil {
		return err
	}
	v, kept, _, err := s.walk()
	if err != nil {
		return err
	}
	for _, e := range kept {
		if err := lookAt(s, v, e); err != nil {
			return err
		}
	}
	if err := v.Close(); err != nil {
		return fmt.Errorf("calling Close: %w", err)
	}
	after, err := traces(paths)
	if err != nil {
		return err
	}
	for i, was := range before {
		if after[i] != was {
			return fmt.Errorf("%q left a trace: before %s, after %s", paths[i], was, after[i])
		}
	}
	now, err := s.ageAll()
	if err == nil && !slices.Equal(now, paths) {
		err = fmt.Errorf("other files than before: %q, not %q", now, paths)
	}
	return err
}

// ageAll makes everything look as if it was last read long ago, so that
// reading it again would show, and returns all paths.
func (s *subject) ageAll() (paths []string, err error) {
	err = filepath.WalkDir(s.root, func(full string, d fs.DirEntry, err error) error {
		if err == nil {
			paths = append(paths, full)
		}
		return err
	})
	for _, full := range paths {
		info, errStat := os.Lstat(full)
		if errStat == nil && info.Mode()&fs.ModeSymlink == 0 {
			errStat = os.Chtimes(full, time.Unix(1_000_000_000, 0), info.ModTime())
		}
		err = errors.Join(err, errStat)
	}
	return paths, err
}

func lookAt(s *subject, v sources.View, e sources.Entry) error {
	if _, err := v.XAttrs(e); err != nil {
		return fmt.Errorf("XAttrs(%q): %w", e.Path, err)
	}
	if e.Type != sources.File {
		return nil
	}
	c, err := v.Open(s.t.Context(), e)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	return errors.Join(err, c.Close())
}

// writable gives or takes the right to write all that is planted, so that
// the folders above can still be removed.
func (s *subject) writable(yes bool) error {
	return filepath.WalkDir(s.at(""), func(full string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() &^ 0o222
		if yes {
			mode |= 0o200
		}
		return os.Chmod(full, mode)
	})
}

// traces returns what reading could change, for each path.
func traces(paths []string) (out []string, err error) {
	for _, full := range paths {
		info, err := os.Lstat(full)
		if err != nil {
			return nil, err
		}
		trace := fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano())
		if info.Mode()&fs.ModeSymlink == 0 { // nobody can read one without a trace
			trace += fmt.Sprint(" ", accessTime(info))
		}
		out = append(out, trace)
	}
	return out, nil
}

func twoViews(s *subject) error {
	if err := s.plantTree(); err != nil {
		return err
	}
	first, one, _, err := s.walk()
	if err != nil {
		return err
	}
	_, two, _, err := s.walk()
	if err != nil {
		return err
	}
	if len(one) != len(two) {
		return fmt.Errorf("one view saw %d entries, the other %d", len(one), len(two))
	}
	if err := first.Close(); err != nil {
		return err
	}
	_, three, _, err := s.walk()
	if err == nil && len(three) != len(two) {
		err = fmt.Errorf("after Close a view saw %d entries, not %d", len(three), len(two))
	}
	return err
}
