package providers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
)

// bench is a reliable remote over a breakable one, whose waits cost nothing.
type bench struct {
	providers.Remote
	inner *memory.Remote
	waits []time.Duration
	told  []error
}

// reliable makes a bench that tries 4 times and waits 1 second between.
func reliable(t *testing.T) *bench {
	b := &bench{inner: memory.New()}
	b.Remote = providers.Reliable(b.inner, b.options())
	return b
}

func (b *bench) options() providers.RetryOptions {
	return providers.RetryOptions{
		Tries:   4,
		Resumes: 3,
		Backoff: func() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) },
		Sleep: func(ctx context.Context, d time.Duration) error {
			b.waits = append(b.waits, d)
			return ctx.Err()
		},
		Notify: func(err error, _ time.Duration) { b.told = append(b.told, err) },
	}
}

func (b *bench) checkCalls(t *testing.T, want map[memory.Method]int) {
	t.Helper()
	for _, m := range []memory.Method{memory.Put, memory.Get, memory.Stat, memory.List, memory.Delete, memory.MakeFolder} {
		if got := b.inner.Calls(m); got != want[m] {
			t.Errorf("%d calls of %s, want %d", got, m, want[m])
		}
	}
}

func (b *bench) checkWaits(t *testing.T, want ...time.Duration) {
	t.Helper()
	if !slices.Equal(b.waits, want) || len(b.told) != len(want) {
		t.Errorf("waited %v and told %d times, want %v", b.waits, len(b.told), want)
	}
}

var content = bytes.Repeat([]byte("0123456789"), 1000)

func (b *bench) fill() { b.inner.SetBytes("a/x", content) }

// methods are one call of each kind that succeeds on a filled bench.
var methods = map[memory.Method]func(context.Context, providers.Remote) error{
	memory.Put: func(ctx context.Context, r providers.Remote) error {
		_, err := r.Put(ctx, "a/new", providers.BytesSource(content))
		return err
	},
	memory.Get: func(ctx context.Context, r providers.Remote) error {
		body, err := r.Get(ctx, "a/x", 0, -1)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(io.Discard, body)
		return err
	},
	memory.Stat: func(ctx context.Context, r providers.Remote) error {
		_, err := r.Stat(ctx, "a/x")
		return err
	},
	memory.List: func(ctx context.Context, r providers.Remote) error {
		return r.List(ctx, "", providers.ListOptions{}, func(providers.Info) error { return nil })
	},
	memory.Delete: func(ctx context.Context, r providers.Remote) error {
		return r.Delete(ctx, "a/x")
	},
	memory.MakeFolder: func(ctx context.Context, r providers.Remote) error {
		return r.MakeFolder(ctx, "a")
	},
}

func TestRetries(t *testing.T) {
	for method, call := range methods {
		for _, class := range []error{providers.ErrTemporary, providers.ErrRate} {
			b := reliable(t)
			b.fill()
			b.inner.Inject(memory.Fault{Method: method, Times: 3, Err: providers.Fail(class, nil)})
			if err := call(t.Context(), b); err != nil {
				t.Errorf("%s after three %v: %v", method, class, err)
			}
			if got := b.inner.Calls(method); got != 4 {
				t.Errorf("%s: %d calls, want 4", method, got)
			}
			b.checkWaits(t, time.Second, time.Second, time.Second)
		}
	}
}

func TestGivesUp(t *testing.T) {
	for method, call := range methods {
		b := reliable(t)
		b.fill()
		b.inner.Inject(memory.Fault{Method: method, Times: -1, Err: providers.Fail(providers.ErrTemporary, errors.New("host is down"))})
		err := call(t.Context(), b)
		if !errors.Is(err, providers.ErrTemporary) || !hint.Is(err, providers.HintUnreachable) {
			t.Errorf("%s: %v", method, err)
		}
		if !strings.HasSuffix(err.Error(), ": host is down (tried 4 times)") || !strings.HasPrefix(err.Error(), string(method)) {
			t.Errorf("%s: text is %q", method, err)
		}
		if got := b.inner.Calls(method); got != 4 {
			t.Errorf("%s: %d calls, want 4", method, got)
		}
	}
}

func TestPermanentErrors(t *testing.T) {
	for method, call := range methods {
		for _, cause := range []error{
			providers.ErrAuth, providers.ErrQuota, providers.ErrPermission, providers.ErrNotExist, errors.New("strange"),
		} {
			b := reliable(t)
			b.fill()
			b.inner.Inject(memory.Fault{Method: method, Times: -1, Err: cause})
			if err := call(t.Context(), b); !errors.Is(err, cause) || strings.Contains(err.Error(), "tried") {
				t.Errorf("%s: %v, want %v", method, err, cause)
			}
			b.checkCalls(t, map[memory.Method]int{method: 1})
			b.checkWaits(t)
		}
	}
}

func asksFor(d time.Duration) error {
	return providers.Fail(providers.ErrRate, &providers.RetryAfterError{After: d, Err: errors.New("slow down")})
}

func TestRetryAfterObeyed(t *testing.T) {
	b := reliable(t)
	b.fill()
	b.inner.Inject(memory.Fault{Err: asksFor(90 * time.Second)})
	b.inner.Inject(memory.Fault{Err: asksFor(time.Millisecond)})
	if _, err := b.Stat(t.Context(), "a/x"); err != nil {
		t.Fatal(err)
	}
	b.checkWaits(t, 90*time.Second, time.Second) // never less than the backoff
}

func TestRetryAfterTooLong(t *testing.T) {
	b := reliable(t)
	b.inner.Inject(memory.Fault{Err: asksFor(time.Hour)})
	_, err := b.Stat(t.Context(), "a/x")
	if !errors.Is(err, providers.ErrRate) || providers.RetryAfter(err) != time.Hour {
		t.Errorf("stat = %v, asks for %v", err, providers.RetryAfter(err))
	}
	b.checkCalls(t, map[memory.Method]int{memory.Stat: 1})
	b.checkWaits(t)
}

func TestBackoffStops(t *testing.T) {
	b := reliable(t)
	opt := b.options()
	opt.Backoff = func() backoff.BackOff { return &backoff.StopBackOff{} }
	b.inner.Inject(memory.Fault{Times: -1, Err: providers.ErrTemporary})
	if _, err := providers.Reliable(b.inner, opt).Stat(t.Context(), "a/x"); !errors.Is(err, providers.ErrTemporary) {
		t.Errorf("stat = %v", err)
	}
	b.checkCalls(t, map[memory.Method]int{memory.Stat: 1})
}

// The default waits double from 1 second to 1 minute, give or take a half.
func TestDefaultWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		inner.Inject(memory.Fault{Times: -1, Err: providers.ErrTemporary})
		var waits []time.Duration
		r := providers.Reliable(inner, providers.RetryOptions{Notify: func(_ error, d time.Duration) { waits = append(waits, d) }})
		start := time.Now()
		if _, err := r.Stat(t.Context(), "a/x"); !errors.Is(err, providers.ErrTemporary) {
			t.Errorf("stat = %v", err)
		}
		var sum time.Duration
		for i, wait := range waits {
			sum += wait
			mean := min(time.Second<<i, time.Minute)
			if wait < mean/2 || wait > mean*3/2 {
				t.Errorf("wait %d is %v, want %v ± half", i+1, wait, mean)
			}
		}
		if took := time.Since(start); took != sum || len(waits) != 7 {
			t.Errorf("%d waits in %v", len(waits), took)
		}
	})
}

// A call that ignores ctx, as a pacer does, delays nobody.
func TestAbandon(t *testing.T) {
	for method, call := range methods {
		synctest.Test(t, func(t *testing.T) {
			b := reliable(t)
			b.fill()
			hold := make(chan struct{})
			b.inner.Inject(memory.Fault{Method: method, Hold: hold})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			if err := call(ctx, b); err != context.DeadlineExceeded {
				t.Errorf("%s: %v", method, err)
			}
			if took := time.Since(start); took != time.Minute {
				t.Errorf("%s: returned after %v", method, took)
			}
			close(hold)
			synctest.Wait() // what was abandoned ends, too
			b.checkCalls(t, map[memory.Method]int{method: 1})
		})
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	for method, call := range methods {
		synctest.Test(t, func(t *testing.T) {
			inner := memory.New()
			inner.Inject(memory.Fault{Method: method, Times: -1, Err: asksFor(4 * time.Minute)})
			r := providers.Reliable(inner, providers.RetryOptions{})
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
			defer cancel()
			start := time.Now()
			if err := call(ctx, r); err != context.DeadlineExceeded {
				t.Errorf("%s: %v", method, err)
			}
			if took := time.Since(start); took != 6*time.Minute || inner.Calls(method) != 2 {
				t.Errorf("%s: %d calls in %v", method, inner.Calls(method), took)
			}
		})
	}
}

// closing tells when a reader that nobody waits for any more is closed.
type closing struct {
	providers.Remote
	closed chan bool
}

func (c closing) Get(ctx context.Context, name providers.Name, offset, n int64) (io.ReadCloser, error) {
	body, err := c.Remote.Get(context.WithoutCancel(ctx), name, offset, n)
	return struct {
		io.Reader
		io.Closer
	}{body, closer(func() error { c.closed <- true; return body.Close() })}, err
}

type closer func() error

func (c closer) Close() error { return c() }

func TestAbandonedReaderIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := reliable(t)
		b.fill()
		hold := make(chan struct{})
		b.inner.Inject(memory.Fault{Hold: hold})
		inner := closing{b.inner, make(chan bool, 1)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := providers.Reliable(inner, b.options()).Get(ctx, "a/x", 0, -1); err != context.DeadlineExceeded {
			t.Errorf("get = %v", err)
		}
		close(hold)
		<-inner.closed
	})
}

func TestPassesThrough(t *testing.T) {
	b := reliable(t)
	b.inner.SetTraits(providers.Traits{LocalPath: "/x"})
	if b.String() != b.inner.String() || b.Traits().LocalPath != "/x" || b.Close() != nil {
		t.Errorf("%s, %+v", b, b.Traits())
	}
}

func ExampleReliable() {
	inner := memory.New()
	inner.Inject(memory.Fault{Method: memory.Put, Lost: true, Err: providers.ErrTemporary})
	r := providers.Reliable(inner, providers.RetryOptions{
		Backoff: func() backoff.BackOff { return &backoff.ZeroBackOff{} },
	})
	info, err := r.Put(context.Background(), "a/x", providers.BytesSource([]byte("hello")))
	fmt.Println(info.Size, err, inner.Calls(memory.Put), inner.Calls(memory.Stat))
	// Output: 5 <nil> 1 1
}
