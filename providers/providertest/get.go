package providertest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/chatkeep/chatkeep/providers"
)

func getRange(t *testing.T, r providers.Remote) {
	b := content(10_000, 1)
	put(t, r, "a/x", b)
	for _, part := range []struct{ offset, n, end int64 }{
		{0, -1, 10_000}, {0, 10_000, 10_000}, {0, 1, 1}, {9_999, 1, 10_000}, {9_999, -1, 10_000},
		{10_000, -1, 10_000}, {1, 9_999, 10_000}, {4_096, 4_096, 8_192}, {0, 0, 0}, {5_000, 0, 5_000}, {10_000, 0, 10_000},
	} {
		got, err := get(t, r, "a/x", part.offset, part.n)
		if err != nil || !bytes.Equal(got, b[part.offset:part.end]) {
			t.Errorf("get(%d, %d) = %d bytes, %v; want %d", part.offset, part.n, len(got), err, part.end-part.offset)
		}
	}
}

func getPastEnd(t *testing.T, r providers.Remote) {
	b := content(10_000, 1)
	put(t, r, "a/x", b)
	for _, part := range []struct{ offset, n int64 }{
		{0, 10_001}, {9_999, 2}, {10_000, 1}, {10_001, -1}, {10_001, 1}, {20_000, 5}, {0, math.MaxInt64}, {5, math.MaxInt64 - 5},
	} {
		got, err := get(t, r, "a/x", part.offset, part.n)
		want := b[min(part.offset, 10_000):]
		if err != io.ErrUnexpectedEOF || !bytes.Equal(got, want) {
			t.Errorf("get(%d, %d) = %d bytes, %v; want %d, then io.ErrUnexpectedEOF itself", part.offset, part.n, len(got), err, len(want))
		}
	}
}

func getSmallReads(t *testing.T, r providers.Remote) {
	b := content(5_000, 1)
	put(t, r, "a/x", b)
	body, err := r.Get(t.Context(), "a/x", 100, 1_000)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(iotest.OneByteReader(body))
	if err != nil || !bytes.Equal(got, b[100:1_100]) {
		t.Errorf("byte by byte: %d bytes, %v", len(got), err)
	}
	for range 2 {
		if n, err := body.Read(make([]byte, 10)); n != 0 || err != io.EOF {
			t.Errorf("read after the end = %d, %v", n, err)
		}
	}
}

func getImpossible(t *testing.T, r providers.Remote) {
	put(t, r, "a/x", content(10, 1))
	for _, part := range []struct{ offset, n int64 }{{-1, 5}, {0, -2}, {10, math.MaxInt64}} {
		if body, err := r.Get(t.Context(), "a/x", part.offset, part.n); err == nil {
			body.Close()
			t.Errorf("get(%d, %d): no error", part.offset, part.n)
		}
	}
}

func missing(t *testing.T, r providers.Remote) {
	check := func(name providers.Name) {
		t.Helper()
		for _, n := range []int64{-1, 0, 5} {
			if body, err := r.Get(t.Context(), name, 0, n); !errors.Is(err, providers.ErrNotExist) {
				t.Errorf("get %s = %v, %v; want ErrNotExist", name, body, err)
			}
		}
		checkAbsent(t, r, name)
	}
	check("a/x") // no folder, perhaps not even the remote's own
	put(t, r, "a/b/c", content(10, 1))
	check("a/x")
	check("a/b/c/d") // below an object
	check("a/b")     // a folder
}

func stat(t *testing.T, r providers.Remote) {
	b := content(1_234, 1)
	stored := put(t, r, "a/x", b)
	info, err := r.Stat(t.Context(), "a/x")
	if err != nil {
		t.Fatal(err)
	}
	checkInfo(t, info, "a/x", b)
	if !stored.ModTime.IsZero() && !info.ModTime.Equal(stored.ModTime) {
		t.Errorf("stat says modified %v, put said %v", info.ModTime, stored.ModTime)
	}
}

// What Traits promises about sums, a listing that asks for them holds.
func sums(t *testing.T, r providers.Remote) {
	b := content(70_000, 1)
	put(t, r, "a/x", b)
	put(t, r, "a/y", content(10, 2))
	found := listed(t, r, "a/", providers.ListOptions{Sums: true})
	checkInfo(t, found["a/x"], "a/x", b)
	for name, info := range found {
		for _, alg := range r.Traits().Sums {
			if sum := info.Sums[alg]; sum == "" || sum != strings.ToLower(sum) {
				t.Errorf("%s: %s is %q", name, alg, sum)
			}
		}
	}
}

func list(t *testing.T, r providers.Remote) {
	checkListed(t, r, "")
	objects := map[providers.Name][]byte{}
	for i, name := range []providers.Name{"README.txt", "top", "a/x", "a/b/y", "a/b/c/z", "ab/x", "b/x"} {
		objects[name] = content(100+i, i)
		put(t, r, name, objects[name])
	}
	found := listed(t, r, "", providers.ListOptions{})
	if len(found) != len(objects) {
		t.Errorf("%d objects listed, want %d", len(found), len(objects))
	}
	for name, b := range objects {
		checkInfo(t, found[name], name, b)
	}
}

func listFolder(t *testing.T, r providers.Remote) {
	for i, name := range []providers.Name{"top", "a/x", "a/b/y", "a/b/c/z", "ab/x", "b/x"} {
		put(t, r, name, content(100, i))
	}
	checkListed(t, r, "a/", "a/x", "a/b/y", "a/b/c/z")
	checkListed(t, r, "a/b/", "a/b/y", "a/b/c/z")
	checkListed(t, r, "a/b/c/", "a/b/c/z")
	checkListed(t, r, "ab/", "ab/x")
}

func listMissing(t *testing.T, r providers.Remote) {
	checkListed(t, r, "none/")
	put(t, r, "a/x", content(10, 1))
	checkListed(t, r, "none/")
	checkListed(t, r, "a/none/none/")
	checkListed(t, r, "a/x/") // an object, not a folder
}

func listStopped(t *testing.T, r providers.Remote) {
	for i, name := range []providers.Name{"a/x", "a/y", "b/z"} {
		put(t, r, name, content(10, i))
	}
	stop, calls := errors.New("seen enough"), 0
	err := r.List(t.Context(), "", providers.ListOptions{}, func(providers.Info) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 {
		t.Errorf("list = %v after %d calls, want the callback's own error after one", err, calls)
	}
}

func listCancelled(t *testing.T, r providers.Remote) {
	for i := range 20 {
		put(t, r, providers.Name(path.Join("a", string(rune('a'+i)), "x")), content(10, i))
	}
	ctx, cancel := withCancel(t)
	err := r.List(ctx, "", providers.ListOptions{}, func(providers.Info) error {
		cancel()
		return nil
	})
	checkCancelled(t, "list", err)
}

func listBadPrefix(t *testing.T, r providers.Remote) {
	put(t, r, "a/x", content(10, 1))
	for _, prefix := range []providers.Name{"a", "/", "a//", "../", "./", "a/../", "A/", "/a/"} {
		err := r.List(t.Context(), prefix, providers.ListOptions{}, func(info providers.Info) error {
			t.Errorf("list %q told %s", prefix, info.Name)
			return nil
		})
		if err == nil {
			t.Errorf("list %q: no error", prefix)
		}
	}
}

func remove(t *testing.T, r providers.Remote) {
	b := content(10, 1)
	if err := r.Delete(t.Context(), "a/x"); err != nil {
		t.Errorf("delete where nothing is: %v", err)
	}
	put(t, r, "a/x", b)
	put(t, r, "a/y", b)
	for range 2 {
		if err := r.Delete(t.Context(), "a/x"); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	checkAbsent(t, r, "a/x")
	checkListed(t, r, "", "a/y")
	if err := r.Delete(t.Context(), "a"); err != nil {
		t.Errorf("delete the name of a folder: %v", err)
	}
	checkContent(t, r, "a/y", b)
	put(t, r, "a/x", b)
	checkContent(t, r, "a/x", b)
}

func makeFolder(t *testing.T, r providers.Remote) {
	for range 2 {
		for _, folder := range []providers.Name{"packs/0", "packs/1", "one/two/three"} {
			if err := r.MakeFolder(t.Context(), folder); err != nil {
				t.Fatalf("make folder %s: %v", folder, err)
			}
		}
	}
	checkListed(t, r, "")
	checkAbsent(t, r, "packs/0")
	b := content(10, 1)
	put(t, r, "packs/0/x", b)
	if err := r.MakeFolder(t.Context(), "packs/0"); err != nil {
		t.Errorf("make a folder that holds an object: %v", err)
	}
	checkContent(t, r, "packs/0/x", b)
}

func traits(t *testing.T, r providers.Remote) {
	before := r.Traits()
	put(t, r, "a/x", content(10, 1))
	after := r.Traits()
	if !slices.Equal(before.Sums, after.Sums) || before.SumsCostRead != after.SumsCostRead || before.LocalPath != after.LocalPath {
		t.Errorf("traits changed from %+v to %+v", before, after)
	}
	if p := before.LocalPath; p != "" && !path.IsAbs(p) {
		t.Errorf("local path %q is not absolute", p)
	}
	if !strings.Contains(r.String(), ":") {
		t.Errorf("place %q is not written type:path", r)
	}
}
