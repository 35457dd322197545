package daemon

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
)

// longestTelling bounds what notifications may take.
const longestTelling = 5 * time.Minute

// lastTelling is how long the last one gets to end when the daemon does.
const lastTelling = 500 * time.Millisecond

// startTeller runs Plan.Told whenever it is nudged, in a goroutine of its own:
// a message that can't be sent must not keep a backup waiting. The function it
// returns waits for the last one, for a moment.
func (d *Daemon) startTeller(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-d.tell:
				d.tellOnce(ctx)
			}
		}
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(lastTelling):
			d.log.Warn("a notification does not end")
		}
	}
}

func (d *Daemon) tellOnce(ctx context.Context) {
	d.mu.Lock()
	told := d.plan.Told
	d.mu.Unlock()
	if told == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, longestTelling)
	defer cancel()
	again := d.told(ctx, told)
	if soon := d.wall().Add(poll); !again.IsZero() && again.Before(soon) {
		again = soon
	}
	d.mu.Lock()
	d.toldAgain = again
	d.mu.Unlock()
	if !again.IsZero() {
		d.nudge()
	}
}

// told calls f. A panic ends the telling, not the daemon.
func (d *Daemon) told(ctx context.Context, f func(context.Context, *control.Status) time.Time) time.Time {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("a notification panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	return f(ctx, d.status())
}

// nudgeTeller makes the teller look soon.
func (d *Daemon) nudgeTeller() {
	select {
	case d.tell <- struct{}{}:
	default:
	}
}
