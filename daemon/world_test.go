package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/schedule"
)

// computer is what a daemon runs on, in a bubble of fake time. Its wall clock is
// ahead of the monotonic one by what it slept and was set.
type computer struct {
	t   *testing.T
	dir string

	mu         sync.Mutex
	offset     time.Duration
	conditions policy.Conditions
	held       bool // the locks that let it wait before it sleeps
	oldest     time.Time
	newest     time.Time

	changed chan struct{}
	ending  chan bool
	plan    func() (*Plan, error)
	super   *supervisor

	d    *Daemon
	stop func()
}

func newComputer(t *testing.T, plan func() (*Plan, error)) *computer {
	return &computer{t: t, dir: t.TempDir(), plan: plan, changed: make(chan struct{}, 1), ending: make(chan bool, 2),
		conditions: policy.Conditions{Battery: -1, Free: -1, Pressure: -1}}
}

func (c *computer) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *computer) Now() policy.Conditions {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conditions
}

func (c *computer) Changed() <-chan struct{} { return c.changed }
func (c *computer) Ending() <-chan bool      { return c.ending }

func (c *computer) Hold()    { c.setHeld(true) }
func (c *computer) Release() { c.setHeld(false) }

func (c *computer) setHeld(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held
}

func (c *computer) isHeld() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// set changes what is known of the computer, and signals it.
func (c *computer) set(change func(*policy.Conditions)) {
	c.mu.Lock()
	change(&c.conditions)
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
	synctest.Wait()
}

// step sets the clock.
func (c *computer) step(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// sleeps puts the computer to sleep as login1 does: it is told before, waited
// for, and told after.
func (c *computer) sleeps(d time.Duration) {
	c.t.Helper()
	c.ending <- true
	synctest.Wait()
	for range 60 {
		if !c.isHeld() {
			break
		}
		c.passes(100 * time.Millisecond)
	}
	if c.isHeld() {
		c.t.Error("the computer was kept from sleeping")
	}
	c.step(d)
	c.ending <- false
	synctest.Wait()
}

// passes lets time go by.
func (c *computer) passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// messages come in, now.
func (c *computer) messages() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().Add(c.offset).Round(0)
	if c.oldest.IsZero() {
		c.oldest = now
	}
	c.newest = now
}

func (c *computer) Look(context.Context) (oldest, newest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.oldest, c.newest
}

func (c *computer) Begin(context.Context) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest := c.newest
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.newest.Equal(newest) {
			c.oldest, c.newest = time.Time{}, time.Time{}
		} else {
			c.oldest = c.newest
		}
	}
}

// boots starts the daemon.
func (c *computer) boots() {
	c.t.Helper()
	o := Options{Dir: c.dir, Version: "test", Load: c.plan, Sense: c, Log: slog.New(slog.DiscardHandler), Now: c.now}
	if c.super != nil {
		o.Supervisor = c.super
	}
	d, err := New(o)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Loop(ctx) }()
	c.d, c.stop = d, func() { cancel(); <-done }
	synctest.Wait()
}

// status is what the daemon says of itself.
func (c *computer) status() *control.Status {
	s, err := c.d.Status(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

// story is the history, a word for each run.
func (c *computer) story() (list []string) {
	c.t.Helper()
	runs, err := c.d.History(context.Background(), 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range runs {
		text := fmt.Sprintf("%s %s %s", r.Job, r.Why, r.Outcome)
		if r.Missed > 0 {
			text += fmt.Sprintf(" +%d", r.Missed)
		}
		for _, code := range r.Reasons {
			text += " " + code
		}
		if r.Trouble != nil {
			text += " " + r.Trouble.Code
		}
		list = append(list, text)
	}
	return list
}

func (c *computer) wantStory(want ...string) {
	c.t.Helper()
	if got := c.story(); !slices.Equal(got, want) {
		c.t.Errorf("the history is\n%q, not\n%q", got, want)
	}
}

// supervisor is a manager that counts.
type supervisor struct {
	mu       sync.Mutex
	every    time.Duration
	states   []string
	watchdog []time.Time
}

func (s *supervisor) Patience() time.Duration { return s.every }

func (s *supervisor) Tell(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == "WATCHDOG=1" {
		s.watchdog = append(s.watchdog, time.Now())
		return
	}
	s.states = append(s.states, state)
}

func (s *supervisor) lastSign() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.watchdog) == 0 {
		return time.Time{}
	}
	return s.watchdog[len(s.watchdog)-1]
}

// worker is a job's work under a test's control.
type worker struct {
	mu     sync.Mutex
	tasks  []*Task
	does   func(ctx context.Context, t *Task) Outcome // nil: nothing, well
	atOnce int
	most   int
}

func (w *worker) run(ctx context.Context, t *Task) Outcome {
	w.mu.Lock()
	w.tasks = append(w.tasks, t)
	w.atOnce++
	w.most = max(w.most, w.atOnce)
	does := w.does
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.atOnce--
		w.mu.Unlock()
	}()
	if does == nil {
		return Outcome{}
	}
	return does(ctx, t)
}

func (w *worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.tasks)
}

func (w *worker) last() *Task {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tasks[len(w.tasks)-1]
}

func (w *worker) set(does func(context.Context, *Task) Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.does = does
}

// takes is work that takes so long, gets on all the while, and can be stopped.
func takes(d time.Duration) func(context.Context, *Task) Outcome {
	return func(ctx context.Context, t *Task) Outcome {
		end := time.Now().Add(d)
		for left := d; left > 0; left = time.Until(end) {
			t.Active()
			select {
			case <-time.After(min(left, time.Minute)):
			case <-ctx.Done():
				return Outcome{Trouble: history.TroubleOf(ctx.Err(), time.Now())}
			}
		}
		return Outcome{}
	}
}

// fails is work that fails.
func fails(context.Context, *Task) Outcome {
	return Outcome{Trouble: &history.Trouble{Code: "remote_temporary", Text: "no answer"}}
}

// at is a job with a schedule.
func at(t *testing.T, name, when string, w *worker) Job {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	j := Job{Job: schedule.Job{Name: name}, Partly: name == backup, OnChange: name == backup, Run: w.run}
	if when != "" {
		if j.When, err = schedule.Parse(when, zone); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// planned is a plan that never fails to load.
func planned(p *Plan) func() (*Plan, error) { return func() (*Plan, error) { return p, nil } }
