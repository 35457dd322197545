package daemon

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// sight is a look at what is watched. It is taken in a goroutine of its own: a
// network drive that doesn't answer must keep neither the jobs of others nor the
// sleep of the computer waiting. There is never more than one for a plan.
type sight struct {
	plan           *Plan
	begun          int // how many jobs had begun when it was taken
	at             time.Time
	oldest, newest time.Time
	failed         bool
}

// look asks for new messages, once a minute, unless a job is at work: then they
// are looked for after it.
func (d *Daemon) look(ctx context.Context, now time.Time) {
	watching := d.plan.Watch != nil
	d.changes.Watching, d.changes.Safe = watching, d.safe
	if !watching {
		d.changes.Oldest, d.changes.Newest = time.Time{}, time.Time{}
		return
	}
	looked := d.changes.Looked
	if d.running != nil || d.sleeping || d.looking != nil || now.Sub(looked) < poll-time.Second && !looked.After(now) {
		return
	}
	s := &sight{plan: d.plan, begun: d.begun, at: now}
	d.looking = s
	go func() {
		d.takeSight(ctx, s)
		select {
		case d.looked <- s:
		case <-ctx.Done():
		}
	}()
}

// takeSight looks. A panic ends the look, not the daemon.
func (d *Daemon) takeSight(ctx context.Context, s *sight) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("the look for new messages panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.failed = true
		}
	}()
	s.oldest, s.newest = s.plan.Watch.Look(ctx)
}

// noteChanges takes in what was seen. What was seen before a job began, or
// under another configuration, says nothing of now: there is a new look.
func (d *Daemon) noteChanges(s *sight) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looking == s {
		d.looking = nil
	}
	if s.plan != d.plan || s.begun != d.begun {
		return
	}
	d.changes.Looked = s.at
	if s.failed {
		return
	}
	d.changes.Oldest, d.changes.Newest = s.oldest, s.newest
	if !d.state.Unsaved.Equal(s.oldest) {
		d.state.Unsaved = s.oldest
		d.save()
	}
}
