package daemon

import (
	"context"
	"time"
)

// longestTelling bounds what notifications may take.
const longestTelling = 5 * time.Minute

// startTeller runs Plan.Told whenever it is nudged, in a goroutine of its own:
// a message that can't be sent must not keep a backup waiting. The function it
// returns waits for the last one.
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
	return func() { cancel(); <-done }
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
	again := told(ctx, d.status())
	d.mu.Lock()
	d.toldAgain = again
	d.mu.Unlock()
	if !again.IsZero() {
		d.nudge()
	}
}

// nudgeTeller makes the teller look soon.
func (d *Daemon) nudgeTeller() {
	select {
	case d.tell <- struct{}{}:
	default:
	}
}
