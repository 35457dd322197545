package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
)

// plant makes a tree: a line "a/b" is a file holding its path, "a/b/" a
// folder, "a -> b" a symlink.
func plant(t testing.TB, root string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		path, target, link := strings.Cut(line, " -> ")
		full := filepath.Join(root, path)
		dir := filepath.Dir(full)
		if strings.HasSuffix(path, "/") {
			dir = full
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case link:
			err = os.Symlink(target, full)
		case dir != full:
			err = os.WriteFile(full, []byte(path), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// all keeps everything.
var all = choose(func(*sources.Entry) Take { return Keep })

// choose is a judge that is one question for folders and files.
type choose func(*sources.Entry) Take

func (c choose) Dir(e *sources.Entry, _ bool) Choice  { return Choice{Take: c(e)} }
func (c choose) File(e *sources.Entry, _ bool) Choice { return Choice{Take: c(e)} }

// view is a tree with a judge.
type view struct {
	*Tree
	judge Judge
}

func (v view) Walk(ctx context.Context, entry func(sources.Entry) error, skipped func(sources.Skipped)) error {
	return v.Tree.Walk(ctx, v.judge, entry, skipped)
}

// open returns a view of all that lies in root, closed at the end of the test.
func open(t testing.TB, root string) view {
	t.Helper()
	v, err := Open(context.Background(), "test", root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return view{v, all}
}

// walk returns the paths that v keeps and, by path, why others are skipped.
func walk(t testing.TB, v sources.View) (kept []string, skipped map[string]sources.Skipped) {
	t.Helper()
	skipped = map[string]sources.Skipped{}
	err := v.Walk(context.Background(),
		func(e sources.Entry) error { kept = append(kept, e.Path); return nil },
		func(s sources.Skipped) { skipped[s.Path] = s })
	if err != nil {
		t.Fatal(err)
	}
	return kept, skipped
}

func wantKept(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("kept\n  %q\nwant\n  %q", got, want)
	}
}

func TestRootVanished(t *testing.T) {
	root := filepath.Join(t.TempDir(), "chats")
	check := func(when string, err error) {
		t.Helper()
		if !errors.Is(err, sources.ErrVanished) {
			t.Errorf("%s: %v, want ErrVanished", when, err)
		}
		if h := hint.Find(err); h == nil || h.Code != "source_vanished" || h.Args["source"] != "test" {
			t.Errorf("%s: hint %+v", when, h)
		}
	}
	_, err := Open(context.Background(), "test", root)
	check("missing", err)

	plant(t, root, "a/")
	v := open(t, root)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	check("removed after View", v.Walk(context.Background(), nil, nil))

	if err := os.Symlink("nowhere", root); err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), "test", root)
	check("dangling symlink", err)
}

func TestRootIsAFile(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "file")
	_, err := Open(context.Background(), "test", filepath.Join(root, "file"))
	if err == nil || !strings.Contains(err.Error(), "it is a file") || !hint.Is(err, "source_not_folder") {
		t.Errorf("error %v", err)
	}
}

func TestRootIsASymlink(t *testing.T) {
	parent := t.TempDir()
	plant(t, parent, "real/a", "root -> real")
	v := open(t, filepath.Join(parent, "root"))
	if err := os.Remove(filepath.Join(parent, "root")); err != nil {
		t.Fatal(err)
	}
	kept, _ := walk(t, v) // resolved once, by View
	wantKept(t, kept, "a")
}

func TestEmptyRootIsNoError(t *testing.T) {
	kept, skipped := walk(t, open(t, t.TempDir()))
	if len(kept)+len(skipped) > 0 {
		t.Errorf("kept %q, skipped %v", kept, skipped)
	}
}

func TestSymlinkLoopsAreKeptAsSymlinks(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a/b/up -> ../..", "self -> self", "a/gone -> nowhere", "out -> /")
	targets := map[string]string{}
	err := open(t, root).Walk(context.Background(), func(e sources.Entry) error {
		if e.Type == sources.Symlink {
			targets[e.Path] = e.Target
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a/b/up": "../..", "self": "self", "a/gone": "nowhere", "out": "/"}
	for path, target := range want {
		if targets[path] != target {
			t.Errorf("%s points to %q, want %q", path, targets[path], target)
		}
	}
}

func TestOpenRefusesPathsOutsideTheRoot(t *testing.T) {
	parent := t.TempDir()
	plant(t, parent, "secret", "root/a/b")
	v := open(t, filepath.Join(parent, "root"))
	for _, path := range []string{"", ".", "..", "../secret", "a/../../secret", "/etc/passwd", "a//b", "a/", "./a/b"} {
		e := sources.Entry{Path: path}
		if c, err := v.Open(context.Background(), e); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Open(%q) = %v, %v", path, c, err)
		}
		if _, err := v.XAttrs(e); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("XAttrs(%q): %v", path, err)
		}
	}
}

func TestContentTellsThatItChanged(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a")
	v := open(t, root)
	var e sources.Entry
	_ = v.Walk(context.Background(), func(x sources.Entry) error { e = x; return nil }, nil)
	c, err := v.Open(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before, err := c.Stat()
	if err != nil || before != e {
		t.Errorf("Stat before = %+v, %v; walked %+v", before, err, e)
	}
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("much longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	after, err := c.Stat()
	if err != nil || after.Size != 11 || after.Path != "a" {
		t.Errorf("Stat after = %+v, %v", after, err)
	}
}

func TestFileGoneBetweenListingAndLooking(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a", "b", "c/x", "d/y", "e")
	var kept []string
	err := open(t, root).Walk(context.Background(), func(e sources.Entry) error {
		kept = append(kept, e.Path)
		if e.Path == "a" {
			return errors.Join(os.Remove(filepath.Join(root, "b")), os.RemoveAll(filepath.Join(root, "d")))
		}
		return nil
	}, func(s sources.Skipped) { t.Errorf("mentioned %+v", s) })
	if err != nil {
		t.Fatal(err)
	}
	wantKept(t, kept, "a", "c", "c/x", "e")
}

func TestCloseTwiceIsAnError(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a")
	c, err := open(t, root).Open(context.Background(), sources.Entry{Path: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if c.Close() == nil {
		t.Error("second Close: no error")
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("Read after Close: no error")
	}
	if _, err := c.Stat(); err == nil {
		t.Error("Stat after Close: no error")
	}
}

func TestJudge(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "deep/down/kept", "deep/left", "hollow/left", "named/x", "pruned/kept")
	v := open(t, root)
	v.judge = reasons{choose(func(e *sources.Entry) Take {
		switch filepath.Base(e.Path) {
		case "kept", "named":
			return Keep
		case "left", "x", "pruned":
			return Leave
		}
		return Look
	})}
	kept, skipped := walk(t, v)
	wantKept(t, kept, "deep", "deep/down", "deep/down/kept", "named")
	if len(skipped) != 1 || skipped["pruned"].Reason != sources.Waiting {
		t.Errorf("skipped %v", skipped)
	}
}

// reasons gives one for leaving a folder.
type reasons struct{ choose }

func (r reasons) Dir(e *sources.Entry, within bool) Choice {
	c := r.choose.Dir(e, within)
	if c.Take == Leave {
		c.Reason = sources.Waiting
	}
	return c
}

func TestFile(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "a/b", "dir/", "link -> a/b")
	v := open(t, root)
	f, err := v.File("a/b", os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [2]byte
	if n, err := f.ReadAt(b[:], 1); string(b[:]) != "/b" {
		t.Errorf("read %q, %d, %v", b, n, err)
	}
	for _, path := range []string{"dir", "link", "gone", "../x", ""} {
		if f, err := v.File(path, os.O_RDONLY); err == nil {
			f.Close()
			t.Errorf("opened %q", path)
		}
	}
}
