//go:build linux

package livedb

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// withLocks lets tier 1 be the first thing that is tried.
func withLocks(t *testing.T) {
	before := locksFrom
	t.Cleanup(func() { locksFrom = before })
	locksFrom = 1
}

// Copies under locks are whole too, and nobody has to wait for them.
func TestLocked(t *testing.T) {
	for _, engine := range []string{"sqlite", "sqlcipher"} {
		t.Run(engine, func(t *testing.T) {
			if engine == "sqlcipher" {
				needs.Have(t, needs.Cgo)
			}
			withLocks(t)
			for _, s := range []scenario{
				{name: "wal-50", plan: plan{Journal: "WAL", Auto: 50, Pause: ms}},
				{name: "wal-checkpoints", plan: plan{Journal: "WAL", Checkpoint: everyCheckpoint, Every: 30 * ms, Pause: ms}},
				{name: "wal-reopen", plan: plan{Journal: "WAL", Auto: 200, Reopen: true, Every: 40 * ms, Pause: ms}},
				{name: "wal-kill", plan: plan{Journal: "WAL", Auto: 300, Pause: ms}, kills: true},
				{name: "wal-page-512", plan: plan{Journal: "WAL", Auto: 100, PageSize: 512 * boolInt(engine == "sqlite"), Pause: ms}},
			} {
				s.plan.Engine = engine
				t.Run(s.name, func(t *testing.T) { locked(t, s) })
			}
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func locked(t *testing.T, s scenario) {
	r := start(t, s.plan)
	var n tally
	for i := range copies() {
		target := &memory{onWrite: r.lingering(4)}
		capture1(t, r, target, Options{Dir: t.TempDir()}, &n)
		if s.kills && i%3 == 2 {
			// It comes back while a copy is being made.
			during.held = func() {
				during.held = nil
				r.kill()
				r.launch()
			}
			t.Cleanup(func() { during.held = nil })
		}
		r.await(1)
	}
	r.stop()
	r.unharmed()
	t.Logf("%+v; %d transactions, %d openings, slowest %v", n, r.count(committed), r.count(openings), time.Duration(r.count(slowest)))
	if n.refused > 0 || n.locked == 0 {
		t.Errorf("%d copies not proven, %d under locks", n.refused, n.locked)
	}
}

// Whoever takes too long under locks loses them, and the copy is made without.
func TestHoldIsBounded(t *testing.T) {
	withLocks(t)
	r := start(t, plan{Journal: "WAL", Auto: 1000, Pause: ms})
	var n tally
	slow := make(chan struct{})
	target := &memory{onWrite: func() { <-slow }}
	during.held = func() {
		during.held = nil
		go func() {
			r.await(20) // the app goes on, and we don't
			close(slow)
		}()
	}
	t.Cleanup(func() { during.held = nil })
	c := capture1(t, r, target, Options{Dir: t.TempDir(), Hold: 20 * ms}, &n)
	if !c.Proven || c.Tier != 0 || c.Attempts < 2 {
		t.Errorf("%+v", c)
	}
	r.unharmed()
}

// With Options.Locks None, none is taken.
func TestNoLocks(t *testing.T) {
	withLocks(t)
	r := start(t, plan{Journal: "WAL", Auto: 1000, Pause: ms})
	var n tally
	if capture1(t, r, &memory{}, Options{Dir: t.TempDir(), Locks: None}, &n).Tier != 0 {
		t.Error("locks were taken")
	}
}

// An app that starts, also after a crash, does not wait for copies that are
// being made all the time.
func TestAppStart(t *testing.T) {
	withLocks(t)
	r := start(t, plan{Journal: "WAL", Auto: 300, Pause: ms, Reopen: true, Every: 100 * ms})
	stop, done := make(chan struct{}), make(chan struct{})
	made := 0
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := Capture(t.Context(), r.plan.Path, &memory{}, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			made += c.Tier
		}
	}()
	for range 6 {
		r.await(20)
		r.kill()
		r.launch()
	}
	r.await(1)
	close(stop)
	<-done
	r.stop()
	r.unharmed()
	t.Logf("%d copies under locks, %d openings, slowest %v", made, r.count(openings), time.Duration(r.count(slowest)))
	if made == 0 {
		t.Error("no copy under locks")
	}
}

// Nothing of the app's is opened for writing, not even for a lock: so a service
// that may only read there copies as well as anybody.
func TestOpenedForReading(t *testing.T) {
	withLocks(t)
	r := start(t, plan{Journal: "WAL", Auto: 300, Pause: ms})
	open := func(name string, flag int) (*os.File, error) {
		if flag != os.O_RDONLY {
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.EROFS}
		}
		return openerIn(filepath.Dir(r.plan.Path))(name, flag)
	}
	c, err := CaptureIn(t.Context(), open, "app.db", &memory{}, Options{Dir: t.TempDir()})
	if err != nil || !c.Proven || c.Tier != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}
