//go:build linux

package livedb

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/internal/needs"
)

const ms = time.Millisecond

// scenario is an app, and what may happen to it while it is copied.
type scenario struct {
	name  string
	plan  plan
	kills bool // the app is killed, and started again, after each other copy
	// refusals says that a copy may not be proven: the app leaves no quiet
	// moment in a mode in which nothing else can prove it.
	refusals bool
	attempts int           // 0: as in the program
	patience time.Duration // 0: 500 ms
}

var everyCheckpoint = []string{"TRUNCATE", "RESTART", "FULL", "PASSIVE"}

var scenarios = []scenario{
	{name: "wal-1000", plan: plan{Journal: "WAL", Auto: 1000, Pause: ms}},
	{name: "wal-50", plan: plan{Journal: "WAL", Auto: 50, Pause: ms}},
	{name: "wal-passive", plan: plan{Journal: "WAL", Persist: true, Checkpoint: []string{"PASSIVE"}, Every: 150 * ms, Pause: ms}},
	{name: "wal-checkpoints", plan: plan{Journal: "WAL", Checkpoint: everyCheckpoint, Every: 30 * ms, Pause: ms, Synced: true}},
	{name: "wal-vacuum", plan: plan{Journal: "WAL", Auto: 200, Vacuum: true, Every: 150 * ms, Pause: 2 * ms}},
	{name: "wal-reopen", plan: plan{Journal: "WAL", Auto: 200, Reopen: true, Every: 40 * ms, Pause: ms}},
	{name: "wal-persist-reopen", plan: plan{Journal: "WAL", Auto: 200, Persist: true, Reopen: true, Every: 40 * ms, Pause: ms}},
	{name: "wal-kill", plan: plan{Journal: "WAL", Auto: 300, Pause: ms}, kills: true},
	{name: "wal-exclusive", plan: plan{Journal: "WAL", Auto: 1000, Exclusive: true, Pause: 2 * ms}, refusals: true},
	{name: "wal-page-1024", plan: plan{Journal: "WAL", Auto: 100, PageSize: 1024, Pause: ms}},
	{name: "wal-page-65536", plan: plan{Journal: "WAL", Auto: 100, PageSize: 65536, Pause: 2 * ms}},
	{name: "delete", plan: plan{Journal: "DELETE", Pause: 100 * ms}, refusals: true},
	{name: "delete-kill", plan: plan{Journal: "DELETE", Pause: 40 * ms, BigOdds: 2}, kills: true, refusals: true},
	{name: "truncate", plan: plan{Journal: "TRUNCATE", Pause: 100 * ms}, refusals: true},
	{name: "persist", plan: plan{Journal: "PERSIST", Pause: 100 * ms, Vacuum: true, Every: 300 * ms}, refusals: true},
	{name: "delete-exclusive", plan: plan{Journal: "DELETE", Exclusive: true, Pause: 100 * ms}, refusals: true, attempts: 1, patience: 50 * ms},
}

// copies is how many copies a scenario makes.
func copies() int {
	switch {
	case raced:
		return 8
	case os.Getenv("CHATKEEP_TEST") == "all":
		return 40
	}
	return 12
}

// Whatever the app does, a copy that is called proven is whole and holds all
// that was committed before, and the app notices nothing.
func TestLive(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { live(t, s) })
	}
}

// The same with an encrypted database. The copies are made without the key.
func TestLiveEncrypted(t *testing.T) {
	needs.Have(t, needs.Cgo)
	for _, name := range []string{"wal-1000", "wal-50", "wal-checkpoints", "wal-reopen", "wal-kill", "wal-exclusive", "delete", "delete-kill"} {
		s := scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })]
		s.plan.Engine = "sqlcipher"
		t.Run(name, func(t *testing.T) { live(t, s) })
	}
}

// tally counts what became of the copies.
type tally struct{ proven, refused, same, patched, locked, hot int }

func live(t *testing.T, s scenario) {
	r := start(t, s.plan)
	var n tally
	keep := &memory{}
	var mark []byte
	for i := range copies() {
		target, o := &memory{}, Options{Dir: t.TempDir(), Patience: cmp.Or(s.patience, 500*ms), Attempts: s.attempts}
		if i%2 == 1 { // every second copy brings the one before up to date
			target, o.Since = keep, mark
		} else if !s.refusals { // and every other one is slow
			target.onWrite = r.lingering(15)
		}
		result := capture1(t, r, target, o, &n)
		if i%2 == 1 {
			mark = result.Mark
		}
		if s.kills && i%4 == 3 {
			r.kill()
			if i%8 == 7 { // copied while nobody has it open
				capture1(t, r, &memory{}, Options{Dir: t.TempDir()}, &n)
			}
			r.launch()
			r.await(1)
		} else if i%4 != 2 {
			r.await(2)
		}
	}
	r.stop()
	for range 2 { // at last, nothing changes any more
		mark = capture1(t, r, keep, Options{Dir: t.TempDir(), Since: mark}, &n).Mark
	}
	if n.same == 0 {
		t.Error("a copy was written, though nothing changed")
	}
	r.unharmed()
	t.Logf("%+v; %d transactions, %d openings, slowest %v", n, r.count(committed), r.count(openings), time.Duration(r.count(slowest)))
	if n.refused > 0 && !s.refusals {
		t.Errorf("%d copies not proven", n.refused)
	}
	if n.proven == 0 {
		t.Error("no copy at all")
	}
}

// capture1 makes a copy and checks it.
func capture1(t *testing.T, r *running, m *memory, o Options, n *tally) *Result {
	t.Helper()
	fresh, before := r.count(committed), m.writes
	c, err := Capture(context.Background(), r.plan.Path, m, o)
	if err != nil {
		t.Fatal(err)
	}
	n.locked += c.Tier
	if !c.Proven {
		n.refused++
		if c.Mark != nil || c.Journal != nil || c.Reason == "" {
			t.Errorf("a copy that is not proven: %+v", c)
		}
		return c
	}
	n.proven++
	if c.Same {
		n.same++
		if m.writes != before {
			t.Error("the target was written, though nothing changed")
		}
	}
	if c.Patched {
		n.patched++
	}
	if c.Size != int64(len(m.data)) {
		t.Errorf("size %d, and %d bytes written", c.Size, len(m.data))
	}
	if c.Plain != strings.HasPrefix(string(m.data), plainMagic) {
		t.Errorf("plain: %v", c.Plain)
	}
	path := m.save(t)
	if c.Journal != nil {
		n.hot++
		b, err := io.ReadAll(c.Journal)
		if err != nil {
			t.Fatal(err)
		}
		c.Journal.Close()
		if err := os.WriteFile(path+"-journal", b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := verify(engines[r.plan.Engine], path, fresh); err != nil {
		t.Errorf("bad copy (class %s, tier %d, attempts %d, same %v, patched %v): %v", c.Class, c.Tier, c.Attempts, c.Same, c.Patched, err)
	}
	os.Remove(path)
	return c
}
