package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/memory"
	"github.com/chatkeep/chatkeep/repo/format"
)

// watched is a remote that notes packs which are put although they are there,
// and can end a context at a call.
type watched struct {
	providers.Remote
	memory *memory.Remote

	mu     sync.Mutex
	again  []providers.Name
	left   int // calls until cancel
	cancel func()
}

func (w *watched) Put(ctx context.Context, name providers.Name, src providers.Source) (providers.Info, error) {
	w.call()
	if strings.HasPrefix(string(name), "packs/") && w.memory.Bytes(name) != nil {
		w.mu.Lock()
		w.again = append(w.again, name)
		w.mu.Unlock()
	}
	return w.Remote.Put(ctx, name, src)
}

func (w *watched) Stat(ctx context.Context, name providers.Name) (providers.Info, error) {
	w.call()
	return w.Remote.Stat(ctx, name)
}

func (w *watched) Get(ctx context.Context, name providers.Name, offset, n int64) (io.ReadCloser, error) {
	w.call()
	return w.Remote.Get(ctx, name, offset, n)
}

func (w *watched) List(ctx context.Context, prefix providers.Name, opt providers.ListOptions, fn func(providers.Info) error) error {
	w.call()
	return w.Remote.List(ctx, prefix, opt, fn)
}

func (w *watched) call() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left--; w.left == 0 {
		w.cancel()
	}
}

func (p *place) watch(tries int) *watched {
	w := &watched{Remote: p.memory, memory: p.memory, cancel: func() {}}
	p.remote = providers.Reliable(w, providers.RetryOptions{Tries: tries, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	return w
}

// unfinished is a device with one snapshot of old, and more to back up.
func unfinished(t *testing.T) (p *place, old string) {
	t.Helper()
	p = newPlace(t, format.Full)
	p.packSize = 128 << 10
	p.write("first.txt", words("first", 30_000))
	p.write("first.jpg", noise("first", 150_000))
	p.backup()
	q := p.twin(t)
	q.ownChats()
	old = q.chats
	for i := range 4 {
		p.write(fmt.Sprintf("second/%d.jpg", i), noise(fmt.Sprint("second", i), 110_000))
	}
	p.write("second.txt", words("second", 20_000))
	return p, old
}

// Whichever call of the remote fails, before its work or after it, tried
// again or not: nothing is lost, and nothing that arrived is sent again.
func TestEveryCallFails(t *testing.T) {
	base, old := unfinished(t)
	clean := base.twin(t)
	clean.backup()
	calls := clean.memory.Calls("")
	if calls < 10 {
		t.Fatalf("only %d calls", calls)
	}
	for call := 1; call <= calls; call += raceStride {
		for _, tries := range []int{1, 8} {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("call %d tries %d lost %v", call, tries, lost), func(t *testing.T) {
					t.Parallel()
					p := base.twin(t)
					w := p.watch(tries)
					p.memory.Inject(memory.Fault{Call: call, Err: providers.Fail(providers.ErrTemporary, nil), Lost: lost})
					_, err := p.tryBackup(TakeOptions{})
					if err != nil && (tries > 1 || !errors.Is(err, providers.ErrTemporary)) {
						t.Errorf("backup: %v", err)
					}
					p.memory.Heal()
					p.recovers(w, old)
				})
			}
		}
	}
}

// A backup that is told to stop does so, wherever it is.
func TestEveryCallCancelled(t *testing.T) {
	base, old := unfinished(t)
	for call := 1; call <= 14; call++ {
		t.Run(fmt.Sprint("call ", call), func(t *testing.T) {
			t.Parallel()
			p := base.twin(t)
			w := p.watch(8)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			w.left, w.cancel = call, cancel
			_, err := p.backupWith(ctx, TakeOptions{})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("backup: %v", err)
			}
			p.recovers(w, old)
		})
	}
}

// recovers fails unless all is well after a backup that may have failed.
func (p *place) recovers(w *watched, old string) {
	p.t.Helper()
	p.check(100)
	out, dir, err := p.restore(p.bare(), "laptop/1")
	p.must(err)
	if len(out.Failed) > 0 {
		p.t.Error(out.Failed)
	}
	if diffs := madeup.Compare(old, dir); len(diffs) > 0 {
		p.t.Error(diffs)
	}
	p.backup()
	if len(w.again) > 0 {
		p.t.Errorf("sent again: %v", w.again)
	}
	p.check(100)
	p.restored()
	if c := p.backup().Counts; c.Objects != 1 {
		p.t.Errorf("once more: %+v", c)
	}
}
