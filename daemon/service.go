package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
)

var _ control.Service = (*Daemon)(nil)

// Status tells what the daemon does and knows.
func (d *Daemon) Status(context.Context) (*control.Status, error) { return d.status(), nil }

func (d *Daemon) status() *control.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.wall()
	s := &control.Status{Version: d.opt.Version, PID: os.Getpid(), Since: d.since, Config: d.plan.Config, BadConfig: d.bad,
		Waiting: slices.Sorted(maps.Keys(d.waiting)), Decision: d.decision, Conditions: d.seen, Changes: d.changes, Sleeping: d.sleeping, Jobs: []control.Job{}}
	s.Changes.Safe, s.Changes.Due = d.safe, d.quietAt()
	if s.Waiting == nil {
		s.Waiting = []string{}
	}
	if p := d.state.Pause; p != nil {
		s.Paused = &control.Paused{Until: p.Until}
	}
	if r := d.running; r != nil {
		r.mu.Lock()
		s.Running = &control.Running{Job: r.job.Name, Why: r.why, Started: r.started, Progress: r.progress,
			Active: now.Add(time.Duration(r.active.Load()) - d.alive())}
		r.mu.Unlock()
	}
	for i := range d.plan.Jobs {
		s.Jobs = append(s.Jobs, d.jobStatus(&d.plan.Jobs[i], now))
	}
	return s
}

func (d *Daemon) jobStatus(j *Job, now time.Time) control.Job {
	c := control.Job{Name: j.Name}
	last := d.lastSlot(j, now)
	if j.When != nil {
		c.Schedule, c.Next = j.When.String(), j.NextAfter(last, now)
		_, _, c.Due = j.Due(last, now)
	}
	if r := d.state.Retry[j.Name]; r.NotBefore.After(now) {
		c.Retry = r.NotBefore
	}
	c.Last, c.LastGood = d.known[j.Name].last, d.known[j.Name].good
	return c
}

// Run does a job now, or as soon as the running one has ended.
func (d *Daemon) Run(ctx context.Context, job string, args json.RawMessage, tell func(control.Progress)) (*control.Result, error) {
	r := &request{job: job, args: args, tell: tell, result: make(chan *control.Result, 1)}
	d.mu.Lock()
	if d.stopped {
		d.mu.Unlock()
		return nil, errStopped
	}
	d.asked = append(d.asked, r)
	d.mu.Unlock()
	d.nudge()
	select {
	case result := <-r.result:
		return result, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Pause keeps jobs from beginning by themselves, and stops the one at work.
func (d *Daemon) Pause(_ context.Context, until time.Time) error {
	return d.setPause(&history.Pause{Until: until})
}

// Resume ends a pause.
func (d *Daemon) Resume(context.Context) error { return d.setPause(nil) }

func (d *Daemon) setPause(p *history.Pause) error {
	d.mu.Lock()
	before := d.state.Pause
	d.state.Pause = p
	err := history.SaveState(d.opt.Dir, d.state)
	if err != nil {
		d.state.Pause = before
	}
	d.mu.Unlock()
	d.nudge()
	return err
}

// Reload reads the configuration again. One that is wrong is told, and the old
// one stays in use.
func (d *Daemon) Reload(context.Context) error {
	d.reloads.Lock() // of two readings the newer one counts
	defer d.reloads.Unlock()
	d.supervise(reloading())
	plan, err := d.opt.Load()
	d.mu.Lock()
	if err == nil {
		d.plan, d.bad = plan, nil
		d.recall()
		d.looking = nil // at what the old one watched
		d.changes = control.Changes{Oldest: d.changes.Oldest, Newest: d.changes.Newest}
		d.log.Info("the configuration was read again")
	} else {
		d.bad = history.TroubleOf(err, d.wall())
		d.log.Error("the new configuration is wrong, and the old one stays in use; chatkeep config check says where", "code", d.bad.Code) // not what is written there: it may name accounts
	}
	d.mu.Unlock()
	d.supervise("READY=1")
	d.nudgeTeller()
	d.nudge()
	return err
}

// History returns the last n runs, the newest last.
func (d *Daemon) History(_ context.Context, n int) ([]history.Run, error) { return d.runs.Last(n) }

// Metrics returns what is measured, in the OpenMetrics text format.
func (d *Daemon) Metrics(context.Context) ([]byte, error) {
	if d.opt.Metrics == nil {
		return nil, fmt.Errorf("there are no metrics")
	}
	return d.opt.Metrics(d.status())
}
