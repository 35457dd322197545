package snapshot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/sources"
)

// meter counts progress and reports it a few times a second.
type meter struct {
	mu   sync.Mutex
	now  Progress
	last time.Time
	tell func(Progress)
}

const tellEvery = 200 * time.Millisecond

func (m *meter) add(files, bytes uint64) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Files += files
	m.now.Bytes += bytes
	if time.Since(m.last) >= tellEvery {
		m.last = time.Now()
		m.tell(m.now)
	}
}

// pass counts a file that needs no work: it was never part of what is to do.
func (m *meter) pass(bytes uint64) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	m.now.TotalBytes -= min(bytes, m.now.TotalBytes)
	m.mu.Unlock()
	m.add(1, 0)
}

// total looks at all files, so that progress can say how much is left.
func (t *taker) total(ctx context.Context, accounts []sources.Account) error {
	if t.opt.Progress == nil {
		return nil
	}
	for _, a := range accounts {
		view, err := a.View(ctx)
		if err != nil {
			continue // told when the account is taken
		}
		werr := view.Walk(ctx, func(e sources.Entry) error {
			t.meter.now.TotalFiles++
			t.meter.now.TotalBytes += uint64(e.Size)
			return nil
		}, func(sources.Skipped) {})
		if err := errors.Join(ctx.Err(), view.Close()); err != nil {
			return err
		}
		if werr != nil {
			continue // likewise
		}
	}
	t.meter.tell = t.opt.Progress
	return nil
}
