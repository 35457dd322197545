package snapshot

import (
	"context"
	"sync"
)

// budget bounds how many bytes are held at a time. What takes it beyond the
// bound is let in, and nothing after it until there is room again.
type budget struct {
	mu    sync.Mutex
	held  int64
	most  int64
	freed chan struct{}
}

func newBudget(most int64) *budget { return &budget{most: most, freed: make(chan struct{}, 1)} }

func (b *budget) add(n int64) {
	b.mu.Lock()
	b.held += n
	b.mu.Unlock()
	select {
	case b.freed <- struct{}{}:
	default:
	}
}

// wait waits until there is room, and returns false if ctx ends before.
func (b *budget) wait(ctx context.Context) bool {
	for {
		b.mu.Lock()
		room := b.held < b.most
		b.mu.Unlock()
		if room {
			return ctx.Err() == nil
		}
		select {
		case <-b.freed:
		case <-ctx.Done():
			return false
		}
	}
}
