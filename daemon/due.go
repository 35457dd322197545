package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// candidate is a job that wants to run.
type candidate struct {
	job    *Job
	why    string
	slot   time.Time
	missed int
	asked  *request
}

// begin starts one of the jobs that want to run, if one may.
func (d *Daemon) begin(ctx context.Context, now time.Time) {
	for len(d.asked) > 0 && d.running == nil {
		r := d.asked[0]
		d.asked = d.asked[1:]
		d.beginAsked(ctx, r, now)
	}
	if d.running != nil {
		return
	}
	var first *candidate
	waiting := map[string][]string{}
	for i := range d.plan.Jobs {
		c := d.wants(&d.plan.Jobs[i], now)
		if c == nil {
			continue
		}
		if why := d.hindered(c, now); why != nil {
			waiting[c.job.Name] = why
			d.noteWaiting(c, why, now)
			continue
		}
		if first == nil || c.slot.Before(first.slot) && c.job.Name != backup && first.job.Name != backup {
			first = c
		} else if c.job.Name == backup {
			first = c // newest messages before all else
		}
	}
	d.waiting = waiting
	if first != nil {
		d.start(ctx, first, d.decision, now)
	}
}

// beginAsked starts what somebody asked for, or says why not.
func (d *Daemon) beginAsked(ctx context.Context, r *request, now time.Time) {
	may := policy.Decide(d.plan.Rules, d.seen, d.situation(true), now)
	job := d.job(r.job)
	if job == nil {
		r.result <- &control.Result{Outcome: history.Failed, Trouble: history.TroubleOf(hint.New(CodeNoJob, fmt.Errorf("run %s: no such job", r.job), "job", r.job), now)}
		return
	}
	if may.Allowed.None() || !may.Allowed.All && !job.Partly {
		r.result <- &control.Result{Outcome: history.Held, Reasons: may.Reasons}
		return
	}
	d.start(ctx, &candidate{job: job, why: history.Asked, asked: r}, may, now)
}

// job returns a job by its name, or nil.
func (d *Daemon) job(name string) *Job {
	for i := range d.plan.Jobs {
		if d.plan.Jobs[i].Name == name {
			return &d.plan.Jobs[i]
		}
	}
	return nil
}

// lastSlot is the last slot of a job that was taken care of.
func (d *Daemon) lastSlot(j *Job, now time.Time) time.Time {
	last, ok := d.state.Slots[j.Name]
	if !ok {
		return time.Time{}
	}
	return j.Sane(last, now)
}

// wants returns why a job wants to run, or nil if it doesn't.
func (d *Daemon) wants(j *Job, now time.Time) *candidate {
	if j.When != nil {
		if slot, missed, due := j.Due(d.lastSlot(j, now), now); due {
			why := history.Scheduled
			_, known := d.state.Slots[j.Name]
			switch {
			case !known && d.state.Retry[j.Name].Failures == 0: // the first one ever
			case d.state.Retry[j.Name].Failures > 0:
				why = history.Retry
			case missed > 0 || now.Sub(slot) > 2*poll+j.Jitter:
				why = history.CatchUp
			}
			return &candidate{job: j, why: why, slot: slot, missed: missed}
		}
	}
	if at := d.quietAt(); j.OnChange && !at.IsZero() && !now.Before(at) && !d.isLimited(j, false) {
		return &candidate{job: j, why: history.Changed, slot: at}
	}
	if d.held[j.Name] && d.decision.Allowed.All {
		return &candidate{job: j, why: history.Retry, slot: now}
	}
	return nil
}

// quietAt is when new messages have been quiet for long enough, or have not
// been quiet for too long; zero if there are none, or nobody waits for it.
func (d *Daemon) quietAt() time.Time {
	c := &d.changes
	if d.plan.Quiet <= 0 || c.Oldest.IsZero() {
		return time.Time{}
	}
	at, most := c.Newest.Add(d.plan.Quiet), c.Oldest.Add(unquiet*d.plan.Quiet)
	if most.Before(at) {
		return most
	}
	return at
}

// hindered returns the codes of why a job that wants to run may not yet, or nil.
func (d *Daemon) hindered(c *candidate, now time.Time) []string {
	if wait := d.state.Retry[c.job.Name].NotBefore; now.Before(wait) {
		if wait.Sub(now) < longestRetry+24*time.Hour { // else the clock was wrong when it was noted
			return []string{"retry"}
		}
	}
	allowed := d.decision.Allowed
	switch {
	case allowed.None(), !allowed.All && !c.job.Partly:
		return codesOf(d.decision.Reasons)
	case d.isLimited(c.job, true):
		return codesOf(d.decision.Reasons)
	case !d.better.IsZero() && now.Before(d.better.Add(settle)) && !now.Before(d.better):
		return []string{"settling"}
	case d.isWaking(now):
		return []string{"waking"}
	}
	return nil
}

// limit is what the last run of a job could do: nothing more comes of another
// one while no more is allowed.
type limit struct {
	allowed policy.Allowed
	refused bool      // it could do nothing at all
	newest  time.Time // change there was
}

// isLimited reports whether a job could do nothing with what is allowed, or else
// whether it did all it might for the messages there are.
func (d *Daemon) isLimited(j *Job, refused bool) bool {
	l, ok := d.limits[j.Name]
	if !ok || l.allowed.StricterThan(d.decision.Allowed) {
		return false
	}
	return l.refused || !refused && !d.changes.Newest.After(l.newest)
}

// isWaking reports whether the computer has just woken up and its network may
// not work yet.
func (d *Daemon) isWaking(now time.Time) bool {
	awake := now.Sub(d.woken)
	if d.woken.IsZero() || d.plan.Rules.Local || awake < 0 {
		return false
	}
	switch d.seen.Online {
	case policy.Yes:
		return false
	case policy.Unknown:
		return awake < waking
	}
	return awake < wakingAtMost
}

// isPassing reports whether a job waits for something that the history need not
// explain: a moment, or the time after a failure, which is in it.
func isPassing(why []string) bool {
	return why[0] == "settling" || why[0] == "waking" || why[0] == "retry"
}

// noteWaiting explains in the history, once, why a slot does not run now.
func (d *Daemon) noteWaiting(c *candidate, why []string, now time.Time) {
	before := d.waiting[c.job.Name]
	if len(before) > 0 && !isPassing(before) || d.isLimited(c.job, true) || isPassing(why) {
		return
	}
	if last := d.known[c.job.Name].last; last != nil && last.Outcome == history.Held && last.Why != history.Asked && slices.Equal(last.Reasons, why) {
		return // the run that was stopped says it
	}
	d.log.Info("a job waits", "job", c.job.Name, "why", why)
	err := d.runs.Add(history.Run{Job: c.job.Name, Why: c.why, Slot: c.slot, Missed: c.missed, Started: now, Ended: now, Outcome: history.Held, Reasons: why})
	if err != nil {
		d.log.Error("write the history", "error", err)
	}
	d.nudgeTeller()
}
