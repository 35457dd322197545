package cloud

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// budget bounds the requests to one service, and remembers them in a file, so
// that neither a restart nor a second process gets a fresh start.
//
// It is a bucket of tokens, written as the moment at which it will be full:
// each request moves that moment on by the time one token takes.
type budget struct {
	file     *sharedFile
	interval time.Duration // one token; zero for requests without bound
	capacity time.Duration // the tokens of a full bucket

	mu    sync.Mutex
	state budgetState
}

// budgetState is what is remembered.
type budgetState struct {
	Full    time.Time `json:"full"`             // when the bucket is full
	Blocked time.Time `json:"blocked,omitzero"` // until when the service wants no request
}

// newBudget returns the budget that a folder remembers, or one of this process
// alone if home is empty.
func newBudget(home string, l Limits) *budget {
	b := &budget{}
	if home != "" {
		b.file = newSharedFile(filepath.Join(home, "budget.json"))
	}
	if l.RequestsPerMinute > 0 {
		b.interval = time.Minute / time.Duration(l.RequestsPerMinute)
		b.capacity = time.Duration(burstOf(l)) * b.interval
	}
	return b
}

// burstOf returns how many requests may be made at once after a rest. A rate
// and a burst together never come to more than the service allows in the time
// over which it counts, of which the burst is a tenth: 18 a minute and 60 at
// once are 600 in 30 minutes. Where it counts by the minute and the rate itself
// is the bound, they may come to a tenth more.
func burstOf(l Limits) int {
	minutes := max(1, int(l.window.Minutes()))
	if minutes == 1 {
		return max(1, l.RequestsPerMinute/10)
	}
	return max(1, l.RequestsPerMinute*minutes/9)
}

// take takes one token, or says how long there will be none, and whether that
// is since the service wants no request.
func (b *budget) take(now time.Time) (wait time.Duration, blocked bool) {
	b.update(now, func(s *budgetState) bool {
		if wait = s.Blocked.Sub(now); wait > 0 {
			blocked = true
			return false
		}
		wait = 0
		if b.interval == 0 {
			return false
		}
		if s.Full.Before(now) {
			s.Full = now
		}
		if wait = s.Full.Add(b.interval).Sub(now) - b.capacity; wait > 0 {
			return false
		}
		wait = 0
		s.Full = s.Full.Add(b.interval)
		return true
	})
	return wait, blocked
}

// block notes that the service wants no request for a while. A shorter wish
// does not end a longer one.
func (b *budget) block(now, until time.Time) {
	b.update(now, func(s *budgetState) bool {
		if !until.After(s.Blocked) {
			return false
		}
		s.Blocked = until
		return true
	})
}

// blockedFor returns how long the service still wants no request.
func (b *budget) blockedFor(now time.Time) (wait time.Duration) {
	b.update(now, func(s *budgetState) bool {
		wait = max(0, s.Blocked.Sub(now))
		return false
	})
	return wait
}

// longestBlock bounds what a clock that was wrong can cost.
const longestBlock = 24 * time.Hour

// update changes the state, in the file too if change says so or if the file
// was wrong. A file that can't be written is not read again either, and the
// budget bounds this process alone.
func (b *budget) update(now time.Time, change func(*budgetState) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.file.lock()()
	dirty := b.load(now)
	if (change(&b.state) || dirty) && !b.file.write(b.state) {
		b.file = nil
	}
}

// load reads the file, and reports whether it corrected what it says.
func (b *budget) load(now time.Time) (corrected bool) {
	switch text, err := b.file.read(); {
	case err == nil && json.Unmarshal(text, &b.state) == nil:
	case err == nil: // half written by a crash: nobody knows, so nothing is left
		b.state, corrected = budgetState{Full: now.Add(b.capacity)}, true
	}
	if most := now.Add(b.capacity); b.state.Full.After(most) { // the clock was set back
		b.state.Full, corrected = most, true
	}
	if most := now.Add(longestBlock); b.state.Blocked.After(most) {
		b.state.Blocked, corrected = most, true
	}
	return corrected
}

// sharedFile is a small file that several processes keep up to date together.
// A nil one is empty.
type sharedFile struct {
	path  string
	guard *flock.Flock
}

func newSharedFile(path string) *sharedFile {
	return &sharedFile{path, flock.New(path+".lock", flock.SetPermissions(0o600))}
}

// lock keeps other processes out until unlock is called. Where that can't be,
// as on some network drives, the processes count on their own.
func (f *sharedFile) lock() (unlock func()) {
	if f == nil || f.guard.Lock() != nil {
		return func() {}
	}
	return func() { _ = f.guard.Unlock() }
}

func (f *sharedFile) read() ([]byte, error) {
	if f == nil {
		return nil, os.ErrNotExist
	}
	return os.ReadFile(f.path)
}

// write replaces the file, or reports that it can't. It is not synced: what a power cut takes is a
// minute's worth of counting, and a sync for each request would cost more.
func (f *sharedFile) write(v any) (ok bool) {
	if f == nil {
		return true
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // times and numbers can be written
	}
	tmp := f.path + ".tmp" // under the lock there is one writer
	return os.WriteFile(tmp, text, 0o600) == nil && os.Rename(tmp, f.path) == nil
}
