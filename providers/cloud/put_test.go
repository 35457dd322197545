package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
)

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// files returns the paths below dir of everything that is no folder.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// A file goes through the kernel, in steps; it stays where it is.
func TestPutFile(t *testing.T) {
	dir, spool := t.TempDir(), filepath.Join(t.TempDir(), "spool")
	r := openFolder(t, dir)
	all := noise(kernelStep + 7)
	for _, size := range []int{1, kernelStep - 1, kernelStep, kernelStep + 1, kernelStep + 7} {
		b := all[:size]
		write(t, spool, string(b))
		info, err := r.Put(t.Context(), "a/x", providers.FileSource(spool, int64(size), nil))
		if err != nil || info.Size != int64(size) {
			t.Fatalf("put %d bytes = %+v, %v", size, info, err)
		}
		if got := get(t, r, "a/x"); got != string(b) {
			t.Errorf("%d bytes came back as %d others", size, len(got))
		}
	}
	if _, err := os.Stat(spool); err != nil {
		t.Errorf("the source: %v", err)
	}
}

// countdown is a context that ends after its Err has been asked n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever ctx ends, Put leaves the object or nothing; never a leftover.
func TestPutFileCancelled(t *testing.T) {
	spool := filepath.Join(t.TempDir(), "spool")
	b := noise(kernelStep + 7)
	write(t, spool, string(b))
	for n := range 20 {
		dir := t.TempDir()
		r := openFolder(t, dir)
		_, err := r.Put(&countdown{t.Context(), n}, "a/x", providers.FileSource(spool, int64(len(b)), nil))
		switch left := files(t, dir); {
		case err == nil:
			if !slices.Equal(left, []string{"a/x"}) || get(t, r, "a/x") != string(b) {
				t.Errorf("ended at look %d: put succeeded and left %v", n, left)
			}
			return
		case err != context.Canceled || len(left) != 0:
			t.Errorf("ended at look %d: %v, left %v", n, err, left)
		}
	}
	t.Error("put never succeeded")
}

// The order that survives a power cut: the bytes are synced under another
// name, then take their name, then the folder is synced, and so are the
// folders that were made for it.
func TestPutOrder(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "new/root")
	r := openFolder(t, root)
	var steps []string
	random := regexp.MustCompile(`_[0-9a-f]{8}$`)
	note := func(kind string) func(string) error {
		return func(path string) error {
			_, err := os.Stat(filepath.Join(root, "a/b/x"))
			path = random.ReplaceAllString(strings.TrimPrefix(path, dir), "_")
			steps = append(steps, fmt.Sprintf("%s %s, %t", kind, path, err == nil))
			return nil
		}
	}
	r.disk.syncFile, r.disk.syncFolder = note("file"), note("folder")
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(steps, want) {
			t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
		}
		steps = nil
	}
	put(t, r, "a/b/x", "x")
	expect( // what is synced, and whether the object is there already
		"file /new/root/a/b/x_, false",
		"folder /new/root/a/b, true",
		"folder , true",
		"folder /new, true",
		"folder /new/root, true",
		"folder /new/root/a, true",
	)
	put(t, r, "a/b/y", "y")
	expect("file /new/root/a/b/y_, true", "folder /new/root/a/b, true")
	if err := r.MakeFolder(t.Context(), "a/c"); err != nil {
		t.Fatal(err)
	}
	expect("folder /new/root/a, true")
}

// Whatever sync fails, Put says so and no prefix and no leftover is there.
func TestPutSyncFails(t *testing.T) {
	broken := errors.New("disk on fire")
	fail := func(string) error { return broken }
	for step, left := range map[string][]string{"file": nil, "folder": {"a/x"}} {
		dir := t.TempDir()
		r := openFolder(t, dir)
		if step == "file" {
			r.disk.syncFile = fail
		} else {
			r.disk.syncFolder = fail
		}
		_, err := r.Put(t.Context(), "a/x", providers.BytesSource(noise(1000)))
		if !errors.Is(err, broken) || err.Error() != "put a/x: disk on fire" {
			t.Errorf("%s: put = %v", step, err)
		}
		if got := files(t, dir); !slices.Equal(got, left) {
			t.Errorf("%s: left %v", step, got)
		}
	}
}

// Leftovers of crashed puts are in nobody's way, and go with the next Put of
// their object.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/x_0123abcd", "a/x_00000000", "a/y_0123abcd", "x_0123abcd", "a/x_0123ABCD", "a/x_0", "a/b/x_0123abcd"} {
		write(t, filepath.Join(dir, name), "half")
	}
	r := openFolder(t, dir)
	if found := list(t, r, providers.ListOptions{Sums: true}); len(found) != 0 {
		t.Errorf("lists %v", found)
	}
	if _, err := r.Stat(t.Context(), "a/x"); !errors.Is(err, providers.ErrNotExist) {
		t.Errorf("stat = %v", err)
	}
	put(t, r, "a/x", "whole")
	want := []string{"a/b/x_0123abcd", "a/x", "a/x_0", "a/x_0123ABCD", "a/y_0123abcd", "x_0123abcd"}
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	put(t, r, "a/y", "whole")
	put(t, r, "x", "whole")
	want = []string{"a/b/x_0123abcd", "a/x", "a/x_0", "a/x_0123ABCD", "a/y", "x"}
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
}

// What a concurrent Put of the same object writes to is no leftover.
func TestLiveIsNoLeftover(t *testing.T) {
	var l leftovers
	live := l.begin("a/x")
	l.found("a", []string{live, "a/x_0123abcd"})
	if got := l.take("a/x"); !slices.Equal(got, []string{"a/x_0123abcd"}) {
		t.Errorf("leftovers are %v", got)
	}
	if !l.looked("a") || l.looked("b") {
		t.Error("it forgot where it looked")
	}
}

// Another process may take our unfinished file for a leftover. That costs a
// second try.
func TestPutOvertaken(t *testing.T) {
	dir := t.TempDir()
	r := openFolder(t, dir)
	r.disk.syncFile = func(path string) error {
		r.disk.syncFile = func(string) error { return nil }
		return os.Remove(path)
	}
	_, err := r.Put(t.Context(), "a/x", providers.BytesSource([]byte("x")))
	if !errors.Is(err, providers.ErrTemporary) || errors.Is(err, providers.ErrNotExist) {
		t.Errorf("put = %v", err)
	}
	put(t, r, "a/x", "x")
}

// source yields half of its bytes, then whatever next says.
type source struct {
	bytes []byte
	next  func() (int, error)
}

func (s source) Size() int64                          { return int64(len(s.bytes)) }
func (s source) Sums() map[providers.Algorithm]string { return nil }
func (s source) Open() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(s.bytes[:len(s.bytes)/2]), reader(s.next))), nil
}

type reader func() (int, error)

func (r reader) Read([]byte) (int, error) { return r() }

// While a Put runs, nobody sees the half that is there.
func TestHalfIsInvisible(t *testing.T) {
	dir := t.TempDir()
	r := openFolder(t, dir)
	looked := false
	_, err := r.Put(t.Context(), "a/x", source{noise(2 << 20), func() (int, error) {
		looked = true
		if left := files(t, dir); len(left) != 1 || !leftoverName.MatchString(left[0]) {
			t.Errorf("on disk: %v", left)
		}
		if found := slices.Collect(maps.Keys(list(t, r, providers.ListOptions{}))); len(found) != 0 {
			t.Errorf("lists %v", found)
		}
		return 0, errors.New("that was all")
	}})
	if err == nil || !looked || err.Error() != "put a/x: read source: that was all" {
		t.Errorf("put = %v", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
