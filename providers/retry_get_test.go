package providers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

func (b *bench) read(t *testing.T, offset, n int64) ([]byte, error) {
	t.Helper()
	body, err := b.Get(t.Context(), "a/x", offset, n)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	return io.ReadAll(body)
}

func TestGetResumes(t *testing.T) {
	for _, cause := range []error{nil, providers.ErrTemporary, io.ErrUnexpectedEOF, io.EOF, errors.New("connection reset")} {
		for _, part := range []struct{ offset, n, end int64 }{{0, -1, 10_000}, {0, 10_000, 10_000}, {17, 5_000, 5_017}} {
			b := reliable(t)
			b.fill()
			b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 1_000, Times: 3, Err: cause})
			got, err := b.read(t, part.offset, part.n)
			if err != nil || !bytes.Equal(got, content[part.offset:part.end]) {
				t.Errorf("%v: get(%d, %d) = %d bytes, %v", cause, part.offset, part.n, len(got), err)
			}
			if calls := b.inner.Calls(memory.Get); calls != 4 {
				t.Errorf("%v: %d calls of get, want 4", cause, calls)
			}
		}
	}
}

func TestGetCutTooOften(t *testing.T) {
	for _, cause := range []error{nil, providers.ErrTemporary} {
		b := reliable(t)
		b.fill()
		b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 100, Times: -1, Err: cause})
		got, err := b.read(t, 0, -1)
		if cause == nil {
			cause = io.ErrUnexpectedEOF
		}
		if !errors.Is(err, cause) || !bytes.Equal(got, content[:400]) {
			t.Errorf("get = %d bytes, %v; want 400 and %v", len(got), err, cause)
		}
		if calls := b.inner.Calls(memory.Get); calls != 4 {
			t.Errorf("%d calls of get, want 4", calls)
		}
	}
}

// An object that is too short is not a cut: nothing is tried again.
func TestGetEndsTooEarly(t *testing.T) {
	b := reliable(t)
	b.fill()
	got, err := b.read(t, 9_000, 2_000)
	if err != io.ErrUnexpectedEOF || !bytes.Equal(got, content[9_000:]) {
		t.Errorf("get = %d bytes, %v", len(got), err)
	}
	b.checkCalls(t, map[memory.Method]int{memory.Get: 1, memory.Stat: 1})
	b.checkWaits(t)
}

// A connection cut after the object's last byte has delivered it.
func TestGetCutAtTheEnd(t *testing.T) {
	for _, n := range []int64{-1, 10_000} {
		b := reliable(t)
		b.fill()
		b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 10_000})
		if got, err := b.read(t, 0, n); err != nil || !bytes.Equal(got, content) {
			t.Errorf("get = %d bytes, %v", len(got), err)
		}
		if calls := b.inner.Calls(memory.Get); calls != 1 {
			t.Errorf("%d calls of get, want 1", calls)
		}
	}
}

func TestGetHopelessCut(t *testing.T) {
	for _, cause := range []error{providers.ErrAuth, providers.ErrPermission, providers.ErrNotExist} {
		b := reliable(t)
		b.fill()
		b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 100, Err: cause})
		if got, err := b.read(t, 0, -1); !errors.Is(err, cause) || len(got) != 100 {
			t.Errorf("get = %d bytes, %v; want 100 and %v", len(got), err, cause)
		}
		b.checkCalls(t, map[memory.Method]int{memory.Get: 1})
	}
}

func TestGetDeletedAfterCut(t *testing.T) {
	b := reliable(t)
	b.fill()
	b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 100})
	body, err := b.Get(t.Context(), "a/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	b.inner.Drop("a/x")
	if _, err := io.ReadAll(body); !errors.Is(err, providers.ErrNotExist) {
		t.Errorf("read = %v", err)
	}
}

func TestGetReopenIsRetried(t *testing.T) {
	b := reliable(t)
	b.fill()
	b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 100, Err: providers.ErrTemporary})
	b.inner.Inject(memory.Fault{Method: memory.Get, Times: 3, Err: providers.ErrTemporary})
	got, err := b.read(t, 0, -1)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("get = %d bytes, %v", len(got), err)
	}
}

func TestGetCancelledAfterCut(t *testing.T) {
	b := reliable(t)
	b.fill()
	b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 100})
	ctx, cancel := context.WithCancel(t.Context())
	body, err := b.Get(ctx, "a/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	cancel()
	for range 2 {
		if _, err := body.Read(make([]byte, 10)); err != context.Canceled {
			t.Errorf("read = %v", err)
		}
	}
}

// The reader behaves as readers do, however small the pieces and wherever
// the cuts.
func TestGetReader(t *testing.T) {
	b := reliable(t)
	b.fill()
	b.inner.Inject(memory.Fault{Method: memory.Get, Cut: 3_333, Times: 2})
	body, err := b.Get(t.Context(), "a/x", 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(body, content); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := body.Close(); err != nil {
			t.Errorf("close = %v", err)
		}
	}
	if _, err := body.Read(make([]byte, 1)); err == nil {
		t.Error("a closed reader reads")
	}
}
