package index

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func newSet(t *testing.T) *Set {
	t.Helper()
	s := NewSet()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// insert puts n random entries into both; every third id is one that is known.
func insert(s *Set, m model, seed uint64, n int) {
	r := newRand(seed)
	var known [][32]byte
	for id := range m {
		known = append(known, id)
	}
	for i := range n {
		e := randomEntry(r, 30)
		if i%3 == 0 && len(known) > 0 {
			e.ID = known[r.IntN(len(known))]
		}
		s.Insert(e, packName(e.Pack))
		m.put(e, packName(e.Pack))
	}
}

func TestSetAnswersLikeAMap(t *testing.T) {
	dir, s, m := t.TempDir(), newSet(t), model{}
	for i := range uint64(6) {
		insert(s, m, i, 500)
		compareWithModel(t, s.Lookup, m)
		if err := s.Flush(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		compareWithModel(t, s.Lookup, m)
	}
	insert(s, m, 7, 500)
	before := s.Runs()
	old, err := s.Merge(filepath.Join(dir, "merged"), nil)
	if err != nil || !slices.Equal(old, before) || len(old) != 6 {
		t.Fatalf("merged %v of %v: %v", old, before, err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	compareWithModel(t, s.Lookup, m)
	if n := s.Pending(); n == 0 || n > 500 {
		t.Errorf("%d entries pending", n)
	}
}

func TestFlushSurvivesReopening(t *testing.T) {
	dir, s, m := t.TempDir(), newSet(t), model{}
	for i := range uint64(3) {
		insert(s, m, i, 300)
		if err := s.Flush(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	var runs []*Run
	for _, path := range s.Runs() {
		runs = append(runs, openRun(t, path))
	}
	compareWithModel(t, NewSet(runs...).Lookup, m)
}

func TestFlushOfNothing(t *testing.T) {
	dir := t.TempDir()
	s := newSet(t)
	if err := s.Flush(filepath.Join(dir, "run")); err != nil {
		t.Fatal(err)
	}
	if len(listing(t, dir)) != 0 || len(s.Runs()) != 0 {
		t.Error("an empty delta was written")
	}
}

func TestFailedFlushLosesNothing(t *testing.T) {
	s, m := newSet(t), model{}
	insert(s, m, 1, 300)
	if err := s.Flush(filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil {
		t.Fatal("written into a folder that isn't there")
	}
	compareWithModel(t, s.Lookup, m)
	insert(s, m, 2, 300)
	if err := s.Flush(inTemp(t, "run")); err != nil {
		t.Fatal(err)
	}
	compareWithModel(t, s.Lookup, m)
	if s.Pending() != 0 {
		t.Errorf("%d entries pending", s.Pending())
	}
}

// What is inserted while a flush runs is newer, also if the flush fails.
func TestInsertsDuringAFailingFlush(t *testing.T) {
	s, m := newSet(t), model{}
	insert(s, m, 1, 300)
	s.setAside()
	insert(s, m, 2, 300)
	compareWithModel(t, s.Lookup, m)
	s.takeBack()
	compareWithModel(t, s.Lookup, m)
	if s.Pending() != len(m) {
		t.Errorf("%d entries pending, want %d", s.Pending(), len(m))
	}
}

func TestSetRefusesToReplaceItsRuns(t *testing.T) {
	path, s, m := inTemp(t, "run"), newSet(t), model{}
	insert(s, m, 1, 100)
	if err := s.Flush(path); err != nil {
		t.Fatal(err)
	}
	insert(s, m, 2, 100)
	if err := s.Flush(path); err == nil {
		t.Error("a flush replaced an open run")
	}
	if _, err := s.Merge(path, nil); err == nil {
		t.Error("a merge replaced an open run")
	}
	compareWithModel(t, s.Lookup, m)
}

func TestSetReportsADamagedRun(t *testing.T) {
	path, bytes, entries := smallRun(t)
	bytes[headerSize] ^= 1
	overwrite(t, path, bytes)
	s := NewSet(openRun(t, path))
	slices.SortFunc(entries, compare)
	if _, _, ok, err := s.Lookup(entries[0].ID); ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("lookup: %v, %v", ok, err)
	}
	if _, err := s.Merge(inTemp(t, "merged"), nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("merge: %v", err)
	}
}

// Whatever happens meanwhile, an inserted chunk is always found.
func TestSetInUseByMany(t *testing.T) {
	dir, s := t.TempDir(), newSet(t)
	var users, reshapers sync.WaitGroup
	for w := range uint64(3) {
		users.Go(func() {
			m := model{}
			for i := range uint64(10) {
				insert(s, m, w<<32|i, 50)
				compareWithModel(t, s.Lookup, m)
			}
		})
	}
	done := make(chan struct{})
	for w := range 2 {
		reshapers.Go(func() { reshape(t, s, filepath.Join(dir, fmt.Sprint(w)), done) })
	}
	users.Wait()
	close(done)
	reshapers.Wait()
}

// reshape flushes and merges until done.
func reshape(t *testing.T, s *Set, prefix string, done chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		if err := s.Flush(fmt.Sprint(prefix, "-", i)); err != nil {
			t.Error(err)
		}
		if i%3 != 2 {
			continue
		}
		old, err := s.Merge(fmt.Sprint(prefix, "-merged-", i), nil)
		if err != nil {
			t.Error(err)
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
	}
}
