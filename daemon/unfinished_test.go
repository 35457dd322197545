package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatkeep/chatkeep/daemon/control"
	"github.com/chatkeep/chatkeep/daemon/history"
	"github.com/chatkeep/chatkeep/daemon/policy"
)

// A backup of one source that somebody asked for does not stand for the slot,
// nor for what is new in the others.
func TestAskedForAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, nil)
		c.plan = planned(&Plan{Jobs: []Job{at(t, backup, "0 3 * * *", w)}, Quiet: 10 * time.Minute, Watch: c})
		c.boots()
		defer c.stop()
		c.passes(2 * time.Minute)
		c.messages()
		c.passes(2 * time.Minute)
		w.set(func(context.Context, *Task) Outcome { return Outcome{Part: true} })
		if _, err := c.d.Run(context.Background(), backup, nil, nil); err != nil {
			t.Fatal(err)
		}
		if c.passes(time.Second); c.status().Changes.Oldest.IsZero() {
			t.Error("what is new in the other sources counts as backed up")
		}
		w.set(nil)
		c.passes(20 * time.Minute)
		c.wantStory("backup schedule done", "backup user done", "backup change done")
	})
}

// Nor does it stand for a slot that is due, but waits.
func TestPartLeavesTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: fails}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 3 * * *", w)}}))
		c.boots()
		defer c.stop()
		w.set(func(context.Context, *Task) Outcome { return Outcome{Part: true} })
		if _, err := c.d.Run(context.Background(), backup, nil, nil); err != nil {
			t.Fatal(err)
		}
		if c.passes(time.Second); !c.status().Jobs[0].Due {
			t.Error("the slot counts as taken care of")
		}
		w.set(nil)
		c.passes(10 * time.Minute)
		c.wantStory("backup schedule failed remote_temporary", "backup user done", "backup retry done")
	})
}

// What did not go in because the service takes no more is not backed up; it is
// not tried again at once, but with the next messages or slot.
func TestServiceTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{does: briefly(Outcome{Short: true, Remarks: true})}
		c := newComputer(t, nil)
		c.plan = planned(&Plan{Jobs: []Job{at(t, backup, "0 * * * *", w)}, Quiet: 3 * time.Minute, Watch: c})
		c.boots()
		defer c.stop()
		c.passes(2 * time.Minute)
		c.messages()
		c.passes(30 * time.Minute)
		if w.count() != 2 || c.status().Changes.Oldest.IsZero() {
			t.Errorf("%d runs, and changed since %v", w.count(), c.status().Changes.Oldest)
		}
		c.passes(time.Hour)
		if w.count() != 3 {
			t.Errorf("%d runs after the next slot", w.count())
		}
	})
}

// Where media must wait, messages are backed up when they have been quiet, not
// each minute.
func TestHeldStaysQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := onMetered(t, w)
		w.set(func(_ context.Context, k *Task) Outcome {
			k.Safe(c.now())
			return Outcome{Held: true}
		})
		c.boots()
		defer c.stop()
		c.passes(3 * time.Minute)
		for range 55 {
			c.messages()
			c.passes(time.Minute)
		}
		if w.count() > 6 {
			t.Errorf("%d backups in an hour", w.count())
		}
		if s := c.status(); s.Changes.Oldest.Before(c.now().Add(-20 * time.Minute)) {
			t.Errorf("messages of %v count as not backed up", s.Changes.Oldest)
		}
	})
}

// What an overdue backup may send it sends once, though it fails again and again.
func TestOverdueThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent int64
		w := &worker{does: func(_ context.Context, k *Task) Outcome {
			for n := range min(int64(20), k.Decision.MaxUpload) {
				k.Progress(control.Progress{Sent: uint64(n + 1)})
			}
			sent += min(int64(20), k.Decision.MaxUpload)
			return Outcome{Trouble: history.TroubleOf(errors.New("cut off"), time.Now())}
		}}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 3 * * *", w)},
			Rules: policy.Rules{Metered: &policy.Allowed{}, Urgent: []string{"messages"}, Overdue: 72 * time.Hour, OverdueUpload: 50}}))
		c.conditions.Metered = policy.Yes
		c.boots()
		defer c.stop()
		c.passes(5 * 24 * time.Hour)
		if sent != 50 {
			t.Errorf("%d bytes were sent, and 50 may be", sent)
		}
	})
}

// A computer that is off each night still comes to the day on which messages are
// sent anyway.
func TestOverdueThoughItRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{}
		c := newComputer(t, planned(&Plan{Jobs: []Job{at(t, backup, "0 12 * * *", w)},
			Rules: policy.Rules{Metered: &policy.Allowed{}, Urgent: []string{"messages"}, Overdue: 72 * time.Hour}}))
		c.conditions.Metered = policy.Yes
		for range 5 {
			c.boots()
			c.passes(16 * time.Hour)
			c.stop()
			c.passes(8 * time.Hour)
		}
		if w.count() == 0 {
			t.Errorf("nothing was backed up in five days: %q", c.story())
		}
	})
}

// A clock that is put right does not keep the teller waiting for a time that is
// years away.
func TestTellerAfterTheClockWasWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newComputer(t, nil)
		var told atomic.Int64
		c.plan = planned(&Plan{Told: func(context.Context, *control.Status) time.Time {
			told.Add(1)
			return c.now().Add(24 * time.Hour)
		}})
		c.step(10 * 365 * 24 * time.Hour)
		c.boots()
		defer c.stop()
		c.passes(25 * time.Hour)
		before := told.Load()
		c.step(-10 * 365 * 24 * time.Hour)
		c.passes(5 * time.Minute)
		if told.Load() == before {
			t.Error("the teller waits for the old time")
		}
	})
}
