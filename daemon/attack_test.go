package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// spy is a Watch under a test's control.
type spy struct {
	Watch
	look  func()
	begin func()
}

func (s spy) Look(ctx context.Context) (oldest, newest time.Time) {
	s.look()
	return s.Watch.Look(ctx)
}

func (s spy) Begin(ctx context.Context) func() {
	s.begin()
	return s.Watch.Begin(ctx)
}

func nothing() {}

// Several that ask while a job runs are all answered when it has ended.
func TestManyAskAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", &worker{does: takes(time.Hour)})}}))
		c.boots()
		defer c.stop()
		start := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if got, err := c.d.Run(t.Context(), "prune", nil, nil); err != nil || got.Outcome != history.Failed {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); took > time.Hour {
			t.Errorf("it took %v", took)
		}
	})
}

// A network drive that doesn't answer keeps no other job waiting, nor the
// computer from sleeping, nor the daemon from ending.
func TestLookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, v := &worker{}, &worker{}
		c := newComputer(t, nil)
		c.super = &supervisor{every: 3 * time.Minute}
		answers, looks := make(chan struct{}), atomic.Int32{}
		watch := spy{c, func() { looks.Add(1); <-answers }, nothing}
		c.plan = planned(&Plan{Jobs: []Job{at(t, backup, "", w), at(t, "verify", "@hourly", v)}, Watch: watch, Quiet: 3 * time.Minute})
		c.messages()
		c.boots()
		c.passes(3 * time.Hour)
		if v.count() != 4 || looks.Load() != 1 {
			t.Errorf("%d runs, %d looks", v.count(), looks.Load())
		}
		if silence := time.Since(c.super.lastSign()); silence > 90*time.Second {
			t.Errorf("nothing was heard for %v", silence)
		}
		c.sleeps(time.Hour)
		if err := c.d.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		start := time.Now()
		c.stop()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the end took %v", took)
		}
		close(answers)
		c.boots()
		defer c.stop()
		c.passes(5 * time.Minute)
		if w.count() != 1 {
			t.Errorf("%d backups once the drive answers", w.count())
		}
	})
}

// What was seen before a backup is no reason for another one after it.
func TestOldSightIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, nil)
		slow := make(chan struct{})
		first := sync.OnceFunc(func() { <-slow })
		plan := &Plan{Jobs: []Job{at(t, backup, "", w)}, Quiet: 3 * time.Minute}
		seen, looks := time.Now().Add(-time.Hour), 0
		plan.Watch = sights(func() (time.Time, time.Time) {
			first()
			if looks++; looks == 1 {
				return seen, seen
			}
			return time.Time{}, time.Time{}
		})
		c.plan = planned(plan)
		c.boots()
		defer c.stop()
		if got, err := c.d.Run(t.Context(), backup, nil, nil); err != nil || got.Outcome != history.Done {
			t.Errorf("%+v, %v", got, err)
		}
		close(slow)
		c.passes(time.Hour)
		if s := c.status().Changes; w.count() != 1 || !s.Oldest.IsZero() || s.Looked.IsZero() {
			t.Errorf("%d runs, %+v", w.count(), s)
		}
	})
}

// sights is a Watch that sees what a test wants.
type sights func() (oldest, newest time.Time)

func (s sights) Look(context.Context) (oldest, newest time.Time) { return s() }
func (s sights) Begin(context.Context) func()                    { return nothing }

// Mistakes in what belongs to a job end neither the daemon nor what it does
// later.
func TestPanicsAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, nil)
		var good atomic.Bool
		oops := func() {
			if !good.Load() {
				panic("oh")
			}
		}
		var told atomic.Int32
		c.plan = planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}, Quiet: 3 * time.Minute, Watch: spy{c, oops, oops},
			Told: func(context.Context, *control.Status) time.Time { oops(); told.Add(1); return time.Time{} }})
		c.boots()
		defer c.stop()
		c.wantStory("backup schedule failed job_panicked")
		good.Store(true)
		c.passes(3 * time.Minute)
		c.wantStory("backup schedule failed job_panicked", "backup retry done")
		if s := c.status().Changes; s.Looked.IsZero() || told.Load() == 0 {
			t.Errorf("told %d times, %+v", told.Load(), s)
		}
	})
}

// A notification that never ends keeps nobody waiting, and one that is always
// due does not keep the computer busy.
func TestTellers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		var told atomic.Int32
		plan := &Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}}
		plan.Told = func(context.Context, *control.Status) time.Time { told.Add(1); return time.Now().Add(-time.Hour) }
		c := newComputer(t, planned(plan))
		c.boots()
		c.passes(30 * time.Minute)
		if told.Load() > 40 {
			t.Errorf("told %d times in half an hour", told.Load())
		}
		hung, free := make(chan struct{}, 1), make(chan struct{})
		plan.Told = func(context.Context, *control.Status) time.Time { hung <- struct{}{}; <-free; return time.Time{} }
		if err := c.d.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		<-hung
		c.passes(3 * time.Hour)
		if w.count() != 4 {
			t.Errorf("%d runs", w.count())
		}
		start := time.Now()
		c.stop()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the end took %v", took)
		}
		close(free)
	})
}

// Where nothing can be noted, backups go on, and so they do after a restart.
func TestNothingCanBeNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}}))
		for _, name := range []string{"history.jsonl", "daemon.json", "running"} {
			if err := os.MkdirAll(filepath.Join(c.dir, name, "in the way"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		c.boots()
		c.passes(150 * time.Minute)
		if w.count() != 3 && w.count() != 4 {
			t.Errorf("%d runs", w.count())
		}
		if s := c.status(); s.Jobs[0].Last == nil || s.Jobs[0].Last.Outcome != history.Done {
			t.Errorf("%+v", s.Jobs)
		}
		if err := c.d.Pause(t.Context(), time.Time{}); err == nil || c.status().Paused != nil {
			t.Error("a pause that a restart would end was promised")
		}
		c.stop()
		before := w.count()
		c.boots()
		defer c.stop()
		if w.count() != before+1 {
			t.Errorf("%d runs after the restart", w.count()-before)
		}
	})
}

// What was made safe stays so over restarts and reloads, however the run ended
// and whatever was asked for after it.
func TestSafeIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var safe time.Time
		w := &worker{does: func(ctx context.Context, t *Task) Outcome {
			if t.Why == history.Asked {
				return Outcome{} // of one source alone
			}
			safe = time.Now().Round(0)
			t.Safe(safe)
			<-ctx.Done()
			return Outcome{Trouble: history.TroubleOf(ctx.Err(), time.Now())}
		}}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}}))
		c.boots()
		c.passes(time.Minute)
		is := func(when string) {
			t.Helper()
			if got := c.status().Changes.Safe; !got.Equal(safe) {
				t.Errorf("%s: safe through %v, not %v", when, got, safe)
			}
		}
		is("while it runs")
		if err := c.d.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		is("after a reload")
		c.stop()
		c.conditions.Online = policy.No
		c.boots()
		is("after a restart")
		c.set(func(k *policy.Conditions) { k.Online = policy.Unknown })
		if err := c.d.Pause(t.Context(), time.Time{}); err != nil {
			t.Error(err)
		}
		if got, err := c.d.Run(t.Context(), backup, nil, nil); err != nil || got.Outcome != history.Done {
			t.Errorf("%+v, %v", got, err)
		}
		is("after a run that was asked for")
		c.stop()
		c.boots()
		defer c.stop()
		is("in the end")
	})
}

// A job that goes out only because nothing was safe for days is not stopped by
// what it has just made safe.
func TestOverdueEndsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: func(ctx context.Context, t *Task) Outcome {
			if t.Decision.Allowed.None() || !t.Decision.Overdue || t.Decision.MaxUpload != 50 {
				return Outcome{Trouble: &history.Trouble{Code: "not_overdue"}}
			}
			t.Safe(time.Now().Round(0))
			select {
			case <-time.After(10 * time.Minute):
				return Outcome{Held: true}
			case <-ctx.Done():
				return Outcome{Trouble: history.TroubleOf(ctx.Err(), time.Now())}
			}
		}}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}, Rules: policy.Rules{Metered: &policy.Allowed{},
			Urgent: []string{"messages"}, Overdue: 72 * time.Hour, OverdueUpload: 50}}))
		c.conditions.Metered = policy.Yes
		c.boots()
		defer c.stop()
		c.passes(71 * time.Hour)
		if w.count() != 0 {
			t.Errorf("%d runs too early", w.count())
		}
		c.passes(3 * time.Hour)
		c.wantStory("backup schedule held metered", "backup schedule remarks metered", "backup schedule held metered")
	})
}

// The plan may lose a job while it runs, and the daemon its configuration.
func TestReloadWhileAJobRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, v := &worker{does: takes(time.Hour)}, &worker{}
		both := &Plan{Jobs: []Job{at(t, backup, "0 0 * * *", w), at(t, "verify", "0 0 1 1 *", v)}}
		one := &Plan{Jobs: []Job{at(t, "verify", "0 0 1 1 *", v)}}
		now := both
		c := newComputer(t, func() (*Plan, error) { return now, nil })
		c.boots()
		defer c.stop()
		c.passes(time.Minute)
		now = one
		if err := c.d.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		c.passes(2 * time.Hour)
		if s := c.status(); s.Running != nil || len(s.Jobs) != 1 || w.count() != 1 || v.count() != 1 {
			t.Errorf("%d and %d runs, %+v", w.count(), v.count(), s)
		}
		now = both
		if err := c.d.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		c.passes(time.Minute)
		if s := c.status(); w.count() != 1 || s.Jobs[0].LastGood == nil {
			t.Errorf("%d runs: it was done already", w.count())
		}
	})
}

// The daemon may be ended while the computer sleeps, told twice that it will,
// and told that it woke up though it never slept.
func TestEndsOfAllKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: takes(time.Hour)}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 1 *", w)}, Rules: policy.Rules{Local: true}}))
		c.boots()
		c.passes(time.Minute)
		c.ending <- false // it was on all the time
		c.passes(time.Second)
		if c.status().Running == nil || w.count() != 1 {
			t.Errorf("%d runs", w.count())
		}
		c.ending <- true
		c.ending <- true
		c.passes(time.Minute)
		if s := c.status(); s.Running != nil || !s.Sleeping || c.isHeld() {
			t.Errorf("%+v, held %v", s, c.isHeld())
		}
		asked := make(chan *control.Result, 1)
		go func() {
			got, _ := c.d.Run(t.Context(), backup, nil, nil)
			asked <- got
		}()
		c.passes(time.Minute)
		start := time.Now()
		c.stop()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the end took %v", took)
		}
		if got := <-asked; got == nil || got.Outcome != history.Stopped {
			t.Errorf("who asked got %+v", got)
		}
		if _, err := c.d.Run(t.Context(), backup, nil, nil); !errors.Is(err, errStopped) {
			t.Errorf("who asks after the end gets %v", err)
		}
		c.wantStory("backup schedule stopped job_stopped")
	})
}

// A clock that jumps while a job runs neither stops it nor repeats it.
func TestClockJumpsWhileAJobRuns(t *testing.T) {
	for name, by := range map[string]time.Duration{"back": -100 * time.Hour, "ahead": 100 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &worker{does: takes(20 * time.Minute)}
				c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 0 1 7 *", w)}}))
				c.boots()
				defer c.stop()
				c.passes(5 * time.Minute)
				c.step(by)
				c.passes(5 * time.Minute)
				if r := c.status().Running; r == nil || c.now().Sub(r.Active).Abs() > 2*time.Minute {
					t.Errorf("%+v at %v", r, c.now())
				}
				c.passes(2 * time.Hour)
				c.wantStory("backup schedule done")
			})
		})
	}
}

// Everybody talks to the daemon at once, while jobs run, sleep comes and goes,
// and the network changes.
func TestEverybodyAtOnce(t *testing.T) {
	w := &worker{does: func(ctx context.Context, t *Task) Outcome {
		t.Progress(control.Progress{Bytes: 1})
		t.Safe(time.Now())
		if ctx.Err() != nil {
			return Outcome{Trouble: history.TroubleOf(ctx.Err(), time.Now())}
		}
		return Outcome{Held: !t.Decision.Allowed.All}
	}}
	c := newComputer(t, nil)
	c.plan = func() (*Plan, error) {
		return &Plan{Jobs: []Job{at(t, backup, "@hourly", w)}, Watch: c, Quiet: time.Minute,
			Rules: policy.Rules{Metered: &policy.Allowed{Categories: []string{"messages"}}},
			Told:  func(_ context.Context, s *control.Status) time.Time { return s.Since }}, nil
	}
	d, err := New(Options{Dir: c.dir, Load: c.plan, Sense: c, Log: slog.New(slog.DiscardHandler), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Loop(ctx) }()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 15 {
				var err error
				switch (i + n) % 6 {
				case 0:
					_, err = d.Status(ctx)
				case 1:
					err = errors.Join(d.Pause(ctx, time.Now().Add(time.Hour)), d.Resume(ctx))
				case 2:
					err = d.Reload(ctx)
				case 3:
					left, leave := context.WithCancel(ctx)
					leave()
					_, _ = d.Run(left, backup, nil, nil)
				case 4:
					_, err = d.Run(ctx, backup, nil, func(control.Progress) {})
				case 5:
					c.mu.Lock()
					c.conditions.Metered = policy.Answer(n % 3)
					c.mu.Unlock()
					c.messages()
					select {
					case c.changed <- struct{}{}:
					default:
					}
					select {
					case c.ending <- n%2 == 0:
					default:
					}
					select {
					case c.ending <- false: // whoever sleeps does nothing
					case <-ctx.Done():
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, err := d.Run(ctx, backup, nil, nil); err != nil || got == nil {
		t.Error(err)
	}
	if w.most != 1 {
		t.Errorf("%d jobs at once", w.most)
	}
	cancel()
	<-ended
}
