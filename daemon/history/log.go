package history

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/chatkeep/chatkeep/internal/durable"
)

const (
	logFile    = "history.jsonl"
	runningDir = "running" // a file for each run at work, locked as long as it is
)

// Bounds of the file. What is over them makes room for a quarter at once, so
// that it isn't written anew each time.
const (
	mostLines  = 1000 // and so runs
	mostBytes  = 1 << 20
	mostToRead = 4 * mostBytes // of a file that somebody else made longer
)

// longestWait is how long a process waits for another that writes. That takes
// milliseconds, unless the other one was stopped in the middle of it.
const longestWait = 5 * time.Second

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

// add writes one line. first is called when other processes are kept out.
func (l *Log) add(id string, r Run, first func()) error {
	text, err := line(id, r)
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	alone, unlock := l.lock()
	defer unlock()
	if first != nil {
		first()
	}
	if err := l.append(text, alone); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// lock keeps other processes out until unlock is called. Where that can't be,
// alone is false: lines may be added, since each is one write at the end, but
// nothing may be written anew.
func (l *Log) lock() (alone bool, unlock func()) {
	ctx, cancel := context.WithTimeout(context.Background(), longestWait)
	defer cancel()
	if ok, err := l.guard.TryLockContext(ctx, 10*time.Millisecond); err != nil || !ok {
		return false, func() {}
	}
	return true, func() { _ = l.guard.Unlock() }
}

// append adds a line, or writes the file anew with it if it has become too
// long.
func (l *Log) append(text []byte, alone bool) error {
	old, err := l.readFile()
	if err != nil {
		return err
	}
	if alone && (len(old)+len(text) > mostBytes || bytes.Count(old, newline)+1 > mostLines) {
		all := parse(slices.Concat(old, newline, text))
		return l.rewrite(bounded(l.settle(all, time.Time{})))
	}
	// What a crash left of a line must not become a part of this one.
	if len(old) > 0 && !bytes.HasSuffix(old, newline) {
		text = slices.Concat(newline, text)
	}
	return l.appendText(text, len(old) == 0)
}

func (l *Log) appendText(text []byte, isNew bool) error {
	if err := l.at("open"); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := l.at("write"); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := l.at("sync"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if isNew {
		return durable.SyncDir(l.dir)
	}
	return nil
}

// rewrite replaces the file.
func (l *Log) rewrite(list []entry) error {
	var text []byte
	for _, e := range list {
		one, err := line(e.ID, e.Run)
		if err != nil {
			continue // what was read can be written
		}
		text = append(text, one...)
	}
	if err := l.at("rewrite"); err != nil {
		return err
	}
	return durable.WriteFile(l.path(), text, 0o600)
}

func (l *Log) at(what string) error {
	if l.step == nil {
		return nil
	}
	return l.step(what)
}

// Recover notes that runs vanished, whose process is no more, and returns
// them. The daemon calls it when it starts.
func (l *Log) Recover(now time.Time) ([]Run, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	alone, unlock := l.lock()
	defer unlock()
	text, err := l.readFile()
	if err != nil {
		return nil, fmt.Errorf("recover history: %w", err)
	}
	var gone []Run
	open := parse(text)
	for i, e := range l.settle(slices.Clone(open), now) {
		if open[i].Run.Ended.IsZero() && !e.Run.Ended.IsZero() {
			one, err := line(e.ID, e.Run)
			if err == nil {
				err = l.append(one, alone)
			}
			if err != nil {
				return gone, fmt.Errorf("recover history: %w", err)
			}
			gone = append(gone, e.Run)
		}
	}
	l.sweep()
	return gone, nil
}

// settle gives the runs whose process is no more their outcome. They ended at
// an unknown moment; what is noted is when that was noticed, or, if now is
// zero, when they began.
func (l *Log) settle(list []entry, now time.Time) []entry {
	for i, e := range list {
		if e.Run.Ended.IsZero() && !l.works(e.ID) {
			list[i].Run.Outcome = Vanished
			list[i].Run.Ended = latest(e.Run.Started, now)
		}
	}
	return list
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// works reports whether the process of a run is still there.
func (l *Log) works(id string) bool {
	if !isID(id) {
		return false
	}
	if _, err := os.Lstat(filepath.Join(l.dir, runningDir, id)); err != nil {
		return false
	}
	lock := l.lockOf(id)
	ok, err := lock.TryLock()
	if err == nil && !ok {
		return true
	}
	l.forget(lock)
	return false
}

func (l *Log) lockOf(id string) *flock.Flock {
	return flock.New(filepath.Join(l.dir, runningDir, id), flock.SetPermissions(0o600))
}

// forget removes the file of a run that is over. It is released first, since
// Windows removes no open file: whoever locks it in between finds nobody at
// work, which is right.
func (l *Log) forget(lock *flock.Flock) {
	_ = lock.Close()
	_ = os.Remove(lock.Path())
}

// sweep removes what runs left that nothing is written of.
func (l *Log) sweep() {
	names, err := os.ReadDir(filepath.Join(l.dir, runningDir))
	if err != nil {
		return
	}
	for _, n := range names {
		l.works(n.Name())
	}
}

// Last returns the last n runs, the newest last, including those at work.
func (l *Log) Last(n int) ([]Run, error) {
	list, err := l.load()
	if err != nil {
		return nil, err
	}
	list = list[max(0, len(list)-max(0, n)):]
	runs := make([]Run, len(list))
	for i, e := range list {
		runs[i] = e.Run.clone()
	}
	return runs, nil
}

// LastOf returns a job's newest run that has ended, nil if there is none.
func (l *Log) LastOf(job string) (*Run, error) {
	return l.find(func(r Run) bool { return r.Job == job && r.Outcome != "" })
}

// LastGood returns a job's newest run that did what it should, nil if there is
// none.
func (l *Log) LastGood(job string) (*Run, error) {
	return l.find(func(r Run) bool { return r.Job == job && r.isGood() })
}

// Counts returns how many runs ended in which way, as far as they are
// remembered.
func (l *Log) Counts() (map[string]int, error) {
	list, err := l.load()
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, e := range list {
		if e.Run.Outcome != "" {
			counts[e.Run.Outcome]++
		}
	}
	return counts, nil
}

func (l *Log) find(is func(Run) bool) (*Run, error) {
	list, err := l.load()
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(list) {
		if is(e.Run) {
			r := e.Run.clone()
			return &r, nil
		}
	}
	return nil, nil
}

// load returns all runs. They are read anew only if the file has changed.
func (l *Log) load() ([]entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && l.read != nil && os.SameFile(info, l.read) && info.Size() == l.read.Size() && info.ModTime().Equal(l.read.ModTime()) {
		return l.entries, nil
	}
	text, err := l.readFile()
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	l.entries, l.read = parse(text), info // what changed in between is read the next time
	return l.entries, nil
}

// readFile returns the file, or the end of one that is far too long.
func (l *Log) readFile() ([]byte, error) {
	f, err := os.Open(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if over := info.Size() - mostToRead; over > 0 {
		if _, err := f.Seek(over, io.SeekStart); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(f, 2*mostToRead))
}

// bounded drops the oldest runs, down to three quarters of what is allowed.
// What is at work stays, and the last good run of each job.
func bounded(list []entry) []entry {
	keep := make([]bool, len(list))
	lines, size := 0, 0
	take := func(i int) {
		if text, err := line(list[i].ID, list[i].Run); err == nil && !keep[i] {
			keep[i] = true
			lines, size = lines+1, size+len(text)
		}
	}
	good := map[string]bool{}
	for i, e := range slices.Backward(list) {
		switch {
		case e.Run.Ended.IsZero():
			take(i)
		case e.Run.isGood() && !good[e.Run.Job]:
			good[e.Run.Job] = true
			take(i)
		}
	}
	for i := range slices.Backward(list) {
		if lines >= mostLines*3/4 || size >= mostBytes*3/4 {
			break
		}
		take(i)
	}
	var kept []entry
	for i, e := range list {
		if keep[i] {
			kept = append(kept, e)
		}
	}
	return kept
}

// isGood reports whether a run did what it should.
func (r Run) isGood() bool { return r.Outcome == Done || r.Outcome == Remarks }
