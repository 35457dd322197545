package history

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
)

const (
	logFile    = "history.jsonl"
	runningDir = "running" // a file for each run at work, locked as long as it is
)

// Log is the file of runs in a state folder. It may be used concurrently, and
// several processes may write to it at the same time.
type Log struct {
	dir   string
	mu    sync.Mutex
	guard *flock.Flock

	read    fs.FileInfo // of the file when it was read last
	entries []entry

	// step is told of each step that changes the file, and stops it with an
	// error, so that tests can see what a crash there leaves.
	step func(what string) error
}

// Open returns the history in a state folder. The folder is made when
// something is written.
func Open(dir string) *Log {
	guard := flock.New(filepath.Join(dir, logFile+".lock"), flock.SetPermissions(0o600))
	return &Log{dir: dir, guard: guard}
}

func (l *Log) path() string { return filepath.Join(l.dir, logFile) }

// Entry is a run that was begun.
type Entry struct {
	log  *Log
	id   string
	run  Run
	lock *flock.Flock
}

// Begin writes that a run began; when it returns, a crash doesn't make it
// forgotten. The entry is there even if that failed: a run goes on without its
// history, and End writes all there is to know.
func (l *Log) Begin(r Run) (*Entry, error) {
	e := &Entry{log: l, id: rand.Text()[:16], run: r.clone()}
	e.run.Outcome, e.run.Ended = "", time.Time{}
	if err := l.makeFolders(); err != nil {
		return e, err
	}
	// The lock goes when the process does, however it ends. Where files can't
	// be locked, a run in another process is taken for one that vanished, until
	// it ends.
	return e, l.add(e.id, e.run, func() {
		e.lock = l.lockOf(e.id)
		_, _ = e.lock.TryLock()
	})
}

// Run returns the run as it was begun.
func (e *Entry) Run() Run { return e.run.clone() }

// End writes how the run ended. Its job, why, slot and beginning stay as they
// were begun; the rest, the outcome above all, is r's.
func (e *Entry) End(r Run) error {
	r = r.clone()
	r.Job, r.Why, r.Slot, r.Missed, r.Started = e.run.Job, e.run.Why, e.run.Slot, e.run.Missed, e.run.Started
	if r.Outcome == "" {
		return errors.New("end run: it has no outcome")
	}
	if r.Ended.IsZero() {
		return errors.New("end run: it has no end")
	}
	err := e.log.add(e.id, r, nil)
	if e.lock != nil {
		e.log.forget(e.lock)
		e.lock = nil
	}
	return err
}

// Add writes a run that is over: of a command, or a slot of which nothing
// came.
func (l *Log) Add(r Run) error {
	if r.Outcome == "" {
		return errors.New("add run: it has no outcome")
	}
	if err := l.makeFolders(); err != nil {
		return err
	}
	r = r.clone()
	if r.Ended.IsZero() {
		r.Ended = r.Started
	}
	return l.add(rand.Text()[:16], r, nil)
}

func (l *Log) makeFolders() error {
	if err := durable.MkdirAll(filepath.Join(l.dir, runningDir), 0o700); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

func (l *Log) at(what string) error {
	if l.step == nil {
		return nil
	}
	return l.step(what)
}
