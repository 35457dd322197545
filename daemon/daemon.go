// Package daemon does the jobs of a backup when they are due, and goes on for
// years: one job at a time, on schedule and after new messages, as far as the
// rules allow.
//
// What the jobs are, and what the configuration says, comes from above as a
// [Plan]; this package knows no YAML, no language and no repository. Its parts
// are packages of their own: schedule says when, policy whether, sense asks the
// computer, history remembers, control is the door for commands, notify tells
// the user, metrics counts.
//
// One goroutine, the loop, decides everything; it wakes up once a minute, or
// when something happens. Wall-clock time alone counts: the monotonic clock
// stands still while a computer sleeps.
package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/schedule"
	"github.com/chatkeep/chatkeep/internal/hint"
)

// Options are what a daemon needs, whatever its plan.
type Options struct {
	Dir        string                // the state folder
	Version    string                // of the program, for Status
	Load       func() (*Plan, error) // reads the configuration, at the start and when asked to
	Sense      Senses
	Log        *slog.Logger
	Now        func() time.Time // nil: time.Now
	Supervisor Supervisor       // nil: nobody supervises
	Stall      time.Duration    // how long a job may get on with nothing; 0: 10 minutes
	Metrics    func(*control.Status) ([]byte, error)
}

// Senses is what tells of the computer; see package sense.
type Senses interface {
	Now() policy.Conditions
	Changed() <-chan struct{}
	Ending() <-chan bool
	Hold()
	Release()
}

// Supervisor is who started the daemon and watches it; see Systemd.
type Supervisor interface {
	Tell(state string)       // in the words of sd_notify(3)
	Patience() time.Duration // it wants to hear so often that the daemon is well; 0: never
}

// Plan is what a configuration comes to.
type Plan struct {
	Config string // the file
	Jobs   []Job
	Rules  policy.Rules
	// Watch looks for new messages; nil: nobody does.
	Watch Watch
	// Quiet is how long nothing new must have come before the jobs that are
	// OnChange run; 0: they don't.
	Quiet time.Duration
	// Told is called after something changed that somebody may want to know,
	// never twice at once. It returns when it wants to be called again whatever
	// happens, or the zero time. It may take minutes.
	Told func(ctx context.Context, s *control.Status) time.Time
}

// Job is something the daemon does.
type Job struct {
	schedule.Job // When is nil if it runs only when asked, or on change
	OnChange     bool
	// Partly says that it can do its work for some categories. A job that
	// can't waits until everything is allowed.
	Partly bool
	Run    func(ctx context.Context, t *Task) Outcome
}

// Task is what a run is told, and how it tells how it goes.
type Task struct {
	Why      string          // of package history
	Args     json.RawMessage // of who asked, or nil
	Decision policy.Decision
	Watched  bool // somebody wants to know how much is left
	Progress func(control.Progress)
	Active   func()          // to be called whenever something gets on
	Safe     func(time.Time) // messages written before it are backed up, though the run goes on
}

// Outcome is how a run ended.
type Outcome struct {
	Trouble   *history.Trouble // nil: none
	Remarks   bool             // done, but something needs a look
	Integrity bool             // something stored is damaged or not what it should be
	Held      bool             // some of it was not allowed, and is to be done when it is
	Part      bool             // only a part was asked for: it stands for no slot
	Short     bool             // the remote took no more: it goes on with the next slot or messages
	After     time.Time        // not to be tried again before; zero: any time
	Refused   bool             // nothing could be done with what is allowed
	Busy      bool             // another program is at work here: Trouble says so, and it is tried again soon
	Facts     json.RawMessage  // for the history
	Document  json.RawMessage  // for who asked
}

// Watch looks for new messages, cheaply.
type Watch interface {
	// Look returns when the oldest and the newest change was made that is not
	// backed up, zero times if there is none.
	Look(ctx context.Context) (oldest, newest time.Time)
	// Begin says that what is there now is about to be backed up, and the
	// function it returns that it is.
	Begin(ctx context.Context) (saved func())
}

// Hint codes of runs that did not end by themselves.
const (
	CodeHeld     hint.Code = "job_held"    // the rules stopped it
	CodeStopped  hint.Code = "job_stopped" // the computer sleeps, or the daemon ends
	CodeStalled  hint.Code = "job_stalled" // nothing moved for too long
	CodeNoJob    hint.Code = "no_such_job"
	CodePanicked hint.Code = "job_panicked" // a mistake of ours
)

const (
	poll         = time.Minute      // how long the loop sleeps at most: a clock that was set is noticed by then
	settle       = 10 * time.Second // how long better conditions must last
	stall        = 10 * time.Minute // longer than any wait that a service may ask for
	stopping     = 4 * time.Second  // how long a job gets to stop; systemd and login1 allow 5
	waking       = 30 * time.Second // how long a network gets that nobody can ask about
	wakingAtMost = 5 * time.Minute  // how long it gets where somebody can
	unquiet      = 5                // so many quiet times without a pause are enough, too
)

// Daemon does the jobs of a plan.
type Daemon struct {
	opt   Options
	now   func() time.Time
	log   *slog.Logger
	runs  *history.Log
	since time.Time // on the wall clock
	cared time.Time // since when backups are looked after, as far as the history knows
	born  time.Time // likewise, with the monotonic one

	wake   chan struct{}
	ended  chan *run
	looked chan *sight
	tell   chan struct{}

	reloads sync.Mutex // held by who reads the configuration again

	mu        sync.Mutex
	plan      *Plan
	bad       *history.Trouble // why the newest configuration is not in use
	state     history.State
	running   *run
	asked     []*request
	held      map[string]bool     // jobs that are to be run again when more is allowed
	limits    map[string]limit    // of jobs whose last run did all it might
	waiting   map[string][]string // codes of why a job that is due waits
	decision  policy.Decision
	decided   bool
	better    time.Time // since when more is allowed than before
	seen      policy.Conditions
	changes   control.Changes
	looking   *sight              // the look that is under way
	begun     int                 // how many jobs began
	safe      time.Time           // messages written before it are backed up
	overdue   time.Time           // when something was last sent only because nothing was safe for so long
	spent     int64               // bytes that runs sent for that reason, and failed
	known     map[string]lastRuns // by job
	sleeping  bool
	woken     time.Time
	lastTurn  turnTime
	toldAgain time.Time
	stopped   bool
}

// request is a job that somebody asked for.
type request struct {
	job    string
	args   json.RawMessage
	tell   func(control.Progress)
	result chan *control.Result
}

// New returns a daemon that has read its configuration and what it noted before.
func New(o Options) (*Daemon, error) {
	d := &Daemon{opt: o, now: o.Now, log: o.Log, runs: history.Open(o.Dir), wake: make(chan struct{}, 1), ended: make(chan *run, 1), looked: make(chan *sight, 1), tell: make(chan struct{}, 1),
		held: map[string]bool{}, limits: map[string]limit{}, waiting: map[string][]string{}}
	if d.now == nil {
		d.now = time.Now
	}
	if d.opt.Stall == 0 {
		d.opt.Stall = stall
	}
	plan, err := o.Load()
	if err != nil {
		return nil, err
	}
	d.plan = plan
	if d.state, err = history.LoadState(o.Dir); err != nil {
		d.log.Warn("what the daemon noted is lost; it begins anew", "error", err)
	}
	lost, err := d.runs.Recover(d.now())
	if err != nil {
		d.log.Error("read the history", "error", err)
	}
	for _, r := range lost {
		d.log.Warn("a job was running when the program ended without a word", "job", r.Job)
	}
	d.since, d.born = d.wall(), time.Now()
	d.cared = d.since
	if runs, err := d.runs.Last(math.MaxInt); err == nil {
		d.cared = CaredSince(runs, d.since)
	}
	d.recall()
	return d, nil
}

// lastRuns are a job's last run, and the last one that did its work.
type lastRuns struct{ last, good *history.Run }

// recall reads what the history has of the jobs. That it can't be read is said
// and no reason to end: what is due is noted elsewhere.
func (d *Daemon) recall() {
	d.known = map[string]lastRuns{}
	for i := range d.plan.Jobs {
		name := d.plan.Jobs[i].Name
		last, err := d.runs.LastOf(name)
		good, gerr := d.runs.LastGood(name)
		if err := errors.Join(err, gerr); err != nil {
			d.log.Error("read the history", "job", name, "error", err)
		}
		d.known[name] = lastRuns{last, good}
	}
	if safe := LastSafe(d.runs); safe.After(d.safe) {
		d.safe = safe
	}
}

// LastSafe is up to when messages are backed up, as far as the history knows;
// zero if it doesn't. A run that was stopped, or that failed, may have seen to
// it before; one of some sources alone does not.
func LastSafe(log *history.Log) time.Time {
	runs, err := log.Last(math.MaxInt)
	if err != nil {
		return time.Time{}
	}
	for _, r := range slices.Backward(runs) {
		if r.Job == backup && !r.Safe.IsZero() {
			return r.Safe
		}
	}
	return time.Time{}
}

// CaredSince is when the oldest backup began that the history knows, done or
// not; since if there is none. A computer that is off each night would else
// begin to count anew each day.
func CaredSince(runs []history.Run, since time.Time) time.Time {
	for _, r := range runs {
		if r.Job == backup && r.Started.Before(since) {
			since = r.Started
		}
	}
	return since
}

// backup is the name of the job whose success makes messages safe.
const backup = "backup"

// nudge makes the loop look again.
func (d *Daemon) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// save notes what must survive. That it can't is said and no reason to end: the
// backups themselves don't depend on it.
func (d *Daemon) save() {
	if err := history.SaveState(d.opt.Dir, d.state); err != nil {
		d.log.Error("note the state of the daemon", "error", err)
	}
}
