package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// Loop does the jobs until ctx ends. A job that is at work then gets a few
// seconds to leave a state that the next run takes up.
func (d *Daemon) Loop(ctx context.Context) {
	d.opt.Sense.Hold()
	defer d.opt.Sense.Release()
	teller := d.startTeller(ctx)
	defer teller()
	d.supervise("READY=1")
	for {
		wait := d.turn(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			d.supervise("STOPPING=1")
			d.end(errStopped)
			d.leave()
			return
		case <-timer.C:
		case <-d.wake:
		case <-d.opt.Sense.Changed():
		case ending := <-d.opt.Sense.Ending():
			d.falls(ending)
		case r := <-d.ended:
			d.finish(r)
		case s := <-d.looked:
			d.noteChanges(s)
		}
		timer.Stop()
	}
}

// falls is told that the computer is about to sleep or to shut down, or that it
// has woken up. It waits for the job, and so does the computer.
func (d *Daemon) falls(asleep bool) {
	d.mu.Lock()
	d.sleeping = asleep
	if !asleep {
		d.woken = d.wall()
	}
	d.mu.Unlock()
	if !asleep {
		d.log.Info("the computer is awake")
		d.opt.Sense.Hold()
		return
	}
	d.log.Info("the computer is about to sleep or to shut down")
	d.end(errStopped)
	d.opt.Sense.Release()
}

// end stops the running job and waits for it, for a few seconds at most.
func (d *Daemon) end(why error) {
	d.mu.Lock()
	r := d.running
	d.mu.Unlock()
	if r == nil {
		return
	}
	r.cancel(why)
	select {
	case r := <-d.ended:
		d.finish(r)
	case <-time.After(stopping):
		d.log.Warn("the job does not stop", "job", r.job.Name)
	}
}

// leave tells those who wait for a job that there will be none.
func (d *Daemon) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	for _, r := range d.asked {
		r.result <- &control.Result{Outcome: history.Stopped, Trouble: history.TroubleOf(errStopped, d.now())}
	}
	d.asked = nil
}

// wall is the time on the clock. The monotonic one stands still while the
// computer sleeps.
func (d *Daemon) wall() time.Time { return d.now().Round(0) }

// turnTime is when the loop last looked, on both clocks.
type turnTime struct{ wall, mono time.Time }

// turn looks at everything once, begins what is due, and returns how long
// nothing else will be.
func (d *Daemon) turn(ctx context.Context) time.Duration {
	now := d.wall()
	conditions := d.opt.Sense.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noticeSleep(now)
	d.look(ctx, now)
	d.decide(now, conditions)
	d.watch(now)
	if d.running == nil && !d.sleeping && ctx.Err() == nil {
		d.begin(ctx, now)
	}
	if !d.toldAgain.IsZero() && !now.Before(d.toldAgain) {
		d.toldAgain = time.Time{}
		d.nudgeTeller()
	}
	return d.rest(now)
}

// noticeSleep sees by the clocks that the computer slept, where nobody told.
func (d *Daemon) noticeSleep(now time.Time) {
	mono := time.Now()
	last := d.lastTurn
	d.lastTurn = turnTime{now, mono}
	if last.wall.IsZero() {
		return
	}
	passed, lived := now.Sub(last.wall), mono.Sub(last.mono)
	if passed-lived > 2*poll {
		d.log.Info("time has passed unseen: the computer slept, or its clock was set", "seconds", int(passed.Seconds()))
		d.woken = now
	}
	if passed < 0 && d.toldAgain.After(now) { // the clock was set back: so is what the teller waits for
		d.nudgeTeller()
	}
	if d.woken.After(now) { // the clock was set back
		d.woken = now
	}
}

// decide asks the rules, and stops a job that they no longer allow. What is
// allowed again must last a moment, what is forbidden counts at once.
func (d *Daemon) decide(now time.Time, c policy.Conditions) {
	before := d.seen
	d.seen = c
	if p := d.state.Pause; p != nil && !p.Until.IsZero() && !now.Before(p.Until) {
		d.state.Pause = nil
		d.save()
	}
	last := d.decision.Allowed
	if !d.decided { // nothing was forbidden before
		last, d.decided = policy.Everything, true
	}
	next := policy.Decide(d.plan.Rules, c, d.situation(false), now)
	if c.Online == policy.Yes && (before.Online != policy.Yes || before.Network != c.Network) {
		d.tryAgain(now)
	}
	if next.Allowed.StricterThan(last) {
		d.better = time.Time{}
	} else if last.StricterThan(next.Allowed) {
		d.better = now
	}
	if !sameReasons(d.decision, next) {
		d.log.Info("what may be sent now", "allowed", next.Allowed.String(), "why", codesOf(next.Reasons))
		d.nudgeTeller()
	}
	d.decision = next
	r := d.running
	if r == nil || r.cause() != nil {
		return
	}
	situation := d.situation(r.why == history.Asked)
	if r.decision.Overdue {
		situation.LastSafe = r.before // that it does what it is for is no reason to stop it
	}
	may := policy.Decide(d.plan.Rules, c, situation, now)
	if may.Allowed.StricterThan(r.decision.Allowed) {
		d.log.Info("the running job stops: less is allowed now", "job", r.job.Name, "why", codesOf(may.Reasons))
		r.stricter(may)
	}
}

// tryAgain ends the waits after failures: there is another network now.
func (d *Daemon) tryAgain(now time.Time) {
	for job, r := range d.state.Retry {
		if r.NotBefore.After(now) && r.NotBefore.Sub(now) <= longestRetry {
			r.NotBefore = now
			d.state.Retry[job] = r
		}
	}
}

// situation is what the rules must know besides the computer.
func (d *Daemon) situation(asked bool) policy.Situation {
	s := policy.Situation{Manual: asked, LastSafe: d.safe, Since: d.cared}
	if d.overdue.After(s.LastSafe) { // what it may cost, it costs once in that time
		s.LastSafe = d.overdue
	}
	if p := d.state.Pause; p != nil {
		s.PausedUntil, s.PausedForever = p.Until, p.Until.IsZero()
	}
	return s
}

func sameReasons(a, b policy.Decision) bool {
	return slices.Equal(codesOf(a.Reasons), codesOf(b.Reasons)) && a.Allowed.String() == b.Allowed.String()
}

func codesOf(reasons []policy.Reason) []string {
	codes := make([]string, len(reasons))
	for i, r := range reasons {
		codes[i] = r.Code
	}
	return codes
}

// rest is how long the loop may sleep.
func (d *Daemon) rest(now time.Time) time.Duration {
	wait := poll
	if p := d.patience(); p > 0 {
		wait = min(wait, p)
	}
	for _, at := range d.moments(now) {
		if left := at.Sub(now); left > 0 {
			wait = min(wait, left)
		}
	}
	return max(wait, time.Second/10)
}

// moments are the times at which something may have to begin.
func (d *Daemon) moments(now time.Time) (list []time.Time) {
	for i := range d.plan.Jobs {
		j := &d.plan.Jobs[i]
		if j.When != nil {
			list = append(list, j.NextAfter(d.lastSlot(j, now), now))
		}
		list = append(list, d.state.Retry[j.Name].NotBefore)
	}
	if !d.better.IsZero() {
		list = append(list, d.better.Add(settle))
	}
	if !d.woken.IsZero() {
		list = append(list, d.woken.Add(waking), d.woken.Add(wakingAtMost))
	}
	if at := d.quietAt(); !at.IsZero() {
		list = append(list, at)
	}
	if p := d.state.Pause; p != nil {
		list = append(list, p.Until)
	}
	return append(list, d.toldAgain)
}
