//go:build linux

package livedb

import (
	"context"
	"testing"
)

// Every part of the protocol is needed: without it, bad copies are called
// good, and the tests notice.
func TestBrokenProtocol(t *testing.T) {
	busy := plan{Journal: "WAL", Auto: 20, Rows: 3500}
	for _, tt := range []struct {
		name   string
		leave  *bool
		plan   plan
		locked bool
		writes int // how many of the target's are slow
	}{
		{"generation", &leaveOut.generation, busy, false, 8},
		{"checkpoint lock", &leaveOut.checkpoint, busy, true, 8},
		{"commit cut", &leaveOut.commitCut, plan{Journal: "WAL", Auto: 1000, BigOdds: 1, Big: 1500}, false, 0},
		{"WAL", &leaveOut.wal, busy, false, 8},
		{"overlay", &leaveOut.overlay, plan{Journal: "WAL", Auto: 1000}, false, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.locked {
				withLocks(t)
			}
			*tt.leave = true
			t.Cleanup(func() { *tt.leave = false })
			r := start(t, tt.plan)
			for i := range 60 {
				if err := suspect(t, r, tt.writes); err != nil {
					t.Logf("copy %d: %v", i+1, err)
					return
				}
			}
			t.Error("no bad copy in 60")
		})
	}
}

// suspect makes a slow copy and says what is wrong with it, if it is called
// proven.
func suspect(t *testing.T, r *running, slow int) error {
	m := &memory{onWrite: r.lingering(slow)}
	fresh := r.count(committed)
	c, err := Capture(context.Background(), r.plan.Path, m, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Proven {
		return nil
	}
	return verify(engines[r.plan.Engine], m.save(t), fresh)
}
