package providertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/chatkeep/chatkeep/providers"
)

func putGet(t *testing.T, r providers.Remote) {
	for i, n := range []int{1, 511, 4096, 100_000} {
		name := providers.Name(fmt.Sprintf("folder/sub/object-%d", n))
		b := content(n, i)
		info := put(t, r, name, b)
		if !info.ModTime.IsZero() && info.ModTime.Year() < 2000 {
			t.Errorf("modified %v", info.ModTime)
		}
		checkContent(t, r, name, b)
	}
}

func putTwice(t *testing.T, r providers.Remote) {
	b := content(5000, 1)
	put(t, r, "a/x", b)
	open, err := r.Get(t.Context(), "a/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	put(t, r, "a/x", b)
	checkContent(t, r, "a/x", b)
	checkListed(t, r, "", "a/x")
	if got, err := io.ReadAll(open); err != nil || !bytes.Equal(got, b) {
		t.Errorf("a reader opened before the second put: %d bytes, %v", len(got), err)
	}
}

func putLarge(t *testing.T, r providers.Remote) {
	b := content(9<<20+123, 2) // more than an upload chunk of any service
	put(t, r, "packs/0/large", b)
	checkContent(t, r, "packs/0/large", b)
	got, err := get(t, r, "packs/0/large", 8<<20-1, 3)
	if err != nil || !bytes.Equal(got, b[8<<20-1:8<<20+2]) {
		t.Errorf("3 bytes across a chunk's edge = %x, %v", got, err)
	}
}

func putEmpty(t *testing.T, r providers.Remote) {
	if _, err := r.Put(t.Context(), "a/empty", providers.BytesSource(nil)); err == nil {
		t.Error("an empty object was stored")
	}
	checkAbsent(t, r, "a/empty")
}

// What a source cannot deliver whole is not stored at all.
func putBrokenSource(t *testing.T, r providers.Remote) {
	b := content(300_000, 3)
	broken := errors.New("disk on fire")
	for name, src := range map[providers.Name]providers.Source{
		"s/fails":  source{int64(len(b)), func() io.Reader { return io.MultiReader(bytes.NewReader(b[:200_000]), iotest.ErrReader(broken)) }},
		"s/short":  source{int64(len(b)) + 1, func() io.Reader { return bytes.NewReader(b) }},
		"s/long":   source{int64(len(b)) - 1, func() io.Reader { return bytes.NewReader(b) }},
		"s/absent": providers.FileSource(t.TempDir()+"/none", 5, nil),
	} {
		_, err := r.Put(t.Context(), name, src)
		if err == nil {
			t.Errorf("put %s: no error", name)
		}
		if name == "s/fails" && !errors.Is(err, broken) {
			t.Errorf("put %s: %v, want the source's error", name, err)
		}
		for _, class := range []error{providers.ErrTemporary, providers.ErrNotExist, providers.ErrCorrupt} {
			if errors.Is(err, class) {
				t.Errorf("put %s: %v: the source's error passes for the remote's (%v)", name, err, class)
			}
		}
		checkAbsent(t, r, name)
	}
	checkListed(t, r, "")
}

// A Put that is cancelled half-way ends, and leaves nothing or everything.
func putCancelled(t *testing.T, r providers.Remote) {
	ctx, cancel := withCancel(t)
	b := content(10<<20, 4)
	src := source{int64(len(b)), func() io.Reader {
		return io.MultiReader(bytes.NewReader(b[:1<<20]), &calls{fn: cancel}, bytes.NewReader(b[1<<20:]))
	}}
	_, err := r.Put(ctx, "c/x", src)
	checkCancelled(t, "put", err)
	if info, err := r.Stat(t.Context(), "c/x"); err == nil {
		checkInfo(t, info, "c/x", b)
	} else {
		checkAbsent(t, r, "c/x")
	}
	put(t, r, "c/x", b)
	checkContent(t, r, "c/x", b)
	checkListed(t, r, "", "c/x")
}

// calls is an empty reader that calls fn when it is read.
type calls struct{ fn func() }

func (c *calls) Read([]byte) (int, error) {
	c.fn()
	return 0, io.EOF
}

func names(t *testing.T, r providers.Remote) {
	long := bytes.Repeat([]byte("x"), 160)
	copy(long, "n/")
	want := []providers.Name{
		"README.txt", "repository.json", "a", "-", "0", "n/..x", "n/x..", "n/.x", "n/-x-", "n/a.b.c-d.0",
		"packs/f/0a1b-2c.age", "snapshots/dev/0/000000001-ab.age", providers.Name(long),
		"deep/1/2/3/4/5/6/7/8/9/x",
	}
	for i, name := range want {
		put(t, r, name, content(10+i, i))
	}
	for i, name := range want {
		checkContent(t, r, name, content(10+i, i))
	}
	checkListed(t, r, "", want...)
}

var invalid = []providers.Name{
	"", ".", "..", "/", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "A", "a b", "a_b", "a~", "a\\b", "ä", "a\x00",
	"folder/README.txt", providers.Name(bytes.Repeat([]byte("x"), 161)),
}

func badNames(t *testing.T, r providers.Remote) {
	put(t, r, "a/b", content(9, 1))
	for _, name := range invalid {
		_, putErr := r.Put(t.Context(), name, providers.BytesSource([]byte("x")))
		_, getErr := r.Get(t.Context(), name, 0, -1)
		_, statErr := r.Stat(t.Context(), name)
		for method, err := range map[string]error{
			"put": putErr, "get": getErr, "stat": statErr,
			"delete": r.Delete(t.Context(), name), "make folder": r.MakeFolder(t.Context(), name),
		} {
			if err == nil || errors.Is(err, providers.ErrNotExist) {
				t.Errorf("%s %q: %v, want a refusal", method, name, err)
			}
		}
	}
	checkListed(t, r, "", "a/b")
}

func concurrent(t *testing.T, r providers.Remote) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 6 {
				name := providers.Name(fmt.Sprintf("c/%d/%d", j%3, i*100+j))
				b := content(20_000+i*10+j, i*100+j)
				if _, err := r.Put(t.Context(), name, providers.BytesSource(b)); err != nil {
					t.Errorf("put %s: %v", name, err)
					return
				}
				checkContent(t, r, name, b)
				if err := r.List(t.Context(), "c/", providers.ListOptions{}, func(providers.Info) error { return nil }); err != nil {
					t.Errorf("list: %v", err)
				}
				if j%2 == 0 {
					if err := r.Delete(t.Context(), name); err != nil {
						t.Errorf("delete %s: %v", name, err)
					}
				}
			}
		})
	}
	all.Wait()
	if n := len(listed(t, r, "", providers.ListOptions{Sums: true})); n != 24 {
		t.Errorf("%d objects left, want 24", n)
	}
}

// Two devices, or a retry and the try it overtook, may put one object at once.
func concurrentSame(t *testing.T, r providers.Remote) {
	b := content(300_000, 5)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 4 {
				if _, err := r.Put(t.Context(), "same/x", providers.BytesSource(b)); err != nil {
					t.Errorf("put: %v", err)
				}
				checkContent(t, r, "same/x", b)
			}
		})
	}
	all.Wait()
	checkListed(t, r, "", "same/x")
}

// Every method notices at once that its ctx ended before the call.
func cancelled(t *testing.T, r providers.Remote) {
	b := content(100, 6)
	put(t, r, "a/x", b)
	ctx, cancel := withCancel(t)
	cancel()
	start := time.Now()
	_, err := r.Put(ctx, "a/y", providers.BytesSource(b))
	checkCancelled(t, "put", err)
	_, err = r.Get(ctx, "a/x", 0, -1)
	checkCancelled(t, "get", err)
	_, err = r.Stat(ctx, "a/x")
	checkCancelled(t, "stat", err)
	err = r.List(ctx, "", providers.ListOptions{}, func(providers.Info) error { return nil })
	checkCancelled(t, "list", err)
	checkCancelled(t, "delete", r.Delete(ctx, "a/x"))
	checkCancelled(t, "make folder", r.MakeFolder(ctx, "b"))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("six cancelled calls took %v", took)
	}
	checkContent(t, r, "a/x", b)
	checkAbsent(t, r, "a/y")
}
