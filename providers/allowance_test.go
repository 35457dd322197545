package providers_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

// Beyond its allowance a remote takes no packs, but what makes the complete
// ones restorable.
func TestMostSent(t *testing.T) {
	b := reliable(t)
	o := b.options()
	o.MostSent = 10
	r := providers.Reliable(b.inner, o)
	if left, err := r.(providers.Bounded).Room(t.Context()); left != 10 || !errors.Is(err, providers.ErrLimit) {
		t.Errorf("room: %d, %v", left, err)
	}
	put := func(name providers.Name, n int) error {
		_, err := r.Put(t.Context(), name, providers.BytesSource(make([]byte, n)))
		return err
	}
	if err := put("packs/a", 6); err != nil {
		t.Error(err)
	}
	if err := put("packs/b", 5); !errors.Is(err, providers.ErrLimit) {
		t.Errorf("err = %v", err)
	}
	if err := errors.Join(put("index/c", 50), put("packs/d", 4)); err != nil {
		t.Error(err)
	}
	if left, _ := r.(providers.Bounded).Room(t.Context()); left != 0 {
		t.Errorf("%d bytes left", left)
	}
	if b.inner.Bytes("packs/b") != nil {
		t.Error("what was refused is there")
	}
}

// Whoever watches hears of bytes that move and of answers, and of the wait
// before another try.
func TestActive(t *testing.T) {
	b := reliable(t)
	var heard atomic.Int64
	o := b.options()
	o.Active = func() { heard.Add(1) }
	r := providers.Reliable(b.inner, o)
	if _, err := r.Put(t.Context(), "a/x", providers.BytesSource(content)); err != nil || heard.Load() < 2 {
		t.Errorf("put: heard %d times, %v", heard.Load(), err)
	}
	heard.Store(0)
	b.inner.Inject(memory.Fault{Method: memory.Stat, Err: providers.ErrTemporary})
	if _, err := r.Stat(t.Context(), "a/x"); err != nil || heard.Load() != 3 {
		t.Errorf("stat: heard %d times, %v", heard.Load(), err)
	}
}
