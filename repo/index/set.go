package index

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// Set is the whole index: runs, newest first, and a delta in memory, newer
// than all of them. All methods but Close may be called by any number of
// goroutines at once.
//
// An entry in the delta costs about 100 bytes, so callers flush at some
// hundred thousand. Each run costs a look-up that misses one read, so callers
// merge when there are more than a few.
type Set struct {
	reshaping sync.Mutex // one Flush or Merge at a time; taken before mu

	mu       sync.RWMutex // the rest
	delta    *delta
	flushing *delta // being written by Flush; between delta and runs in age
	runs     []*Run // newest first
}

// NewSet returns a Set of runs, newest first. It owns them from now on.
func NewSet(runs ...*Run) *Set {
	return &Set{delta: newDelta(), runs: append([]*Run(nil), runs...)}
}

// Lookup returns the newest entry of a chunk and the name of its pack; ok is
// false if there is none. Entry.Pack has no meaning outside its run. An error,
// such as [ErrDamaged], means that no answer can be trusted.
func (s *Set) Lookup(id [32]byte) (e Entry, pack [32]byte, ok bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range []*delta{s.delta, s.flushing} {
		if e, pack, ok = d.lookup(id); ok {
			return e, pack, true, nil
		}
	}
	for _, r := range s.runs {
		if e, pack, ok, err = r.Lookup(id); ok || err != nil {
			return e, pack, ok, err
		}
	}
	return Entry{}, [32]byte{}, false, nil
}

// Insert puts an entry into the delta, where it hides any older one of the
// same id. e.Pack is ignored; pack names the pack.
func (s *Set) Insert(e Entry, pack [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delta.insert(e, pack)
}

// Pending returns how many entries are in memory only.
func (s *Set) Pending() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.delta.len() + s.flushing.len()
}

// Runs returns the paths of the runs, newest first.
func (s *Set) Runs() (paths []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.runs {
		paths = append(paths, r.path)
	}
	return paths
}

// Flush writes the delta as a run at path, which becomes the newest of the
// Set. Look-ups and inserts go on meanwhile. With nothing in the delta it
// writes nothing. After an error the delta is as if Flush had not been called.
func (s *Set) Flush(path string) error {
	s.reshaping.Lock()
	defer s.reshaping.Unlock()
	if err := s.refuseOpen(path); err != nil {
		return err
	}
	full := s.setAside()
	if full.len() == 0 {
		return nil
	}
	run, err := full.write(path)
	if err != nil {
		s.takeBack()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing = nil
	s.runs = append([]*Run{run}, s.runs...)
	return nil
}

// setAside starts a new delta and returns the old one, which is still looked
// into but no longer changes.
func (s *Set) setAside() *delta {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delta.len() == 0 {
		return nil
	}
	s.flushing, s.delta = s.delta, newDelta()
	return s.flushing
}

// takeBack undoes setAside. What was inserted meanwhile is newer.
func (s *Set) takeBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing.insertAll(s.delta)
	s.delta, s.flushing = s.flushing, nil
}

// Merge replaces all runs by one at path, as the function [Merge] does, and
// returns the paths of the old ones, which it has closed and the caller
// deletes: opened again, they would bring back what keep refused. Look-ups and
// inserts go on meanwhile. keep is not asked about the delta: flush first.
func (s *Set) Merge(path string, keep func(pack [32]byte) bool) (old []string, err error) {
	s.reshaping.Lock()
	defer s.reshaping.Unlock()
	if err := s.refuseOpen(path); err != nil {
		return nil, err
	}
	runs := s.runs // only changed by those who hold reshaping
	if err := Merge(path, keep, runs...); err != nil {
		return nil, err
	}
	merged, err := OpenRun(path)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.runs = []*Run{merged}
	s.mu.Unlock()
	for _, r := range runs { // no look-up is in them any more
		old = append(old, r.path)
		err = errors.Join(err, r.Close())
	}
	return old, err
}

// refuseOpen returns an error if path is one of the runs, whose entries would
// be lost.
func (s *Set) refuseOpen(path string) error {
	for _, open := range s.Runs() {
		if filepath.Clean(open) == filepath.Clean(path) {
			return fmt.Errorf("write %s: the index is using this run", path)
		}
	}
	return nil
}

// Close closes the runs. What is only in the delta is lost. The Set must not
// be used after it.
func (s *Set) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		err = errors.Join(err, r.Close())
	}
	s.runs = nil
	return err
}
