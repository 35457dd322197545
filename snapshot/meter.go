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
	sent func() uint64 // bytes that went over the line; nil if unknown
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
		if m.sent != nil {
			m.now.Sent = m.sent()
		}
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

// total looks at all files if it should, so that progress can say how much is
// left.
func (t *taker) total(ctx context.Context, accounts []sources.Account) error {
	t.meter.tell, t.meter.sent = t.opt.Progress, t.writer.Stats().Uploaded.Load
	if t.opt.Progress == nil || !t.opt.Count {
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
	return nil
}
