package history

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

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
