package snapshot

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/madeup"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

// While the app writes without pause and tidies its log, each backup holds the
// messages as they were at one moment, none older than its beginning, and the
// app never meets a lock.
func TestBackupWhileTheAppWrites(t *testing.T) {
	for name, size := range map[string]int64{"recorded": 0, "large": 8 << 20} {
		t.Run(name, func(t *testing.T) {
			p := newApp(t, format.Full)
			if size > 0 {
				p.must(madeup.Database(p.path(messages), size, 1, true))
			}
			w, err := madeup.NewWriter(p.path(messages), madeup.WriterOptions{Seed: 1, Checkpoint: 100})
			p.must(err)
			ctx, cancel := context.WithCancel(background)
			done := make(chan error, 1)
			go func() { done <- w.Run(ctx, 200*time.Microsecond) }()
			for range 15 / raceStride {
				since := w.Committed()
				taken := p.backup()
				if len(taken.Flagged)+len(taken.Skipped) > 0 {
					t.Errorf("%+v", taken)
				}
				dir, _ := p.back(repo.Latest, RestoreOptions{})
				got, err := w.Find(filepath.Join(dir, messages))
				if err != nil || got < since {
					t.Errorf("restored the messages after %d transactions, %v; %d were there when the backup began", got, err, since)
				}
			}
			cancel()
			p.must(<-done)
			if n := w.Busy(); n > 0 {
				t.Errorf("the app met %d locks", n)
			}
			p.must(w.Close())
			p.backup()
			p.restoredApp()
			p.check(100)
		})
	}
}
