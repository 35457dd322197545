package cloud

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/rclone/rclone/fs"
)

// rclone's log is one unguarded variable, so it is set once, to a relay whose
// target can change.
var (
	installRelay = sync.OnceFunc(func() { fs.SetLogger(relay{}) })
	target       atomic.Pointer[slog.Handler]
)

func setLog(h slog.Handler) {
	if h != nil {
		target.Store(&h)
	}
	installRelay()
}

// relay hands each message to the target of the moment, or drops it.
type relay struct{}

func (relay) target() slog.Handler {
	if h := target.Load(); h != nil {
		return *h
	}
	return slog.DiscardHandler
}

func (r relay) Enabled(ctx context.Context, level slog.Level) bool {
	return r.target().Enabled(ctx, level)
}

func (r relay) Handle(ctx context.Context, record slog.Record) error {
	return r.target().Handle(ctx, record)
}

func (r relay) WithAttrs(attrs []slog.Attr) slog.Handler { return r.target().WithAttrs(attrs) }
func (r relay) WithGroup(name string) slog.Handler       { return r.target().WithGroup(name) }
