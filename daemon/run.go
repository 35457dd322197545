package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Why a run was stopped.
var (
	errHeld    = hint.New(CodeHeld, errors.New("the rules of the network and of power stopped it"))
	errStopped = hint.New(CodeStopped, errors.New("the computer sleeps, or the program ends"))
	errStalled = hint.New(CodeStalled, errors.New("nothing moved for too long"))
)

// run is a job at work.
type run struct {
	job      *Job
	why      string
	slot     time.Time
	missed   int
	asked    *request
	decision policy.Decision
	started  time.Time
	entry    *history.Entry
	cancel   context.CancelCauseFunc
	ctx      context.Context
	before   time.Time       // up to when messages were backed up when it began
	reasons  []policy.Reason // why it was stopped

	active  atomic.Int64  // when something last got on, on the clock of alive
	stalled time.Duration // when it was stopped for that; 0: it was not
	wasHeld bool
	safe    time.Time

	mu       sync.Mutex
	progress control.Progress
	// bytes that parts of the run sent which are over; progress has those of the rest
	sentBefore uint64

	outcome Outcome
}

// cause is why the run was stopped, or nil.
func (r *run) cause() error { return context.Cause(r.ctx) }

// stricter stops a run of which less is allowed now.
func (r *run) stricter(d policy.Decision) {
	r.reasons = d.Reasons
	r.cancel(errHeld)
}

// start begins a run.
func (d *Daemon) start(ctx context.Context, c *candidate, may policy.Decision, now time.Time) {
	r := &run{job: c.job, why: c.why, slot: c.slot, missed: c.missed, asked: c.asked, decision: may, started: now, before: d.safe}
	// The job ends when it is told to, not when the program is: end gives it time.
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	r.active.Store(int64(d.alive()))
	r.wasHeld = d.held[c.job.Name]
	if may.Overdue && may.MaxUpload > 0 { // all together, it sends no more
		r.decision.MaxUpload = max(1, may.MaxUpload-d.spent)
	}
	entry, err := d.runs.Begin(history.Run{Job: r.job.Name, Why: r.why, Slot: r.slot, Missed: r.missed, Started: now, Reasons: codesOf(may.Reasons)})
	if err != nil {
		d.log.Error("write the history", "error", err)
	}
	r.entry = entry
	d.running = r
	d.begun++
	delete(d.waiting, r.job.Name)
	delete(d.held, r.job.Name)
	d.log.Info("a job begins", "job", r.job.Name, "why", r.why, "missed", r.missed, "allowed", may.Allowed.String())
	d.supervise("STATUS=" + r.job.Name + " is running")
	watch := d.plan.Watch
	go func() {
		r.outcome = d.work(r, watch)
		d.ended <- r
	}()
}

// work does the job, and tells the watch what it is about to back up and that
// it has. A panic ends the run, not the daemon.
func (d *Daemon) work(r *run, watch Watch) (out Outcome) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("a job panicked", "job", r.job.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = Outcome{Trouble: history.TroubleOf(hint.New(CodePanicked, fmt.Errorf("%s: %v", r.job.Name, p), "job", r.job.Name), d.now())}
		}
	}()
	t := &Task{Why: r.why, Decision: r.decision, Active: func() { r.active.Store(int64(d.alive())) }}
	t.Safe = func(at time.Time) { d.isSafe(r, at) }
	t.Progress = func(p control.Progress) {
		t.Active()
		r.mu.Lock()
		if p.Sent < r.progress.Sent { // each part of a run counts anew
			r.sentBefore += r.progress.Sent
		}
		r.progress = p
		r.mu.Unlock()
		if r.asked != nil && r.asked.tell != nil {
			r.asked.tell(p)
		}
	}
	if r.asked != nil {
		t.Args, t.Watched = r.asked.args, r.asked.tell != nil
	}
	if watch == nil || !r.job.OnChange {
		return r.job.Run(r.ctx, t)
	}
	saved := watch.Begin(r.ctx)
	out = r.job.Run(r.ctx, t)
	d.mu.Lock()
	safe := out.isSaved(r)
	d.mu.Unlock()
	if safe {
		saved()
	}
	return out
}

// isWhole reports whether everything was done.
func (o *Outcome) isWhole() bool {
	return o.Trouble == nil && !o.Refused && !o.Held && !o.Part && !o.Short
}

// isSaved reports whether what had changed is backed up: all of it, or the
// messages, where the rest is not allowed and goes on by itself when it is.
// d.mu is held.
func (o *Outcome) isSaved(r *run) bool {
	return o.isWhole() || o.Trouble == nil && !o.Refused && !o.Part && !r.safe.IsZero()
}

// isSafe notes that messages are backed up, while the run goes on with the rest.
func (d *Daemon) isSafe(r *run, at time.Time) {
	d.mu.Lock()
	r.safe, d.safe = at, at
	d.mu.Unlock()
	d.nudgeTeller()
}

// Waits after failures in a row.
var retries = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, longestRetry}

const longestRetry = 30 * time.Minute

// finish takes in how a run ended.
func (d *Daemon) finish(r *run) {
	cause := r.cause()
	r.cancel(nil)
	d.mu.Lock()
	now := d.wall()
	o := r.outcome
	end := history.Run{Job: r.job.Name, Why: r.why, Slot: r.slot, Missed: r.missed, Started: r.started, Ended: now,
		Outcome: d.judge(cause, &o), Trouble: o.Trouble, Safe: r.safe, Facts: o.Facts, Reasons: codesOf(r.decision.Reasons)}
	if len(r.reasons) > 0 {
		end.Reasons = codesOf(r.reasons)
	}
	// The history first: who sees that the slot is taken care of sees by what.
	if r.entry != nil {
		if err := r.entry.End(end); err != nil {
			d.log.Error("write the history", "error", err)
		}
	}
	d.running = nil
	d.remember(&end)
	d.settleSlot(r, end.Outcome, &o, now)
	if !o.Part {
		delete(d.limits, r.job.Name)
	}
	if o.Trouble == nil && !o.Part && (o.Held || o.Refused || o.Short) {
		d.limits[r.job.Name] = limit{r.decision.Allowed, o.Refused, d.changes.Newest}
	}
	if end.Outcome == history.Done || end.Outcome == history.Remarks {
		if r.decision.Overdue {
			d.overdue = now
		}
		d.spent = 0
		if r.job.OnChange && o.isSaved(r) {
			d.changes.Oldest, d.changes.Newest = time.Time{}, time.Time{}
			d.changes.Looked = time.Time{} // look again at once
		}
		d.held[r.job.Name] = o.Held || o.Part && r.wasHeld
	} else if r.wasHeld || o.Refused {
		d.held[r.job.Name] = true
	}
	if end.Outcome != history.Done && end.Outcome != history.Remarks {
		d.spend(r, now)
	}
	d.save()
	d.mu.Unlock()
	if r.asked != nil {
		r.asked.result <- &control.Result{Outcome: end.Outcome, Trouble: o.Trouble, Integrity: o.Integrity, Reasons: r.reasons, Document: o.Document}
	}
	d.log.Info("a job ended", "job", r.job.Name, "outcome", end.Outcome, "seconds", int(now.Sub(r.started).Seconds()), "code", codeOf(o.Trouble))
	d.supervise("STATUS=idle")
	debug.FreeOSMemory()
	d.nudgeTeller()
	d.nudge()
}

// spend counts what a run sent that may only send so much, and came to nothing.
func (d *Daemon) spend(r *run, now time.Time) {
	most := r.decision.MaxUpload
	if !r.decision.Overdue || most <= 0 {
		return
	}
	r.mu.Lock()
	sent := int64(r.sentBefore + r.progress.Sent)
	r.mu.Unlock()
	if d.spent += sent; sent >= most {
		d.overdue, d.spent = now, 0
	}
}

// remember keeps a run for Status.
func (d *Daemon) remember(end *history.Run) {
	k := d.known[end.Job]
	k.last = end
	if end.Outcome == history.Done || end.Outcome == history.Remarks {
		k.good = end
	}
	d.known[end.Job] = k
}

// judge names the outcome. A run that was stopped can say no more of itself than
// that, unless it found something damaged.
func (d *Daemon) judge(cause error, o *Outcome) string {
	if o.Trouble == nil {
		if o.Refused {
			return history.Held
		}
		if o.Remarks || o.Held {
			return history.Remarks
		}
		return history.Done
	}
	if o.Integrity {
		return history.Failed
	}
	if o.Busy {
		return history.Stopped
	}
	for why, outcome := range map[error]string{errHeld: history.Held, errStopped: history.Stopped, errStalled: history.Failed} {
		if errors.Is(cause, why) {
			o.Trouble = history.TroubleOf(why, d.now())
			return outcome
		}
	}
	return history.Failed
}

// settleSlot notes whether the slot is taken care of, and when a failure is
// tried again.
func (d *Daemon) settleSlot(r *run, outcome string, o *Outcome, now time.Time) {
	name := r.job.Name
	switch outcome {
	case history.Done, history.Remarks:
		if o.Part {
			return
		}
		if r.job.When != nil {
			if slot, _, due := r.job.Due(d.lastSlot(r.job, r.started), r.started); due {
				d.state.Slots[name] = slot // and with it all before
			}
		}
		delete(d.state.Retry, name)
	case history.Stopped:
		if o.Busy && r.why != history.Asked {
			d.state.Retry[name] = history.Delay{NotBefore: now.Add(retries[0]), Failures: d.state.Retry[name].Failures}
		}
	case history.Failed:
		if r.why == history.Asked {
			return
		}
		failures := d.state.Retry[name].Failures + 1
		wait := now.Add(retries[min(failures, len(retries))-1])
		if o.After.After(wait) {
			wait = o.After
		}
		d.state.Retry[name] = history.Delay{NotBefore: wait, Failures: failures}
	}
}

func codeOf(t *history.Trouble) string {
	if t == nil {
		return ""
	}
	return t.Code
}
