//go:build linux

package livedb

import (
	"testing"

	"github.com/chatkeep/chatkeep/internal/needs"
)

// A copy that is brought up to date again and again, mostly from the WAL
// alone, is as good as a new one, whatever happened in between.
func TestIncremental(t *testing.T) {
	for _, s := range []scenario{
		{name: "wal", plan: plan{Journal: "WAL", Auto: 1000, Pause: ms}},
		{name: "truncated", plan: plan{Journal: "WAL", Checkpoint: everyCheckpoint, Every: 300 * ms, Pause: ms}},
		{name: "passive", plan: plan{Journal: "WAL", Persist: true, Checkpoint: []string{"PASSIVE"}, Every: 400 * ms, Pause: ms}},
		{name: "reopened", plan: plan{Journal: "WAL", Auto: 1000, Reopen: true, Every: 200 * ms, Pause: ms}},
		{name: "reopened-persist", plan: plan{Journal: "WAL", Auto: 1000, Persist: true, Reopen: true, Every: 100 * ms, Pause: ms}},
		{name: "killed", plan: plan{Journal: "WAL", Auto: 1000, Pause: ms}, kills: true},
		{name: "vacuumed", plan: plan{Journal: "WAL", Auto: 4000, Vacuum: true, Every: 200 * ms, Pause: ms}},
		{name: "exclusive", plan: plan{Journal: "WAL", Auto: 1000, Exclusive: true, Pause: ms}},
		{name: "encrypted", plan: plan{Engine: "sqlcipher", Journal: "WAL", Auto: 1000, Pause: ms}},
		{name: "encrypted-killed", plan: plan{Engine: "sqlcipher", Journal: "WAL", Auto: 1000, Pause: ms}, kills: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			if s.plan.Engine == "sqlcipher" {
				needs.Have(t, needs.Cgo)
			}
			incremental(t, s)
		})
	}
}

func incremental(t *testing.T, s scenario) {
	r := start(t, s.plan)
	var n tally
	var mark []byte
	keep := &memory{}
	for i := range 2 * copies() {
		mark = capture1(t, r, keep, Options{Dir: t.TempDir(), Since: mark}, &n).Mark
		if s.kills && i%5 == 4 {
			r.kill()
			mark = capture1(t, r, keep, Options{Dir: t.TempDir(), Since: mark}, &n).Mark
			r.launch()
		}
		r.await(1)
	}
	r.unharmed()
	t.Logf("%+v; %d transactions, %d openings", n, r.count(committed), r.count(openings))
	if n.patched == 0 && !s.plan.Reopen {
		t.Error("no copy was patched")
	}
}
